"""Fewer points in place of many, with a bound on what that loses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.geometry import farthest_points
from tdajob.topology.scales import euclidean_distances
from tdajob.topology.values import FloatArray
from tdajob.windows.rows import Rows

_BLOCK = 256  # points compared at once: with 5,000 landmarks 10 MB of distances


def thinned(rows: Rows, limit: int) -> tuple[Rows, float]:
    """Up to `limit` of the rows such that every row lies within the returned radius of one of them.

    Farthest points of all rows where there are at most 2·limit of them. More are cut into groups of about
    that many, each of which gets its share of landmarks: so it takes at most about 2·limit² distances,
    however many rows there are, and the bound stays true. Of equal points one is enough: then the radius
    is 0.0.
    """
    groups = min(limit, -(-len(rows) // (2 * limit)))
    kept, radius = [], 0.0
    for group in np.array_split(np.arange(len(rows)), groups):
        in_order = group[np.lexsort(rows.coordinates[group].T[::-1])]
        chosen, reach = farthest_points(rows.coordinates[in_order], limit // groups)
        kept.append(in_order[chosen])
        radius = max(radius, reach)
    return rows.taken(np.sort(np.concatenate(kept))), radius


def beyond(points: FloatArray, landmarks: FloatArray, radius: float) -> NDArray[np.bool_]:
    """Which of the points (n, d) lie further than `radius` from all landmarks (m, d)."""
    blocks = [
        euclidean_distances(points[at : at + _BLOCK], landmarks).min(axis=1) > radius
        for at in range(0, len(points), _BLOCK)
    ]
    return np.concatenate(blocks)
