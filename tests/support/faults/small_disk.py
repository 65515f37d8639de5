"""A separate file system that a test fills to its last byte."""

from __future__ import annotations

import errno
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotPermitted(Exception):
    """The error that no file system can be mounted here."""


class SmallDisk:
    """A mounted file system, and the file that fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / f"filler-{uuid.uuid4().hex[:8]}"

    def fill(self) -> None:
        """Allocate all free space; call it again while other processes remove files."""
        with self._filler.open("ab") as file:
            for size in (2**26, 2**20, 2**12):
                try:
                    while True:
                        os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        self._filler.unlink()


@contextmanager
def small_disk(folder: Path, image: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount an ext4 file system from the sparse file `image` at `folder`; it must be unused at the end.

    Raises:
        NotPermitted: if this user or this kernel cannot mount one.
    """
    with image.open("wb") as file:
        file.truncate(megabytes * 2**20)
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    _run(["mkfs.ext4", "-q", "-m", "0", "-E", f"root_owner={os.getuid()}:{os.getgid()}", str(image)])
    _run([*sudo, "mount", "-o", "loop", str(image), str(folder)])
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run([*sudo, "umount", str(folder)], check=True)
        image.unlink()


def _run(words: list[str]) -> None:
    try:
        subprocess.run(words, capture_output=True, text=True, check=True)
    except OSError as error:
        raise NotPermitted(str(error)) from error
    except subprocess.CalledProcessError as error:
        raise NotPermitted(error.stderr.strip()) from error
