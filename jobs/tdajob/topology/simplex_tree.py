"""Persistence of a filtered complex with gudhi's simplex tree."""

from __future__ import annotations

import gudhi

from tdajob.topology.values import FloatArray

BYTES_PER_SIMPLEX = 384
"""Measured with gudhi 3.13: 300 to 376 bytes, including the reduction of the boundary matrix."""


def intervals(tree: gudhi.SimplexTree, max_dimension: int, field: int) -> list[FloatArray]:
    """Return births and deaths (k, 2) of H_0 to H_max_dimension over Z/field."""
    # Without persistence_dim_max gudhi omits the top dimension of the complex: a 4-cycle
    # would lose its H1 and a single point its H0.
    tree.compute_persistence(homology_coeff_field=field, persistence_dim_max=True)
    return [tree.persistence_intervals_in_dimension(dimension) for dimension in range(max_dimension + 1)]
