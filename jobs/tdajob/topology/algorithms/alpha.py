"""Persistent homology of the alpha filtration."""

from __future__ import annotations

from collections.abc import Sequence

import gudhi

from tdajob.topology import delaunay, simplex_tree
from tdajob.topology.bars import finished_bars
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram, FloatArray, Query


@register
class Alpha(Algorithm):
    """Simplices of the Delaunay triangulation enter at the radius of their smallest empty sphere.

    The homology is that of the union of balls of that radius around the points: Edelsbrunner and
    Mücke, "Three-dimensional alpha shapes", 1994. Births and deaths are radii, not squared.
    """

    name = "alpha"
    bounds_ambient_dimension = True
    # Distance functions of two sets differ nowhere by more than the Hausdorff distance of the sets.
    hausdorff_factor = 1.0

    def parameters(self) -> Sequence[Parameter]:
        """How exactly the triangulation is computed."""
        return (delaunay.PRECISION,)

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- as the base has it
        """The Delaunay triangulation of uniform points in `dim` dimensions, in a simplex tree."""
        return delaunay.predicted_bytes(n, dim)

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """The alpha diagram of the points (n, d), cut at the radius `query.max_persistence`."""
        complex_ = gudhi.AlphaComplex(points=points, precision=query.params["precision"])
        tree = complex_.create_simplex_tree(output_squared_values=False)
        tree.prune_above_dimension(query.max_dimension + 1)
        raw = simplex_tree.intervals(tree, query.max_dimension, query.homology_coeff_field)
        cut = query.max_persistence
        return Diagram(finished_bars(raw, query, cut), "gudhi:alpha", cut, 0.0)
