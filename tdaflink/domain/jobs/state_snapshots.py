"""Checkpoints and savepoints in their storage."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["checkpoint", "savepoint"]
METADATA = "_metadata"
MAGIC = bytes.fromhex("4960672d")  # the first bytes of every complete _metadata
_CHECKPOINT = re.compile(r"(?P<job>[0-9a-f]{32})/chk-(?P<number>\d+)")
_SAVEPOINT = re.compile(r"savepoint-(?P<job>[0-9a-f]{6})-[0-9a-f]+")


@dataclass(frozen=True)
class StoredFile:
    """One file: its absolute address, bytes, and the epoch seconds of its last change."""

    path: str
    size: int
    modified: float


class StateFiles(Protocol):
    """Files below folders; every address is absolute, in the form of `canonical`."""

    def walk(self, folder: str) -> list[StoredFile]:
        """Return every file below the folder; none if the folder does not exist."""

    def head(self, path: str, count: int) -> bytes:
        """Return the first bytes of a file; none if it cannot be read."""

    def remove(self, folder: str) -> None:
        """Remove a folder with its contents."""

    def sees(self, path: str) -> bool:
        """Return whether a path is visible from here; otherwise it may be on a machine of the cluster."""


# Opens the storage of an address, given the JobManager's configuration.
Storage = Callable[[str, Mapping[str, str]], StateFiles]


@dataclass(frozen=True)
class StateSnapshot:
    """A complete checkpoint or savepoint. `job` is the id of its job; for a savepoint the first six digits.

    `size_bytes` is that of its own folder; an incremental checkpoint shares further files with others.
    """

    path: str
    kind: Kind
    job: str
    created_at: float
    size_bytes: int
    name: str | None = None


@dataclass(frozen=True)
class Pruned:
    """Snapshots that pruning removed (or would), and due ones that it kept, each with the reason."""

    removed: Sequence[StateSnapshot]
    kept: Sequence[tuple[StateSnapshot, str]]
    dry_run: bool


def canonical(path: str) -> str:
    """Return the canonical form of an address: Flink writes file:/x, users file:///x or /x."""
    if path.startswith("file:"):
        path = "/" + path.removeprefix("file:").lstrip("/")
    if path.startswith("/"):
        path = f"file://{path}"
    return path.rstrip("/")


def found_snapshots(root: str, kind: Kind, files: Iterable[StoredFile]) -> list[StateSnapshot]:
    """Return the snapshots below a root that have their `_metadata`."""
    pattern = _CHECKPOINT if kind == "checkpoint" else _SAVEPOINT
    sizes: dict[str, int] = {}
    written: dict[str, float] = {}
    for file in files:
        match = pattern.match(file.path[len(root) :].lstrip("/"))
        if match is None:
            continue
        place = f"{root}/{match[0]}"
        sizes[place] = sizes.get(place, 0) + file.size
        if file.path == f"{place}/{METADATA}":
            written[place] = file.modified
    return [
        StateSnapshot(place, kind, _job(pattern, place[len(root) + 1 :]), moment, sizes[place])
        for place, moment in written.items()
    ]


def _job(pattern: re.Pattern[str], relative: str) -> str:
    match = pattern.match(relative)
    return match["job"] if match else ""
