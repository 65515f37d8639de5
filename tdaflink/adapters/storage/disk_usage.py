"""Disk space of an environment's files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tdaflink.adapters.local_runtime.temporary_files import TemporaryFolders
from tdaflink.domain.environments.environment import DiskUsage

_KINDS = {
    "checkpoints": "state",
    "savepoints": "state",
    "kafka": "kafka",
    "logs": "logs",
    "tmp": "temporary",
}
_BLOCK = 512  # the unit of st_blocks, whatever the file system's own blocks are


def disk_usage(folder: Path) -> DiskUsage:
    """Return the disk usage of an environment's folder, including temporary files outside of it."""
    sizes: Counter[str] = Counter()
    for entry in _entries(folder):
        sizes[_KINDS.get(entry.name, "other")] += _size(entry)
    for root in TemporaryFolders(folder).roots:
        if root.parent != folder:
            sizes["temporary"] += sum(_size(entry) for entry in _entries(root))
    return DiskUsage(
        folder=str(folder),
        bytes=sizes.total(),
        state_bytes=sizes["state"],
        kafka_bytes=sizes["kafka"],
        logs_bytes=sizes["logs"],
        temporary_bytes=sizes["temporary"],
        other_bytes=sizes["other"],
    )


def _size(entry: os.DirEntry[str]) -> int:
    """Return the allocated bytes, recursively: sparse files such as Kafka's indexes are mostly holes."""
    try:
        status = entry.stat(follow_symlinks=False)
        own = status.st_blocks * _BLOCK if hasattr(status, "st_blocks") else status.st_size
        if entry.is_dir(follow_symlinks=False):
            return own + sum(_size(below) for below in _entries(Path(entry.path)))
        # RocksDB's snapshots are hard links to the same files.
        return own // status.st_nlink
    except OSError:
        return 0  # removed in the meantime


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return
