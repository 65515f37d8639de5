"""Write the lists of classes that the JVMs of a local cluster load, profiles/local/classes/*.txt.gz.

Usage, after a change of Flink, Kafka or Java, with the cluster's packages installed in this interpreter:

    python tools/class_lists.py

It creates a local cluster, runs the demo on it, and removes it.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from tdaflink.__main__ import main
from tdaflink.adapters.local_runtime.class_archives import ClassArchive

CLASSES = Path(__file__).resolve().parent.parent / "profiles" / "local" / "classes"
_FOLDER = "TDAFLINK_RECORDED_CLASSES"


def record(folder: Path) -> None:
    """Make each JVM that this process starts record its loaded classes in the folder."""

    def options(archive: ClassArchive) -> tuple[str, ...]:
        return (f"-XX:DumpLoadedClassList={folder / f'{archive.program}-{uuid.uuid4().hex}.lst'}",)

    ClassArchive.options = property(options)  # type: ignore[assignment]
    ClassArchive.make_later = lambda self: None  # type: ignore[method-assign]  # noqa: ARG005


def named(line: str) -> str | None:
    """Return the class or lambda of a line; None for comments and classes of Flink's own class loaders."""
    if not line.strip() or line.startswith("#") or " source: " in line:
        return None
    return line if line.startswith("@") else line.split(" ")[0]


def run(*words: str) -> None:
    """Run a tdaflink command whose JVMs are recorded."""
    subprocess.run([sys.executable, __file__, *words], check=True, timeout=900)


def lists() -> dict[str, str]:
    """Return program -> its classes and lambdas, one per line."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"TDAFLINK_STATE_DIR": str(Path(folder, "state")), _FOLDER: folder}
        try:
            run("setup", "--env", "local", "--port-offset", "auto", "--no-supervise")
            run("demo", "--keep")
        finally:
            run("teardown", "--env", "local", "--purge", "--yes")
        recorded: dict[str, set[str]] = {}
        for path in Path(folder).glob("*.lst"):
            names = (named(line) for line in path.read_text(encoding="utf-8").splitlines())
            recorded.setdefault(path.name.split("-")[0], set()).update(name for name in names if name)
    return {program: "".join(f"{name}\n" for name in sorted(names)) for program, names in recorded.items()}


def write() -> None:
    """Record and write the lists."""
    for program, text in lists().items():
        (CLASSES / f"{program}.txt.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        print(f"{program}: {len(text.splitlines())} classes and lambdas")


if __name__ == "__main__":
    if _FOLDER in os.environ:
        record(Path(os.environ[_FOLDER]))
        main()
    else:
        write()
