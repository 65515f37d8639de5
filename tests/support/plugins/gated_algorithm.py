"""An algorithm that blocks until a file exists, so that a test controls its duration."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import numpy as np
from tdajob.plugin import About, Algorithm, Cost, Diagram, FloatArray, Parameter, Query, register

NOTHING = ""


@register
class Gated(Algorithm):
    name = "gated"
    about = About(
        computes=NOTHING,
        unit=NOTHING,
        values=NOTHING,
        exact=NOTHING,
        exactness=NOTHING,
        memory=NOTHING,
        reference=NOTHING,
        libraries=(),
        costs=(Cost(1.0, 1.0, 1.0, 100),),  # a second per point
    )

    def parameters(self) -> Sequence[Parameter]:
        return (Parameter("gate", str, NOTHING, "the file that is waited for; none without it"),)

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- signature of the base class
        return 0

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        gate = str(query.params["gate"])
        while gate and not os.path.exists(gate):
            time.sleep(0.005)
        bars = (
            np.array([[0.0, float(len(points))]]),
            *(np.empty((0, 2)) for _ in range(query.max_dimension)),
        )
        return Diagram(bars, "none", query.max_persistence, 0.0)
