"""Execution of an algorithm, with every failure converted to a ComputationError."""

from __future__ import annotations

import numpy as np

from tdajob.topology.geometry.point_metrics import PRECOMPUTED
from tdajob.topology.registry import Algorithm
from tdajob.topology.values import ComputationError, Diagram, FloatArray, Query


def execute(algorithm: Algorithm, points: FloatArray, query: Query) -> Diagram:
    """Return the algorithm's diagram; raises ComputationError `out_of_memory` or `engine_crashed`."""
    try:
        diagram = algorithm.compute(points, query)
    except ComputationError:
        raise
    except MemoryError:
        raise ComputationError(
            "out_of_memory",
            f"{describe(points, query)} ran out of memory: {cost_reduction_hint()},"
            " or raise max_predicted_bytes",
        ) from None
    except Exception as error:
        raise ComputationError(
            "engine_crashed", f"{describe(points, query)} failed with {type(error).__name__}: {error}"
        ) from error
    _check_diagram(diagram, query)
    return diagram


def describe(points: FloatArray, query: Query) -> str:
    """Return a description of the computation that can begin a sentence."""
    given = f"{points.shape[1]} coordinates"
    if query.params.get("metric") == PRECOMPUTED:
        given = "given distances"
    return f"{query.algorithm} on {len(points)} points of {given} with max_dimension {query.max_dimension}"


def cost_reduction_hint() -> str:
    """Return the general advice to reduce the cost of a computation."""
    return "set or lower max_persistence, lower max_dimension, subsample the points"


def _check_diagram(diagram: Diagram, query: Query) -> None:
    """Raise ComputationError for a malformed diagram: no NaN of a plug-in may reach a message."""
    complete = len(diagram.bars) == query.max_dimension + 1
    if not complete or any(bars.shape != (len(bars), 2) or np.isnan(bars).any() for bars in diagram.bars):
        raise ComputationError(
            "engine_crashed",
            f"{query.algorithm} did not give (k, 2) bars without NaN for each dimension up to "
            f"{query.max_dimension}: this is a fault of the algorithm",
        )
