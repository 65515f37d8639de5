"""Persistent homology of the alpha filtration."""

from __future__ import annotations

import gudhi

from tdajob.topology.delaunay import DelaunayFiltration, diagram
from tdajob.topology.registry import register
from tdajob.topology.values import Diagram, FloatArray, Query


@register
class Alpha(DelaunayFiltration):
    """Simplices of the Delaunay triangulation enter at the radius of their smallest empty sphere.

    The homology is that of the union of balls of that radius around the points: Edelsbrunner and
    Mücke, "Three-dimensional alpha shapes", 1994. Births and deaths are radii, not squared.
    """

    name = "alpha"

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """The alpha diagram of the points (n, d), cut at the radius `query.max_persistence`."""
        complex_ = gudhi.AlphaComplex(points=points, precision=query.params["precision"])
        return diagram(complex_, query, "gudhi:alpha")
