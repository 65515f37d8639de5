"""Preprocessing of a window's points: scaling, then subsampling with an error bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tdajob.errors import MessageError
from tdajob.settings.streams import PreprocessSettings, ScaleSettings
from tdajob.topology import registry
from tdajob.topology.geometry.distances import farthest_points, sorted_points
from tdajob.topology.geometry.lattice import lattice_net
from tdajob.topology.values import ComputationError, FloatArray, Query


@dataclass(frozen=True, eq=False)
class Prepared:
    """The points (k, d) to compute with, and a bound of the change that subsampling makes to the diagram.

    `covering_radius` bounds the Hausdorff distance between the (scaled) window and these points.
    `error_bound` bounds the bottleneck distance to the diagram of all points, in the unit of the bars; it is
    added to the engine's own. Where the filtration is cut, an infinite death counts as the cut.
    """

    points: FloatArray
    covering_radius: float
    error_bound: float


class Preprocessor:
    """Scales windows and chooses landmarks, for one query. Has no state between windows."""

    def __init__(self, settings: PreprocessSettings, query: Query) -> None:
        """Raise ComputationError `bad_parameter` for an algorithm without a bound of the landmarks' error."""
        self._settings = settings
        self._query = query
        if settings.landmarks is not None or settings.error is not None:
            _landmark_factor(query, 1)

    @property
    def makes_nets(self) -> bool:
        """True if the points to compute with are nets, which seldom change between sliding windows."""
        return self._settings.error is not None

    @property
    def per_window(self) -> bool:
        """True if a point may be mapped to another one in the next window, so that nothing can be cached."""
        return self._settings.scale.kind in ("minmax", "zscore") or self._settings.landmarks is not None

    def check_coordinates(self, points: FloatArray) -> None:
        """Raise MessageError `wrong_dimension` for a message's points that the fixed scale does not fit."""
        expected = len(self._settings.scale.offset)
        if self._settings.scale.kind == "fixed" and points.shape[1] != expected:
            raise MessageError(
                "wrong_dimension",
                f"points have {points.shape[1]} coordinates, but preprocess.offset and preprocess.factor"
                f" have {expected} numbers: send points with {expected} coordinates, or change the two lists",
            )

    def prepare(self, points: FloatArray) -> Prepared:
        """Return the prepared points of a window, given as (n, d) in any order."""
        points = scaled(points, self._settings.scale)
        if self._settings.error is not None:
            return self._net(points, self._settings.error)
        if self._settings.landmarks is None or len(points) <= self._settings.landmarks:
            return Prepared(points, 0.0, 0.0)
        points = sorted_points(points)
        chosen, radius = farthest_points(points, self._settings.landmarks)
        bound = landmark_bound(self._query, points.shape[1], radius)
        return Prepared(points[chosen], radius, bound)

    def _net(self, points: FloatArray, error: float) -> Prepared:
        dim = points.shape[1]
        # The inverse of `landmark_bound`.
        radius = (error - self._query.min_persistence / 2) / _landmark_factor(self._query, dim)
        net, farthest = lattice_net(points, radius)
        return Prepared(net, farthest, landmark_bound(self._query, dim, farthest))


def landmark_bound(query: Query, dim: int, radius: float) -> float:
    """Bound the bottleneck distance of diagrams of points at a Hausdorff distance of up to `radius`.

    Points have `dim` coordinates; the bound is in the unit of the bars. Raises ComputationError
    `bad_parameter` for a query without a bound.
    """
    if radius == 0:
        return 0.0
    # The partner of a bar that is just long enough to be published may be just too short.
    return _landmark_factor(query, dim) * radius + query.min_persistence / 2


def scaled(points: FloatArray, scale: ScaleSettings) -> FloatArray:
    """Return the points (n, d), n at least 1, with each coordinate scaled separately.

    "minmax" maps a coordinate's values to [0, 1], "zscore" to mean 0 and standard deviation 1 (over n);
    a constant coordinate becomes 0. "fixed" gives (x - offset) · factor.
    """
    if scale.kind == "minmax":
        return _minmax(points)
    if scale.kind == "zscore":
        # The last bits of a sum depend on the order of its terms; a result must not.
        return _zscore(sorted_points(points))
    if scale.kind == "fixed":
        with np.errstate(over="ignore"):  # the engine refuses what is too large to compute with
            points = (points - np.array(scale.offset)) * np.array(scale.factor)
    return points


def _minmax(points: FloatArray) -> FloatArray:
    extent = np.ptp(points, axis=0)
    unit: FloatArray = (points - points.min(axis=0)) / np.where(extent > 0, extent, 1.0)
    return unit


def _zscore(points: FloatArray) -> FloatArray:
    # Scaled to [0, 1] first: squares neither overflow nor underflow, and constants are exactly constant.
    unit = _minmax(points)
    deviation = unit.std(axis=0)
    standard: FloatArray = (unit - unit.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    return standard


def _landmark_factor(query: Query, dim: int) -> float:
    factor = registry.get(query.algorithm).landmark_factor(query.params, dim)
    if factor is None:
        metric = f" and the metric '{query.params['metric']}'" if "metric" in query.params else ""
        raise ComputationError(
            "bad_parameter",
            f"preprocess.subsample with the algorithm '{query.algorithm}'{metric}: no bound of its error is"
            " known; use vietoris_rips or alpha, or remove preprocess.subsample",
        )
    return factor
