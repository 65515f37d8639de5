"""Edge collapse by compiled kernels: fewer edges with the same persistence."""

from __future__ import annotations

import numpy as np

from tdajob.topology.flag.graph import Graph
from tdajob.topology.kernels.edge_list import in_order
from tdajob.topology.kernels.loader import Kernels

PASSES = 2
"""A second pass saves more of the reduction than it costs; a third costs more than it saves."""


def collapsed(kernels: Kernels, graph: Graph) -> Graph:
    """Return a graph with fewer edges, some entering later; at most `MAX_CAPACITY` vertices."""
    for _ in range(PASSES):
        graph = _collapsed_once(kernels, graph)
    return graph


def _collapsed_once(kernels: Kernels, graph: Graph) -> Graph:
    greater, smaller = (end.astype(np.int16) for end in graph.ends)
    lengths, highs, lows = in_order((graph.lengths, greater, smaller))
    entries = kernels.collapse.collapsed(graph.vertices, lengths, highs, lows)
    kept = np.isfinite(entries)
    places = highs[kept].astype(np.intp) * graph.vertices + lows[kept]
    return Graph(graph.vertices, places, entries[kept], graph.radius)
