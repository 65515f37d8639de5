"""Checkpoints and savepoints as they lie in their storage."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["checkpoint", "savepoint"]
METADATA = "_metadata"
MAGIC = bytes.fromhex("4960672d")  # what every complete _metadata begins with
_CHECKPOINT = re.compile(r"(?P<job>[0-9a-f]{32})/chk-(?P<number>\d+)")
_SAVEPOINT = re.compile(r"savepoint-(?P<job>[0-9a-f]{6})-[0-9a-f]+")


@dataclass(frozen=True)
class StoredFile:
    """One file: its whole address, bytes, and the epoch seconds of its last change."""

    path: str
    size: int
    modified: float


class StateFiles(Protocol):
    """Files below folders; every address is a whole one, spelt as `canonical` does."""

    def walk(self, folder: str) -> list[StoredFile]:
        """Every file below the folder; none where there is no such folder."""

    def head(self, path: str, count: int) -> bytes:
        """The first bytes of a file; none where it cannot be read."""

    def remove(self, folder: str) -> None:
        """Remove a folder with all that is in it."""

    def sees(self, path: str) -> bool:
        """Whether what is not found there is not there; else it may lie on a machine of the cluster."""


# What reads the storage of an address, given the JobManager's configuration.
Storage = Callable[[str, Mapping[str, str]], StateFiles]


@dataclass(frozen=True)
class Snapshot:
    """A complete checkpoint or savepoint. `job` is the id of its job, of a savepoint the first six letters.

    `size_bytes` are those of its own folder; an incremental checkpoint shares further ones with others.
    """

    path: str
    kind: Kind
    job: str
    created_at: float
    size_bytes: int
    name: str | None = None


@dataclass(frozen=True)
class Pruned:
    """What pruning removed, or would remove, and what it left alone although it was due."""

    removed: Sequence[Snapshot]
    kept: Sequence[tuple[Snapshot, str]]
    dry_run: bool


def canonical(path: str) -> str:
    """One spelling for each place: Flink writes file:/x, people file:///x or /x."""
    if path.startswith("file:"):
        path = "/" + path.removeprefix("file:").lstrip("/")
    if path.startswith("/"):
        path = f"file://{path}"
    return path.rstrip("/")


def found_snapshots(root: str, kind: Kind, files: Iterable[StoredFile]) -> list[Snapshot]:
    """The snapshots below the root of checkpoints or savepoints that have their `_metadata`."""
    pattern = _CHECKPOINT if kind == "checkpoint" else _SAVEPOINT
    sizes: dict[str, int] = {}
    written: dict[str, float] = {}
    for file in files:
        found = pattern.match(file.path[len(root) :].lstrip("/"))
        if found is None:
            continue
        place = f"{root}/{found[0]}"
        sizes[place] = sizes.get(place, 0) + file.size
        if file.path == f"{place}/{METADATA}":
            written[place] = file.modified
    return [
        Snapshot(place, kind, _job(pattern, place[len(root) + 1 :]), moment, sizes[place])
        for place, moment in written.items()
    ]


def _job(pattern: re.Pattern[str], relative: str) -> str:
    found = pattern.match(relative)
    return found["job"] if found else ""
