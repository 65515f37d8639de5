"""Selection of landmarks among many points, with a bound of the covering radius."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.geometry.distances import farthest_points
from tdajob.topology.geometry.scales import euclidean_distances
from tdajob.topology.values import FloatArray
from tdajob.windows.state.rows import Rows

_BLOCK = 256  # points per block of distances: 10 MB with 5,000 landmarks


def thinned(rows: Rows, limit: int) -> tuple[Rows, float]:
    """Return up to `limit` of the rows, and a radius: every row is within it of one of them.

    Up to 2·limit rows: farthest points of all rows. More rows are split into groups of about that size, each
    of which gets its share of landmarks: this needs at most about 2·limit² distances for any number of rows,
    and the bound holds. Of equal points one is selected: then the radius is 0.0.
    """
    groups = min(limit, -(-len(rows) // (2 * limit)))
    kept, radius = [], 0.0
    for group in np.array_split(np.arange(len(rows)), groups):
        in_order = group[np.lexsort(rows.coordinates[group].T[::-1])]
        chosen, reach = farthest_points(rows.coordinates[in_order], limit // groups)
        kept.append(in_order[chosen])
        radius = max(radius, reach)
    return rows.taken(np.sort(np.concatenate(kept))), radius


def farther_than(points: FloatArray, landmarks: FloatArray, radius: float) -> NDArray[np.bool_]:
    """Return a mask (n,) of the points (n, d) that are farther than `radius` from all landmarks (m, d)."""
    blocks = [
        euclidean_distances(points[start : start + _BLOCK], landmarks).min(axis=1) > radius
        for start in range(0, len(points), _BLOCK)
    ]
    return np.concatenate(blocks)
