"""What the filtrations of the Delaunay triangulation have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import gudhi
import numpy as np

from tdajob.topology import simplex_tree
from tdajob.topology.bars import finished_bars
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm
from tdajob.topology.scales import Normal, normal
from tdajob.topology.values import ComputationError, Diagram, FloatArray, Query

MakeComplex = type[gudhi.AlphaComplex] | type[gudhi.DelaunayCechComplex]

PRECISION = Parameter(
    "precision",
    str,
    "safe",
    "arithmetic: 'fast' may misjudge degenerate points, 'exact' rounds only the last value",
    choices=("fast", "safe", "exact"),
)
RELATIVE = {"fast": 2.0**-40, "safe": 2.0**-40, "exact": 2.0**-50}
"""How far a value may be from the exact one, times the value; with "fast" nothing is certain."""
ROUNDING = 4 * 2.0**-53
"""Both ends of a bar move by at most the rounding of coordinates; as much again for that of the sender."""
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


def filtration_diagram(make: MakeComplex, points: FloatArray, query: Query, engine: str) -> Diagram:
    """The diagram of one of gudhi's complexes of the points (n, d), cut at `query.max_persistence`.

    Bars that are no longer than the rounding of the coordinates of their simplices, or of the
    computation, are left out: points on one circle give one loop, although their float64 coordinates lie
    on several. `error_bound` has half the longest of them, and the rounding of the greatest value.
    """
    near = normal(points)
    asked = near.query(query)
    precision = str(query.params["precision"])
    with _float_precision(make, RELATIVE[precision]):
        complex_ = make(points=near.points, precision=precision)
        tree = complex_.create_simplex_tree(output_squared_values=False)
    tree.prune_above_dimension(query.max_dimension + 1)
    raw = simplex_tree.intervals(tree, query.max_dimension, query.homology_coeff_field)
    if any(np.isinf(one[:, 1]).any() for one in raw[1:]):
        # The whole triangulation is contractible, so the radius of a flat simplex is beyond float64.
        raise ComputationError(
            "non_finite",
            f"{query.algorithm} on points that are nearly on one line or plane: a radius is beyond float64; "
            "use vietoris_rips, or scale the points",
        )
    kept, longest = without_rounding(raw, tree, near, RELATIVE[precision])
    bars = finished_bars(kept, asked, asked.max_persistence)
    greatest = max((float(one[np.isfinite(one)].max(initial=0.0)) for one in bars), default=0.0)
    bound = near.restored(longest / 2 + RELATIVE[precision] * greatest + near.lost)
    return Diagram(near.restored_bars(bars), engine, query.max_persistence, bound)


def without_rounding(
    raw: Sequence[FloatArray], tree: gudhi.SimplexTree, near: Normal, relative: float
) -> tuple[list[FloatArray], float]:
    """The intervals that are more than rounding, and the length of the longest that is not."""
    margin = ROUNDING * math.sqrt(near.points.shape[1])
    kept, longest = [], 0.0
    locate: Mapping[tuple[int, float, float], float] | None = None
    for dimension, bars in enumerate(raw):
        lengths = bars[:, 1] - bars[:, 0]
        # Whatever the coordinates of its simplices are, they are not greater than the greatest.
        rounding = relative * np.where(np.isfinite(bars[:, 1]), bars[:, 1], 0.0)
        doubtful = (lengths > rounding) & (lengths <= rounding + margin * near.magnitudes.max())
        if doubtful.any():
            locate = _magnitudes(tree, near) if locate is None else locate
            for place in np.flatnonzero(doubtful):
                birth, death = bars[place].tolist()
                rounding[place] += margin * locate.get((dimension, birth, death), 0.0)
        gone = lengths <= rounding
        longest = max(longest, float(lengths[gone].max(initial=0.0)))
        kept.append(bars[~gone])
    return kept, longest


def _magnitudes(tree: gudhi.SimplexTree, near: Normal) -> Mapping[tuple[int, float, float], float]:
    """The greatest coordinate of the two simplices of each bar, by its dimension, birth and death."""
    found: dict[tuple[int, float, float], float] = {}
    for born, killed in tree.persistence_pairs():
        if killed:
            bar = (len(born) - 1, tree.filtration(born), tree.filtration(killed))
            greatest = float(near.magnitudes[[*born, *killed]].max())
            # Of equal bars the one with the least decides: none is left out that might be more than rounding.
            found[bar] = min(found.get(bar, math.inf), greatest)
    return found


@contextmanager
def _float_precision(make: MakeComplex, relative: float) -> Iterator[None]:
    """Let gudhi round exact numbers to that share of them; its own default is 1e-5."""
    before = make.get_float_relative_precision()
    make.set_float_relative_precision(relative)
    try:
        yield
    finally:
        make.set_float_relative_precision(before)
