"""Persistent homology of the sparse Rips filtration, an approximation of the Vietoris-Rips filtration."""

from __future__ import annotations

import math
from collections.abc import Sequence

import gudhi
import numpy as np
from gudhi.random import set_seed

from tdajob.topology import simplex_tree
from tdajob.topology.about import About, Library
from tdajob.topology.costs import SPARSE_RIPS
from tdajob.topology.diagrams.bars import finished_bars
from tdajob.topology.geometry import point_metrics
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram, FloatArray, Query

BYTES_PER_PAIR = 24
"""The distances, and gudhi's copy of them."""


@register
class SparseRips(Algorithm):
    """Long edges of points near a landmark are omitted or enter later, so that few simplices remain.

    Every value is at least that of the Rips filtration and at most 1 / (1 - epsilon) times it, in the
    sense that the two filtrations interleave: Sheehy, "Linear-size approximations to the Vietoris-Rips
    filtration", 2013; Cavanna, Jahanseir and Sheehy, "A geometric perspective on sparse filtrations",
    2015. The bound requires the triangle inequality, which the sender of a distance matrix must ensure. The
    order of the landmarks is farthest-point sampling from a point that a fixed random seed selects.
    """

    name = "sparse_rips"
    about = About(
        computes="sparse Rips filtration: approximates Rips with few simplices",
        unit="edge length",
        values="lengths of edges (diameters), in the unit of the distances",
        exact="to a factor",
        exactness="up to the factor 1 / (1 - epsilon); the bound is in error_bound",
        memory="24 bytes for each pair of points, and the remaining simplices",
        reference="Cavanna, Jahanseir and Sheehy, A geometric perspective on sparse filtrations, 2015",
        libraries=(Library("gudhi (Rips complex, simplex tree)", "MIT"),),
        costs=SPARSE_RIPS,
        instead="approximate, with error_bound",
    )
    takes_distances = True

    def parameters(self) -> Sequence[Parameter]:
        """Return the parameters of the metric and the approximation."""
        return (
            *point_metrics.PARAMETERS,
            Parameter(
                "epsilon",
                float,
                0.5,
                "between 0 and 1: values are exact up to the factor 1 / (1 - epsilon); larger is sparser",
                minimum=0,
                maximum=1,
                exclusive=True,
            ),
        )

    def check(self, points: FloatArray, query: Query) -> None:
        """Raise ComputationError unless the points are valid for the metric."""
        point_metrics.check_metric(points, query.params)

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- signature of the base class
        """Return the bytes of the matrix alone: the number of simplices depends on the shape."""
        return BYTES_PER_PAIR * n * n

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """Return the diagram of the points (n, d), cut at `query.max_persistence`, with its error bound."""
        distances = point_metrics.distances_between(points, query.params)
        cut = query.max_persistence
        set_seed(0)
        tree = gudhi.RipsComplex(
            distance_matrix=distances,
            max_edge_length=math.inf if cut is None else cut,
            sparse=_epsilon(query),
        ).create_simplex_tree(max_dimension=query.max_dimension + 1)
        raw = simplex_tree.intervals(tree, query.max_dimension, query.homology_coeff_field)
        bars = finished_bars(raw, query, cut)
        bound = _error_bound(bars, distances, query) + point_metrics.lost_length(points, query.params)
        return Diagram(bars, "gudhi:sparse_rips", cut, bound)


def _epsilon(query: Query) -> float:
    return float(str(query.params["epsilon"]))


def _error_bound(bars: Sequence[FloatArray], distances: FloatArray, query: Query) -> float:
    """Return how far a factor of 1 / (1 - epsilon) can move the greatest value.

    No finite bar of the Rips filtration dies beyond the enclosing radius.
    """
    values = np.concatenate(bars)
    greatest = max(float(distances.max(axis=1).min()), float(values[np.isfinite(values)].max()))
    if query.max_persistence is not None:
        greatest = min(greatest, query.max_persistence)
    return greatest * (1 / (1 - _epsilon(query)) - 1)
