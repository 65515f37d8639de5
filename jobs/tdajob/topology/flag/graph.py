"""Edges of a flag filtration, and removal of edges that do not affect its persistence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.values import FloatArray

ROUND = 0.95
"""If all eccentricities are at least this share of the largest, as on a sphere, no vertex dominates."""
REACH = 0.5
"""Below this share of the enclosing radius too few edges remain for dominated vertices to save any."""
_BLOCK = 1 << 16
"""Matrix entries per block; with their temporaries they fit a core's cache."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges of a flag filtration whose `vertices` vertices all enter at 0.

    Edge i joins the vertices `places[i] // vertices` and, smaller, `places[i] % vertices`, and enters at
    `lengths[i]`. No edge is longer than `radius`, beyond which homology does not change or is not requested.
    """

    vertices: int
    places: NDArray[np.intp]
    lengths: FloatArray
    radius: float

    @property
    def ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the greater and the smaller vertex of each edge."""
        greater, smaller = np.divmod(self.places, self.vertices)
        return greater.astype(np.int32), smaller.astype(np.int32)

    @property
    def density(self) -> float:
        """Return the share of all pairs that are edges."""
        return len(self.places) / max(1, math.comb(self.vertices, 2))


def graph_of(distances: FloatArray, cut: float | None) -> Graph:
    """Return the graph of a symmetric matrix (n, n) without edges beyond `cut` and without idle edges."""
    farthest = distances.max(axis=1)
    radius = last_radius(farthest, cut)
    limits = limits_within(distances, farthest, radius)
    places, lengths = _edges_within(distances, limits)
    return Graph(len(distances), places, lengths, radius)


def last_radius(farthest: FloatArray, cut: float | None) -> float:
    """Return the enclosing radius or the cut, if smaller; `farthest` has each vertex's greatest distance."""
    # From the enclosing radius on, the complex is a cone with a vertex as its apex.
    enclosing = float(farthest.min())
    return enclosing if cut is None else min(enclosing, cut)


def limits_within(distances: FloatArray, farthest: FloatArray, radius: float) -> FloatArray:
    """Return per vertex a length, at most `radius`, beyond which its edges do not affect homology (idle)."""
    limits = np.full(len(distances), radius)
    enclosing = float(farthest.min())
    if enclosing < ROUND * float(farthest.max()) and radius > REACH * enclosing:
        limits = np.minimum(limits, dominated_from(distances, farthest))
    return limits


def dominated_from(distances: FloatArray, farthest: FloatArray) -> FloatArray:
    """Return for each vertex v a scale t from which on another vertex w dominates v.

    That is d(w, x) <= max(t, d(v, x)) for every x. From t on the complex collapses onto the one without
    v, whether v gains further edges or not, so edges of v beyond t can be omitted, and likewise those of
    every other vertex (Barmak and Minian, "Strong homotopy types, nerves and collapses", 2012; Boissonnat,
    Pritam and Pareek, "Strong collapse for persistence", 2018). `farthest`, the greatest distance of each
    vertex, must be smaller for w than for v: otherwise v and w could dominate each other and both be
    omitted. One w per v is tried: the one that minimises d(v, w) + farthest[w].
    """
    n = len(distances)
    limits = np.empty(n)
    for begin, end in blocks(n):
        block = distances[begin:end]
        rows = np.arange(end - begin)
        detour = block + farthest
        detour[rows, rows + begin] = np.inf
        chosen = detour.argmin(axis=1)
        dominating = distances.take(chosen, axis=0, out=detour, mode="clip")
        dominating *= dominating > block
        limits[begin:end] = np.where(farthest[chosen] < farthest[begin:end], dominating.max(axis=1), np.inf)
    return limits


def _edges_within(distances: FloatArray, limits: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """Return places and lengths of the edges that are within the limits of both ends."""
    n = len(distances)
    places, lengths = [], []
    for begin, end in blocks(n):
        block = distances[begin:end]
        kept = block <= np.minimum(limits[begin:end, None], limits)
        kept &= np.tri(end - begin, n, begin - 1, dtype=bool)
        indices = np.flatnonzero(kept)
        lengths.append(block.ravel()[indices])
        places.append(indices + begin * n)
    return np.concatenate(places), np.concatenate(lengths)


def blocks(n: int) -> list[tuple[int, int]]:
    """Return begin and end of the blocks of rows in which an (n, n) matrix is processed."""
    height = max(1, _BLOCK // n)
    return [(begin, min(n, begin + height)) for begin in range(0, n, height)]
