"""Bars from the lunes of the edges so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.kernels.loader import Kernels
from tdajob.topology.values import FloatArray


@dataclass(frozen=True)
class Events:
    """Bars of the edges so far, and whether components still have to merge or classes to die.

    `complete` is false if there were too few edges for H1; its bars were then not computed.
    """

    h0: FloatArray
    h1: FloatArray
    unfinished: bool
    complete: bool


def events(
    kernels: Kernels,
    lune_events: NDArray[np.int32],
    certificates: NDArray[np.int16],
    distances: FloatArray,
    points: int,
    *,
    prime: int | None,
    last: bool,
) -> Events:
    """Return the bars (k, 2) from the output of `near_pass` (`lune_events`) for `points` points.

    H1 is over Z/prime, and empty for None. Unless the edges are the last ones, H1 is not computed if counts
    show that it cannot be complete.
    """
    homology, empty = kernels.homology, lune_events[:, 2] < 0
    graph, forks = lune_events[empty], lune_events[~empty]
    joins = homology.forest(graph, len(distances))
    lengths = distances[graph[:, 0], graph[:, 1]]
    components = points - np.count_nonzero(joins)
    h0_deaths = np.concatenate((lengths[joins], np.full(components, np.inf)))
    h0 = np.column_stack((np.zeros(len(h0_deaths)), h0_deaths))
    h1 = np.empty((0, 2))
    if prime is None:
        return Events(h0, h1, components > 1, True)
    births = len(graph) - np.count_nonzero(joins)
    if not last and (components > 1 or len(forks) < births):
        return Events(h0, h1, True, False)
    steps, relations = homology.paths(graph, forks, certificates)
    died_by = homology.deaths(joins, steps, relations, prime)
    h1_deaths = np.full(len(died_by), math.inf)
    death_edges = forks[died_by[died_by >= 0]]
    h1_deaths[died_by >= 0] = distances[death_edges[:, 0], death_edges[:, 1]]
    h1 = np.column_stack((lengths[~joins][::-1], h1_deaths))
    return Events(h0, h1, components > 1 or bool(np.isinf(h1).any()), True)
