"""Exact Rips persistence in H0 and H1 of one window, kept up to date while points leave and come.

The method is the reduced Rips filtration of Koyama, Mémoli, Robins and Turner, "Faster computation of
degree-1 persistent homology using the reduced Vietoris-Rips filtration", arXiv:2307.16333. When an edge
enters the Rips filtration, H0 and H1 feel of it only the lune (the points whose edges to both its ends are
earlier): if that is empty, two components join or a class of H1 is born; if it is connected, nothing
happens; if it has k components, up to k - 1 classes die. Ours is that certificates of the lunes outlive the
diagram they were made for.

Between two calls:
- edges are ordered by (length, high slot, low slot), so two edges keep their order while both live;
- the list has all edges between live slots up to its reach, in order;
- every certificate is true of the points of the last diagram; `_changed` has what changed since.

A diagram certifies the near edges, in order, up to a length where one component is left and every class of
H1 has died. Then it proves that every far edge has a point in its lune: so none gives birth, and nothing
happens any more.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from tdajob.topology.incremental.edge_list import EdgeList, reach_of
from tdajob.topology.incremental.events import Events, events
from tdajob.topology.incremental.machine_code import Kernels
from tdajob.topology.values import FloatArray

Slots = NDArray[np.int64]

MAX_CAPACITY = 30_000
"""Certificates keep a slot in 16 bits."""
BYTES_PER_PAIR = 20
"""Of capacity squared: the measured peak while a window is made. It then holds 9 to 16."""
_FIRST_EDGES_PER_POINT = 8
_GROWTH = 1.5
_SLACK = 1.05
"""How far beyond the last event of the last diagram the next one looks at once."""
_SHORT_LIST = 1024
"""Edges that are not worth leaving out of the list."""
_CHUNK = 1 << 16
"""Near edges between two looks at the clock: some milliseconds."""


class Window:
    """Points in slots, the distances between them, and what is known about their edges."""

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
        """The memory that it holds."""
        held = (self.points, self._distances, self._certificates, self._arrival)
        return sum(array.nbytes for array in held) + self._edges.nbytes

    def update(self, leaving: Slots, coming: FloatArray) -> Slots:
        """Free the slots that points leave; put the points (k, d) that come into slots, which it returns."""
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
        # From the differences of coordinates, and the same to the last bit from either side.
        new = cdist(self.points[taken], self.points[live])
        self._kernels.edges.place_distances(self._distances, taken, live, fresh, new)
        self._edges.add_newcomers(self._distances, live, fresh)

    def intervals(
        self, max_dimension: int, cut: float, prime: int, keep_going: Callable[[], None]
    ) -> list[FloatArray]:
        """Births and deaths (k, 2) of H0 and, if asked for, of H1 over Z/prime in the filtration to `cut`.

        `keep_going` is called every few milliseconds and may raise; the window must then be dropped.
        """
        sweep = _Sweep(self._changed, self._newest_first(), keep_going)
        pairs = math.comb(len(sweep.newest_first), 2)
        self._certify(sweep, min(cut, self._first_reach(len(sweep.newest_first))))
        proven = False
        while True:
            last = sweep.end == pairs or sweep.upto >= cut
            found = events(
                self._kernels,
                sweep.found,
                self._certificates,
                self._distances,
                len(sweep.newest_first),
                prime=prime if max_dimension > 0 else None,
                last=last,
            )
            if last:
                break
            if found.unfinished:
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
        self._settle(sweep, found)
        return [found.h0, found.h1]

    def _newest_first(self) -> Slots:
        live = np.flatnonzero(self.alive)
        return live[np.argsort(-self._arrival[live])]

    def _first_reach(self, n: int) -> float:
        if self._last_event is None:
            return self._length_of(_FIRST_EDGES_PER_POINT * n)
        return _SLACK * self._last_event

    def _length_of(self, count: int) -> float:
        """The length of the edge with that number in the order, infinite if there are not so many."""
        live, wanted = np.flatnonzero(self.alive), count
        while len(self._edges) < count and self._edges.reach < math.inf:
            self._edges.extend(self._distances, self.alive, reach_of(wanted, self._distances, live))
            wanted *= 2
        return float(self._edges.lengths[count - 1]) if len(self._edges) >= count else math.inf

    def _certify(self, sweep: _Sweep, upto: float) -> None:
        """Make all edges of at most that length near ones."""
        if upto > self._edges.reach:
            self._edges.extend(self._distances, self.alive, _SLACK * upto)
        end = int(np.searchsorted(self._edges.lengths, upto, side="right"))
        while sweep.end < end:
            sweep.keep_going()
            begin, sweep.end = sweep.end, min(end, sweep.end + _CHUNK)
            found = self._kernels.lunes.near_pass(
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
            sweep.found = np.concatenate((sweep.found, found))
        sweep.upto = upto

    def _prove(self, sweep: _Sweep, search: bool) -> float:
        """Find a point in the lune of every far edge; the length of the longest that has none, or 0."""
        sweep.keep_going()
        longest: float = self._kernels.lunes.far_pass(
            self._distances, self._certificates, sweep.newest_first, sweep.rank, sweep.upto, search
        )
        return longest

    def _settle(self, sweep: _Sweep, found: Events) -> None:
        """Get ready for the next points."""
        self._changed[:] = False
        bars = np.concatenate((found.h0, found.h1))
        self._last_event = float(bars[np.isfinite(bars)].max(initial=0.0))
        useful = max(2 * sweep.end, _SHORT_LIST)
        if len(self._edges) > 2 * useful:
            self._edges.trim(useful)


class _Sweep:
    """One diagram in the making: how far the near edges go, and what they gave."""

    def __init__(
        self, changed: NDArray[np.bool_], newest_first: Slots, keep_going: Callable[[], None]
    ) -> None:
        self.newest_first = newest_first
        self.keep_going = keep_going
        self.upto, self.end = -1.0, 0
        self.found = np.empty((0, 3), dtype=np.int32)
        self.rank = np.where(changed, np.cumsum(changed) - 1, -1)
        self.joined = _empty_sets(len(changed), len(changed))
        self.joined_to_new = _empty_sets(len(changed), np.count_nonzero(changed))
        # Slots below the newest one are the next newest where a window slides; hubs among them stay long.
        newest = int(newest_first[0]) if len(newest_first) else 0
        self.first_word = (newest // 64 - 1) % self.joined.shape[1]


def _empty_sets(count: int, slots: int) -> NDArray[np.uint64]:
    return np.zeros((count, (slots + 63) // 64), dtype=np.uint64)
