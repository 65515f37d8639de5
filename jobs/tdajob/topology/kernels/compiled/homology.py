"""Deaths of H1 from empty lunes and components of lunes.

Let G be the graph of the edges with an empty lune. Up to boundaries, any other edge (p, q) equals the path
from p to q via a point of the first component of its lune, and so, step by step, a path in G. Edges of a
spanning forest of G contribute zero and every other edge of G is a birth, so a path is a linear combination
of births. Each further component of a lune makes two paths of one edge equal. The reduction of these
relations, in order, gives the deaths.

A reference denotes an edge, oriented from its low to its high slot: its number plus one, negative for the
opposite orientation. The edges of G have the first numbers, in order.
"""

from __future__ import annotations

import numpy as np

from . import ONE, Flags, IntRows, Ints, ShortRows, Slots, Words, compiled, lowest_bit, triangle_index
from .lunes import WITNESS

_NONE = -1
_HASH, _UPPER_HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


@compiled
def _root(parent: Ints, v: int) -> int:
    while parent[v] != v:
        parent[v] = parent[parent[v]]
        v = parent[v]
    return v


@compiled
def forest(graph: ShortRows, slots: int) -> Flags:
    """Flag the edges of the graph, in order, that join two components: Kruskal's algorithm."""
    parent = np.arange(slots)
    joins = np.zeros(len(graph), np.bool_)
    for at in range(len(graph)):
        p, q = _root(parent, graph[at, 0]), _root(parent, graph[at, 1])
        joins[at] = p != q
        parent[p] = q
    return joins


@compiled
def _key(x: int, y: int) -> int:
    return max(x, y) << 16 | min(x, y)


@compiled
def _place(table: IntRows, key: int) -> int:
    """Return the row of the key in the open-addressing table, or the free row for it."""
    mask = len(table) - 1
    place = int(np.int64((np.uint64(key) * _HASH) >> _UPPER_HALF)) & mask
    while table[place, 0] != key and table[place, 0] != _NONE:
        place = (place + 1) & mask
    return place


@compiled
def _entered(table: IntRows, used: int, key: int, number: int) -> IntRows:
    """Add an entry to the table of `used` entries and return it; a half-full table is enlarged."""
    if 2 * used >= len(table):
        larger = np.full((2 * len(table), 2), _NONE)
        for at in range(len(table)):
            if table[at, 0] != _NONE:
                place = _place(larger, table[at, 0])
                larger[place, 0], larger[place, 1] = table[at, 0], table[at, 1]
        table = larger
    place = _place(table, key)
    table[place, 0], table[place, 1] = key, number
    return table


@compiled
def _reference(table: IntRows, x: int, y: int) -> int:
    """Return the reference of the edge oriented from x to y, or 0 if it has no number yet."""
    key = _key(x, y)
    place = _place(table, key)
    if table[place, 0] != key:
        return 0
    number: int = table[place, 1]
    return number + 1 if x < y else -number - 1


@compiled
def _with_steps(
    table: IntRows, steps: ShortRows, used: int, graph_size: int, certificates: Slots, key: int
) -> tuple[IntRows, ShortRows, int]:
    """Number the edge of the key; return the table, the steps and the number of used table entries."""
    stack, depth = np.empty(64, np.int64), 1
    stack[0] = key
    while depth:
        high, low = stack[depth - 1] >> 16, stack[depth - 1] & 0xFFFF
        if _reference(table, low, high):
            depth -= 1
            continue
        code = int(certificates[triangle_index(high, low)])
        over = code if code >= 0 else WITNESS - code
        first, second = _reference(table, low, over), _reference(table, over, high)
        if first and second:
            if used - graph_size == len(steps):
                steps = np.concatenate((steps, np.empty_like(steps)))
            steps[used - graph_size, 0], steps[used - graph_size, 1] = first, second
            table = _entered(table, used, stack[depth - 1], used)
            used += 1
        else:
            if depth == len(stack):
                stack = np.concatenate((stack, np.empty_like(stack)))
            stack[depth] = _key(over, high) if first else _key(low, over)
            depth += 1
    return table, steps, used


