"""Conversion of an engine's raw intervals to the bars of a diagram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tdajob.topology.values import FloatArray, Query


def finished_bars(raw: Sequence[FloatArray], query: Query, cut: float | None) -> tuple[FloatArray, ...]:
    """Cut, filter, sort and pad intervals: one (k, 2) array per dimension 0 to `query.max_dimension`.

    `raw[d]` has births and deaths of H_d in any order; dimensions that an engine omitted become empty.
    Bars born after `cut` are dropped and deaths beyond it become infinite, which is exactly the diagram
    of the filtration cut there. Bars of length zero are dropped.
    """
    dimensions = query.max_dimension + 1
    present = [_finished(intervals, cut, query.min_persistence) for intervals in raw[:dimensions]]
    missing = [np.empty((0, 2)) for _ in range(dimensions - len(present))]
    return (*present, *missing)


def _finished(intervals: FloatArray, cut: float | None, min_persistence: float) -> FloatArray:
    bars = np.array(intervals, dtype=np.float64).reshape(-1, 2)
    births, deaths = bars[:, 0], bars[:, 1]
    if cut is not None:
        deaths[deaths > cut] = np.inf
    kept = deaths > births
    if cut is not None:
        kept &= births <= cut
    if min_persistence > 0:
        kept &= deaths - births >= min_persistence
    bars = bars[kept]
    ordered: FloatArray = bars[np.lexsort((bars[:, 1], bars[:, 0]))]
    return ordered
