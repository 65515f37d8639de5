"""Points with their event times and running numbers, as parallel arrays."""

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

    Not frozen: dozens are created for each message, and the frozen `__init__` would take most of that time.
    """

    sequences: IntArray
    times: IntArray
    coordinates: FloatArray

    def __len__(self) -> int:
        return len(self.sequences)

    def part(self, start: int, stop: int) -> Rows:
        """Return a view of the rows from `start` to before `stop`."""
        return Rows(self.sequences[start:stop], self.times[start:stop], self.coordinates[start:stop])

    def taken(self, where: NDArray[Any]) -> Rows:
        """Return a copy of the rows at an array of indices, or where a mask is true."""
        return Rows(self.sequences[where], self.times[where], self.coordinates[where])


def no_rows(dimension: int) -> Rows:
    """Return zero rows of a dimension."""
    return Rows(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, dimension)))


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the concatenation of at least one part."""
    if len(parts) == 1:
        return parts[0]
    return Rows(
        np.concatenate([part.sequences for part in parts]),
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.coordinates for part in parts]),
    )


def by_key(rows: Rows, keys: IntArray) -> Iterator[tuple[int, Rows]]:
    """Yield the rows of each key, in ascending order of keys; the rows of one key keep their order."""
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
    """Return the indices at which the value changes."""
    # Without np.diff and np.flatnonzero: for a message's few points their overhead takes most of the time.
    changed: list[int] = ((values[1:] != values[:-1]).nonzero()[0] + 1).tolist()
    return changed
