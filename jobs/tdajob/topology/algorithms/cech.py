"""Persistent homology of the Čech filtration."""

from __future__ import annotations

import gudhi

from tdajob.topology.delaunay import DelaunayFiltration, diagram
from tdajob.topology.registry import register
from tdajob.topology.values import Diagram, FloatArray, Query


@register
class Cech(DelaunayFiltration):
    """Simplices enter at the radius of the smallest ball around their vertices, so values are radii.

    Of all simplices only those of the Delaunay triangulation are taken: the others collapse away, so
    the bars are the same. Bauer and Edelsbrunner, "The Morse theory of Čech and Delaunay complexes",
    2017. By the nerve theorem they are those of the union of balls, too, as with alpha; here the radii
    of the simplices are the Čech ones.
    """

    name = "cech"

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """The Čech diagram of the points (n, d), cut at the radius `query.max_persistence`."""
        complex_ = gudhi.DelaunayCechComplex(points=points, precision=query.params["precision"])
        return diagram(complex_, query, "gudhi:delaunay_cech")
