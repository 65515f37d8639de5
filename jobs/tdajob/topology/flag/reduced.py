"""H_0 and H_1 of one filtration from the lunes of its edges, in machine code.

Koyama, Mémoli, Robins and Turner, "Faster computation of degree-1 persistent homology using the reduced
Vietoris-Rips filtration", arXiv:2307.16333: what `tdajob.topology.incremental` keeps from window to window,
here made for one diagram.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.flag.graph import last_radius, limits_within
from tdajob.topology.incremental.edge_list import Edges, in_order, reach_of
from tdajob.topology.incremental.events import events
from tdajob.topology.incremental.machine_code import Kernels
from tdajob.topology.values import FloatArray

FIRST_REACH = 1.25
"""Times the last birth: where most clouds without a large loop are done."""
FIRST_LIST = 1.5
"""Edges are listed further than looked at: to look further then needs no list."""
GROWTH = 1.5
"""Of the edges looked at, where classes are left to die."""
LIST_GROWTH = 4
"""Of the edges listed."""


def intervals(
    kernels: Kernels, distances: FloatArray, cut: float | None, top: int, field: int
) -> list[FloatArray]:
    """Births and deaths (k, 2) of H_0 to H_top over Z/field, top at most 1, of a matrix (n, n).

    n is at most `incremental.window.MAX_CAPACITY`.
    """
    farthest = distances.max(axis=1)
    radius = last_radius(farthest, cut)
    births_end = kernels.anew.last_empty_lune(distances, radius)
    return _Filtration(kernels, distances, farthest, radius).intervals(births_end, top, field)


class _Filtration:
    """Edges in their order, as far as they are listed, and what the lunes of the first ones gave."""

    def __init__(self, kernels: Kernels, distances: FloatArray, farthest: FloatArray, radius: float) -> None:
        n = len(distances)
        self._kernels, self._distances, self._radius = kernels, distances, radius
        self._farthest = farthest
        self._edges: Edges = (np.empty(0), np.empty(0, dtype=np.int16), np.empty(0, dtype=np.int16))
        self._reach, self._end = -1.0, 0
        self._certificates = np.full(math.comb(n, 2), kernels.lunes.UNSEEN, dtype=np.int16)
        self._joined = np.zeros((n, (n + 63) // 64), dtype=np.uint64)
        self._found = np.empty((0, 3), dtype=np.int32)

    def intervals(self, births_end: float, top: int, field: int) -> list[FloatArray]:
        """Certify edges until no class is left, beyond the last birth."""
        prime = field if top > 0 else None
        for end in self._ends(births_end):
            self._certify(end)
            found = events(
                self._kernels,
                self._found,
                self._certificates,
                self._distances,
                len(self._distances),
                prime=prime,
                last=self._reach >= self._radius and end == len(self._edges[0]),
            )
            if not found.unfinished:
                break
        return [found.h0, found.h1][: top + 1]

    def _ends(self, births_end: float) -> Iterator[int]:
        """Numbers of edges to look at, the last of which is all of them."""
        everywhere = np.full(len(self._distances), self._radius)
        self._list(everywhere, min(self._radius, FIRST_LIST * births_end))
        end = int(np.searchsorted(self._edges[0], FIRST_REACH * births_end, side="right"))
        while end < len(self._edges[0]) or self._reach < self._radius:
            yield end
            wanted = int(GROWTH * end) + 1
            if end == len(self._edges[0]):
                self._list_more(wanted)
            end = min(wanted, len(self._edges[0]))
        yield end

    def _list_more(self, wanted: int) -> None:
        """List so many edges, if there are, and from now on none that a dominated vertex makes idle."""
        count, everyone = LIST_GROWTH * len(self._edges[0]), np.arange(len(self._distances))
        while len(self._edges[0]) < wanted and self._reach < self._radius:
            reach = min(self._radius, reach_of(count, self._distances, everyone))
            self._list(self._limits, reach if reach > self._reach else self._radius)
            count *= 2

    @cached_property
    def _limits(self) -> FloatArray:
        limits = limits_within(self._distances, self._farthest, self._radius)
        # Of the edges so far all are listed.
        return np.maximum(limits, self._reach)

    def _list(self, limits: FloatArray, reach: float) -> None:
        new = in_order(self._kernels.anew.edges_within(self._distances, limits, self._reach, reach))
        lengths, highs, lows = self._edges
        self._edges = (
            np.concatenate((lengths, new[0])),
            np.concatenate((highs, new[1])),
            np.concatenate((lows, new[2])),
        )
        self._reach = reach

    def _certify(self, end: int) -> None:
        found: NDArray[np.int32] = self._kernels.lunes.near_pass(
            self._edges[1],
            self._edges[2],
            self._end,
            end,
            self._certificates,
            np.full(len(self._distances), -1),
            self._joined,
            np.zeros((len(self._distances), 0), dtype=np.uint64),
            0,
        )
        self._found = np.concatenate((self._found, found))
        self._end = end
