"""Loader of the compiled kernels, which are compiled once per machine.

numba caches machine code next to its source, and refuses sources in a zip such as the bundle of job code. So
the package `kernels` is copied into a folder named by a hash of its content, and imported from there.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import importlib.util
import logging
import os
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import ModuleType

_log = logging.getLogger(__name__)
_loading = threading.Lock()


@dataclass(frozen=True)
class Kernels:
    """The modules of the compiled functions."""

    edges: ModuleType
    lunes: ModuleType
    homology: ModuleType
    full_matrix: ModuleType
    collapse: ModuleType


def warm_up() -> bool:
    """Load the kernels, compiling them if this machine has not yet, and return whether they are available.

    For an operator's open(): if several workers call it at once, one of them compiles.
    """
    return load_kernels() is not None


def load_kernels() -> Kernels | None:
    """Return the kernels, or None, with one line in the log, if they cannot be loaded."""
    with _loading:
        return _kernels()


@cache
def _kernels() -> Kernels | None:
    try:
        if importlib.util.find_spec("numba") is None:
            raise ModuleNotFoundError("numba is not installed")
        with _findable_print():
            return _imported(_sources())
    except Exception as error:  # for any reason: the ordinary algorithm gives the same diagrams
        _log.warning(
            "incremental persistence is off, every window is recomputed: %s: %s",
            type(error).__name__,
            error,
        )
        return None


@contextmanager
def _findable_print() -> Iterator[None]:
    """Make `print` importable by its module and name, as numba requires when it is imported.

    PyFlink's worker replaces `print` by a method whose module does not define that name.
    """
    module = sys.modules.get(print.__module__)
    if module is None or hasattr(module, print.__name__):
        yield
        return
    setattr(module, print.__name__, print)
    try:
        yield
    finally:
        delattr(module, print.__name__)


def _sources() -> dict[str, bytes]:
    folder = files(__package__) / "compiled"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".py")}


def _imported(sources: Mapping[str, bytes]) -> Kernels:
    digest = hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()
    name = f"tdaflink_kernels_{digest[:24]}"
    if name in sys.modules:  # loaded before this process was forked
        return _kernels_of(name)
    folder = private_folder()
    with _only_process(folder):
        package = _copied(sources, folder, name)
        spec = importlib.util.spec_from_file_location(
            name, package / "__init__.py", submodule_search_locations=[str(package)]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"no loader for {package}")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return _kernels_of(name)


def _kernels_of(name: str) -> Kernels:
    return Kernels(*(importlib.import_module(f"{name}.{part.name}") for part in fields(Kernels)))


def _copied(sources: Mapping[str, bytes], folder: Path, name: str) -> Path:
    """Return the package of that name in the folder; if missing, create it atomically."""
    package = folder / name
    if not package.exists():
        draft = Path(tempfile.mkdtemp(dir=folder))
        for file_name, content in sources.items():
            (draft / file_name).write_bytes(content)
        try:
            draft.rename(package)
        except OSError:
            shutil.rmtree(draft)
            if not package.exists():
                raise
    return package


@contextmanager
def _only_process(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that only one process at a time executes the block."""
    with (folder / "lock").open("w") as lock:
        # The lock is released with the file, and when the process ends for any reason.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def private_folder() -> Path:
    """Return a folder to execute code from: no other user can read or write it."""
    for folder in _candidates():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.lstat()
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o077:
            return folder
    folder = Path(tempfile.mkdtemp(prefix="tdaflink-kernels-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _candidates() -> Iterator[Path]:
    chosen = os.environ.get("TDAFLINK_CACHE_DIR")
    if chosen:
        yield Path(chosen).absolute() / "kernels"
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    if home.is_absolute():
        yield home / "tdaflink" / "kernels"
    yield Path(tempfile.gettempdir()) / f"tdaflink-kernels-{os.getuid()}"
