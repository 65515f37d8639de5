"""Persistence of a filtered complex by gudhi's simplex tree."""

from __future__ import annotations

import gudhi

from tdajob.topology.values import FloatArray

BYTES_PER_SIMPLEX = 384
"""Measured with gudhi 3.13: 300 to 376 bytes, boundary matrix and reduction included."""


def intervals(tree: gudhi.SimplexTree, max_dimension: int, field: int) -> list[FloatArray]:
    """Births and deaths (k, 2) of H_0 to H_max_dimension over Z/field."""
    # Without persistence_dim_max gudhi leaves out the top dimension of the complex: a bare 4-cycle
    # would lose its H1 and a single point its H0.
    tree.compute_persistence(homology_coeff_field=field, persistence_dim_max=True)
    return [tree.persistence_intervals_in_dimension(dimension) for dimension in range(max_dimension + 1)]
