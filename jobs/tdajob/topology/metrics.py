"""Distances between points, as the algorithms that need nothing but distances know them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.spatial.distance import cdist

from tdajob.topology import scales
from tdajob.topology.geometry import scattered
from tdajob.topology.parameters import Parameter
from tdajob.topology.validation import MAX_COORDINATE
from tdajob.topology.values import ComputationError, FloatArray

PRECOMPUTED = "precomputed"
"""The metric of a request that brings its distances; nobody can ask for it by name."""
METRICS = ("euclidean", "manhattan", "cityblock", "chebyshev", "angular", "haversine", "periodic")
PARAMETERS = (
    Parameter(
        "metric",
        str,
        "euclidean",
        "distance between points: 'angular' between their directions in radians, 'haversine' along a "
        "sphere between [latitude, longitude] in degrees, 'periodic' in a box whose opposite sides are one",
        choices=METRICS,
    ),
    Parameter(
        "period",
        list,
        None,
        "lengths of the periodic box, one for each coordinate; 0 where it does not end",
        minimum=0,
        unit="as coordinates",
    ),
    Parameter(
        "sphere_radius",
        float,
        1.0,
        "the sphere's radius for haversine, in the unit that distances are to have; 1 gives radians",
        minimum=0,
        maximum=MAX_COORDINATE,
        exclusive=True,
        unit="of distances",
    ),
)
NAMES = tuple(parameter.name for parameter in PARAMETERS)

Parameters = Mapping[str, object]


def distances_between(points: FloatArray, params: Parameters) -> FloatArray:
    """All distances (n, n) of the points (n, d), symmetric and zero on the diagonal, for `PARAMETERS`.

    With the metric `PRECOMPUTED` the points are the distances already.
    """
    metric = str(params["metric"])
    if metric == PRECOMPUTED:
        return points
    if metric == "euclidean":
        return scales.euclidean_distances(points, points)
    if metric in _CDIST_NAMES:
        found: FloatArray = cdist(points, points, _CDIST_NAMES[metric])
        return found
    # The last bit of a function may depend on the place of a number in an array; both halves must agree.
    lower = np.tril(_OTHERS[metric](points, params), -1)
    return lower + lower.T


def scattered_distances(points: FloatArray, params: Parameters) -> FloatArray:
    """The same with the points in another order, in which engines take less time than in a sorted one."""
    brought = params["metric"] == PRECOMPUTED
    return distances_between(points if brought else scattered(points), params)


def lost_length(points: FloatArray, params: Parameters) -> float:
    """By how much a distance may be too short, because coordinates of very different size are squared."""
    return scales.lost_length(points) if params["metric"] in ("euclidean", "periodic") else 0.0


def euclidean_factor(params: Parameters, dim: int) -> float | None:
    """How many times the Euclidean distance of two points their distance is at most; None: no bound is known.

    `params` holds those of `PARAMETERS` that were given.
    """
    metric = params.get("metric", "euclidean")
    if metric in ("manhattan", "cityblock"):
        return math.sqrt(dim)
    if metric == "haversine":
        # Degrees; nowhere is one of longitude longer than one of latitude.
        return math.radians(float(str(params.get("sphere_radius", 1.0))))
    return None if metric == "angular" else 1.0


def check_metric(points: FloatArray, params: Parameters) -> None:
    """Raise ComputationError unless the points (n, d) and the parameters suit the metric."""
    metric, period, dim = params["metric"], params["period"], points.shape[1]
    if metric == PRECOMPUTED:
        return
    if metric != "periodic" and period is not None:
        raise _bad(f"period is {period!r} with metric {metric}: use metric periodic, or leave it out")
    if metric == "periodic" and (not isinstance(period, list) or len(period) != dim):
        raise _bad(f"period is {period!r}: give {dim} lengths, one for each coordinate of the points")
    if metric == "haversine":
        _check_places_on_earth(points)
    if metric == "angular":
        _check_directions(points)


def _check_places_on_earth(points: FloatArray) -> None:
    if points.shape[1] != 2:
        raise _bad(
            f"metric is 'haversine' with points of {points.shape[1]} coordinates: "
            "give 2, latitude and longitude in degrees"
        )
    lowest, highest = np.array([-90.0, -180.0]), np.array([90.0, 360.0])
    outside = (points < lowest) | (points > highest)
    if outside.any():
        point, axis = np.argwhere(outside)[0]
        name = ("latitude", "longitude")[axis]
        raise ComputationError(
            "bad_coordinate",
            f"{name} of point {point} is {points[point, axis]}: "
            f"give degrees from {lowest[axis]:g} to {highest[axis]:g}, latitude first",
        )


def _check_directions(points: FloatArray) -> None:
    nowhere = ~points.any(axis=1)
    if nowhere.any():
        raise ComputationError(
            "bad_coordinate",
            f"point {int(nowhere.argmax())} is the origin, which has no direction: "
            "leave it out, or use another metric than angular",
        )


def _angular(points: FloatArray, params: Parameters) -> FloatArray:  # noqa: ARG001 -- one of several
    """Kahan's formula, which is as accurate for nearly equal and nearly opposite directions as for others."""
    scaled = points / np.abs(points).max(axis=1, keepdims=True)
    directions = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    apart = scales.euclidean_distances(directions, directions)
    halves: FloatArray = np.arctan2(apart, scales.euclidean_distances(directions, -directions))
    return halves + halves


def _haversine(points: FloatArray, params: Parameters) -> FloatArray:
    """The great-circle distance, by the haversines of the angle and of what it lacks to half a circle."""
    latitude, longitude = points.T
    flat = np.cos(np.radians(latitude))
    both = flat[:, None] * flat
    # Degrees are subtracted before they become radians, which rounds what places near each other share.
    turn = np.radians(longitude[:, None] - longitude) / 2
    climb = np.radians(latitude[:, None] - latitude) / 2
    both_climbs = np.radians(latitude[:, None] + latitude) / 2
    # Not a root of squares, which would lose what is shorter than 1e-154.
    near = np.hypot(np.sin(climb), np.sqrt(both) * np.sin(turn))
    far = np.hypot(np.sin(both_climbs), np.sqrt(both) * np.cos(turn))
    angles: FloatArray = 2 * np.arctan2(near, far)
    return angles * float(str(params["sphere_radius"]))


def _periodic(points: FloatArray, params: Parameters) -> FloatArray:
    period = np.array(params["period"], dtype=np.float64)
    wrapped = np.where(period > 0, np.mod(points, np.where(period > 0, period, 1.0)), points)
    # Differences from one end to the other of the box must not be lost, either.
    exponent = scales.scale_exponent(wrapped, period[None, :])
    squares = np.zeros((len(points), len(points)))
    for coordinate, length in zip(np.ldexp(wrapped, exponent).T, np.ldexp(period, exponent), strict=True):
        apart = np.abs(coordinate[:, None] - coordinate)
        squares += np.square(np.minimum(apart, length - apart) if length else apart)
    return np.ldexp(np.sqrt(squares), -exponent)


def _bad(reason: str) -> ComputationError:
    return ComputationError("bad_parameter", reason)


_CDIST_NAMES = {
    "euclidean": "euclidean",
    "manhattan": "cityblock",
    "cityblock": "cityblock",
    "chebyshev": "chebyshev",
}
_OTHERS: Mapping[str, Callable[[FloatArray, Parameters], FloatArray]] = {
    "angular": _angular,
    "haversine": _haversine,
    "periodic": _periodic,
}
