"""Certificates of lunes.

The lune of an edge is the set of points whose edges to both its ends are earlier. The certificate of an edge
is one number in a packed lower triangle that states a property of its lune:

    h >= 0        h is a hub: it lies in the lune, and earlier edges join it to all the rest of the lune
    UNSEEN        nothing is known
    EMPTY         no point lies in the lune
    VOID          an end of the edge is not a live point
    WITNESS - w   w lies in the lune

Since two edges keep their order while both are live, only points that arrived or left invalidate a
certificate: a hub if it left or a new point of the lune is not joined to it, a witness if it left, EMPTY if
a new point is in the lune.

`rank` numbers the slots that changed since the certificates were made; it is -1 for all others.
"""

from __future__ import annotations

import numpy as np

from . import (
    ONE,
    Flags,
    Ints,
    RealRows,
    ShortRows,
    Slots,
    WordRows,
    Words,
    compiled,
    lowest_bit,
    triangle_index,
)

UNSEEN, EMPTY, VOID, WITNESS = -1, -2, -3, -4
HUB_TRIALS = 6
"""Measured on plane clouds: nearly every lune that has a hub reveals it within so many trials."""


@compiled
def reset(certificates: Slots, slots: Ints, alive: Flags) -> None:
    """Reset the certificates of the slots' edges: UNSEEN between live points, otherwise VOID."""
    for v in slots:
        for w in range(len(alive)):
            if v != w:
                known = UNSEEN if alive[v] and alive[w] else VOID
                certificates[triangle_index(max(v, w), min(v, w))] = known


@compiled
def _join(sets: WordRows, v: int, w: int) -> None:
    sets[v, w >> 6] |= ONE << np.uint64(w & 63)


@compiled
def _holds(code: int, p: int, q: int, joined_to_new: WordRows, rank: Ints) -> bool:
    """Return whether a hub or EMPTY is still valid for the edge (p, q); a witness does not suffice here."""
    if code < 0:
        if code != EMPTY:
            return False
        for word in range(joined_to_new.shape[1]):
            if joined_to_new[p, word] & joined_to_new[q, word]:
                return False
        return True
    if rank[code] >= 0:
        return False
    for word in range(joined_to_new.shape[1]):
        if joined_to_new[p, word] & joined_to_new[q, word] & ~joined_to_new[code, word]:
            return False
    return True


@compiled
def _hub(lune: Words, joined: WordRows, first_word: int, trials: int) -> int:
    """Return a point of the lune that is joined to all others, or -1; one point per word is tried."""
    word = first_word
    for _ in range(len(lune)):
        if lune[word]:
            v = 64 * word + lowest_bit(lune[word])
            missed = np.uint64(0)
            lune[word] &= lune[word] - ONE
            for other in range(len(lune)):
                missed |= lune[other] & ~joined[v, other]
            lune[word] |= ONE << np.uint64(v & 63)
            if missed == 0:
                return v
            trials -= 1
            if trials == 0:
                break
        word = word - 1 if word else len(lune) - 1
    return -1


@compiled
def _next_step(lune: Words, frontier: Words, joined: WordRows) -> int:
    """Return a point of the frontier, preferably joined to the lune's first remaining point; or -1."""
    word = 0
    while lune[word] == 0:
        word += 1
    left = 64 * word + lowest_bit(lune[word])
    step = -1
    for word in range(len(frontier)):
        towards = frontier[word] & joined[left, word]
        if towards:
            return 64 * word + lowest_bit(towards)
        if frontier[word] and step < 0:
            step = 64 * word + lowest_bit(frontier[word])
    return step


@compiled
def _components(lune: Words, joined: WordRows, start: int, frontier: Words, components: Ints) -> int:
    """Return the number of components of the lune, or 0 if `start` is a hub; clears `lune`.

    One point of each component is written to `components`, `start` first.
    """
    number, word, v, steps = 0, 0, start, 0
    while True:
        components[number] = v
        number += 1
        lune[v >> 6] ^= ONE << np.uint64(v & 63)
        frontier[:] = 0
        while v >= 0:
            left = np.uint64(0)
            for other in range(len(lune)):
                reached = lune[other] & joined[v, other]
                frontier[other] |= reached
                lune[other] ^= reached
                left |= lune[other]
            if left == 0:
                return number if steps else 0
            steps += 1
            v = _next_step(lune, frontier, joined)
            if v >= 0:
                frontier[v >> 6] ^= ONE << np.uint64(v & 63)
        while lune[word] == 0:
            word += 1
        v = 64 * word + lowest_bit(lune[word])


