"""Centres of lattice cells in place of the points in them."""

from __future__ import annotations

import math

import numpy as np

from tdajob.topology.values import FloatArray

_MOST_CELLS = 2.0**30
"""From the origin, along an axis: rounding stays far below a cell's side."""
_MARGIN = 1 - 2.0**-20
"""So much smaller cells make up for it."""


def lattice_net(points: FloatArray, radius: float) -> tuple[FloatArray, float]:
    """A net of the points (n, d), and the greatest distance from a point to its place in the net.

    The net is the centres of those cells of a fixed cubic lattice that have points. So it depends on the
    points alone, and it changes only where a cell gets its first point or loses its last. Its rows are
    distinct and ordered. Every point lies within `radius`, above 0, of the net, and each of the net within
    it of a point. Coordinates too large for such cells stay as they are, at distance 0.
    """
    # In a unit about the radius: there no square is lost, and what is longer than 2^30 of them stays anyway.
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
