"""An algorithm that ends the worker at a cloud of three points, as the system does for want of memory."""

from __future__ import annotations

import os
import signal

import numpy as np
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram, FloatArray, Query


@register
class Deadly(Algorithm):
    """Answers every other cloud by an empty diagram."""

    name = "deadly"

    def needs_isolation(self, n: int, dim: int, query: Query) -> bool:  # noqa: ARG002 -- as the base has it
        """No: asked in the worker itself, which is what ends."""
        if n == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- as the base has it
        """Next to nothing."""
        return 0

    def compute(self, points: FloatArray, query: Query) -> Diagram:  # noqa: ARG002 -- as the base has it
        """No bars."""
        bars = tuple(np.empty((0, 2)) for _ in range(query.max_dimension + 1))
        return Diagram(bars, "none", query.max_persistence, 0.0)
