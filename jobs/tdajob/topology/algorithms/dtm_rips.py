"""Persistent homology of the Rips filtration weighted by the distance to the measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tdajob.topology.about import About, Library
from tdajob.topology.costs import DTM_RIPS
from tdajob.topology.diagrams.bars import finished_bars
from tdajob.topology.flag import engines
from tdajob.topology.geometry import point_metrics
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram, FloatArray, Query

SHARE_OF_NEIGHBORS = 0.05
LEAST_NEIGHBORS = 2


@register
class DtmRips(Algorithm):
    """A weighted Rips filtration in which isolated points enter late, so that outliers have little effect.

    f(x), the distance to the measure, is the mean of order q of the distances from x to its k nearest
    points, including x. The point x enters at 2 f(x), and an edge at d(x, y) + f(x) + f(y): Anai et al.,
    "DTM-based filtrations", 2020, with p = 1, and twice their values, so that k = 1 gives the
    Vietoris-Rips filtration.
    """

    name = "dtm_rips"
    about = About(
        computes="Rips filtration weighted by the distance to the measure: outliers enter late",
        unit="edge length",
        values="lengths: an edge plus the distances to the measure of its ends, in the unit of the distances",
        exact="yes",
        exactness="exact from the float64 distances",
        memory="64 to 100 bytes for each pair of points",
        reference="Anai et al., DTM-based filtrations, 2020",
        libraries=(
            Library("tdaflink", "MIT"),
            Library("gudhi (Ripser)", "MIT"),
            Library("redzed-tda", "MIT"),
        ),
        costs=DTM_RIPS,
    )
    takes_distances = True

    def parameters(self) -> Sequence[Parameter]:
        """Return the parameters of the metric and of the distance to the measure."""
        return (
            *point_metrics.PARAMETERS,
            Parameter(
                "neighbors",
                int,
                None,
                f"number of nearest points, including the point itself (default: {SHARE_OF_NEIGHBORS:.0%} "
                f"of the points, at least {LEAST_NEIGHBORS}; at most the number of points)",
                minimum=1,
            ),
            Parameter("order", float, 2.0, "order q of the mean of the distances to them", minimum=1),
        )

    def check(self, points: FloatArray, query: Query) -> None:
        """Raise ComputationError unless the points are valid for the metric."""
        point_metrics.check_metric(points, query.params)

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- signature of the base class
        """Return the bytes of the Rips filtration and of the matrix of filtration values."""
        return engines.predicted_bytes(n, query) + 16 * n * n

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """Return the diagram of the points (n, d), cut at `query.max_persistence`."""
        distances = point_metrics.scattered_distances(points, query.params)
        weights = distance_to_measure(
            distances, _neighbors(len(points), query), float(str(query.params["order"]))
        )
        births = 2 * weights
        entries = distances + (weights[:, None] + weights)
        # An edge must not enter before its ends, despite rounding or a violated triangle inequality.
        entries = np.maximum(entries, np.maximum(births[:, None], births))
        cut = query.max_persistence
        engine, raw = engines.weighted_intervals(
            entries, births, cut, query.max_dimension, query.homology_coeff_field, query.engine
        )
        # Of the edge's length and of the distances to the measure of both its ends.
        lost = 3 * point_metrics.lost_length(points, query.params)
        return Diagram(finished_bars(raw, query, cut), engine, cut, lost)


def distance_to_measure(distances: FloatArray, neighbors: int, order: float) -> FloatArray:
    """Return for each row of distances (n, n) the mean of that order of its `neighbors` smallest values.

    Chazal, Cohen-Steiner and Mérigot, "Geometric inference for probability measures", 2011.
    """
    nearest = np.partition(distances, neighbors - 1, axis=1)[:, :neighbors]
    # Powers of quotients, because powers of the distances may overflow.
    farthest = nearest.max(axis=1)
    shares = np.divide(nearest, farthest[:, None], out=np.zeros_like(nearest), where=farthest[:, None] > 0)
    means: FloatArray = farthest * np.power(np.power(shares, order).mean(axis=1), 1 / order)
    return means


def _neighbors(n: int, query: Query) -> int:
    given = query.params["neighbors"]
    count = given if isinstance(given, int) else max(LEAST_NEIGHBORS, round(SHARE_OF_NEIGHBORS * n))
    return min(n, count)
