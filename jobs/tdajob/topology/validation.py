"""Checks of points, distance matrices and queries before a computation."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.parameters import is_number
from tdajob.topology.values import ComputationError, FloatArray, Limits, Query

MAX_DIMENSION = 10
MAX_COEFFICIENT_FIELD = 46337
"""The largest prime whose square fits the engines' 32-bit integers."""
MAX_COORDINATE = 1e150
"""Beyond it squared distances overflow float64."""
ENGINES = ("auto", "gudhi")


def check_points(points: FloatArray, limits: Limits) -> None:
    """Raise ComputationError unless the points are a finite float64 array (n, d) within the limits."""
    if not isinstance(points, np.ndarray) or points.ndim != 2 or points.dtype != np.float64:
        raise ComputationError("bad_shape", "points is not a float64 array of shape (points, coordinates)")
    _check_count(len(points), "points", limits)
    if points.shape[1] == 0:
        raise ComputationError("bad_shape", "points have no coordinates: send at least one per point")
    _check_finite(points)


def check_matrix(distances: FloatArray, limits: Limits) -> None:
    """Raise ComputationError unless this is a symmetric matrix (n, n) of distances within the limits."""
    if not isinstance(distances, np.ndarray) or distances.ndim != 2 or distances.dtype != np.float64:
        raise _bad_matrix("distances is not a float64 array of shape (points, points)")
    rows, columns = distances.shape
    if rows != columns:
        raise _bad_matrix(f"distances has {rows} rows and {columns} columns: send a square matrix")
    _check_count(rows, "distances", limits)
    usable = (distances >= 0) & (distances <= MAX_COORDINATE)
    _check_entries(usable, distances, f"send finite numbers from 0 to {MAX_COORDINATE:g}")
    _check_entries(distances == distances.T, distances, "differs from the one across the diagonal")
    _check_entries(np.eye(rows) * distances == 0, distances, "a point has the distance 0 from itself")


def check_query(query: Query) -> None:
    """Raise ComputationError `bad_parameter` unless every common parameter is valid."""
    if not _is_integer(query.max_dimension) or not 0 <= query.max_dimension <= MAX_DIMENSION:
        raise _bad("max_dimension", query.max_dimension, f"use an integer from 0 to {MAX_DIMENSION}")
    if query.max_persistence is not None and not _is_non_negative(query.max_persistence):
        raise _bad("max_persistence", query.max_persistence, "use a finite number >= 0, or null for no cut")
    if not _is_non_negative(query.min_persistence):
        raise _bad("min_persistence", query.min_persistence, "use a finite number >= 0")
    if not _is_coefficient_field(query.homology_coeff_field):
        fix = f"use a prime from 2 to {MAX_COEFFICIENT_FIELD}"
        raise _bad("homology_coeff_field", query.homology_coeff_field, fix)
    if query.engine not in ENGINES:
        raise _bad("engine", query.engine, f"use one of {', '.join(ENGINES)}")


def _check_count(count: int, field: str, limits: Limits) -> None:
    if count == 0:
        raise ComputationError("empty_cloud", f"{field} is empty: send at least one point")
    if count > limits.max_points:
        raise ComputationError(
            "too_many_points",
            f"{count} points are more than max_points {limits.max_points}: "
            "subsample the points or raise max_points",
        )


def _check_entries(good: NDArray[np.bool_], distances: FloatArray, fix: str) -> None:
    if not good.all():
        row, column = np.argwhere(~good)[0]
        raise _bad_matrix(f"distances[{row}][{column}] is {distances[row, column]}: {fix}")


def _bad_matrix(reason: str) -> ComputationError:
    return ComputationError("bad_matrix", reason)


def _check_finite(points: FloatArray) -> None:
    usable = np.abs(points) <= MAX_COORDINATE
    if not usable.all():
        point, coordinate = np.argwhere(~usable)[0]
        raise ComputationError(
            "non_finite",
            f"coordinate {coordinate} of point {point} is {points[point, coordinate]}: "
            f"send finite numbers up to {MAX_COORDINATE:g} in size",
        )


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_non_negative(value: float) -> bool:
    return is_number(value) and value >= 0


def _is_coefficient_field(value: int) -> bool:
    return (
        _is_integer(value)
        and 2 <= value <= MAX_COEFFICIENT_FIELD
        and all(value % divisor for divisor in range(2, math.isqrt(value) + 1))
    )


def _bad(field: str, value: object, fix: str) -> ComputationError:
    return ComputationError("bad_parameter", f"{field} is {value!r}: {fix}")
