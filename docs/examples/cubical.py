"""Example of a plug-in algorithm: persistent homology of a function on a two-dimensional grid.

The points are (row, column, value) triples, such as the pixels of an image, and fill a rectangle.
"""

from __future__ import annotations

from collections.abc import Sequence

import gudhi
import numpy as np
from tdajob.plugin import (
    Algorithm,
    ComputationError,
    Diagram,
    FloatArray,
    Parameter,
    Query,
    finished_bars,
    register,
)

BYTES_PER_POINT = 256
"""Measured with gudhi 3.13: 246 to 267 bytes per vertex with two edges and a square."""


@register
class Cubical(Algorithm):
    """Cells of the grid enter at their values, so births and deaths are values of the function.

    H0 has a bar for each valley, from its minimum to the pass to a deeper one; H1 has one for each hill with
    lower land all around, from that ring to its top: Wagner, Chen and Vuçini, "Efficient computation of
    persistent homology for cubical data", 2012.
    """

    name = "cubical"

    def parameters(self) -> Sequence[Parameter]:
        """Return the parameters that a config or a request may set."""
        return (
            Parameter(
                "superlevel", bool, False, "from the highest value down; births and deaths are negated"
            ),
            Parameter(
                "cells",
                str,
                "vertices",
                "what a point is: 'vertices' touch along rows and columns, 'squares' at their corners too",
                choices=("vertices", "squares"),
            ),
        )

    def needs_isolation(self, n: int, dim: int, query: Query) -> bool:  # noqa: ARG002 -- signature of the base class
        """Return false: every grid of n points takes about the same, short time."""
        return False

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- signature of the base class
        """Return the bytes of the cells and of the reduction of their boundary matrix."""
        return n * BYTES_PER_POINT

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """Return the diagram of the grid (n, 3), cut at the value `query.max_persistence`."""
        values = _grid(points)
        if query.params["superlevel"]:
            values = 0.0 - values
        kind = "vertices" if query.params["cells"] == "vertices" else "top_dimensional_cells"
        grid = gudhi.CubicalComplex(**{kind: values})
        grid.compute_persistence(homology_coeff_field=query.homology_coeff_field, min_persistence=0)
        raw = [grid.persistence_intervals_in_dimension(d) for d in range(query.max_dimension + 1)]
        cut = query.max_persistence
        return Diagram(finished_bars(raw, query, cut), "gudhi:cubical", cut, 0.0)


def _grid(points: FloatArray) -> FloatArray:
    """Return the values (rows, columns) of the points, which are sorted by row and column."""
    if points.shape[1] != 3:
        raise ComputationError(
            "bad_shape", f"points have {points.shape[1]} coordinates: cubical takes [row, column, value]"
        )
    first, last = points.min(axis=0)[:2], points.max(axis=0)[:2]
    rows, columns = (int(extent) for extent in last - first + 1)
    if rows * columns == len(points):
        places = np.indices((rows, columns)).reshape(2, -1).T + first
        if np.array_equal(points[:, :2], places):
            return points[:, 2].reshape(rows, columns)
    raise ComputationError(
        "bad_grid",
        f"{len(points)} points do not fill the rows {first[0]:g} to {last[0]:g} and the columns {first[1]:g}"
        f" to {last[1]:g}: send each whole row and column number of a rectangle just once",
    )
