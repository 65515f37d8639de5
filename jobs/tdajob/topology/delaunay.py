"""What the filtrations of the Delaunay triangulation have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tdajob.topology import simplex_tree
from tdajob.topology.bars import finished_bars
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm
from tdajob.topology.values import Diagram, Query

PRECISION = Parameter(
    "precision",
    str,
    "safe",
    "arithmetic: 'fast' may misjudge degenerate points, 'exact' rounds only the last value",
    choices=("fast", "safe", "exact"),
)
SIMPLICES_PER_POINT = {1: 2, 2: 6, 3: 30, 4: 170, 5: 1200}
"""Measured on uniform points; every further dimension multiplies by about eight."""


class DelaunayFiltration(Algorithm):
    """Simplices of the Delaunay triangulation; values are radii."""

    bounds_ambient_dimension = True
    # Distance functions of two sets differ nowhere by more than the Hausdorff distance of the sets.
    hausdorff_factor = 1.0

    def parameters(self) -> Sequence[Parameter]:
        """How exactly the triangulation is computed."""
        return (PRECISION,)

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- as the base has it
        """The triangulation of n uniform points in `dim` dimensions, in a simplex tree."""
        known = max(SIMPLICES_PER_POINT)
        per_point = SIMPLICES_PER_POINT[min(dim, known)] << 3 * max(0, dim - known)
        every_subset = 1 << min(n, 62)
        return min(n * per_point, every_subset) * simplex_tree.BYTES_PER_SIMPLEX


def diagram(complex_: Any, query: Query, engine: str) -> Diagram:
    """The diagram of one of gudhi's complexes, cut at the radius `query.max_persistence`."""
    tree = complex_.create_simplex_tree(output_squared_values=False)
    tree.prune_above_dimension(query.max_dimension + 1)
    raw = simplex_tree.intervals(tree, query.max_dimension, query.homology_coeff_field)
    cut = query.max_persistence
    return Diagram(finished_bars(raw, query, cut), engine, cut, 0.0)