@compiled
def paths(graph: ShortRows, forks: ShortRows, certificates: Slots) -> tuple[ShortRows, ShortRows]:
    """Return steps and relations.

    A step is the pair of references whose sum is the next edge outside G; both have earlier numbers. The
    relation of a fork (p, q, w) consists of the references of (q, w), (w, p) and (p, q).
    """
    table, used = np.full((1024, 2), _NONE), len(graph)
    for at in range(len(graph)):
        table = _entered(table, at, _key(graph[at, 0], graph[at, 1]), at)
    steps = np.empty((1024, 2), np.int32)
    relations = np.empty((len(forks), 3), np.int32)
    for at in range(len(forks)):
        p, q, w = int(forks[at, 0]), int(forks[at, 1]), int(forks[at, 2])
        for side, (x, y) in enumerate(((q, w), (w, p), (p, q))):
            if _reference(table, x, y) == 0:
                table, steps, used = _with_steps(table, steps, used, len(graph), certificates, _key(x, y))
            relations[at, side] = _reference(table, x, y)
    return steps[: used - len(graph)].copy(), relations


@compiled
def _add(
    entries: ShortRows, starts: Ints, reference: int, factor: int, prime: int, sums: Ints, marks: Words
) -> None:
    """Add a multiple of a column to the sums; `marks` has a bit for every row that may be nonzero."""
    column = abs(reference) - 1
    if reference < 0:
        factor = prime - factor
    for at in range(starts[column], starts[column + 1]):
        row = int(entries[at, 0])
        sums[row] = (sums[row] + factor * entries[at, 1]) % prime
        marks[row >> 6] |= ONE << np.uint64(row & 63)


@compiled
def _pivot(sums: Ints, marks: Words) -> int:
    """Return the first row where the sums are nonzero, or -1."""
    for word in range(len(marks)):
        while marks[word]:
            row = 64 * word + lowest_bit(marks[word])
            if sums[row]:
                return row
            marks[word] &= marks[word] - ONE
    return _NONE


@compiled
def _stored(
    entries: ShortRows, starts: Ints, column: int, factor: int, prime: int, sums: Ints, marks: Words
) -> ShortRows:
    """Append a multiple of the sums as the last column, return the entries, and reset the sums to 0."""
    used = starts[column]
    if used + len(sums) > len(entries):
        entries = np.concatenate((entries, np.empty((len(entries) + len(sums), 2), np.int32)))
    for word in range(len(marks)):
        while marks[word]:
            row = 64 * word + lowest_bit(marks[word])
            marks[word] &= marks[word] - ONE
            if sums[row]:
                entries[used, 0], entries[used, 1] = row, factor * sums[row] % prime
                used += 1
                sums[row] = 0
    starts[column + 1] = used
    return entries


@compiled
def _inverse(value: int, prime: int) -> int:
    """Return the inverse modulo a prime, by Fermat's little theorem."""
    power, exponent = 1, prime - 2
    while exponent:
        if exponent & 1:
            power = power * value % prime
        value = value * value % prime
        exponent >>= 1
    return power


@compiled
def deaths(joins: Flags, steps: ShortRows, relations: ShortRows, prime: int) -> Ints:
    """Return for each birth, youngest first, the number of the relation over Z/prime that kills it, or -1.

    Matrix reduction from left to right, with the youngest birth of a column as its pivot: Zomorodian and
    Carlsson, "Computing persistent homology", 2005. Columns are sparse: rows, where row 0 is the youngest
    birth, and coefficients. First come the edges of G, then the steps, then the relations that kill a birth.
    """
    births, known = len(joins) - joins.sum(), len(joins) + len(steps)
    died_by, killer = np.full(births, _NONE), np.full(births, _NONE)
    starts, entries = np.zeros(known + births + 1, np.int64), np.empty((4 * known + births, 2), np.int32)
    sums, marks = np.zeros(births, np.int64), np.zeros((births + 63) // 64, np.uint64)
    for at in range(len(joins)):
        starts[at + 1] = starts[at]
        if not joins[at]:
            entries[starts[at], 0], entries[starts[at], 1] = births - 1 - starts[at], 1
            starts[at + 1] += 1
    for at in range(len(steps)):
        _add(entries, starts, steps[at, 0], 1, prime, sums, marks)
        _add(entries, starts, steps[at, 1], 1, prime, sums, marks)
        entries = _stored(entries, starts, len(joins) + at, 1, prime, sums, marks)
    column = known
    for at in range(len(relations)):
        for side in range(3):
            _add(entries, starts, relations[at, side], 1, prime, sums, marks)
        row = _pivot(sums, marks)
        while row >= 0 and killer[row] >= 0:
            _add(entries, starts, killer[row] + 1, prime - sums[row], prime, sums, marks)
            row = _pivot(sums, marks)
        if row >= 0:
            entries = _stored(entries, starts, column, _inverse(sums[row], prime), prime, sums, marks)
            killer[row], died_by[row] = column, at
            column += 1
            if column == known + births:
                break
    return died_by
