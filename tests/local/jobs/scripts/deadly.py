"""An algorithm that kills its worker at a cloud of three points, as the system does when memory runs out."""

from __future__ import annotations

import os
import signal

import numpy as np
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram, FloatArray, Query


@register
class Deadly(Algorithm):
    """An algorithm with an empty diagram for every cloud that does not have three points."""

    name = "deadly"

    def needs_isolation(self, n: int, dim: int, query: Query) -> bool:  # noqa: ARG002 -- as the base has it
        """Return False, or kill the worker: it is the process that calls this method."""
        if n == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- as the base has it
        """Return 0: the computation needs almost no memory."""
        return 0

    def compute(self, points: FloatArray, query: Query) -> Diagram:  # noqa: ARG002 -- as the base has it
        """Return a diagram without bars."""
        bars = tuple(np.empty((0, 2)) for _ in range(query.max_dimension + 1))
        return Diagram(bars, "none", query.max_persistence, 0.0)
