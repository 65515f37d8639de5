"""Points with their event times and running numbers, as arrays side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.values import FloatArray
from tdajob.windows.values import IntArray


@dataclass(eq=False, slots=True)
class Rows:
    """n points: running numbers (n,), event times (n,) in epoch ms, coordinates (n, d).

    Not frozen, since dozens are made for each message and the guard would take most of that time.
    """

    sequences: IntArray
    times: IntArray
    coordinates: FloatArray

    def __len__(self) -> int:
        return len(self.sequences)

    def part(self, start: int, stop: int) -> Rows:
        """The rows from `start` to before `stop`, without a copy."""
        return Rows(self.sequences[start:stop], self.times[start:stop], self.coordinates[start:stop])

    def taken(self, where: NDArray[Any]) -> Rows:
        """The rows at an array of indices, or where a mask is true."""
        return Rows(self.sequences[where], self.times[where], self.coordinates[where])


def no_rows(dimension: int) -> Rows:
    """Not one point."""
    return Rows(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, dimension)))


def joined(parts: Sequence[Rows]) -> Rows:
    """At least one part, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Rows(
        np.concatenate([part.sequences for part in parts]),
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.coordinates for part in parts]),
    )


def by_key(rows: Rows, keys: IntArray) -> Iterator[tuple[int, Rows]]:
    """The rows of each key, in ascending order of keys; the rows of one key stay in their order."""
    if len(keys) == 0:
        return
    if (keys[1:] < keys[:-1]).any():
        order = keys.argsort(kind="stable")
        keys, rows = keys[order], rows.taken(order)
    start = 0
    for stop in [*ends_of_runs(keys), len(keys)]:
        yield int(keys[start]), rows.part(start, stop)
        start = stop


def ends_of_runs(values: IntArray) -> list[int]:
    """The places at which another value begins."""
    # Not np.diff and np.flatnonzero: for a message's few points their wrappers take most of the time.
    changed: list[int] = ((values[1:] != values[:-1]).nonzero()[0] + 1).tolist()
    return changed
