"""A copy of this machine's Python of a given version, for /usr/local of an image."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from containers.debian import Unavailable, run

from tdaflink.adapters.python.uv import run_uv
from tdaflink.adapters.storage.paths import cache_folder, ensure_dir
from tdaflink.domain.errors import TdaflinkError

_ASKED = "sys.version.split()[0], sys.base_prefix, '%d.%d' % sys.version_info[:2]"
_LEFT_OUT = (
    "__pycache__",
    "config-*",
    "idlelib",
    "lib2to3",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
)


def portable_python(version: str) -> Path:
    """Return a folder with bin/python3 and lib/, copied once from a complete prefix of its own.

    Raises:
        Unavailable: no such Python is installed, or it is the distribution's, with files in several folders.
    """
    search = {"PATH": os.pathsep.join(_search_path())}
    words = ["python", "find", "--system", "--no-python-downloads", version]
    try:
        found = run_uv(words, environ=search).strip()
    except TdaflinkError as error:
        raise Unavailable(f"Python {version} for the image's stand-in: {error.detail or error}") from error
    answer = run([found, "-c", f"import json, sys; print(json.dumps([{_ASKED}]))"], seconds=60)
    exact, prefix, minor = json.loads(answer)
    if Path(prefix) == Path("/usr"):
        raise Unavailable(f"Python {exact} is the distribution's, which cannot be copied into an image")
    target = ensure_dir(cache_folder() / "tests") / f"python-{exact}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            _copy(Path(prefix), minor, Path(name) / "python")
            os.rename(Path(name) / "python", target)
    return target


def _search_path() -> Iterator[str]:
    """Yield the folders of PATH, with pyenv's interpreters instead of its shims, which run one version."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(root.glob("versions/*/bin")))
    yield from (entry for entry in os.environ["PATH"].split(os.pathsep) if Path(entry) != root / "shims")


def _copy(prefix: Path, minor: str, target: Path) -> None:
    library = target / "lib"
    shutil.copytree(
        prefix / "lib" / f"python{minor}",
        library / f"python{minor}",
        ignore=shutil.ignore_patterns(*_LEFT_OUT),
    )
    for shared in (prefix / "lib").glob("libpython*.so.*"):
        shutil.copy2(shared, library / shared.name)
    (target / "bin").mkdir()
    shutil.copy2(prefix / "bin" / f"python{minor}", target / "bin" / "python3")
