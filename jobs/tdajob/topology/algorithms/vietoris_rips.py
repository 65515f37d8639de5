"""Persistent homology of the Vietoris-Rips filtration."""

from __future__ import annotations

import math

import gudhi
import numpy as np
from numpy.typing import NDArray

from tdajob.topology import simplex_tree
from tdajob.topology.bars import finished_bars
from tdajob.topology.geometry import pairwise_distances
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram, FloatArray, Query

try:
    # Private names of gudhi 3.13 for its fork of Ripser and its edge collapse: the public way to
    # them costs a second of imports.
    from gudhi._edge_collapse_ext import _collapse_edges
    from gudhi._ripser_ext import _full, _sparse

    FAST_ENGINES = True
except ImportError:
    FAST_ENGINES = False

Graph = tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]

BYTES_PER_PAIR = 72
"""Measured peak over n², distances included: 64 in H1 on a cut graph, 54 in the edge collapse."""
INLINE_POINTS = 256
"""H0 and H1 of so many points take at most 0.2 s whatever their shape."""
INLINE_POINTS_SIMPLEX_TREE = 64
SMALL_CLOUD = 256
"""Up to here the whole matrix is faster than the graph at the enclosing radius, beyond it slower."""
NEARLY_COMPLETE = 0.95
"""Share of pairs within the enclosing radius from which edge collapse finds next to nothing."""


@register
class VietorisRips(Algorithm):
    """Simplices enter at their diameter, so births and deaths are edge lengths.

    "auto" uses gudhi's fork of Ripser (Bauer, "Ripser: efficient computation of Vietoris-Rips
    persistence barcodes", 2021), above H1 after edge collapse (Boissonnat and Pritam, "Edge collapse
    and persistence of flag complexes", 2020). "gudhi" expands the whole complex in a simplex tree.
    All give the same bars, bit for bit.
    """

    name = "vietoris_rips"
    # Chazal, de Silva and Oudot, "Persistence stability for geometric complexes", 2014: both ends of an
    # edge may move.
    hausdorff_factor = 2.0

    def needs_isolation(self, n: int, dim: int, query: Query) -> bool:  # noqa: ARG002 -- as the base has it
        """H2 and above may run away at any size, lower dimensions on large clouds."""
        few = INLINE_POINTS if _is_fast(query) else INLINE_POINTS_SIMPLEX_TREE
        return query.max_dimension >= 2 or n > few

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- as the base has it
        """The matrices, and every simplex where a simplex tree will certainly hold them all.

        How many columns a reduction keeps depends on the shape more than on any count.
        """
        if _is_fast(query):
            return BYTES_PER_PAIR * n * n
        simplices = 0
        if query.max_persistence is None:
            highest = _top_dimension(n, query) + 1
            simplices = sum(math.comb(n, vertices) for vertices in range(1, highest + 2))
        return 8 * n * n + simplices * simplex_tree.BYTES_PER_SIMPLEX

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """The Rips diagram of the points (n, d), cut at `query.max_persistence`."""
        distances = pairwise_distances(_scattered(points))
        engine, raw = _intervals(distances, query)
        return Diagram(finished_bars(raw, query, query.max_persistence), engine, query.max_persistence, 0.0)


def _scattered(points: FloatArray) -> FloatArray:
    """The points in one fixed order that has nothing to do with where they are.

    Sorted points make the edge collapse two to four times slower; the bars do not depend on the order.
    """
    return points[np.random.default_rng(0).permutation(len(points))]


def _is_fast(query: Query) -> bool:
    return FAST_ENGINES and query.engine == "auto"


def _top_dimension(n: int, query: Query) -> int:
    """A flag complex needs 2k + 2 vertices for homology in dimension k, so higher ones are zero."""
    return min(query.max_dimension, max(0, (n - 2) // 2))


def _intervals(distances: FloatArray, query: Query) -> tuple[str, list[FloatArray]]:
    if not _is_fast(query):
        threshold = math.inf if query.max_persistence is None else query.max_persistence
        return "gudhi:simplex_tree", _expanded(distances, threshold, query)
    # From the enclosing radius on the complex is a cone over a point, so nothing happens any more.
    radius = float(distances.max(axis=1).min())
    threshold = radius if query.max_persistence is None else min(radius, query.max_persistence)
    try:
        if query.max_dimension <= 1:
            return "gudhi:ripser", _reduced(distances, threshold, radius, query)
        return _collapsed_or_reduced(distances, threshold, radius, query)
    except OverflowError:
        # Ripser numbers its simplices in 128 bits: too many points for the dimension.
        return "gudhi:simplex_tree", _expanded(distances, threshold, query)


def _reduced(distances: FloatArray, threshold: float, radius: float, query: Query) -> list[FloatArray]:
    whole = threshold >= radius and (len(distances) <= SMALL_CLOUD or query.max_dimension >= 2)
    bars: list[FloatArray] = _full(
        distances,
        max_dimension=_top_dimension(len(distances), query),
        max_edge_length=math.inf if whole else threshold,
        homology_coeff_field=query.homology_coeff_field,
    )
    return bars


def _collapsed_or_reduced(
    distances: FloatArray, threshold: float, radius: float, query: Query
) -> tuple[str, list[FloatArray]]:
    graph = _graph(distances, threshold)
    pairs = math.comb(len(distances), 2)
    # Where every point is about as far from its farthest one, as on a sphere, the graph is nearly
    # complete and collapsing it costs more than it saves.
    if threshold >= radius and len(graph[2]) >= NEARLY_COMPLETE * pairs:
        return "gudhi:ripser", _reduced(distances, threshold, radius, query)
    return "gudhi:collapse+ripser", _collapsed(graph, len(distances), query)


def _graph(distances: FloatArray, threshold: float) -> Graph:
    rows, columns = np.nonzero(np.tri(len(distances), k=-1, dtype=bool) & (distances <= threshold))
    return rows, columns, distances[rows, columns]


def _collapsed(graph: Graph, n: int, query: Query) -> list[FloatArray]:
    (rows, columns), lengths = _collapse_edges(*graph, 1)
    bars: list[FloatArray] = _sparse(
        np.ascontiguousarray(rows, dtype=np.int32),
        np.ascontiguousarray(columns, dtype=np.int32),
        np.ascontiguousarray(lengths),
        n,
        max_dimension=_top_dimension(n, query),
        homology_coeff_field=query.homology_coeff_field,
    )
    return bars


def _expanded(distances: FloatArray, threshold: float, query: Query) -> list[FloatArray]:
    top = _top_dimension(len(distances), query)
    tree = gudhi.SimplexTree.create_from_array(distances, max_filtration=threshold)
    tree.expansion(top + 1)
    return simplex_tree.intervals(tree, top, query.homology_coeff_field)
