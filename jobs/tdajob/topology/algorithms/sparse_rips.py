"""Persistent homology of a sparse filtration near the Vietoris-Rips filtration."""

from __future__ import annotations

import math
from collections.abc import Sequence

import gudhi
import numpy as np
from gudhi.random import set_seed

from tdajob.topology import metrics, simplex_tree
from tdajob.topology.about import About, Library
from tdajob.topology.bars import finished_bars
from tdajob.topology.costs import SPARSE_RIPS
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram, FloatArray, Query

BYTES_PER_PAIR = 24
"""The distances, and gudhi's copy of them."""


@register
class SparseRips(Algorithm):
    """Long edges of points that others stand for are left out or enter later, which leaves few simplices.

    Every value is at least that of the Rips filtration and at most 1 / (1 - epsilon) times it, in the
    sense that the two filtrations interleave: Sheehy, "Linear-size approximations to the Vietoris-Rips
    filtration", 2013; Cavanna, Jahanseir and Sheehy, "A geometric perspective on sparse filtrations",
    2015. It needs the triangle inequality, which a request that brings its distances must see to. The
    points that stand for others are farthest points from one that a fixed seed chooses.
    """

    name = "sparse_rips"
    about = About(
        computes="sparse filtration near the Rips one, with few simplices",
        unit="edge length",
        values="lengths of edges (diameters), in the unit of the distances",
        exact="to a factor",
        exactness="up to the factor 1 / (1 - epsilon); the bound is in error_bound",
        memory="24 bytes for each pair of points, and the simplices that are left",
        reference="Cavanna, Jahanseir and Sheehy, A geometric perspective on sparse filtrations, 2015",
        libraries=(Library("gudhi (Rips complex, simplex tree)", "MIT"),),
        costs=SPARSE_RIPS,
        instead="approximate, with error_bound",
    )
    takes_distances = True

    def parameters(self) -> Sequence[Parameter]:
        """How far apart points are, and how much may be lost."""
        return (
            *metrics.PARAMETERS,
            Parameter(
                "epsilon",
                float,
                0.5,
                "between 0 and 1: values are exact up to the factor 1 / (1 - epsilon); more is sparser",
                minimum=0,
                maximum=1,
                exclusive=True,
            ),
        )

    def check(self, points: FloatArray, query: Query) -> None:
        """Whether the points suit the metric."""
        metrics.check_metric(points, query.params)

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- as the base has it
        """The matrix alone: how many simplices are left, the shape decides."""
        return BYTES_PER_PAIR * n * n

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """The diagram of the points (n, d), cut at `query.max_persistence`, and its distance to the exact."""
        distances = metrics.distances_between(points, query.params)
        cut = query.max_persistence
        set_seed(0)
        tree = gudhi.RipsComplex(
            distance_matrix=distances,
            max_edge_length=math.inf if cut is None else cut,
            sparse=_epsilon(query),
        ).create_simplex_tree(max_dimension=query.max_dimension + 1)
        raw = simplex_tree.intervals(tree, query.max_dimension, query.homology_coeff_field)
        bars = finished_bars(raw, query, cut)
        bound = _error_bound(bars, distances, query) + metrics.lost_length(points, query.params)
        return Diagram(bars, "gudhi:sparse_rips", cut, bound)


def _epsilon(query: Query) -> float:
    return float(str(query.params["epsilon"]))


def _error_bound(bars: Sequence[FloatArray], distances: FloatArray, query: Query) -> float:
    """How far a factor of 1 / (1 - epsilon) can move the greatest value that there is.

    No bar of the Rips filtration goes beyond the enclosing radius.
    """
    found = np.concatenate(bars)
    greatest = max(float(distances.max(axis=1).min()), float(found[np.isfinite(found)].max()))
    if query.max_persistence is not None:
        greatest = min(greatest, query.max_persistence)
    return greatest * (1 / (1 - _epsilon(query)) - 1)
