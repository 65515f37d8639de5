"""Metrics of the algorithms that depend only on distances between points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.spatial.distance import cdist

from tdajob.topology.geometry import scales
from tdajob.topology.geometry.distances import scattered
from tdajob.topology.parameters import Parameter
from tdajob.topology.validation import MAX_COORDINATE
from tdajob.topology.values import ComputationError, FloatArray

PRECOMPUTED = "precomputed"
"""The internal metric of a request that contains distances; it cannot be requested by name."""
METRICS = ("euclidean", "manhattan", "cityblock", "chebyshev", "angular", "haversine", "periodic")
PARAMETERS = (
    Parameter(
        "metric",
        str,
        "euclidean",
        "distance between points: 'angular' between their directions in radians, 'haversine' along a "
        "sphere between [latitude, longitude] in degrees, 'periodic' in a box with opposite sides identified",
        choices=METRICS,
    ),
    Parameter(
        "period",
        list,
        None,
        "side lengths of the periodic box, one per coordinate; 0 for a coordinate without a period",
        minimum=0,
        unit="as coordinates",
    ),
    Parameter(
        "sphere_radius",
        float,
        1.0,
        "radius of the sphere for haversine, in the unit of distances; 1 gives radians",
        minimum=0,
        maximum=MAX_COORDINATE,
        exclusive=True,
        unit="of distances",
    ),
)
NAMES = tuple(parameter.name for parameter in PARAMETERS)

Parameters = Mapping[str, object]


def distances_between(points: FloatArray, params: Parameters) -> FloatArray:
    """Return the distances (n, n) of the points (n, d), symmetric and zero on the diagonal.

    `params` are values of `PARAMETERS`. With the metric `PRECOMPUTED`, `points` are the distances.
    """
    metric = str(params["metric"])
    if metric == PRECOMPUTED:
        return points
    if metric == "euclidean":
        return scales.euclidean_distances(points, points)
    if metric in _CDIST_NAMES:
        distances: FloatArray = cdist(points, points, _CDIST_NAMES[metric])
        return distances
    # The last bit of a function may depend on an element's position in the array; both halves must agree.
    lower = np.tril(_OTHERS[metric](points, params), -1)
    return lower + lower.T


def scattered_distances(points: FloatArray, params: Parameters) -> FloatArray:
    """Return the distances of the points in a pseudo-random order, which is faster than a sorted one."""
    precomputed = params["metric"] == PRECOMPUTED
    return distances_between(points if precomputed else scattered(points), params)


def lost_length(points: FloatArray, params: Parameters) -> float:
    """Return how much too short a distance may be because squares of small differences underflow."""
    return scales.lost_length(points) if params["metric"] in ("euclidean", "periodic") else 0.0


def euclidean_factor(params: Parameters, dim: int) -> float | None:
    """Return a bound of distance / Euclidean distance for all pairs of points; None: no bound is known.

    `params` has the given values of `PARAMETERS`.
    """
    metric = params.get("metric", "euclidean")
    if metric in ("manhattan", "cityblock"):
        return math.sqrt(dim)
    if metric == "haversine":
        # In degrees; a degree of longitude is never longer than a degree of latitude.
        return math.radians(float(str(params.get("sphere_radius", 1.0))))
    return None if metric == "angular" else 1.0


def check_metric(points: FloatArray, params: Parameters) -> None:
    """Raise ComputationError unless the points (n, d) and the parameters are valid for the metric."""
    metric, period, dim = params["metric"], params["period"], points.shape[1]
    if metric == PRECOMPUTED:
        return
    if metric != "periodic" and period is not None:
        raise _bad(f"period is {period!r} with metric {metric}: use metric periodic, or leave it out")
    if metric == "periodic" and (not isinstance(period, list) or len(period) != dim):
        raise _bad(f"period is {period!r}: give {dim} lengths, one for each coordinate of the points")
    if metric == "haversine":
        _check_geographic(points)
    if metric == "angular":
        _check_directions(points)


def _check_geographic(points: FloatArray) -> None:
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
    at_origin = ~points.any(axis=1)
    if at_origin.any():
        raise ComputationError(
            "bad_coordinate",
            f"point {int(at_origin.argmax())} is the origin, which has no direction: "
            "leave it out, or use another metric than angular",
        )


def _angular(points: FloatArray, params: Parameters) -> FloatArray:  # noqa: ARG001 -- common signature
    """Return angles by Kahan's formula, accurate for nearly equal and nearly opposite directions, too."""
    scaled = points / np.abs(points).max(axis=1, keepdims=True)
    directions = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    chords = scales.euclidean_distances(directions, directions)
    halves: FloatArray = np.arctan2(chords, scales.euclidean_distances(directions, -directions))
    return halves + halves


def _haversine(points: FloatArray, params: Parameters) -> FloatArray:
    """Return great-circle distances, by the haversines of the angle and of its supplement."""
    latitude, longitude = points.T
    cosine = np.cos(np.radians(latitude))
    cosines = cosine[:, None] * cosine
    # Subtract degrees before converting: conversion would round the common part of nearby coordinates.
    half_longitude = np.radians(longitude[:, None] - longitude) / 2
    half_latitude = np.radians(latitude[:, None] - latitude) / 2
    mean_latitude = np.radians(latitude[:, None] + latitude) / 2
    # Not a root of squares: squares of lengths below 1e-154 underflow.
    near = np.hypot(np.sin(half_latitude), np.sqrt(cosines) * np.sin(half_longitude))
    far = np.hypot(np.sin(mean_latitude), np.sqrt(cosines) * np.cos(half_longitude))
    angles: FloatArray = 2 * np.arctan2(near, far)
    return angles * float(str(params["sphere_radius"]))


def _periodic(points: FloatArray, params: Parameters) -> FloatArray:
    period = np.array(params["period"], dtype=np.float64)
    wrapped = np.where(period > 0, np.mod(points, np.where(period > 0, period, 1.0)), points)
    # Differences from one end of the box to the other must not underflow, either.
    exponent = scales.scale_exponent(wrapped, period[None, :])
    squares = np.zeros((len(points), len(points)))
    for coordinate, length in zip(np.ldexp(wrapped, exponent).T, np.ldexp(period, exponent), strict=True):
        differences = np.abs(coordinate[:, None] - coordinate)
        squares += np.square(np.minimum(differences, length - differences) if length else differences)
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
