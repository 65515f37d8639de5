"""Persistent homology of the Čech filtration."""

from __future__ import annotations

import gudhi

from tdajob.topology.about import About, Library
from tdajob.topology.costs import CECH
from tdajob.topology.geometry.delaunay import DelaunayFiltration, filtration_diagram
from tdajob.topology.registry import register
from tdajob.topology.values import Diagram, FloatArray, Query


@register
class Cech(DelaunayFiltration):
    """Simplices enter at the radius of the smallest enclosing ball of their vertices, so values are radii.

    Only simplices of the Delaunay triangulation are used: the Čech complex collapses onto them, so the
    bars are the same. Bauer and Edelsbrunner, "The Morse theory of Čech and Delaunay complexes", 2017. By
    the nerve theorem the bars are those of the union of balls, as with alpha; only the radii of the
    simplices are the Čech ones.
    """

    name = "cech"
    about = About(
        computes="Čech filtration, by the simplices of the Delaunay triangulation",
        unit="radius",
        values="radii of smallest enclosing balls, in the unit of coordinates",
        exact="to 2^-40",
        exactness="values to a relative error of 2^-40, with precision exact 2^-50; bars no longer"
        " than the rounding of coordinates are dropped; error_bound includes both",
        memory="384 bytes for each simplex of the triangulation: 6 for a point of the plane, 30 in space",
        reference="Bauer and Edelsbrunner, The Morse theory of Čech and Delaunay complexes, 2017",
        libraries=(Library("gudhi (Delaunay-Čech complex)", "GPL-3.0"), Library("CGAL", "GPL-3.0")),
        costs=CECH,
    )

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """Return the Čech diagram of the points (n, d), cut at the radius `query.max_persistence`."""
        return filtration_diagram(gudhi.DelaunayCechComplex, points, query, "gudhi:delaunay_cech")
