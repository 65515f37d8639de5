"""A zip archive that exists either complete or not at all."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from tdaflink.adapters.storage.user_files import OutputFile
from tdaflink.domain.observability.diagnostics import ArchivedFile


class Archive:
    """An archive that is being written. Only its owner may read it."""

    def __init__(self, file: zipfile.ZipFile, root: str) -> None:
        self._file = file
        self._root = root
        self.files: list[ArchivedFile] = []

    def add(self, path: str, text: str) -> None:
        """Add a file below the archive's one folder."""
        content = text.encode("utf-8", "replace")
        self._file.writestr(f"{self._root}/{path}", content)
        self.files.append(ArchivedFile(path, len(content), hashlib.sha256(content).hexdigest()))


@contextmanager
def new_archive(output: OutputFile) -> Iterator[Archive]:
    """Write an archive, which gets its name once it is complete. Raises `StorageFailed`."""
    with output.opened() as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as file:
        yield Archive(file, output.path.stem)
