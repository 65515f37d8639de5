"""Nets of points: centres of the lattice cells that contain points."""

from __future__ import annotations

import math

import numpy as np

from tdajob.topology.values import FloatArray

_MOST_CELLS = 2.0**30
"""Maximum distance from the origin along an axis, in cells: rounding stays far below a cell's side."""
_MARGIN = 1 - 2.0**-20
"""Factor of a cell's side that compensates for this rounding."""


def lattice_net(points: FloatArray, radius: float) -> tuple[FloatArray, float]:
    """Return a net of the points (n, d), and the greatest distance of a point to its centre in the net.

    The net consists of the centres of those cells of a fixed cubic lattice that contain points. So it depends
    on the points alone, and changes only if a cell gets its first point or loses its last. Its rows are
    distinct and sorted. Every point is within `radius` (> 0) of the net, and every centre within `radius` of
    a point. If coordinates are too large for such cells, the net is the distinct points, at distance 0.
    """
    # In a unit near the radius no square underflows; coordinates above 2^30 units are kept unchanged anyway.
    exponent = -math.frexp(radius)[1]
    with np.errstate(over="ignore"):
        scaled, reach = np.ldexp(points, exponent), math.ldexp(radius, exponent)
    side = _MARGIN * 2 * reach / math.sqrt(points.shape[1])
    if not np.abs(scaled).max() < _MOST_CELLS * side:
        return np.unique(points, axis=0), 0.0
    centres = (np.floor(scaled / side) + 0.5) * side
    offsets = scaled - centres
    farthest = float(np.sqrt(np.einsum("ij,ij->i", offsets, offsets).max()))
    return np.unique(np.ldexp(centres, -exponent), axis=0), math.ldexp(farthest, -exponent)
