"""What one diagram alone needs of all distances: how far births go, and the edges in between."""

from __future__ import annotations

import numpy as np

from . import IntRows, RealRows, Reals, Slots, compiled
from .lunes import witness

NEIGHBORS = 4
"""Each of them lies in the lune of about half the long edges of its point, so few of those are left."""


@compiled
def _nearest(distances: RealRows) -> IntRows:
    """For each point its NEIGHBORS nearest ones, or, where there are too few, itself."""
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
    """A length from which on, up to `radius`, every edge has a point strictly nearer to both ends.

    Such an edge brings no component or loop to an end or into being as a loop: its ends are joined already
    by two shorter edges, and the triangle enters with it. The length is that of the longest edge that has
    none, or 0.
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
    """The edges with above < length <= upto that are within the limits of both ends, by (high, low)."""
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
            # Written always, and overwritten by the next one unless it counts: no branch to mispredict.
            length = distances[high, low]
            lengths[count], highs[count], lows[count] = length, high, low
            count += (length > above) & (length <= limit) & (length <= limits[low])
    return lengths[:count].copy(), highs[:count].copy(), lows[:count].copy()
