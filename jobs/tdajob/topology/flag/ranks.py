"""Dense ranks, which replace float64 lengths in an engine that computes in float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.values import FloatArray

MOST_RANKS = 1 << 24
"""Up to this number float32 represents every integer."""
_KEYS = (1 << 32) - 1
_SHORTEST = 1e-290
"""Below this length the factor that converts lengths to keys would overflow."""


def dense_ranks(lengths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ranks 1, 2, … of non-negative lengths (m,), equal for equal lengths, and each rank's value.

    `values[0]` is 0.0, where vertices enter. Numpy sorts 16-bit integers by radix sort, so two such sorts
    order 32-bit keys several times faster than sorting lengths; the few lengths with equal keys are sorted
    afterwards.
    """
    longest = float(lengths.max(initial=0.0))
    keys = (lengths * (_KEYS / longest if longest > _SHORTEST else 0.0)).astype(np.uint32)
    order = np.argsort(keys.astype(np.uint16), kind="stable")
    order = order[np.argsort((keys >> 16).astype(np.uint16)[order], kind="stable")]
    ascending = lengths[order]
    if (ascending[1:] < ascending[:-1]).any():
        _settle_shared_keys(keys, order, ascending)
    steps = np.empty(len(lengths))
    steps[:1] = 1.0
    np.not_equal(ascending[1:], ascending[:-1], out=steps[1:])
    values = np.concatenate(([0.0], ascending[steps > 0]))
    ranks = np.empty(len(lengths))
    ranks[order] = np.cumsum(steps)
    return ranks, values


def _settle_shared_keys(keys: NDArray[np.uint32], order: NDArray[np.intp], ascending: FloatArray) -> None:
    """Sort the lengths of equal keys, in place."""
    sorted_keys = keys[order]
    same = sorted_keys[1:] == sorted_keys[:-1]
    shared = np.zeros(len(keys), dtype=bool)
    shared[1:] |= same
    shared[:-1] |= same
    places = np.flatnonzero(shared)
    # Groups of equal keys are in order already, so one sort of all of them keeps each group in its place.
    rearranged = places[np.argsort(ascending[places], kind="stable")]
    order[places] = order[rearranged]
    ascending[places] = ascending[rearranged]
