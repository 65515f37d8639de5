"""Kernels on distances and sorted lists of edges (lengths, high slots, low slots)."""

from __future__ import annotations

import numpy as np

from . import Flags, Ints, RealRows, Reals, Slots, compiled


@compiled
def place_distances(distances: RealRows, placed: Ints, live: Ints, fresh: Flags, new: RealRows) -> None:
    """Write new distances, from the placed slots (rows) to the live slots (columns), into the matrix."""
    for row in range(len(placed)):
        for column in range(len(live)):
            distances[placed[row], live[column]] = new[row, column]
    for column in range(len(live)):
        if not fresh[live[column]]:
            for row in range(len(placed)):
                distances[live[column], placed[row]] = new[row, column]


@compiled
def edges_between(
    distances: RealRows, live: Ints, fresh: Flags, above: float, upto: float
) -> tuple[Reals, Slots, Slots]:
    """Return the edges with a fresh end and above < length <= upto, by (high, low); `live` ascends."""
    newcomers = live[fresh[live]]
    count = 0
    for high in live:
        for low in live if fresh[high] else newcomers:
            if low >= high:
                break
            count += above < distances[high, low] <= upto
    lengths, highs, lows = np.empty(count), np.empty(count, np.int16), np.empty(count, np.int16)
    at = 0
    for high in live:
        for low in live if fresh[high] else newcomers:
            if low >= high:
                break
            length = distances[high, low]
            if above < length <= upto:
                lengths[at], highs[at], lows[at] = length, high, low
                at += 1
    return lengths, highs, lows


@compiled
def remove_edges(lengths: Reals, highs: Slots, lows: Slots, count: int, gone: Flags) -> int:
    """Remove the edges with a removed end from the list; return the number of remaining edges."""
    kept = 0
    for at in range(count):
        if not (gone[highs[at]] or gone[lows[at]]):
            lengths[kept], highs[kept], lows[kept] = lengths[at], highs[at], lows[at]
            kept += 1
    return kept


@compiled
def merge_edges(
    lengths: Reals,
    highs: Slots,
    lows: Slots,
    count: int,
    new_lengths: Reals,
    new_highs: Slots,
    new_lows: Slots,
) -> None:
    """Merge sorted new edges into the sorted list, which has room for them after its `count` edges."""
    old, new = count - 1, len(new_lengths) - 1
    while new >= 0:
        to = old + new + 1
        later = False
        if old >= 0:
            later = lengths[old] > new_lengths[new]
            if lengths[old] == new_lengths[new]:
                later = highs[old] > new_highs[new] or (
                    highs[old] == new_highs[new] and lows[old] > new_lows[new]
                )
        if later:
            lengths[to], highs[to], lows[to] = lengths[old], highs[old], lows[old]
            old -= 1
        else:
            lengths[to], highs[to], lows[to] = new_lengths[new], new_highs[new], new_lows[new]
            new -= 1
