"""Build jobs/java/beam-guard.jar: classes that local clusters and the image load before flink-python's.

Usage, with a JDK and PyFlink installed:

    python tools/beam_guard.py [--check]

The JAR contains the digest of its sources, so that `--check` detects a stale JAR without a JDK.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

JAVA = Path(__file__).resolve().parent.parent / "jobs" / "java"
JAR = JAVA / "beam-guard.jar"
_SOURCES = "META-INF/sources.sha256"
_RELEASE = "11"  # the oldest Java that Flink 2 runs on
_EPOCH = (1980, 1, 1, 0, 0, 0)


def source_files() -> list[Path]:
    """Return the Java sources, sorted."""
    return sorted((JAVA / "src").rglob("*.java"))


def sources_digest() -> str:
    """Return the SHA-256 of all sources with their paths."""
    digest = hashlib.sha256()
    for path in source_files():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(JAVA).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def digest_in_jar() -> str:
    """Return the digest of the sources that the JAR was built from."""
    with zipfile.ZipFile(JAR) as archive:
        return archive.read(_SOURCES).decode("ascii")


def compiled() -> dict[str, bytes]:
    """Compile and return the classes by path. Raises `CalledProcessError` if javac fails."""
    spec = find_spec("pyflink")
    if spec is None or spec.origin is None:
        sys.exit("PyFlink is not installed: pip install '.[local]'")
    flink = Path(spec.origin).parent
    jars = [*flink.glob("opt/flink-python-*.jar"), *flink.glob("lib/*.jar")]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(javac(), "--release", _RELEASE, "-proc:none", "-nowarn", "-d", folder),
                *("-classpath", ":".join(map(str, jars)), *map(str, source_files())),
            ],
            check=True,
            timeout=300,
        )
        root = Path(folder)
        return {
            path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.class"))
        }


def javac() -> str:
    """Return the path of the JDK's compiler on the PATH."""
    compiler = shutil.which("javac")
    if compiler is None:
        sys.exit("javac is not on the PATH: install a JDK of version 11 or newer")
    return compiler


def main() -> None:
    """Build the JAR, or with --check fail if it is stale."""
    parser = argparse.ArgumentParser(description="beam-guard.jar")
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        if digest_in_jar() != sources_digest():
            sys.exit(f"{JAR} does not match its sources: run python tools/beam_guard.py")
        return
    files = {_SOURCES: sources_digest().encode("ascii"), **compiled()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    JAR.write_bytes(buffer.getvalue())
    print(f"{JAR}: {len(files) - 1} classes, {JAR.stat().st_size} bytes")


if __name__ == "__main__":
    main()
