"""Choice of the engine for a flag filtration; all engines give identical bars, bit for bit."""

from __future__ import annotations

import math

import gudhi
import numpy as np

from tdajob.topology import simplex_tree
from tdajob.topology.flag import collapse, reduced_rips, redzed, ripser
from tdajob.topology.flag.components import components
from tdajob.topology.flag.graph import Graph, graph_of
from tdajob.topology.incremental.window import MAX_CAPACITY
from tdajob.topology.kernels.loader import load_kernels
from tdajob.topology.values import FloatArray, Query

EngineResult = tuple[str, list[FloatArray]]

COMPILED = "tdaflink:reduced"

BYTES_PER_PAIR_REDZED = 48
BYTES_PER_PAIR_RIPSER = 76
BYTES_PER_PAIR_COLLAPSE = 84
"""Measured peaks over n² on complete graphs, distances included, gudhi 3.13 and redzed 0.1.1."""

FEW_VERTICES = 56
"""Maximum number of vertices for which Ripser on the whole matrix is faster than building a graph."""
FEW_EDGES = (1500, 1500, 250)
"""Maximum edges, for H_0, H_1 and above, for which Ripser is faster than redzed's initialisation."""
EDGES_PER_VERTEX = (5.0, 5.0, 2.5)
"""The same per vertex: redzed's initialisation grows with the vertices."""
COMPILED_FROM = 257
"""Points from which compiled kernels compute H_0 and H_1, two to four times as fast as redzed. They would be
faster for fewer points, too, but a worker computes those itself and should not load a compiler for them."""
NEARLY_COMPLETE = 0.9
"""Density from which edge collapse costs more than it saves."""


def intervals(
    distances: FloatArray, cut: float | None, max_dimension: int, field: int, engine: str
) -> EngineResult:
    """Return the engine's name, and births and deaths of H_0 to H_max_dimension over Z/field, unsorted.

    `distances` (n, n) is symmetric and zero on the diagonal; a simplex enters with its longest edge.
    Deaths beyond `cut` are infinite or exact. `engine` is "auto" for the fastest engine, or "gudhi" for
    gudhi's simplex tree.
    """
    n = len(distances)
    top = top_dimension(n, max_dimension)
    if not is_fast(engine):
        return _expanded(distances, cut, top, field)
    try:
        if n <= FEW_VERTICES and top <= 1:
            return "gudhi:ripser", ripser.from_matrix(distances, top, field)
        if top <= 1:
            return _h1(distances, cut, top, field)
        return _h2_and_above(distances, cut, top, field)
    except OverflowError:
        # Ripser indexes simplices in 128 bits: too many points for the dimension.
        return _expanded(distances, cut, top, field)


def weighted_intervals(
    entries: FloatArray, births: FloatArray, cut: float | None, max_dimension: int, field: int, engine: str
) -> EngineResult:
    """As `intervals`, if vertices enter at `births` (n,) and edges, not before their ends, at `entries`."""
    lengths = entries.copy()
    if not is_fast(engine):
        np.fill_diagonal(lengths, births)
        return _expanded(lengths, cut, top_dimension(len(births), max_dimension), field)
    # A vertex that enters before its first edge does not affect homology above H_0.
    np.fill_diagonal(lengths, 0.0)
    name, bars = intervals(lengths, cut, max_dimension, field, engine)
    return name, [components(lengths, births), *bars[1:]]


def predicted_bytes(n: int, query: Query) -> int:
    """Return the bytes that `intervals` takes for n vertices: all for H_0 and H_1, only edges above.

    The number of columns that a matrix reduction stores depends mainly on the shape.
    """
    if is_fast(query.engine):
        return n * n * _bytes_per_pair(query)
    simplices = 0
    if query.max_persistence is None:
        highest = top_dimension(n, query.max_dimension) + 1
        simplices = sum(math.comb(n, vertices) for vertices in range(1, highest + 2))
    return 8 * n * n + simplices * simplex_tree.BYTES_PER_SIMPLEX


def _bytes_per_pair(query: Query) -> int:
    if query.max_dimension >= 2:
        return BYTES_PER_PAIR_COLLAPSE
    return BYTES_PER_PAIR_REDZED if has_redzed(query) else BYTES_PER_PAIR_RIPSER


def is_fast(engine: str) -> bool:
    """Return whether the requested engine allows, and has, more than the simplex tree."""
    return ripser.AVAILABLE and engine == "auto"


def has_redzed(query: Query) -> bool:
    """Return whether redzed is installed and supports the coefficient field."""
    return redzed.AVAILABLE and is_fast(query.engine) and query.homology_coeff_field == 2


def top_dimension(n: int, max_dimension: int) -> int:
    """Return the highest dimension that can be nonzero: a flag complex needs 2k + 2 vertices for H_k."""
    return min(max_dimension, max(0, (n - 2) // 2))


def _h1(distances: FloatArray, cut: float | None, top: int, field: int) -> EngineResult:
    compiled = load_kernels() if COMPILED_FROM <= len(distances) <= MAX_CAPACITY else None
    if compiled is not None:
        return COMPILED, reduced_rips.intervals(compiled, distances, cut, top, field)
    return _whole(distances, graph_of(distances, cut), top, field)


def _h2_and_above(distances: FloatArray, cut: float | None, top: int, field: int) -> EngineResult:
    graph = graph_of(distances, cut)
    if graph.density >= NEARLY_COMPLETE:
        return _whole(distances, graph, top, field)
    compiled = load_kernels() if len(distances) <= MAX_CAPACITY else None
    if compiled is None:
        origin, graph = "gudhi", ripser.collapsed(graph)
    else:
        origin, graph = "tdaflink", collapse.collapsed(compiled, graph)
    engine, bars = _reduced(graph, top, field)
    return f"{origin}:collapse+{engine.removeprefix('gudhi:')}", bars


def _whole(distances: FloatArray, graph: Graph, top: int, field: int) -> EngineResult:
    """Compute from all edges of the graph; for a nearly complete graph Ripser is faster on the matrix."""
    if graph.density >= NEARLY_COMPLETE and not redzed.can_take(graph, top, field):
        return "gudhi:ripser", ripser.from_matrix(distances, top, field)
    return _reduced(graph, top, field)


def _reduced(graph: Graph, top: int, field: int) -> EngineResult:
    kind = min(top, 2)
    few = max(FEW_EDGES[kind], EDGES_PER_VERTEX[kind] * graph.vertices)
    if len(graph.lengths) > few and redzed.can_take(graph, top, field):
        return "redzed", redzed.from_graph(graph, top)
    return "gudhi:ripser", ripser.from_graph(graph, top, field)


def _expanded(distances: FloatArray, cut: float | None, top: int, field: int) -> EngineResult:
    tree = gudhi.SimplexTree.create_from_array(distances, max_filtration=math.inf if cut is None else cut)
    tree.expansion(top + 1)
    return "gudhi:simplex_tree", simplex_tree.intervals(tree, top, field)
