"""Safe reading and writing of files that a user names.

A name may refer to anything: a folder, a device, a FIFO, a link, a file of a terabyte. Only regular files of
bounded size are read, and pipes that the shell has opened for this process. Only new files and existing
regular ones are written; they are checked before the work starts, and replaced in one step after it.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tdaflink.adapters.storage.paths import map_write_errors
from tdaflink.domain.errors import ConfigError, NotFound, StorageFailed, TdaflinkError, UsageError

STDIN = "-"
MEBIBYTE = 2**20
_BLOCK = 2**20
_LARGEST_OWN = 16 * MEBIBYTE
_NAMED_DESCRIPTOR = re.compile(r"/dev/stdin|/dev/fd/\d+|/proc/self/fd/\d+")
# First bytes of files that are not text in UTF-8, and the names of their formats.
_FORMS = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PAR1", "Parquet"),
    (b"\x93NUMPY", "numpy's npy"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x89PNG", "a PNG picture"),
    (b"%PDF", "PDF"),
    (b"\x7fELF", "a program"),
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


# -- reading


def read_bytes(path: Path | str, what: str, *, limit: int, hint: str | None = None) -> bytes:
    """Return the content of a file that a user named; `-` is standard input.

    `what` begins each message (--config, plan); `hint` is that of the error for a missing file.

    Raises:
        NotFound: there is no such file.
        UsageError: it is not a regular file, may not be read, or has more than `limit` bytes.
    """
    named = str(path)
    if named == STDIN:
        return _read_bounded(sys.stdin.buffer, "standard input", what, limit)
    try:
        descriptor = _open_file(named)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{what}: there is no file {named}", hint=hint) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{what}: {named} cannot be read: {_reason(error)}") from None
    try:
        status = os.fstat(descriptor)
        regular = stat.S_ISREG(status.st_mode)
        if not regular and not _is_own_pipe(named, status):
            raise UsageError(
                f"{what}: {named} is {_kind(status.st_mode)}, not a file", hint="name a regular file"
            )
        if regular and status.st_size > limit:
            raise _too_large(named, what, limit)
        with open(descriptor, "rb", closefd=False) as file:
            return _read_bounded(file, named, what, limit)
    except OSError as error:
        raise UsageError(f"{what}: {named} cannot be read: {_reason(error)}") from None
    finally:
        os.close(descriptor)


def read_text(path: Path | str, what: str, *, limit: int, hint: str | None = None) -> str:
    """Return the text of a file that a user named, without a byte order mark.

    Raises:
        NotFound: there is no such file.
        UsageError: as for bytes, and for content that is not UTF-8.
    """
    return decoded(read_bytes(path, what, limit=limit, hint=hint), str(path), what)


def read_own(path: Path, what: str, hint: str) -> str | None:
    """Return the text of one of tdaflink's own small files; None if it does not exist.

    Raises `ConfigError` with `hint` if it is damaged: not a regular file, too large, or not UTF-8.
    """
    try:
        return read_text(path, what, limit=_LARGEST_OWN)
    except NotFound:
        return None
    except UsageError as error:
        raise ConfigError(error.message, hint=hint) from None


def require_regular(path: Path | str, what: str) -> None:
    """Raise `UsageError` for an existing file that could block or never end when it is read."""
    named = str(path)
    try:
        status = os.stat(named)
    except (OSError, ValueError):
        return  # the error is reported when the file is opened
    if named != STDIN and not stat.S_ISREG(status.st_mode) and not _is_own_pipe(named, status):
        raise UsageError(
            f"{what}: {named} is {_kind(status.st_mode)}, not a file", hint="name a regular file"
        )


def require_file(path: Path | str, what: str) -> None:
    """Check a file that a library opens; the limit of its size is that of certificates."""
    read_bytes(path, what, limit=16 * MEBIBYTE)


def decoded(content: bytes, name: str, what: str) -> str:
    """Decode UTF-8. Raises `UsageError`, which names the file's format, or the line of the invalid byte."""
    name = "standard input" if name == STDIN else name
    form = next((form for magic, form in _FORMS if content.startswith(magic)), None)
    if form:
        raise UsageError(f"{what}: {name} is {form}, not text in UTF-8", hint="save it as UTF-8 text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{what}: {name}, line {line}: byte {content[error.start]:#04x} is not UTF-8",
            hint="save it as UTF-8 text",
        ) from None
    if "\x00" in text:
        raise UsageError(f"{what}: {name} has NUL characters: it is no text file")
    return text


def _open_file(named: str) -> int:
    """Open the file and return its descriptor, without waiting for the other end of a FIFO."""
    wait = 0 if _NAMED_DESCRIPTOR.fullmatch(named) else getattr(os, "O_NONBLOCK", 0)
    return os.open(named, os.O_RDONLY | wait | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0))


def _is_own_pipe(named: str, status: os.stat_result) -> bool:
    """Return whether the shell opened this pipe for the process: `<(command)`, or standard input by name."""
    return bool(_NAMED_DESCRIPTOR.fullmatch(named)) and (
        stat.S_ISFIFO(status.st_mode) or (named == "/dev/stdin" and not stat.S_ISDIR(status.st_mode))
    )


