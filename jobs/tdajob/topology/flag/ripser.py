"""gudhi's fork of Ripser and its edge collapse, by private names: the public way imports for a second."""

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
    """Births and deaths of H_0 to H_max_dimension over Z/field, from all distances (n, n).

    Bauer, "Ripser: efficient computation of Vietoris-Rips persistence barcodes", 2021. OverflowError
    where its 128 bits cannot number the simplices.
    """
    bars: list[FloatArray] = _full(
        distances, max_dimension=max_dimension, max_edge_length=math.inf, homology_coeff_field=field
    )
    return bars


def from_graph(graph: Graph, max_dimension: int, field: int) -> list[FloatArray]:
    """The same from the edges of a graph."""
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
    """Fewer edges, some of them entering later, with the same persistence.

    Boissonnat and Pritam, "Edge collapse and persistence of flag complexes", 2020. The vertices get new
    numbers that have nothing to do with where they are: of sorted points it takes two to four times as
    long. The bars do not depend on them.
    """
    number = np.random.default_rng(0).permutation(graph.vertices).astype(np.int32)
    one, other = (number[end] for end in graph.ends)
    (one, other), lengths = _collapse_edges(one, other, graph.lengths, 1)
    places = np.maximum(one, other).astype(np.intp) * graph.vertices + np.minimum(one, other)
    return Graph(graph.vertices, places, np.ascontiguousarray(lengths), graph.radius)
