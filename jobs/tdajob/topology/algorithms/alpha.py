"""Persistent homology of the alpha filtration."""

from __future__ import annotations

import gudhi

from tdajob.topology.about import About, Library
from tdajob.topology.costs import ALPHA
from tdajob.topology.geometry.delaunay import DelaunayFiltration, filtration_diagram
from tdajob.topology.registry import register
from tdajob.topology.values import Diagram, FloatArray, Query


@register
class Alpha(DelaunayFiltration):
    """Simplices of the Delaunay triangulation enter at the radius of their smallest empty sphere.

    The homology is that of the union of balls of that radius around the points: Edelsbrunner and
    Mücke, "Three-dimensional alpha shapes", 1994. Births and deaths are radii, not squared.
    """

    name = "alpha"
    about = About(
        computes="alpha filtration of the Delaunay triangulation: the union of balls around the points",
        unit="radius",
        values="radii, in the unit of coordinates; an edge enters at half of its length",
        exact="to 2^-40",
        exactness="values to a relative error of 2^-40, with precision exact 2^-50; bars no longer"
        " than the rounding of coordinates are dropped; error_bound includes both",
        memory="384 bytes for each simplex of the triangulation: 6 for a point of the plane, 30 in space",
        reference="Edelsbrunner and Mücke, Three-dimensional alpha shapes, 1994",
        libraries=(Library("gudhi (alpha complex)", "GPL-3.0"), Library("CGAL", "GPL-3.0")),
        costs=ALPHA,
        instead="exact; values are radii, half of the lengths of Rips",
    )

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """Return the alpha diagram of the points (n, d), cut at the radius `query.max_persistence`."""
        return filtration_diagram(gudhi.AlphaComplex, points, query, "gudhi:alpha")
