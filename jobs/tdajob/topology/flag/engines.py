"""Which engine answers which question about a flag filtration; all give the same bars, bit for bit."""

from __future__ import annotations

import math

import gudhi
import numpy as np

from tdajob.topology import simplex_tree
from tdajob.topology.flag import collapse, reduced, redzed, ripser
from tdajob.topology.flag.components import components
from tdajob.topology.flag.graph import Graph, graph_of
from tdajob.topology.incremental.machine_code import kernels
from tdajob.topology.incremental.window import MAX_CAPACITY
from tdajob.topology.values import FloatArray, Query

Answer = tuple[str, list[FloatArray]]

COMPILED = "tdaflink:reduced"

BYTES_PER_PAIR_REDZED = 48
BYTES_PER_PAIR_RIPSER = 76
BYTES_PER_PAIR_COLLAPSE = 84
"""Measured peaks over n² on complete graphs, distances included, gudhi 3.13 and redzed 0.1.1."""

FEW_VERTICES = 56
"""Up to here the whole matrix given to Ripser is done before a graph is made."""
FEW_EDGES = (1500, 1500, 250)
"""Up to here, for H_0, for H_1 and above, Ripser is done before redzed has begun."""
EDGES_PER_VERTEX = (5.0, 5.0, 2.5)
"""Likewise: redzed's beginning grows with the vertices."""
COMPILED_FROM = 257
"""Points from which machine code of our own gives H_0 and H_1, two to four times as fast as redzed. It would
be faster for fewer, too, but those a worker computes itself, which need not load a compiler for them."""
NEARLY_COMPLETE = 0.9
"""Density from which edge collapse costs more than it saves."""


def intervals(
    distances: FloatArray, cut: float | None, max_dimension: int, field: int, engine: str
) -> Answer:
    """The engine's name, and births and deaths of H_0 to H_max_dimension over Z/field, in any order.

    `distances` (n, n) is symmetric and zero on the diagonal; a simplex enters with its longest edge.
    Deaths beyond `cut` come out as infinite or as they are. `engine` is "auto", for the fastest, or
    "gudhi", for gudhi's simplex tree.
    """
    n = len(distances)
    top = top_dimension(n, max_dimension)
    if not is_fast(engine):
        return _expanded(distances, cut, top, field)
    try:
        if n <= FEW_VERTICES and top <= 1:
            return "gudhi:ripser", ripser.from_matrix(distances, top, field)
        if top <= 1:
            return _loops(distances, cut, top, field)
        return _voids(distances, cut, top, field)
    except OverflowError:
        # Ripser numbers its simplices in 128 bits: too many points for the dimension.
        return _expanded(distances, cut, top, field)


def weighted_intervals(
    entries: FloatArray, births: FloatArray, cut: float | None, max_dimension: int, field: int, engine: str
) -> Answer:
    """The same where vertices enter at `births` (n,) and edges, never before their ends, at `entries`."""
    lengths = entries.copy()
    if not is_fast(engine):
        np.fill_diagonal(lengths, births)
        return _expanded(lengths, cut, top_dimension(len(births), max_dimension), field)
    # A vertex that is there before its first edge changes nothing above H_0.
    np.fill_diagonal(lengths, 0.0)
    name, bars = intervals(lengths, cut, max_dimension, field, engine)
    return name, [components(lengths, births), *bars[1:]]


def predicted_bytes(n: int, query: Query) -> int:
    """Memory that `intervals` will take for n vertices: for H_0 and H_1 all, above the edges alone.

    How many columns a reduction keeps depends on the shape more than on any count.
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
    """Whether anything but the simplex tree is asked for, and there."""
    return ripser.AVAILABLE and engine == "auto"


def has_redzed(query: Query) -> bool:
    """Whether redzed is there and knows the coefficients."""
    return redzed.AVAILABLE and is_fast(query.engine) and query.homology_coeff_field == 2


def top_dimension(n: int, max_dimension: int) -> int:
    """A flag complex needs 2k + 2 vertices for homology in dimension k, so higher ones are zero."""
    return min(max_dimension, max(0, (n - 2) // 2))


def _loops(distances: FloatArray, cut: float | None, top: int, field: int) -> Answer:
    compiled = kernels() if COMPILED_FROM <= len(distances) <= MAX_CAPACITY else None
    if compiled is not None:
        return COMPILED, reduced.intervals(compiled, distances, cut, top, field)
    return _whole(distances, graph_of(distances, cut), top, field)


def _voids(distances: FloatArray, cut: float | None, top: int, field: int) -> Answer:
    graph = graph_of(distances, cut)
    if graph.density >= NEARLY_COMPLETE:
        return _whole(distances, graph, top, field)
    compiled = kernels() if len(distances) <= MAX_CAPACITY else None
    if compiled is None:
        maker, graph = "gudhi", ripser.collapsed(graph)
    else:
        maker, graph = "tdaflink", collapse.collapsed(compiled, graph)
    engine, bars = _reduced(graph, top, field)
    return f"{maker}:collapse+{engine.removeprefix('gudhi:')}", bars


def _whole(distances: FloatArray, graph: Graph, top: int, field: int) -> Answer:
    """All edges of the graph of these distances; of a nearly complete one Ripser reads the matrix faster."""
    if graph.density >= NEARLY_COMPLETE and not redzed.can_take(graph, top, field):
        return "gudhi:ripser", ripser.from_matrix(distances, top, field)
    return _reduced(graph, top, field)


def _reduced(graph: Graph, top: int, field: int) -> Answer:
    kind = min(top, 2)
    few = max(FEW_EDGES[kind], EDGES_PER_VERTEX[kind] * graph.vertices)
    if len(graph.lengths) > few and redzed.can_take(graph, top, field):
        return "redzed", redzed.from_graph(graph, top)
    return "gudhi:ripser", ripser.from_graph(graph, top, field)


def _expanded(distances: FloatArray, cut: float | None, top: int, field: int) -> Answer:
    tree = gudhi.SimplexTree.create_from_array(distances, max_filtration=math.inf if cut is None else cut)
    tree.expansion(top + 1)
    return "gudhi:simplex_tree", simplex_tree.intervals(tree, top, field)
