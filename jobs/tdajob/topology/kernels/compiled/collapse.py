"""Edge collapse: fewer edges, some of which enter later, with the same persistence.

A vertex dominates an edge if it is joined to both ends and to every other vertex that is joined to both.
With or without a dominated edge the complex has the same homotopy type, so the edge may enter only when no
vertex dominates it any more, or never: Boissonnat and Pritam, "Edge collapse and persistence of flag
complexes", 2020; Glisse and Pritam, "Swap, shift and trim to edge collapse a filtration", 2022.

Edges are processed from the last to the first, so that the later part of the graph has few edges. `before`
is the adjacency of the edges that are not yet processed, `ever` also of the processed edges that remain;
every vertex is joined to itself. `entry[v, w]` is the value at which v and w are joined: 0 (earlier than
any) if `before` joins them, infinity if nothing does.
"""

from __future__ import annotations

import numpy as np

from . import ONE, Ints, RealRows, Reals, Slots, WordRows, Words, compiled, lowest_bit

_NONE = -1


@compiled
def _join(sets: WordRows, v: int, w: int) -> None:
    sets[v, w >> 6] |= ONE << np.uint64(w & 63)
    sets[w, v >> 6] |= ONE << np.uint64(v & 63)


@compiled
def _part(sets: WordRows, v: int, w: int) -> None:
    sets[v, w >> 6] &= ~(ONE << np.uint64(w & 63))
    sets[w, v >> 6] &= ~(ONE << np.uint64(v & 63))


@compiled
def _whole_graph(slots: int, highs: Slots, lows: Slots) -> tuple[WordRows, RealRows]:
    """Return `before` and `entry` before any edge is processed."""
    before = np.zeros((slots, (slots + 63) // 64), np.uint64)
    entry = np.full((slots, slots), np.inf)
    for v in range(slots):
        _join(before, v, v)
        entry[v, v] = 0.0
    for at in range(len(highs)):
        p, q = int(highs[at]), int(lows[at])
        _join(before, p, q)
        entry[p, q] = entry[q, p] = 0.0
    return before, entry


@compiled
def _common(
    p: int, q: int, before: WordRows, ever: WordRows, entry: RealRows, lens: Words, late: Ints, times: Reals
) -> int:
    """Write early common neighbors to `lens`, later ones to `late` and `times`; return the later's count."""
    count = 0
    for word in range(len(lens)):
        lens[word] = before[p, word] & before[q, word]
        left = ever[p, word] & ever[q, word] & ~lens[word]
        while left:
            w = 64 * word + lowest_bit(left)
            late[count], times[count] = w, max(entry[p, w], entry[q, w])
            count += 1
            left &= left - ONE
    return count


@compiled
def _stranger(v: int, lens: Words, before: WordRows, entry: RealRows, now: float) -> int:
    """Return a vertex of the set that is not yet joined to v, or -1."""
    for word in range(len(lens)):
        missed = lens[word] & ~before[v, word]
        while missed:
            w = 64 * word + lowest_bit(missed)
            if entry[v, w] > now:
                return w
            missed &= missed - ONE
    return _NONE


@compiled
def _dominator(
    lens: Words, first: int, before: WordRows, ever: WordRows, entry: RealRows, now: float, left: Words
) -> int:
    """Return a vertex of the set that is joined to all others now, or -1; `first` is tried first."""
    left[:] = lens
    word, v = 0, first
    if v < 0 or not (lens[v >> 6] >> np.uint64(v & 63)) & ONE:
        v = _NONE
    while True:
        while v < 0 and left[word] == 0:
            word += 1
            if word == len(left):
                return _NONE
        if v < 0:
            v = 64 * word + lowest_bit(left[word])
        stranger = _stranger(v, lens, before, entry, now)
        if stranger < 0:
            return v
        left[v >> 6] &= ~(ONE << np.uint64(v & 63))
        # A vertex that is never joined to the stranger cannot dominate.
        for other in range(word, len(left)):
            left[other] &= ever[stranger, other]
        v = _NONE


@compiled
def _end_of_reign(v: int, entry: RealRows, now: float, late: Ints, times: Reals, count: int) -> float:
    """Return the value at which the first later common neighbor is not joined to v, or infinity."""
    end = np.inf
    for at in range(count):
        if now < times[at] < end and entry[v, late[at]] > times[at]:
            end = times[at]
    return end


@compiled
def collapsed(slots: int, lengths: Reals, highs: Slots, lows: Slots) -> Reals:
    """Return the entry value of each edge, or infinity for a removed edge; lengths ascend from 0."""
    before, entry = _whole_graph(slots, highs, lows)
    ever = before.copy()
    lens, left = np.empty(before.shape[1], np.uint64), np.empty(before.shape[1], np.uint64)
    late, times = np.empty(slots, np.int64), np.empty(slots)
    entries, dominator = np.full(len(lengths), np.inf), _NONE
    for at in range(len(lengths) - 1, -1, -1):
        p, q, now = int(highs[at]), int(lows[at]), lengths[at]
        _part(before, p, q)
        _part(ever, p, q)
        count = _common(p, q, before, ever, entry, lens, late, times)
        while now < np.inf:
            for k in range(count):
                if times[k] <= now:
                    lens[late[k] >> 6] |= ONE << np.uint64(late[k] & 63)
            # The dominator of one edge usually dominates the next.
            found = _dominator(lens, dominator, before, ever, entry, now, left)
            if found < 0:
                _join(ever, p, q)
                break
            dominator = found
            now = _end_of_reign(dominator, entry, now, late, times, count)
        entries[at] = entry[p, q] = entry[q, p] = now
    return entries
