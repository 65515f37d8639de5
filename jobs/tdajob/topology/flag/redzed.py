"""The optional engine redzed-tda: fastest over Z/2, and exact by ranks although it computes in float32."""

from __future__ import annotations

import numpy as np

from tdajob.topology.flag.graph import Graph
from tdajob.topology.flag.ranks import MOST_RANKS, dense_ranks
from tdajob.topology.values import FloatArray

VERSION = "0.1.1"
"""The library is an alpha release, so only the tested version is used."""
_FAR = float(np.finfo(np.float32).max)
"""Length of a missing edge; longer than any edge."""


try:
    import redzed_tda

    AVAILABLE = redzed_tda.__version__ == VERSION
except ImportError:
    AVAILABLE = False


def can_take(graph: Graph, max_dimension: int, field: int) -> bool:
    """Return whether redzed is installed, supports the computation, and float32 represents every rank."""
    edges = len(graph.lengths)
    return AVAILABLE and field == 2 and max_dimension >= 1 and 0 < edges < MOST_RANKS - 1


def from_graph(graph: Graph, max_dimension: int) -> list[FloatArray]:
    """Return births and deaths of H_0 to H_max_dimension over Z/2.

    Kapulkin and Kershaw, "RedZeD: Computing persistent homology by Reduction to Zero Differentials",
    arXiv:2606.06310. It only compares lengths, so ranks of lengths give the ranks of the exact bars.
    """
    if _fit_float32(graph.lengths):
        return _computed(graph, graph.lengths, max_dimension)
    ranks, values = dense_ranks(graph.lengths)
    return [_values_of(bars, values) for bars in _computed(graph, ranks, max_dimension)]


def _fit_float32(lengths: FloatArray) -> bool:
    return float(lengths.max()) < _FAR and np.array_equal(lengths.astype(np.float32), lengths)


def _computed(graph: Graph, lengths: FloatArray, max_dimension: int) -> list[FloatArray]:
    n = graph.vertices
    matrix = np.full((n, n), _FAR)
    matrix.ravel()[graph.places] = lengths
    bars: list[FloatArray] = redzed_tda.rips(matrix, max_dimension, float(lengths.max()))
    return bars


def _values_of(bars: FloatArray, values: FloatArray) -> FloatArray:
    finite = np.isfinite(bars)
    exact = np.full(bars.shape, np.inf)
    exact[finite] = values[bars[finite].astype(np.intp)]
    return exact
