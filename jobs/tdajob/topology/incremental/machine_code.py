"""The compiled kernels, loaded in such a way that a machine compiles them once.

numba keeps machine code beside the source it comes from, and refuses sources in a zip, which is where a
bundle has them. So the package `kernels` is copied into a folder named by its content, and imported from
there.
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
    anew: ModuleType
    collapse: ModuleType


def warm_up() -> bool:
    """Load the kernels, and compile them where this machine has not yet; whether there are any.

    For an operator's open(): several workers may call it at once, one of them compiles.
    """
    return kernels() is not None


def kernels() -> Kernels | None:
    """The kernels, or None where they cannot be had, which the log has one line about."""
    with _loading:
        return _kernels()


@cache
def _kernels() -> Kernels | None:
    try:
        if importlib.util.find_spec("numba") is None:
            raise ModuleNotFoundError("numba is not installed")
        with _findable_print():
            return _imported(_sources())
    except Exception as error:  # whatever hinders it: the ordinary algorithm gives the same diagrams
        _log.warning(
            "incremental persistence is off, every window is computed anew: %s: %s",
            type(error).__name__,
            error,
        )
        return None


@contextmanager
def _findable_print() -> Iterator[None]:
    """Let numba, when it is imported, find `print` by its module and name.

    PyFlink's worker has put a method in its place whose module knows nothing of that name.
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
    folder = files(__package__) / "kernels"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".py")}


def _imported(sources: Mapping[str, bytes]) -> Kernels:
    digest = hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()
    name = f"tdaflink_kernels_{digest[:24]}"
    if name in sys.modules:  # from before this process was forked
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
    """The package of that name in the folder, made in one step if it is not there."""
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
    """Until the end of the block no other process is in such a block of the folder."""
    with (folder / "lock").open("w") as lock:
        # Ends with the file, and with the process, however that ends.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def private_folder() -> Path:
    """A folder to execute code from: nobody else may write there, or even look."""
    for folder in _candidates():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
        except OSError:
            continue
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
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
