"""Local files below the roots: symbolic links are resolved first, and later ones are not followed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import PurePath

from tdaformats.bounds import Bounds
from tdaformats.upload_uris import forbidden
from tdajob.errors import MessageError

_CHUNK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: opening a file that was replaced by a FIFO after the check must not wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_local(path: str, roots: Iterable[str], bounds: Bounds) -> bytes:
    """Return the bytes of a regular file whose real path is below the real path of a root.

    Raises MessageError forbidden_uri, not_found, not_a_file, access_denied, file_too_large, bad_file.
    """
    try:
        real = os.path.realpath(path)
        for root in map(os.path.realpath, roots):
            if root != os.sep and real.startswith(root + os.sep):
                return _open_and_read(root, PurePath(real).relative_to(root).parts, bounds)
    except OSError as error:
        raise _refusal(error) from None
    raise forbidden("file")


def _open_and_read(root: str, parts: tuple[str, ...], bounds: Bounds) -> bytes:
    opened: list[int] = []
    try:
        opened.append(os.open(root, _FOLDER))
        for part in parts[:-1]:
            opened.append(os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=opened[-1]))
        # Checked before it is opened, since opening a device may have side effects, and again after it, since
        # the file may have been replaced.
        _check_regular(os.stat(parts[-1], dir_fd=opened[-1], follow_symlinks=False))
        opened.append(os.open(parts[-1], _FILE, dir_fd=opened[-1]))
        return _read(opened[-1], bounds)
    finally:
        for fd in opened:
            os.close(fd)


def _read(fd: int, bounds: Bounds) -> bytes:
    before = os.fstat(fd)
    _check_regular(before)
    bounds.check_file(before.st_size)
    content = bytearray()
    while chunk := os.read(fd, _CHUNK):
        content += chunk
        bounds.check_file(len(content))
    after = os.fstat(fd)
    if (len(content), after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise MessageError(
            "bad_file",
            f"changed while it was read, from {before.st_size} bytes to {len(content)}:"
            " send the message again when the file is complete",
        )
    return bytes(content)


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "not a regular file")
        raise MessageError("not_a_file", f"is {kind}")


_KINDS = {
    stat.S_IFDIR: "a folder: name a file in it",
    stat.S_IFIFO: "a pipe: only regular files are read",
    stat.S_IFCHR: "a device: only regular files are read",
    stat.S_IFBLK: "a device: only regular files are read",
    stat.S_IFSOCK: "a socket: only regular files are read",
    stat.S_IFLNK: "a symbolic link that is circular or was just created: only regular files are read",
}


def _refusal(error: OSError) -> MessageError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return MessageError("not_found", "no such file where the job runs")
    if error.errno in (errno.ELOOP, errno.EINVAL):
        return MessageError(
            "forbidden_uri", "has a symbolic link in its path that was created during the read"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return MessageError("access_denied", "cannot be read by the user of the job: change its permissions")
    return MessageError("storage_failed", f"cannot be read: {error.strerror}")
