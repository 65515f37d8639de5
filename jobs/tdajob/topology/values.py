"""Inputs and results of a computation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class ComputationError(Exception):
    """A computation that was refused or failed.

    `code` is a stable snake_case word for programs; `reason` is a text for people with the field, the value
    and the fix.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Limits:
    """Resource limits of one computation.

    `max_points` limits the cloud, `max_predicted_bytes` the memory (predicted in advance, and enforced in a
    child process), `compute_timeout` the seconds in a child process, and `max_ambient_dimension` the
    coordinates per point of algorithms whose cost grows exponentially with them.
    """

    max_points: int
    max_predicted_bytes: int
    compute_timeout: float
    max_ambient_dimension: int


@dataclass(frozen=True)
class Query:
    """A requested computation; no field has a default.

    `max_dimension` is the highest homology dimension. `max_persistence` cuts the filtration, in the
    unit of the algorithm (None: no cut). `min_persistence` drops shorter bars. The coefficient field is
    Z/`homology_coeff_field`. `engine` is "auto" (the fastest exact engine) or "gudhi" (gudhi's simplex
    tree). `params` are the algorithm's own parameters.
    """

    algorithm: str
    max_dimension: int
    max_persistence: float | None
    min_persistence: float
    homology_coeff_field: int
    engine: str
    params: Mapping[str, object]


@dataclass(frozen=True, eq=False)
class Diagram:
    """Persistence bars per homology dimension.

    `bars[d]` has shape (k, 2): birth and death of each bar of H_d, sorted by (birth, death); a death
    may be infinite. `cut` is the value where the filtration was cut (None: no cut), in the unit of the bars.
    `error_bound` bounds the bottleneck distance to the exact diagram; 0.0 if the diagram is exact.
    """

    bars: tuple[FloatArray, ...]
    engine: str
    cut: float | None
    error_bound: float
