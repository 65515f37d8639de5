"""Kernels on the full matrix of distances, for a single diagram: bound of births, and list of edges."""

from __future__ import annotations

import numpy as np

from . import IntRows, RealRows, Reals, Slots, compiled
from .lunes import witness

NEIGHBORS = 4
"""Each neighbor lies in the lune of about half the long edges of its point, so few edges remain."""


@compiled
def _nearest(distances: RealRows) -> IntRows:
    """Return the NEIGHBORS nearest points of each point, padded with the point itself."""
    n = len(distances)
    found = np.empty((n, NEIGHBORS), np.int64)
    lengths = np.empty(NEIGHBORS)
    for v in range(n):
        found[v, :] = v
        lengths[:] = np.inf
        for w in range(n):
            length = distances[v, w]
            if length < lengths[NEIGHBORS - 1] and w != v:
                at = NEIGHBORS - 1
                while at > 0 and length < lengths[at - 1]:
                    lengths[at], found[v, at] = lengths[at - 1], found[v, at - 1]
                    at -= 1
                lengths[at], found[v, at] = length, w
    return found


@compiled
def last_empty_lune(distances: RealRows, radius: float) -> float:
    """Return the length of the longest edge up to `radius` with no point strictly nearer to both ends, or 0.

    Longer edges have such a point, so they merge no components and give birth to no class of H1: their ends
    are joined by two shorter edges, and the triangle enters with the edge.
    """
    nearest = _nearest(distances)
    everyone, detour = np.arange(len(distances)), np.empty(len(distances))
    longest = 0.0
    for p in range(len(distances)):
        detour[:p] = np.inf
        for w in nearest[p]:
            reach = distances[p, w]
            for q in range(p):
                way = max(distances[w, q], reach)
                detour[q] = way if way < detour[q] else detour[q]
        for q in range(p):
            length = distances[p, q]
            # Most edges end here, by the first comparison.
            if detour[q] < length or length <= longest or length > radius:
                continue
            if witness(distances, nearest[q], p, q) < 0 and witness(distances, everyone, p, q) < 0:
                longest = length
    return longest


@compiled
def edges_within(distances: RealRows, limits: Reals, above: float, upto: float) -> tuple[Reals, Slots, Slots]:
    """Return the edges with above < length <= upto and within the limits of both ends, by (high, low)."""
    lengths, highs, lows = np.empty(1024), np.empty(1024, np.int16), np.empty(1024, np.int16)
    count = 0
    for high in range(len(distances)):
        if count + high > len(lengths):
            more = max(high, len(lengths))
            lengths = np.concatenate((lengths, np.empty(more)))
            highs = np.concatenate((highs, np.empty(more, np.int16)))
            lows = np.concatenate((lows, np.empty(more, np.int16)))
        limit = min(limits[high], upto)
        for low in range(high):
            # Write always, and overwrite with the next edge unless it counts: no branch to mispredict.
            length = distances[high, low]
            lengths[count], highs[count], lows[count] = length, high, low
            count += (length > above) & (length <= limit) & (length <= limits[low])
    return lengths[:count].copy(), highs[:count].copy(), lows[:count].copy()
