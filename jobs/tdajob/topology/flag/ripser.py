"""gudhi's fork of Ripser and its edge collapse, by private names: the public import takes a second."""

from __future__ import annotations

import math

import numpy as np

from tdajob.topology.flag.graph import Graph
from tdajob.topology.values import FloatArray

try:
    from gudhi._edge_collapse_ext import _collapse_edges
    from gudhi._ripser_ext import _full, _sparse

    AVAILABLE = True
except ImportError:
    AVAILABLE = False


def from_matrix(distances: FloatArray, max_dimension: int, field: int) -> list[FloatArray]:
    """Return births and deaths of H_0 to H_max_dimension over Z/field, from all distances (n, n).

    Bauer, "Ripser: efficient computation of Vietoris-Rips persistence barcodes", 2021. Raises OverflowError
    if its 128-bit indices do not suffice for the simplices.
    """
    bars: list[FloatArray] = _full(
        distances, max_dimension=max_dimension, max_edge_length=math.inf, homology_coeff_field=field
    )
    return bars


def from_graph(graph: Graph, max_dimension: int, field: int) -> list[FloatArray]:
    """Return the same from the edges of a graph."""
    greater, smaller = graph.ends
    bars: list[FloatArray] = _sparse(
        greater,
        smaller,
        graph.lengths,
        graph.vertices,
        max_dimension=max_dimension,
        homology_coeff_field=field,
    )
    return bars


def collapsed(graph: Graph) -> Graph:
    """Return a graph with fewer edges, some entering later, and the same persistence.

    Boissonnat and Pritam, "Edge collapse and persistence of flag complexes", 2020. Vertices are renumbered
    pseudo-randomly, because sorted points take two to four times as long. The bars do not depend on it.
    """
    number = np.random.default_rng(0).permutation(graph.vertices).astype(np.int32)
    first, second = (number[end] for end in graph.ends)
    (first, second), lengths = _collapse_edges(first, second, graph.lengths, 1)
    places = np.maximum(first, second).astype(np.intp) * graph.vertices + np.minimum(first, second)
    return Graph(graph.vertices, places, np.ascontiguousarray(lengths), graph.radius)
