"""Persistent homology of the Vietoris-Rips filtration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tdajob.topology import metrics
from tdajob.topology.about import About, Library
from tdajob.topology.bars import finished_bars
from tdajob.topology.costs import VIETORIS_RIPS
from tdajob.topology.flag import engines
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import ComputationError, Diagram, FloatArray, Query

INLINE_POINTS = 256
"""H0 and H1 of so many points take at most 0.2 s whatever their shape."""
INLINE_POINTS_SLOW = 64
"""Likewise by the simplex tree, and by Ripser where no triangle inequality bounds the distances."""
_PRECISION = Parameter(
    "precision",
    str,
    "float64",
    "'float32' rounds the distances, for a little less time, and the result tells by how much",
    choices=("float64", "float32"),
)


@register
class VietorisRips(Algorithm):
    """Simplices enter at their diameter, so births and deaths are distances.

    "auto" takes machine code of our own for H0 and H1 of large clouds, and for the rest chooses between
    gudhi's fork of Ripser and redzed by the edges that are left when those of dominated vertices are gone,
    for H2 and above also the dominated edges; "gudhi" expands the whole complex in a simplex tree. All give
    the same bars, bit for bit.
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
        """How far apart points are, and how exactly that is taken."""
        return (*metrics.PARAMETERS, _PRECISION)

    def landmark_factor(self, params: Mapping[str, object], dim: int) -> float | None:
        """Twice how much the metric stretches: both ends of an edge may move."""
        stretch = metrics.euclidean_factor(params, dim)
        return None if stretch is None else self.hausdorff_factor * stretch

    def check(self, points: FloatArray, query: Query) -> None:
        """Whether the points suit the metric."""
        metrics.check_metric(points, query.params)

    def needs_isolation(self, n: int, dim: int, query: Query) -> bool:  # noqa: ARG002 -- as the base has it
        """H2 and above may run away at any size, lower dimensions on large clouds."""
        brought = query.params["metric"] == metrics.PRECOMPUTED
        quick = engines.has_redzed(query) or (engines.is_fast(query.engine) and not brought)
        return query.max_dimension >= 2 or n > (INLINE_POINTS if quick else INLINE_POINTS_SLOW)

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- as the base has it
        """The matrices, and every simplex where a simplex tree will certainly hold them all."""
        return engines.predicted_bytes(n, query)

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """The Rips diagram of the points (n, d), cut at `query.max_persistence`."""
        distances = metrics.scattered_distances(points, query.params)
        error_bound = metrics.lost_length(points, query.params)
        if query.params["precision"] == "float32":
            exact, distances = distances, _rounded(distances)
            error_bound += float(np.abs(exact - distances).max())
        cut = query.max_persistence
        engine, raw = engines.intervals(
            distances, cut, query.max_dimension, query.homology_coeff_field, query.engine
        )
        return Diagram(finished_bars(raw, query, cut), engine, cut, error_bound)


def _rounded(distances: FloatArray) -> FloatArray:
    """The nearest float32 numbers; bars move by no more than the distances that move furthest."""
    with np.errstate(over="ignore"):
        rounded = distances.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise ComputationError(
            "bad_parameter",
            f"precision is 'float32', which cannot hold the distance {distances.max():g}: use float64",
        )
    return rounded.astype(np.float64)
