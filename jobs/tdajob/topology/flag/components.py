"""H_0 of a filtration in which vertices enter at different values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.values import FloatArray


def components(lengths: FloatArray, births: FloatArray) -> FloatArray:
    """Return births and deaths (n, 2) of the components of n vertices that enter at `births` (n,).

    `lengths` (n, n) is symmetric; no edge enters before its ends. When two components merge, the younger
    one dies (elder rule).
    """
    oldest = np.arange(len(births))
    bars = [[float(births.min()), np.inf]]
    for length, first, second in _spanning_tree(lengths):
        elder, younger = sorted((_root(oldest, first), _root(oldest, second)), key=births.__getitem__)
        oldest[younger] = elder
        bars.append([float(births[younger]), length])
    return np.array(bars)


def _spanning_tree(lengths: FloatArray) -> list[tuple[float, int, int]]:
    """Return a minimum spanning tree's edges by length: Prim, "Shortest connection networks", 1957."""
    n = len(lengths)
    nearest, via = lengths[0].copy(), np.zeros(n, dtype=np.intp)
    outside = np.ones(n, dtype=bool)
    outside[0] = False
    edges = []
    for _ in range(n - 1):
        new = int(np.where(outside, nearest, np.inf).argmin())
        edges.append((float(nearest[new]), int(via[new]), new))
        outside[new] = False
        nearer = lengths[new] < nearest
        nearest[nearer], via[nearer] = lengths[new][nearer], new
    return sorted(edges)


def _root(oldest: NDArray[np.intp], vertex: int) -> int:
    while oldest[vertex] != vertex:
        oldest[vertex] = oldest[oldest[vertex]]
        vertex = int(oldest[vertex])
    return vertex
