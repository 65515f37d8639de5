"""The folders of tdaflink's files, and the errors of writing them."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tdaflink.domain.errors import StorageFailed

_STATE, _CACHE = "TDAFLINK_STATE_DIR", "TDAFLINK_CACHE_DIR"
_OTHERS_MODE = stat.S_IRWXG | stat.S_IRWXO
# The entries of tdaflink's state folder: a folder without any other entry belongs to tdaflink.
_STATE_ENTRIES = {"environments", "current"}


def state_folder() -> Path:
    """Return the folder of environments and their data: TDAFLINK_STATE_DIR, else the platform's default.

    Other users may not enter it, whatever the umask was. Raises `StorageFailed` if it is not this user's.
    """
    root = _folder(_STATE, "user_state_dir")
    _secure(root, _STATE)
    _secure(root / "environments", _STATE)
    return root


def cache_folder() -> Path:
    """Return the folder of files that can be downloaded or recreated: TDAFLINK_CACHE_DIR, else the default.

    Other users may not write to it: programs are run from there. Raises `StorageFailed` if it is not this
    user's.
    """
    root = _folder(_CACHE, "user_cache_dir")
    _secure(root, _CACHE)
    return root


def _folder(variable: str, function: str) -> Path:
    if chosen := os.environ.get(variable):
        try:
            return Path(chosen).expanduser().absolute()
        except RuntimeError as error:
            raise StorageFailed(f"{variable}={chosen}: {error}", hint=f"export {variable}=/path") from None
    import platformdirs

    return Path(getattr(platformdirs, function)("tdaflink", appauthor=False))


def user_id() -> int:
    """Return the id of the user who will own new files."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def require_own(path: Path, hint: str) -> None:
    """Raise `StorageFailed` if `path` exists and belongs to a user other than this one and root."""
    try:
        owner = path.stat().st_uid
    except OSError:
        return
    if owner not in _trusted():
        raise StorageFailed(f"{path} belongs to another user (id {owner})", hint=hint)


def _trusted() -> set[int]:
    """Return the users whose files are run and read: this user, root, and the user who called `sudo`."""
    trusted = {0, user_id()}
    sudo = os.environ.get("SUDO_UID", "")
    return trusted | {int(sudo)} if user_id() == 0 and sudo.isdecimal() and len(sudo) < 12 else trusted


def _secure(folder: Path, variable: str) -> None:
    """Check an existing folder, and close it to other users. Raises `StorageFailed` with a hint."""
    hint = f"set {variable} to a folder of your own"
    try:
        status = folder.stat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise StorageFailed(f"{folder} cannot be used: {_reason(error)}", hint=hint) from None
    if not stat.S_ISDIR(status.st_mode):
        raise StorageFailed(f"{folder} is a file, but must be a folder of tdaflink", hint=hint)
    require_own(folder, f"chown -R it to this user, or {hint}")
    if not hasattr(os, "geteuid") or status.st_uid != user_id():
        return
    unwanted = status.st_mode & (_OTHERS_MODE if variable == _STATE else stat.S_IWGRP | stat.S_IWOTH)
    if not unwanted:
        return
    if variable == _CACHE or _holds_nothing_else(folder):
        with suppress(OSError):  # the disk may be mounted read-only
            folder.chmod(stat.S_IMODE(status.st_mode) & ~unwanted)
    elif unwanted & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise StorageFailed(
            f"all users may write to {folder}, which contains more than tdaflink's state",
            hint=f"chmod go-w '{folder}', or {hint}",
        )


def _holds_nothing_else(folder: Path) -> bool:
    if _STATE not in os.environ or folder.name == "environments":
        return True
    try:
        return all(name.lstrip(".").split(".")[0] in _STATE_ENTRIES for name in os.listdir(folder))
    except OSError:
        return False


def private_folder(path: Path) -> Path:
    """Create a folder with a predictable name for this user alone, and return it.

    Raises `StorageFailed` if a link, a file or another user's folder has the name.
    """
    hint = f"remove it, or set TMPDIR to another folder: export TMPDIR=~/tmp; {path.parent} is open to others"
    with map_write_errors(path):
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "no folder"
        raise StorageFailed(f"{path} is {kind}, but must be a folder of this user", hint=hint)
    if hasattr(os, "geteuid") and status.st_uid != user_id():
        raise StorageFailed(f"{path} belongs to another user (id {status.st_uid})", hint=hint)
    if status.st_mode & _OTHERS_MODE:
        with map_write_errors(path):
            path.chmod(0o700)
    return path


def user_temporary_folder() -> Path:
    """Return this user's own folder in the system's temporary one."""
    return private_folder(user_temporary_path())


def user_temporary_path() -> Path:
    """Return the path of this user's own temporary folder, whether it exists or not."""
    return Path(tempfile.gettempdir()) / f"tdaflink-{user_id()}"


def user_runtime_folder() -> Path:
    """Return the folder of locks between this user's processes: in XDG_RUNTIME_DIR if it is this user's."""
    given = Path(os.environ.get("XDG_RUNTIME_DIR") or ".")
    try:
        status = given.lstat()
    except (OSError, ValueError):
        return user_temporary_folder()
    own = stat.S_ISDIR(status.st_mode) and status.st_uid == user_id() and not status.st_mode & _OTHERS_MODE
    if not (own and given.is_absolute()):
        return user_temporary_folder()
    return private_folder(given / "tdaflink")


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


@contextmanager
def map_write_errors(path: Path) -> Iterator[None]:
    """Map the system's errors of writing to `path` to `StorageFailed` with a hint."""
    try:
        yield
    except OSError as error:
        place = error.filename or path
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFailed(
                f"no space left while writing {place}",
                hint="free some space, or point TDAFLINK_STATE_DIR and TDAFLINK_CACHE_DIR to another disk",
            ) from error
        if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
            raise StorageFailed(
                f"cannot write {place}: {error.strerror}", hint="move away the file or folder of that name"
            ) from error
        raise StorageFailed(
            f"cannot write {place}: {error.strerror or error}",
            hint="make the folder writable, or set TDAFLINK_STATE_DIR or TDAFLINK_CACHE_DIR to another",
        ) from error


def ensure_dir(path: Path) -> Path:
    """Create a missing folder, and return it; tdaflink's own new folders are closed to other users."""
    with map_write_errors(path):
        if not path.is_dir():
            mode = 0o700 if _is_private(path) else 0o777
            for folder in reversed([path, *path.parents]):
                if not folder.is_dir():
                    folder.mkdir(mode=mode, exist_ok=True)
    return path


def _is_private(path: Path) -> bool:
    roots = (_folder(_STATE, "user_state_dir"), _folder(_CACHE, "user_cache_dir"))
    return any(path.absolute().is_relative_to(root) for root in roots)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's whole content; a reader sees the old or the new content, never a part."""
    ensure_dir(path.parent)
    with map_write_errors(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def require_free_disk(folder: Path, wanted: int) -> None:
    """Raise `StorageFailed` if the disk of `folder` has fewer than `wanted` MB free."""
    free = shutil.disk_usage(ensure_dir(folder)).free // 2**20
    if free < wanted:
        raise StorageFailed(
            f"{folder} has {free} MB free, but the environment needs {wanted} MB",
            hint="free some space, or point TDAFLINK_STATE_DIR to another disk",
        )
