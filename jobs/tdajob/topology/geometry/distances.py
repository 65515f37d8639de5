"""Pairwise distances, orders of points and choice of landmarks."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from tdajob.topology.geometry.scales import euclidean_distances, scale_exponent
from tdajob.topology.values import FloatArray


def sorted_points(points: FloatArray) -> FloatArray:
    """Return the points (n, d) in lexicographic order, so that a result depends only on the multiset."""
    # Adding 0.0 turns -0.0 into 0.0: the two compare equal and must not give different results.
    order = np.lexsort(points.T[::-1])
    return np.ascontiguousarray(points[order] + 0.0)


def scattered(points: FloatArray) -> FloatArray:
    """Return the points (n, d) in a fixed pseudo-random order.

    Most engines take longer for sorted points, Ripser up to twice as long.
    """
    return points[_shuffle(len(points))]


def pairwise_distances(points: FloatArray) -> FloatArray:
    """Return Euclidean distances (n, n) of the points (n, d).

    Each is computed from differences of coordinates; the expanded square would break ties.
    """
    return euclidean_distances(points, points)


def farthest_points(points: FloatArray, count: int) -> tuple[NDArray[np.intp], float]:
    """Return the indices of up to `count` landmarks of the points (n, d), and their covering radius.

    Farthest-point sampling from the first point (on a tie the first candidate): Gonzalez, "Clustering to
    minimize the maximum intercluster distance", 1985. There are fewer landmarks if fewer points are
    distinct. Every point is within the radius of a landmark.
    """
    exponent = scale_exponent(points)
    points = np.ldexp(points, exponent)
    chosen = [0]
    nearest = cdist(points[:1], points)[0]
    while len(chosen) < count and nearest.max() > 0:
        farthest = int(nearest.argmax())
        chosen.append(farthest)
        nearest = np.minimum(nearest, cdist(points[farthest : farthest + 1], points)[0])
    return np.array(chosen, dtype=np.intp), math.ldexp(float(nearest.max()), -exponent)


@lru_cache(maxsize=64)
def _shuffle(n: int) -> NDArray[np.intp]:
    return np.random.default_rng(0).permutation(n)
