"""Up to where edges can matter to H_0 and H_1: the last one with an empty lune."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.flag.graph import blocks
from tdajob.topology.values import FloatArray

NEIGHBORS = 6
"""Each of them lies in the lune of about half the long edges, so few of those are left."""
CHECKED = 1.0
"""So many of the longest edges that are left, for each vertex, are looked at one by one."""
_AT_ONCE = 64


def last_empty_lune(distances: FloatArray, radius: float) -> float:
    """A length from which on, up to `radius`, every edge has a vertex nearer to both ends than it is long.

    Such an edge (v, w) brings no component or loop to an end or into being as a loop: its ends are
    joined already by two shorter edges over a vertex in its lune, and the triangle enters with it. So
    no bar of H_0 or H_1 begins beyond that length, and none of H_0 ends there; loops may still end.
    Koyama, Mémoli, Robins and Turner, "Faster computation of degree-1 persistent homology using the
    reduced Vietoris-Rips filtration", 2023, take from it which edges begin loops at all.
    """
    seen = _seen_from_one_end(distances)
    rows, columns = np.nonzero(~seen & (distances <= radius) & np.tri(len(distances), k=-1, dtype=bool))
    left = ~seen[columns, rows]
    rows, columns = rows[left], columns[left]
    lengths = distances[rows, columns]
    longest = np.argsort(-lengths)
    checked = math.ceil(CHECKED * len(distances))
    for begin in range(0, min(checked, len(longest)), _AT_ONCE):
        place = longest[begin : min(begin + _AT_ONCE, checked)]
        empty = _is_empty(distances, rows[place], columns[place])
        if empty.any():
            return float(lengths[place[empty.argmax()]])
    return float(lengths[longest[checked]]) if len(longest) > checked else 0.0


def _seen_from_one_end(distances: FloatArray) -> NDArray[np.bool_]:
    """For each pair (v, w) whether one of v's nearest neighbors is nearer to both than they are apart."""
    n = len(distances)
    seen = np.empty((n, n), dtype=bool)
    for begin, end in blocks(n):
        mine = distances[begin:end]
        rows = np.arange(end - begin)
        left = mine.copy()
        left[rows, rows + begin] = np.inf
        nearest = np.full(mine.shape, np.inf)
        theirs = np.empty(mine.shape)
        farthest = np.zeros(end - begin)
        for _ in range(min(NEIGHBORS, n - 1)):
            chosen = left.argmin(axis=1)
            farthest = left[rows, chosen]
            left[rows, chosen] = np.inf
            distances.take(chosen, axis=0, out=theirs, mode="clip")
            np.minimum(nearest, theirs, out=nearest)
        np.less(nearest, mine, out=seen[begin:end])
        seen[begin:end] &= mine > farthest[:, None]
    return seen


def _is_empty(distances: FloatArray, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
    farther = np.maximum(distances[rows], distances[columns])
    empty: NDArray[np.bool_] = farther.min(axis=1) >= distances[rows, columns]
    return empty
