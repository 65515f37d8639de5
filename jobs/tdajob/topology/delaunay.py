"""What the filtrations of the Delaunay triangulation have in common."""

from __future__ import annotations

from tdajob.topology import simplex_tree
from tdajob.topology.parameters import Parameter

PRECISION = Parameter(
    "precision",
    str,
    "safe",
    "arithmetic: 'fast' may misjudge degenerate points, 'exact' rounds only the last value",
    choices=("fast", "safe", "exact"),
)
SIMPLICES_PER_POINT = {1: 2, 2: 6, 3: 30, 4: 170, 5: 1200}
"""Measured on uniform points; every further dimension multiplies by about eight."""


def predicted_bytes(n: int, dim: int) -> int:
    """The triangulation of n uniform points in `dim` dimensions, in a simplex tree."""
    known = max(SIMPLICES_PER_POINT)
    per_point = SIMPLICES_PER_POINT[min(dim, known)] << 3 * max(0, dim - known)
    every_subset = 1 << min(n, 62)
    return min(n * per_point, every_subset) * simplex_tree.BYTES_PER_SIMPLEX
