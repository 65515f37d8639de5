"""H_0 and H_1 of one filtration from the lunes of its edges, by compiled kernels.

Koyama, Mémoli, Robins and Turner, "Faster computation of degree-1 persistent homology using the reduced
Vietoris-Rips filtration", arXiv:2307.16333. `tdajob.topology.incremental` keeps the same structures from
window to window; here they are built for one diagram.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.flag.graph import last_radius, limits_within
from tdajob.topology.kernels.births_deaths import events
from tdajob.topology.kernels.edge_list import Edges, in_order, reach_of
from tdajob.topology.kernels.loader import Kernels
from tdajob.topology.values import FloatArray

FIRST_REACH = 1.25
"""First reach / last birth: enough for most clouds without a large loop."""
FIRST_LIST = 1.5
"""First listed length / last birth: edges are listed in advance, so that extending the reach is cheap."""
GROWTH = 1.5
"""Growth of the number of certified edges while classes have not died."""
LIST_GROWTH = 4
"""Growth of the number of listed edges."""


def intervals(
    kernels: Kernels, distances: FloatArray, cut: float | None, top: int, field: int
) -> list[FloatArray]:
    """Return births and deaths (k, 2) of H_0 to H_top over Z/field, top at most 1, of a matrix (n, n).

    n is at most `incremental.window.MAX_CAPACITY`.
    """
    farthest = distances.max(axis=1)
    radius = last_radius(farthest, cut)
    births_end = kernels.full_matrix.last_empty_lune(distances, radius)
    return _Filtration(kernels, distances, farthest, radius).intervals(births_end, top, field)


class _Filtration:
    """The listed edges in order, and the events from the lunes of the certified ones."""

    def __init__(self, kernels: Kernels, distances: FloatArray, farthest: FloatArray, radius: float) -> None:
        n = len(distances)
        self._kernels, self._distances, self._radius = kernels, distances, radius
        self._farthest = farthest
        self._edges: Edges = (np.empty(0), np.empty(0, dtype=np.int16), np.empty(0, dtype=np.int16))
        self._reach, self._end = -1.0, 0
        self._certificates = np.full(math.comb(n, 2), kernels.lunes.UNSEEN, dtype=np.int16)
        self._joined = np.zeros((n, (n + 63) // 64), dtype=np.uint64)
        self._lune_events = np.empty((0, 3), dtype=np.int32)

    def intervals(self, births_end: float, top: int, field: int) -> list[FloatArray]:
        """Certify edges beyond the last birth until every class has died."""
        prime = field if top > 0 else None
        for end in self._ends(births_end):
            self._certify(end)
            outcome = events(
                self._kernels,
                self._lune_events,
                self._certificates,
                self._distances,
                len(self._distances),
                prime=prime,
                last=self._reach >= self._radius and end == len(self._edges[0]),
            )
            if not outcome.unfinished:
                break
        return [outcome.h0, outcome.h1][: top + 1]

    def _ends(self, births_end: float) -> Iterator[int]:
        """Yield growing numbers of edges to certify; the last is all of them."""
        everywhere = np.full(len(self._distances), self._radius)
        self._list(everywhere, min(self._radius, FIRST_LIST * births_end))
        end = int(np.searchsorted(self._edges[0], FIRST_REACH * births_end, side="right"))
        while end < len(self._edges[0]) or self._reach < self._radius:
            yield end
            target = int(GROWTH * end) + 1
            if end == len(self._edges[0]):
                self._list_more(target)
            end = min(target, len(self._edges[0]))
        yield end

    def _list_more(self, target: int) -> None:
        """List at least `target` edges, if that many exist; from now on without idle edges."""
        count, everyone = LIST_GROWTH * len(self._edges[0]), np.arange(len(self._distances))
        while len(self._edges[0]) < target and self._reach < self._radius:
            reach = min(self._radius, reach_of(count, self._distances, everyone))
            self._list(self._limits, reach if reach > self._reach else self._radius)
            count *= 2

    @cached_property
    def _limits(self) -> FloatArray:
        limits = limits_within(self._distances, self._farthest, self._radius)
        # Up to the current reach all edges are listed.
        return np.maximum(limits, self._reach)

    def _list(self, limits: FloatArray, reach: float) -> None:
        new = in_order(self._kernels.full_matrix.edges_within(self._distances, limits, self._reach, reach))
        lengths, highs, lows = self._edges
        self._edges = (
            np.concatenate((lengths, new[0])),
            np.concatenate((highs, new[1])),
            np.concatenate((lows, new[2])),
        )
        self._reach = reach

    def _certify(self, end: int) -> None:
        lune_events: NDArray[np.int32] = self._kernels.lunes.near_pass(
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
        self._lune_events = np.concatenate((self._lune_events, lune_events))
        self._end = end
