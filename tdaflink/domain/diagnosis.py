"""What an archive for a bug report holds, and what could not be had for it."""

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
    """Something that should be in the archive and is not."""

    what: str
    reason: str


@dataclass(frozen=True)
class Manifest:
    """manifest.json: what is in the archive, and what is not. `redacted` counts what was taken out."""

    schema: int
    environment: str
    tdaflink: str
    made_at: str
    files: tuple[ArchivedFile, ...]
    lacking: tuple[Lacking, ...]
    redacted: int
