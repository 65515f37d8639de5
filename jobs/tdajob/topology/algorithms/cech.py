"""Persistent homology of the Čech filtration."""

from __future__ import annotations

from collections.abc import Sequence

import gudhi

from tdajob.topology import delaunay, simplex_tree
from tdajob.topology.bars import finished_bars
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram, FloatArray, Query


@register
class Cech(Algorithm):
    """Simplices enter at the radius of the smallest ball around their vertices, so values are radii.

    Of all simplices only those of the Delaunay triangulation are taken: the others collapse away, so
    the bars are the same. Bauer and Edelsbrunner, "The Morse theory of Čech and Delaunay complexes",
    2017. By the nerve theorem they are those of the union of balls, too, as with alpha; here the radii
    of the simplices are the Čech ones.
    """

    name = "cech"
    bounds_ambient_dimension = True
    hausdorff_factor = 1.0

    def parameters(self) -> Sequence[Parameter]:
        """How exactly the triangulation is computed."""
        return (delaunay.PRECISION,)

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- as the base has it
        """The Delaunay triangulation of uniform points in `dim` dimensions, in a simplex tree."""
        return delaunay.predicted_bytes(n, dim)

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """The Čech diagram of the points (n, d), cut at the radius `query.max_persistence`."""
        complex_ = gudhi.DelaunayCechComplex(points=points, precision=query.params["precision"])
        tree = complex_.create_simplex_tree(output_squared_values=False)
        tree.prune_above_dimension(query.max_dimension + 1)
        raw = simplex_tree.intervals(tree, query.max_dimension, query.homology_coeff_field)
        cut = query.max_persistence
        return Diagram(finished_bars(raw, query, cut), "gudhi:delaunay_cech", cut, 0.0)
