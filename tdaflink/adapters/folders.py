"""Where tdaflink keeps its files, and what it says when it cannot write them."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tdaflink.domain.errors import StorageFailed


def state_folder() -> Path:
    """Environments and what belongs to them: TDAFLINK_STATE_DIR, else the platform's place."""
    return _folder("TDAFLINK_STATE_DIR", "user_state_dir")


def cache_folder() -> Path:
    """What can be had again: TDAFLINK_CACHE_DIR, else the platform's place."""
    return _folder("TDAFLINK_CACHE_DIR", "user_cache_dir")


def _folder(variable: str, function: str) -> Path:
    if chosen := os.environ.get(variable):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(getattr(platformdirs, function)("tdaflink", appauthor=False))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write at `path` into an error that says what to do."""
    try:
        yield
    except OSError as error:
        place = error.filename or path
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFailed(
                f"no space left while writing {place}",
                hint="free some space, or point TDAFLINK_STATE_DIR and TDAFLINK_CACHE_DIR to another disk",
            ) from error
        raise StorageFailed(
            f"cannot write {place}: {error.strerror or error}",
            hint="make the folder writable, or name another by TDAFLINK_STATE_DIR or TDAFLINK_CACHE_DIR",
        ) from error


def make_folder(path: Path) -> Path:
    """The folder, made where it is missing."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's whole content; a reader sees the old one or the new one, never a part."""
    make_folder(path.parent)
    with writing(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def require_free_disk(folder: Path, wanted: int) -> None:
    """Raise `StorageFailed` where the disk that `folder` is on has fewer than `wanted` MB free."""
    free = shutil.disk_usage(make_folder(folder)).free // 2**20
    if free < wanted:
        raise StorageFailed(
            f"{folder} has {free} MB free, and the environment needs {wanted} MB",
            hint="free some space, or point TDAFLINK_STATE_DIR to another disk",
        )
