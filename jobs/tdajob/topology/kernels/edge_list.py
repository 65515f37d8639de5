"""Sorted list of the short edges of a window."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.kernels.loader import Kernels
from tdajob.topology.values import FloatArray

Edges = tuple[FloatArray, NDArray[np.int16], NDArray[np.int16]]
"""Lengths, high slots and low slots."""

Column = TypeVar("Column", FloatArray, NDArray[np.int16])

_SPARE = 1.1
_SAMPLED_POINTS = 64


class EdgeList:
    """All edges between live slots that are at most `reach` long, ordered by (length, high, low)."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels.edges
        self._edges: Edges = (np.empty(0), np.empty(0, dtype=np.int16), np.empty(0, dtype=np.int16))
        self._count = 0
        self.reach = -1.0

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        return sum(column.nbytes for column in self._edges)

    @property
    def lengths(self) -> FloatArray:
        return self._edges[0][: self._count]

    @property
    def highs(self) -> NDArray[np.int16]:
        return self._edges[1]

    @property
    def lows(self) -> NDArray[np.int16]:
        return self._edges[2]

    def remove(self, gone: NDArray[np.bool_]) -> None:
        """Remove the edges with an end in a removed slot."""
        self._count = self._kernels.remove_edges(*self._edges, self._count, gone)

    def add_newcomers(self, distances: FloatArray, live: NDArray[np.int64], fresh: NDArray[np.bool_]) -> None:
        """Add the edges with an end in a fresh slot."""
        self._merge(self._kernels.edges_between(distances, live, fresh, -1.0, self.reach))

    def extend(self, distances: FloatArray, alive: NDArray[np.bool_], reach: float) -> None:
        """Add all edges up to the length `reach`."""
        if reach > self.reach:
            live = np.flatnonzero(alive)
            self._merge(self._kernels.edges_between(distances, live, alive, self.reach, reach))
            self.reach = reach

    def trim(self, count: int) -> None:
        """Keep the first `count` edges and ties of the last one, and release memory."""
        self.reach = float(self._edges[0][count - 1])
        self._count = int(np.searchsorted(self.lengths, self.reach, side="right"))
        self._resize(self._count)

    def _merge(self, new: Edges) -> None:
        new = in_order(new)
        count = self._count + len(new[0])
        if count > len(self._edges[0]):
            self._resize(int(_SPARE * count))
        self._kernels.merge_edges(*self._edges, self._count, *new)
        self._count = count

    def _resize(self, room: int) -> None:
        lengths, highs, lows = self._edges
        self._edges = (
            _resized(lengths, self._count, room),
            _resized(highs, self._count, room),
            _resized(lows, self._count, room),
        )


def _resized(column: Column, count: int, room: int) -> Column:
    """Return a column of size `room` with the first `count` values of the given column."""
    resized = np.empty(room, dtype=column.dtype)
    resized[:count] = column[:count]
    return resized


def in_order(edges: Edges) -> Edges:
    """Sort edges, given by (high, low), by (length, high, low)."""
    lengths, highs, lows = edges
    order = np.argsort(lengths)
    ascending = lengths[order]
    # The fast sort does not preserve the order of ties; most clouds have no ties.
    if (ascending[1:] == ascending[:-1]).any():
        order = np.argsort(lengths, kind="stable")
    return ascending, highs[order], lows[order]


def reach_of(count: int, distances: FloatArray, live: NDArray[np.int64]) -> float:
    """Estimate, from a sample, a length that more than `count` edges between live slots do not exceed."""
    pairs = math.comb(len(live), 2)
    if 2 * count >= pairs:
        return math.inf
    sampled = live[:: max(1, len(live) // _SAMPLED_POINTS)]
    sample = distances[np.ix_(sampled, live)].ravel()
    rank = int(1.5 * count / pairs * len(sample))
    return float(np.partition(sample, rank)[rank])
