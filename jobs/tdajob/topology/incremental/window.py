"""Exact Rips persistence in H0 and H1 of one window, updated as points leave and arrive.

The method is the reduced Rips filtration of Koyama, Mémoli, Robins and Turner, "Faster computation of
degree-1 persistent homology using the reduced Vietoris-Rips filtration", arXiv:2307.16333. The effect of an
edge on H0 and H1 depends only on its lune (the points whose edges to both its ends are earlier): if the lune
is empty, two components merge or a class of H1 is born; if it is connected, nothing changes; if it has k
components, up to k - 1 classes die. The addition of this module is that certificates of lunes are kept from
one diagram to the next.

Invariants between two calls:
- edges are ordered by (length, high slot, low slot), so two edges keep their order while both are live;
- the list has all edges between live slots up to its reach, sorted;
- every certificate is valid for the points of the last diagram; `_changed` marks the slots changed since.

A diagram certifies the near edges, in order, up to a length where one component remains and every class of
H1 has died. Then it proves that every far edge has a point in its lune: so no far edge gives birth, and the
diagram is complete.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from tdajob.topology.kernels.births_deaths import Events, events
from tdajob.topology.kernels.edge_list import EdgeList, reach_of
from tdajob.topology.kernels.loader import Kernels
from tdajob.topology.values import FloatArray

Slots = NDArray[np.int64]

MAX_CAPACITY = 30_000
"""Certificates store a slot in 16 bits."""
BYTES_PER_PAIR = 20
"""Bytes per capacity²: the measured peak while a window is built. It then uses 9 to 16."""
_FIRST_EDGES_PER_POINT = 8
_GROWTH = 1.5
_SLACK = 1.05
"""First reach of a diagram / last event of the previous diagram."""
_SHORT_LIST = 1024
"""Number of edges below which trimming the list does not pay off."""
_CHUNK = 1 << 16
"""Near edges between two checks of the deadline: some milliseconds."""


class Window:
    """Points in slots, the distances between them, and the certificates of their edges."""

    def __init__(self, capacity: int, dim: int, kernels: Kernels) -> None:
        self._kernels = kernels
        self.points: FloatArray = np.zeros((capacity, dim))
        self.alive = np.zeros(capacity, dtype=np.bool_)
        self._distances: FloatArray = np.zeros((capacity, capacity))
        self._certificates = np.full(math.comb(capacity, 2), kernels.lunes.VOID, dtype=np.int16)
        self._edges = EdgeList(kernels)
        self._changed = np.zeros(capacity, dtype=np.bool_)
        self._arrival = np.zeros(capacity, dtype=np.int64)
        self._arrived = 0
        self._last_event: float | None = None

    @property
    def nbytes(self) -> int:
        """The memory in use, in bytes."""
        held = (self.points, self._distances, self._certificates, self._arrival)
        return sum(array.nbytes for array in held) + self._edges.nbytes

    def update(self, leaving: Slots, coming: FloatArray) -> Slots:
        """Free the slots of leaving points, place the coming points (k, d), and return their slots."""
        self.alive[leaving] = False
        self._edges.remove(~self.alive)
        taken = np.flatnonzero(~self.alive)[: len(coming)]
        self.alive[taken] = True
        self.points[taken] = coming
        self._arrival[taken] = self._arrived + np.arange(len(taken))
        self._arrived += len(taken)
        touched = np.union1d(leaving, taken)
        self._changed[touched] = True
        self._kernels.lunes.reset(self._certificates, touched, self.alive)
        self._connect(taken)
        return taken

    def _connect(self, taken: Slots) -> None:
        live = np.flatnonzero(self.alive)
        fresh = np.zeros_like(self.alive)
        fresh[taken] = True
        # From differences of coordinates, so symmetric to the last bit.
        new = cdist(self.points[taken], self.points[live])
        self._kernels.edges.place_distances(self._distances, taken, live, fresh, new)
        self._edges.add_newcomers(self._distances, live, fresh)

    def intervals(
        self, max_dimension: int, cut: float, prime: int, check_deadline: Callable[[], None]
    ) -> list[FloatArray]:
        """Return births and deaths (k, 2) of H0 and, if requested, of H1 over Z/prime up to `cut`.

        `check_deadline` is called every few milliseconds and may raise; the window must then be dropped.
        """
        sweep = _Sweep(self._changed, self._newest_first(), check_deadline)
        pairs = math.comb(len(sweep.newest_first), 2)
        self._certify(sweep, min(cut, self._first_reach(len(sweep.newest_first))))
        proven = False
        while True:
            last = sweep.end == pairs or sweep.upto >= cut
            outcome = events(
                self._kernels,
                sweep.lune_events,
                self._certificates,
                self._distances,
                len(sweep.newest_first),
                prime=prime if max_dimension > 0 else None,
                last=last,
            )
            if last:
                break
            if outcome.unfinished:
                self._certify(sweep, min(cut, self._length_of(int(_GROWTH * sweep.end) + 1)))
            elif proven or max_dimension == 0:
                break
            else:
                longest, proven = self._prove(sweep, search=True), True
                if longest == 0:
                    break
                self._certify(sweep, min(cut, longest))
        if not proven and sweep.end < pairs:
            self._prove(sweep, search=False)
        self._settle(sweep, outcome)
        return [outcome.h0, outcome.h1]

    def _newest_first(self) -> Slots:
        live = np.flatnonzero(self.alive)
        return live[np.argsort(-self._arrival[live])]

    def _first_reach(self, n: int) -> float:
        if self._last_event is None:
            return self._length_of(_FIRST_EDGES_PER_POINT * n)
        return _SLACK * self._last_event

    def _length_of(self, count: int) -> float:
        """Return the length of the `count`-th edge in order; infinite if there are fewer edges."""
        live, target = np.flatnonzero(self.alive), count
        while len(self._edges) < count and self._edges.reach < math.inf:
            self._edges.extend(self._distances, self.alive, reach_of(target, self._distances, live))
            target *= 2
        return float(self._edges.lengths[count - 1]) if len(self._edges) >= count else math.inf

    def _certify(self, sweep: _Sweep, upto: float) -> None:
        """Certify all edges up to that length, which makes them near edges."""
        if upto > self._edges.reach:
            self._edges.extend(self._distances, self.alive, _SLACK * upto)
        end = int(np.searchsorted(self._edges.lengths, upto, side="right"))
        while sweep.end < end:
            sweep.check_deadline()
            begin, sweep.end = sweep.end, min(end, sweep.end + _CHUNK)
            lune_events = self._kernels.lunes.near_pass(
                self._edges.highs,
                self._edges.lows,
                begin,
                sweep.end,
                self._certificates,
                sweep.rank,
                sweep.joined,
                sweep.joined_to_new,
                sweep.first_word,
            )
            sweep.lune_events = np.concatenate((sweep.lune_events, lune_events))
        sweep.upto = upto

    def _prove(self, sweep: _Sweep, search: bool) -> float:
        """Find a point in the lune of every far edge; return the length of the longest edge without, or 0."""
        sweep.check_deadline()
        longest: float = self._kernels.lunes.far_pass(
            self._distances, self._certificates, sweep.newest_first, sweep.rank, sweep.upto, search
        )
        return longest

    def _settle(self, sweep: _Sweep, outcome: Events) -> None:
        """Prepare for the next update: clear the changes, record the last event, trim the edge list."""
        self._changed[:] = False
        bars = np.concatenate((outcome.h0, outcome.h1))
        self._last_event = float(bars[np.isfinite(bars)].max(initial=0.0))
        useful = max(2 * sweep.end, _SHORT_LIST)
        if len(self._edges) > 2 * useful:
            self._edges.trim(useful)


class _Sweep:
    """The progress of one diagram: the reach of the near edges, and their events."""

    def __init__(
        self, changed: NDArray[np.bool_], newest_first: Slots, check_deadline: Callable[[], None]
    ) -> None:
        self.newest_first = newest_first
        self.check_deadline = check_deadline
        self.upto, self.end = -1.0, 0
        self.lune_events = np.empty((0, 3), dtype=np.int32)
        self.rank = np.where(changed, np.cumsum(changed) - 1, -1)
        self.joined = _empty_sets(len(changed), len(changed))
        self.joined_to_new = _empty_sets(len(changed), np.count_nonzero(changed))
        # In a sliding window the slots below the newest one are the next newest; hubs among them last long.
        newest = int(newest_first[0]) if len(newest_first) else 0
        self.first_word = (newest // 64 - 1) % self.joined.shape[1]


def _empty_sets(count: int, slots: int) -> NDArray[np.uint64]:
    return np.zeros((count, (slots + 63) // 64), dtype=np.uint64)
