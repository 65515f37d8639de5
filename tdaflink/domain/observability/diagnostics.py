"""Contents of an archive for a bug report, and the items that could not be collected."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = 1


@dataclass(frozen=True)
class ArchivedFile:
    """One file of the archive."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Lacking:
    """An item that could not be added to the archive."""

    what: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """manifest.json: the archive's files and the missing items. `redacted` counts removed secrets."""

    schema: int
    environment: str
    tdaflink: str
    made_at: str
    files: tuple[ArchivedFile, ...]
    lacking: tuple[Lacking, ...]
    redacted: int
