"""Cache of windows that a worker keeps between diagrams, within a memory budget."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tdajob.topology import registry
from tdajob.topology.diagrams.bars import finished_bars
from tdajob.topology.geometry.scales import are_safe
from tdajob.topology.incremental.window import BYTES_PER_PAIR, MAX_CAPACITY, Slots, Window
from tdajob.topology.kernels.loader import Kernels, load_kernels
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.run import describe
from tdajob.topology.validation import check_points, check_query
from tdajob.topology.values import ComputationError, Diagram, FloatArray, Limits, Query
from tdajob.topology.ways import refusal

Sequences = NDArray[np.int64]

ENGINE = "tdaflink:incremental"
MIN_POINTS = 32
"""Measured: with fewer points the engine is as fast. The number of changed points does not matter: even an
update of all points is faster than the engine, and than rebuilding the window."""
_SPARE_CAPACITY = 1.25
"""Slots per point of a window that is rebuilt because it has outgrown its slots."""
_SPARSE = 4
"""Slots per point beyond which a window that has shrunk is rebuilt."""


def applicable(query: Query, n: int, dim: int) -> bool:  # noqa: ARG001 -- any number of coordinates is supported
    """Return whether caching windows of about n points of `dim` coordinates pays off for this query."""
    return (
        query.algorithm == "vietoris_rips"
        and query.engine == "auto"
        and query.max_dimension <= 1
        and not query.params
        and MIN_POINTS <= n <= MAX_CAPACITY
    )


@dataclass(frozen=True)
class Stats:
    """Counts of cache events, and the bytes in use.

    Diagrams count as hits (from a cached window), rebuilds (a window was built for it) or recomputes (by the
    ordinary algorithm). An eviction is a window dropped to make room for others.
    """

    hits: int
    rebuilds: int
    recomputes: int
    evictions: int
    bytes_held: int


@dataclass(frozen=True)
class _Entry:
    window: Window
    sequences: Sequences
    """Sequence number of the point in each slot."""


class IncrementalCaches:
    """Computes diagrams of windows that differ little from the last window with the same key.

    The key is the stream. All diagrams are identical, bit for bit, to those of `recompute` (`compute` of an
    Engine with these limits).
    """

    def __init__(
        self, budget_bytes: int, limits: Limits, recompute: Callable[[FloatArray, Query], Diagram]
    ) -> None:
        self._budget = budget_bytes
        self._limits = limits
        self._recompute = recompute
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        self._held = 0
        self._hits = self._rebuilds = self._recomputes = self._evictions = 0

    @property
    def stats(self) -> Stats:
        """Return a snapshot of the counts."""
        return Stats(self._hits, self._rebuilds, self._recomputes, self._evictions, self._held)

    def diagram(self, key: Hashable, sequences: Sequences, points: FloatArray, query: Query) -> Diagram:
        """Return the diagram of the points (n, d), in any order.

        `sequences` (n,) are unique numbers that identify points across calls with one key; they determine
        which points left and which are new. Raises the ComputationErrors of `recompute`, and bad_sequences.
        """
        check_points(points, self._limits)
        check_query(query)
        _check_sequences(sequences, points)
        n, dim = points.shape
        suitable = applicable(query, n, dim) and self._fits(n) and are_safe(points)
        loaded = load_kernels() if suitable else None
        if loaded is None:
            return self._recomputed(points, query)
        try:
            window = self._window(key, sequences, points, loaded)
            raw = window.intervals(
                query.max_dimension,
                math.inf if query.max_persistence is None else query.max_persistence,
                query.homology_coeff_field,
                _deadline(points, query, self._limits),
            )
        except MemoryError:
            for kept in list(self._entries):
                self.forget(kept)
            return self._recomputed(points, query)
        except BaseException:
            # A partly updated window is invalid.
            self.forget(key)
            raise
        self._record_size(key, window)
        self._make_room(0, key)
        return Diagram(finished_bars(raw, query, query.max_persistence), ENGINE, query.max_persistence, 0.0)

    def forget(self, key: Hashable) -> None:
        """Drop the window of a key, if it is cached."""
        self._entries.pop(key, None)
        self._held -= self._sizes.pop(key, 0)

    def _record_size(self, key: Hashable, window: Window) -> None:
        """Record the bytes of a window, which change with its edges."""
        size = window.nbytes
        self._held += size - self._sizes.get(key, 0)
        self._sizes[key] = size

    def _window(self, key: Hashable, sequences: Sequences, points: FloatArray, loaded: Kernels) -> Window:
        entry = self._entries.get(key)
        if entry is not None and _has_room(entry.window, points):
            self._entries.move_to_end(key)
            self._hits += 1
            leaving, coming = _difference(entry, sequences, points)
            taken = entry.window.update(leaving, points[coming])
            entry.sequences[taken] = sequences[coming]
            return entry.window
        capacity = self._capacity(entry, len(points))
        self.forget(key)
        self._make_room(BYTES_PER_PAIR * capacity**2, key)
        self._rebuilds += 1
        window = Window(capacity, points.shape[1], loaded)
        entry = self._entries[key] = _Entry(window, np.zeros(capacity, dtype=np.int64))
        entry.sequences[window.update(np.empty(0, dtype=np.int64), points)] = sequences
        return window

    def _capacity(self, outgrown: _Entry | None, n: int) -> int:
        """Return the slots for n points: without spare slots until a window has grown."""
        if outgrown is None or n <= len(outgrown.sequences):
            return n
        affordable = min(MAX_CAPACITY, math.isqrt(self._budget // BYTES_PER_PAIR))
        return max(n, min(int(_SPARE_CAPACITY * n), affordable))

    def _fits(self, n: int) -> bool:
        return BYTES_PER_PAIR * n**2 <= self._budget

    def _make_room(self, needed: int, excluded: Hashable) -> None:
        """Evict windows except the excluded one, least recently used first, until `needed` bytes are free."""
        while self._held + needed > self._budget:
            oldest = next((key for key in self._entries if key != excluded), None)
            if oldest is None:
                break
            self.forget(oldest)
            self._evictions += 1

    def _recomputed(self, points: FloatArray, query: Query) -> Diagram:
        self._recomputes += 1
        return self._recompute(points, query)


def _check_sequences(sequences: Sequences, points: FloatArray) -> None:
    if sequences.shape != points.shape[:1] or sequences.dtype != np.int64:
        raise ComputationError(
            "bad_sequences", f"sequences is not one int64 for each of {len(points)} points"
        )
    ordered = np.sort(sequences)
    duplicates = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(duplicates):
        raise ComputationError(
            "bad_sequences", f"sequences has {duplicates[0]} twice: number points uniquely"
        )


def _has_room(window: Window, points: FloatArray) -> bool:
    """Return whether the points fit the window's slots without too many spare ones."""
    capacity, dim = window.points.shape
    fits: bool = len(points) <= capacity <= _SPARSE * len(points)
    return fits and dim == points.shape[1]


def _difference(entry: _Entry, sequences: Sequences, points: FloatArray) -> tuple[Slots, Slots]:
    """Return the slots of points that left the window, and the indices of points that have no slot yet.

    A point whose coordinates changed under its sequence number counts as a new point.
    """
    live = np.flatnonzero(entry.window.alive)
    known = entry.sequences[live]
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known, sequences, sorter=order), len(live) - 1)
    slots = live[order[place]]
    stays = (entry.sequences[slots] == sequences) & (entry.window.points[slots] == points).all(axis=1)
    left = entry.window.alive.copy()
    left[slots[stays]] = False
    return np.flatnonzero(left), np.flatnonzero(~stays)


def _deadline(points: FloatArray, query: Query, limits: Limits) -> Callable[[], None]:
    seconds = limits.compute_timeout
    end = time.monotonic() + seconds

    def check_deadline() -> None:
        if time.monotonic() > end:
            problem = f"{describe(points, query)} did not end within compute_timeout {seconds:g} s"
            accepted = registry.get(query.algorithm).parameters()
            params = resolved_parameters(query.algorithm, accepted, query.params)
            resolved = replace(query, params=params)
            raise refusal("timeout", problem, points, resolved, limits, "compute_timeout")

    return check_deadline