@compiled
def _certified(
    p: int,
    q: int,
    joined: WordRows,
    first_word: int,
    trials: int,
    lune: Words,
    frontier: Words,
    components: Ints,
) -> tuple[int, int]:
    """Return the certificate of the edge (p, q), and its number of components if computed, else 0."""
    any_point = np.uint64(0)
    for word in range(len(lune)):
        lune[word] = joined[p, word] & joined[q, word]
        any_point |= lune[word]
    if any_point == 0:
        return EMPTY, 0
    if trials:
        hub = _hub(lune, joined, first_word, trials)
        if hub >= 0:
            return hub, 0
    word = first_word
    while lune[word] == 0:
        word = word - 1 if word else len(lune) - 1
    start = 64 * word + lowest_bit(lune[word])
    number = _components(lune, joined, start, frontier, components)
    return (WITNESS - start, number) if number else (start, 0)


@compiled
def near_pass(
    highs: Slots,
    lows: Slots,
    begin: int,
    end: int,
    certificates: Slots,
    rank: Ints,
    joined: WordRows,
    joined_to_new: WordRows,
    first_word: int,
) -> ShortRows:
    """Certify the edges begin to end - 1 of the list, in order.

    joined[v] is the set of slots that edges before `begin` join to v, and afterwards edges before `end`;
    joined_to_new[v] is the same for changed slots only, by rank. The search for hubs starts at `first_word`
    and goes downwards.

    Returns the events of homology, in order: (high, low, -1) for an edge with an empty lune; for an edge
    with k > 1 components in its lune, k - 1 times (high, low, a point of a further component), where the
    certificate is a witness in the first component.
    """
    lune, frontier = np.empty(joined.shape[1], np.uint64), np.empty(joined.shape[1], np.uint64)
    components = np.empty(len(joined) + 2, np.int64)
    found, count = np.empty((1024, 3), np.int32), 0
    for at in range(begin, end):
        p, q = int(highs[at]), int(lows[at])
        index = triangle_index(p, q)
        code, number = int(certificates[index]), 0
        if not _holds(code, p, q, joined_to_new, rank):
            # A lune without a hub in the last diagram seldom has one now.
            trials = 0 if code <= WITNESS else HUB_TRIALS
            begin_word = first_word if trials else (first_word + at) % len(lune)
            code, number = _certified(p, q, joined, begin_word, trials, lune, frontier, components)
            certificates[index] = code
        if code == EMPTY:
            components[1], number = -1, 2
        while count + number > len(found):
            found = np.concatenate((found, np.empty_like(found)))
        for k in range(1, number):
            found[count, 0], found[count, 1], found[count, 2] = p, q, components[k]
            count += 1
        _join(joined, p, q)
        _join(joined, q, p)
        if rank[p] >= 0:
            _join(joined_to_new, q, rank[p])
        if rank[q] >= 0:
            _join(joined_to_new, p, rank[q])
    return found[:count].copy()


@compiled
def witness(distances: RealRows, candidates: Ints, p: int, q: int) -> int:
    """Return the first candidate that is nearer to p and q than they are to each other, or -1."""
    length = distances[p, q]
    for w in candidates:
        if distances[p, w] < length and distances[q, w] < length:
            return int(w)
    return -1


@compiled
def far_pass(
    distances: RealRows, certificates: Slots, newest_first: Ints, rank: Ints, above: float, search: bool
) -> float:
    """Certify every edge longer than `above` by a witness; return the longest edge without one, or 0.

    `newest_first` are the live slots: the newest witness stays longest. A new witness is strictly nearer to
    both ends, so ties do not matter. Without `search` an edge that lost its witness becomes UNSEEN, and the
    result is 0.
    """
    settled = np.zeros(len(distances) - WITNESS, np.bool_)
    settled[-VOID] = True
    for w in newest_first:
        settled[w - WITNESS] = rank[w] < 0
    longest = 0.0
    for high in range(len(distances)):
        start = triangle_index(high, 0)
        for low in range(high):
            code = int(certificates[start + low])
            if code < 0 and settled[-code]:
                continue
            length = distances[high, low]
            if length <= above:
                continue
            if code >= 0 and rank[code] < 0:
                certificates[start + low] = WITNESS - code
                continue
            w = witness(distances, newest_first, high, low) if search else -1
            certificates[start + low] = WITNESS - w if w >= 0 else UNSEEN
            if search and w < 0:
                longest = max(longest, length)
    return longest
