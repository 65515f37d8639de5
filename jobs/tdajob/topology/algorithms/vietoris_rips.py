"""Persistent homology of the Vietoris-Rips filtration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tdajob.topology.about import About, Library
from tdajob.topology.costs import VIETORIS_RIPS
from tdajob.topology.diagrams.bars import finished_bars
from tdajob.topology.flag import engines
from tdajob.topology.geometry import point_metrics
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import ComputationError, Diagram, FloatArray, Query

INLINE_POINTS = 256
"""Maximum number of points whose H0 and H1 take at most 0.2 s for any shape."""
INLINE_POINTS_SLOW = 64
"""The same for the simplex tree, and for Ripser on distances without a triangle inequality."""
_PRECISION = Parameter(
    "precision",
    str,
    "float64",
    "'float32' rounds the distances, which is slightly faster; error_bound includes the rounding",
    choices=("float64", "float32"),
)


@register
class VietorisRips(Algorithm):
    """Simplices enter at their diameter, so births and deaths are distances.

    The engine "auto" uses the project's compiled kernels for H0 and H1 of large clouds. Otherwise it removes
    edges of dominated vertices, for H2 and above also dominated edges, and selects gudhi's fork of Ripser or
    redzed by the number of remaining edges. "gudhi" expands the whole complex in a simplex tree. All engines
    give identical bars, bit for bit.
    """

    name = "vietoris_rips"
    about = About(
        computes="Vietoris-Rips filtration: a simplex enters at its longest edge",
        unit="edge length",
        values="lengths of edges (diameters), in the unit of the distances",
        exact="yes",
        exactness="exact from the float64 distances; with precision float32 the bound is in error_bound",
        memory="48 to 84 bytes for each pair of points",
        reference="Bauer, Ripser, 2021; Koyama et al., reduced Vietoris-Rips filtration, 2023",
        libraries=(
            Library("tdaflink", "MIT"),
            Library("gudhi (Ripser)", "MIT"),
            Library("redzed-tda", "MIT"),
        ),
        costs=VIETORIS_RIPS,
    )
    # Chazal, de Silva and Oudot, "Persistence stability for geometric complexes", 2014: both ends of an
    # edge may move.
    hausdorff_factor = 2.0
    takes_distances = True

    def parameters(self) -> Sequence[Parameter]:
        """Return the parameters of the metric and the precision of distances."""
        return (*point_metrics.PARAMETERS, _PRECISION)

    def landmark_factor(self, params: Mapping[str, object], dim: int) -> float | None:
        """Return twice the metric's stretch factor: both ends of an edge may move."""
        stretch = point_metrics.euclidean_factor(params, dim)
        return None if stretch is None else self.hausdorff_factor * stretch

    def check(self, points: FloatArray, query: Query) -> None:
        """Raise ComputationError unless the points are valid for the metric."""
        point_metrics.check_metric(points, query.params)

    def needs_isolation(self, n: int, dim: int, query: Query) -> bool:  # noqa: ARG002 -- signature of the base class
        """Return true for H2 and above at any size, and for lower dimensions of large clouds."""
        precomputed = query.params["metric"] == point_metrics.PRECOMPUTED
        fast = engines.has_redzed(query) or (engines.is_fast(query.engine) and not precomputed)
        return query.max_dimension >= 2 or n > (INLINE_POINTS if fast else INLINE_POINTS_SLOW)

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- signature of the base class
        """Return the bytes of the matrices, and of all simplices if a simplex tree will contain them all."""
        return engines.predicted_bytes(n, query)

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """Return the Rips diagram of the points (n, d), cut at `query.max_persistence`."""
        distances = point_metrics.scattered_distances(points, query.params)
        error_bound = point_metrics.lost_length(points, query.params)
        if query.params["precision"] == "float32":
            exact, distances = distances, _rounded(distances)
            error_bound += float(np.abs(exact - distances).max())
        cut = query.max_persistence
        engine, raw = engines.intervals(
            distances, cut, query.max_dimension, query.homology_coeff_field, query.engine
        )
        return Diagram(finished_bars(raw, query, cut), engine, cut, error_bound)


def _rounded(distances: FloatArray) -> FloatArray:
    """Round to float32; bars move by at most the greatest change of a distance."""
    with np.errstate(over="ignore"):
        rounded = distances.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise ComputationError(
            "bad_parameter",
            f"precision is 'float32', which cannot hold the distance {distances.max():g}: use float64",
        )
    return rounded.astype(np.float64)
