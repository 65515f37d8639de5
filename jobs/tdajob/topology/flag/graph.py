"""The edges of a flag filtration, and fewer of them with the same persistence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.values import FloatArray

ROUND = 0.95
"""Share of the largest eccentricity from which on, if all have it, as on a sphere, no vertex dominates."""
REACH = 0.5
"""Below this share of the enclosing radius too few edges are left for a dominated vertex to lose any."""
_BLOCK = 1 << 16
"""Entries of a matrix that are worked on at once; with their temporaries they fit a core's cache."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges of a flag filtration on `vertices` vertices that are all there from 0.

    Edge i joins the vertices `places[i] // vertices` and, smaller, `places[i] % vertices`, and enters at
    `lengths[i]`. None is longer than `radius`, beyond which nothing happens, or is wanted, any more.
    """

    vertices: int
    places: NDArray[np.intp]
    lengths: FloatArray
    radius: float

    @property
    def ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The greater and the smaller vertex of each edge."""
        greater, smaller = np.divmod(self.places, self.vertices)
        return greater.astype(np.int32), smaller.astype(np.int32)

    @property
    def density(self) -> float:
        """The share of all pairs that are edges."""
        return len(self.places) / max(1, math.comb(self.vertices, 2))


def graph_of(distances: FloatArray, cut: float | None) -> Graph:
    """The graph of a symmetric matrix (n, n), without edges beyond `cut` and without idle ones."""
    farthest = distances.max(axis=1)
    radius = last_radius(farthest, cut)
    limits = limits_within(distances, farthest, radius)
    places, lengths = _edges_within(distances, limits)
    return Graph(len(distances), places, lengths, radius)


def last_radius(farthest: FloatArray, cut: float | None) -> float:
    """Beyond which nothing happens, or is wanted; `farthest` is the greatest distance of each vertex."""
    # From the enclosing radius on the complex is a cone over a vertex.
    enclosing = float(farthest.min())
    return enclosing if cut is None else min(enclosing, cut)


def limits_within(distances: FloatArray, farthest: FloatArray, radius: float) -> FloatArray:
    """For each vertex a length, at most `radius`, beyond which its edges are idle, as beyond any greater."""
    limits = np.full(len(distances), radius)
    enclosing = float(farthest.min())
    if enclosing < ROUND * float(farthest.max()) and radius > REACH * enclosing:
        limits = np.minimum(limits, dominated_from(distances, farthest))
    return limits


def dominated_from(distances: FloatArray, farthest: FloatArray) -> FloatArray:
    """For each vertex v a scale t from which on some other vertex w is next to all that v is next to.

    That is d(w, x) <= max(t, d(v, x)) for every x. From t on the complex collapses onto the one without
    v, whether v gains further edges or not, so edges of v beyond t can be left out, and likewise those
    of every other vertex (Barmak and Minian, "Strong homotopy types, nerves and collapses", 2012;
    Boissonnat, Pritam and Pareek, "Strong collapse for persistence", 2018). `farthest`, the greatest
    distance of each vertex, must be smaller for w than for v: were v and w to be left out for the sake
    of each other, nothing would stand for both. One w is tried, the one that brings v nearest to its
    farthest vertex.
    """
    n = len(distances)
    limits = np.empty(n)
    for begin, end in blocks(n):
        mine = distances[begin:end]
        rows = np.arange(end - begin)
        detour = mine + farthest
        detour[rows, rows + begin] = np.inf
        chosen = detour.argmin(axis=1)
        theirs = distances.take(chosen, axis=0, out=detour, mode="clip")
        theirs *= theirs > mine
        limits[begin:end] = np.where(farthest[chosen] < farthest[begin:end], theirs.max(axis=1), np.inf)
    return limits


def _edges_within(distances: FloatArray, limits: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """Places and lengths of the edges that are no longer than the limits of both their ends."""
    n = len(distances)
    places, lengths = [], []
    for begin, end in blocks(n):
        mine = distances[begin:end]
        kept = mine <= np.minimum(limits[begin:end, None], limits)
        kept &= np.tri(end - begin, n, begin - 1, dtype=bool)
        found = np.flatnonzero(kept)
        lengths.append(mine.ravel()[found])
        places.append(found + begin * n)
    return np.concatenate(places), np.concatenate(lengths)


def blocks(n: int) -> list[tuple[int, int]]:
    """Begin and end of runs of rows of an (n, n) matrix that are worked on at once."""
    height = max(1, _BLOCK // n)
    return [(begin, min(n, begin + height)) for begin in range(0, n, height)]
