"""Common parts of filtrations of the Delaunay triangulation (alpha and Čech)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import gudhi
import numpy as np

from tdajob.topology import simplex_tree
from tdajob.topology.diagrams.bars import finished_bars
from tdajob.topology.geometry.scales import Normal, normal
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm
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
"""Relative error of a value, by precision; "fast" guarantees nothing."""
ROUNDING = 4 * 2.0**-53
"""Both ends of a bar move by at most the rounding of coordinates, doubled for rounding by the sender."""
SIMPLICES_PER_POINT = {1: 2, 2: 6, 3: 30, 4: 170, 5: 1200}
"""Measured on uniform points; each further dimension multiplies the number by about eight."""


class DelaunayFiltration(Algorithm):
    """A filtration by radii of the simplices of the Delaunay triangulation."""

    bounds_ambient_dimension = True
    # The distance functions of two sets differ by at most the Hausdorff distance of the sets.
    hausdorff_factor = 1.0

    def parameters(self) -> Sequence[Parameter]:
        """Return the precision of the triangulation's arithmetic."""
        return (PRECISION,)

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- as the base has it
        """Return the bytes of a simplex tree of the triangulation of n uniform points in `dim` dimensions."""
        measured = max(SIMPLICES_PER_POINT)
        per_point = SIMPLICES_PER_POINT[min(dim, measured)] << 3 * max(0, dim - measured)
        every_subset = 1 << min(n, 62)
        return min(n * per_point, every_subset) * simplex_tree.BYTES_PER_SIMPLEX


def filtration_diagram(make: MakeComplex, points: FloatArray, query: Query, engine: str) -> Diagram:
    """Return the diagram of a gudhi complex of the points (n, d), cut at `query.max_persistence`.

    Bars that are no longer than the rounding of the coordinates of their simplices, or of the
    computation, are dropped: points on one circle give one loop, although their float64 coordinates lie
    on several. `error_bound` includes half the longest dropped bar and the rounding of the greatest value.
    """
    near = normal(points)
    scaled_query = near.query(query)
    precision = str(query.params["precision"])
    with _float_precision(make, RELATIVE[precision]):
        complex_ = make(points=near.points, precision=precision)
        tree = complex_.create_simplex_tree(output_squared_values=False)
    tree.prune_above_dimension(query.max_dimension + 1)
    raw = simplex_tree.intervals(tree, query.max_dimension, query.homology_coeff_field)
    if any(np.isinf(bars[:, 1]).any() for bars in raw[1:]):
        # The whole triangulation is contractible, so the radius of a flat simplex exceeds float64.
        raise ComputationError(
            "non_finite",
            f"{query.algorithm} on points that are nearly on one line or plane: a radius is beyond float64; "
            "use vietoris_rips, or scale the points",
        )
    kept, longest = without_rounding(raw, tree, near, RELATIVE[precision])
    bars = finished_bars(kept, scaled_query, scaled_query.max_persistence)
    greatest = max((float(part[np.isfinite(part)].max(initial=0.0)) for part in bars), default=0.0)
    bound = near.restored(longest / 2 + RELATIVE[precision] * greatest + near.lost)
    return Diagram(near.restored_bars(bars), engine, query.max_persistence, bound)


def without_rounding(
    raw: Sequence[FloatArray], tree: gudhi.SimplexTree, near: Normal, relative: float
) -> tuple[list[FloatArray], float]:
    """Return the intervals longer than rounding, and the length of the longest dropped interval."""
    margin = ROUNDING * math.sqrt(near.points.shape[1])
    kept, longest = [], 0.0
    locate: Mapping[tuple[int, float, float], float] | None = None
    for dimension, bars in enumerate(raw):
        lengths = bars[:, 1] - bars[:, 0]
        # An upper bound: the coordinates of a bar's simplices are at most the greatest of all.
        rounding = relative * np.where(np.isfinite(bars[:, 1]), bars[:, 1], 0.0)
        doubtful = (lengths > rounding) & (lengths <= rounding + margin * near.magnitudes.max())
        if doubtful.any():
            locate = _magnitudes(tree, near) if locate is None else locate
            for place in np.flatnonzero(doubtful):
                birth, death = bars[place].tolist()
                rounding[place] += margin * locate.get((dimension, birth, death), 0.0)
        dropped = lengths <= rounding
        longest = max(longest, float(lengths[dropped].max(initial=0.0)))
        kept.append(bars[~dropped])
    return kept, longest


def _magnitudes(tree: gudhi.SimplexTree, near: Normal) -> Mapping[tuple[int, float, float], float]:
    """Return the greatest coordinate of each bar's two simplices, by (dimension, birth, death)."""
    magnitudes: dict[tuple[int, float, float], float] = {}
    for birth_simplex, death_simplex in tree.persistence_pairs():
        if death_simplex:
            birth, death = tree.filtration(birth_simplex), tree.filtration(death_simplex)
            bar = (len(birth_simplex) - 1, birth, death)
            greatest = float(near.magnitudes[[*birth_simplex, *death_simplex]].max())
            # The minimum over equal bars: no bar is dropped that could be longer than rounding.
            magnitudes[bar] = min(magnitudes.get(bar, math.inf), greatest)
    return magnitudes


@contextmanager
def _float_precision(make: MakeComplex, relative: float) -> Iterator[None]:
    """Set the relative precision to which gudhi rounds exact numbers; its default is 1e-5."""
    before = make.get_float_relative_precision()
    make.set_float_relative_precision(relative)
    try:
        yield
    finally:
        make.set_float_relative_precision(before)