def _read_bounded(file: IO[bytes], named: str, what: str, limit: int) -> bytes:
    content = bytearray()
    while block := file.read(min(_BLOCK, limit + 1 - len(content))):
        content += block
        if len(content) > limit:
            raise _too_large(named, what, limit)
    return bytes(content)


def _too_large(named: str, what: str, limit: int) -> UsageError:
    size = f"{limit // MEBIBYTE} MiB" if limit >= MEBIBYTE else f"{limit} bytes"
    return UsageError(f"{what}: {named} has more than {size}, the limit for this file")


# -- writing


@dataclass(frozen=True)
class OutputFile:
    """An output file that a user named, checked before the work that produces its content.

    `path` is the user's name for it, `target` the file with links resolved. The mode of a new file follows
    the umask, or is 0600 if `private`; an existing file keeps its mode.
    """

    path: Path
    target: Path
    what: str
    private: bool = False

    def write(self, content: str | bytes) -> None:
        """Replace the file's whole content in one step."""
        with self.opened() as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Yield a file to write to, which replaces the target at the end of the block unless it raises."""
        part = self.target.with_name(f".{self.target.name[:100]}.{os.urandom(6).hex()}")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        with self._map_errors():
            descriptor = os.open(part, flags, 0o600 if self.private else 0o666)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                with self._map_errors():
                    file.flush()
                    self._keep_mode(file.fileno())
            with self._map_errors():
                # It may have been replaced since it was checked.
                _require_regular(self.path, self.target, self.what)
                os.replace(part, self.target)
        except BaseException as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
                with self._map_errors():
                    raise
            raise

    @contextmanager
    def _map_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            error.filename = str(self.path)
            with map_write_errors(self.path):
                raise

    def _keep_mode(self, descriptor: int) -> None:
        with suppress(FileNotFoundError):
            before = self.target.stat()
            with suppress(PermissionError):
                if hasattr(os, "fchown") and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(descriptor, before.st_uid, before.st_gid)
            os.chmod(descriptor if os.chmod in os.supports_fd else self.target, stat.S_IMODE(before.st_mode))


def output_file(path: Path, what: str, *, private: bool = False) -> OutputFile:
    """Check an output file that a user named; `what` begins each message.

    Links are followed: their target is written, and they are kept. No folder is created.

    Raises:
        UsageError: it exists and is not a regular file, or its folder does not exist.
        StorageFailed: this user may not write there.
    """
    target = _target(path, what)
    _require_regular(path, target, what)
    folder = target.parent
    if not folder.is_dir():
        raise UsageError(f"{what} {path}: there is no folder {folder}", hint=f"mkdir -p '{folder}'")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StorageFailed(f"{what} {path}: this user may not write in the folder {folder}")
    if target.exists() and not os.access(target, os.W_OK):
        raise StorageFailed(f"{what} {path}: this user may not write the file")
    if len(os.fsencode(target.name)) > _longest_name(folder):
        raise UsageError(f"{what} {path}: the name is too long")
    return OutputFile(path, target, what, private)


def output_folder(path: Path, what: str) -> Path:
    """Check an output folder that a user named and return it with links resolved; it may be missing.

    Raises:
        UsageError: it exists and is not a folder, or its parent folder does not exist.
        StorageFailed: this user may not write there.
    """
    target = _target(path, what)
    if target.exists():
        if not target.is_dir():
            raise UsageError(f"{what} {path}: that is {_kind(target.stat().st_mode)}, not a folder")
        if not os.access(target, os.W_OK | os.X_OK):
            raise StorageFailed(f"{what} {path}: this user may not write in the folder")
    elif not target.parent.is_dir():
        raise UsageError(
            f"{what} {path}: there is no folder {target.parent}", hint=f"mkdir -p '{target.parent}'"
        )
    elif not os.access(target.parent, os.W_OK | os.X_OK):
        raise StorageFailed(f"{what} {path}: this user may not write in the folder {target.parent}")
    return target


def _target(path: Path, what: str) -> Path:
    """Return the path with links resolved, whether it exists or not."""
    try:
        return path.absolute().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{what} {path}: {_reason(error)}") from None


def _require_regular(path: Path, target: Path, what: str) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        if isinstance(error, NotADirectoryError):
            raise UsageError(f"{what} {path}: {path.parent} is not a folder") from None
        raise UsageError(f"{what} {path}: {_reason(error)}") from None
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{what} {path}: that is {_kind(status.st_mode)}", hint="name a file")
    # A descriptor under /proc may refer to a file that was deleted or renamed.
    if not target.exists() or not os.path.samestat(status, target.stat()):
        raise UsageError(f"{what} {path}: that is not a file in a folder", hint="name a file")


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "no regular file")


def _longest_name(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255
    except OSError:
        return 255


def _reason(error: Exception) -> str:
    if isinstance(error, TdaflinkError):
        return error.message
    if isinstance(error, RuntimeError) or getattr(error, "errno", None) == 40:
        return "it is a link to itself"
    return str(getattr(error, "strerror", None) or error)
