"""Temporary files of an environment: a folder for each component, removed after its processes have ended."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from tdaflink.adapters.storage.paths import (
    ensure_dir,
    private_folder,
    user_id,
    user_temporary_folder,
    user_temporary_path,
)

# A unix socket's longest path, less what Python's multiprocessing adds: /pymp-xxxxxxxx/listener-xxxxxxxx
_LONGEST_FOR_SOCKETS = (107 if sys.platform == "linux" else 103) - 32


class TemporaryFolders:
    """The temporary folders of one environment, below its own folder.

    A path that Flink or PyFlink would split is replaced by a path in the system's temporary folder; for
    Python, also a path that is too long for unix sockets.
    """

    def __init__(self, folder: Path) -> None:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        self._inside = folder / "tmp"
        own = user_temporary_path()
        self._outside = own / digest
        # The folders of earlier versions, inside and outside of the environment's folder.
        self._former = folder / "flink" / "tmp"
        self._former_outside = own.with_name(f"{own.name}-{digest}")

    @property
    def roots(self) -> tuple[Path, ...]:
        """Return the folders that may contain temporary files, whether they exist or not."""
        return (self._inside, self._outside, self._former_outside)

    def of_java(self, component: str) -> Path:
        """Return the folder of the temporary files of the component's JVM."""
        # PyFlink's start script does not quote the path, and Flink splits it at these characters.
        unusable = any(character.isspace() or character in ",:" for character in str(self._inside))
        return (self._outside if unusable else self._inside) / component

    def of_python(self, component: str) -> Path:
        """Return the folder of the temporary files of the component's Python processes."""
        folder = self.of_java(component)
        return folder if len(os.fsencode(folder)) <= _LONGEST_FOR_SOCKETS else self._outside / component

    def make(self, component: str) -> None:
        """Create the component's folders, which other users may not enter.

        Raises `StorageFailed` if a folder of that name is a link, or belongs to another user.
        """
        for folder in (self.of_java(component), self.of_python(component)):
            if folder.parent == self._outside:
                user_temporary_folder()
            else:
                ensure_dir(folder.parent.parent)
            private_folder(folder.parent)
            private_folder(folder)

    def clear(self, alive: Set[str]) -> None:
        """Remove the folders of all components except those in `alive`."""
        if not alive - {"kafka"}:
            _remove(self._former)
        for root in filter(_is_ours, self.roots):
            for path in list(root.iterdir()):
                if path.name not in alive:
                    _remove(path)
            with suppress(OSError):  # not empty
                root.rmdir()


def _is_ours(root: Path) -> bool:
    """Return whether this user owns it: any user may create that name in the system's temporary folder."""
    try:
        status = root.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == user_id()


def _remove(folder: Path) -> None:
    # Files that cannot be removed now are removed at the next setup or teardown.
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
