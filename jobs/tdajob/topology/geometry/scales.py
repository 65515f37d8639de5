"""Exact translation and scaling of points whose squares would underflow or overflow, or far from the origin.

float64 represents numbers from 2^-1074 to 2^1024, but squares only within half of those exponents.
Multiplication by a power of two does not round, so distances of tiny or huge points are computed from scaled
points, and every bit is that of a float64 with a wider exponent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from tdajob.topology.values import FloatArray, Query

_HIGHEST = 498
"""Squared differences of 2^25 coordinates below 2^498 sum to less than 2^1024."""
_HEADROOM = 400
"""Exponent reserved for squared radii of flat triangles, which may be as much greater or more."""
_LOWEST = -450
"""Different numbers of at least 2^-450 differ by at least 2^-503, whose square loses no bit."""
_SHORTEST = -535
"""A difference whose square underflows adds less than 2^-536 to a distance."""


def scale_exponent(*arrays: FloatArray) -> int:
    """Return e, if possible 0, such that squared differences of coordinates times 2^e lose nothing."""
    high, low = _exponents(arrays)
    return min(_HIGHEST - high, max(0, _LOWEST - low))


def are_safe(points: FloatArray) -> bool:
    """Return whether squared distances of the unscaled points neither underflow nor overflow."""
    return scale_exponent(points) == 0


def euclidean_distances(points: FloatArray, others: FloatArray) -> FloatArray:
    """Return Euclidean distances (n, m) of the points (n, d) to the others (m, d), at any scale.

    Each is computed from differences of coordinates; the expanded square would break ties.
    """
    exponent = scale_exponent(points, others)
    if exponent == 0:
        distances: FloatArray = cdist(points, others)
        return distances
    scaled = cdist(np.ldexp(points, exponent), np.ldexp(others, exponent))
    restored: FloatArray = np.ldexp(scaled, -exponent)
    return restored


def lost_length(points: FloatArray) -> float:
    """Return how much too short `euclidean_distances` may be: 0.0 unless coordinates differ 2^900-fold."""
    high, low = _exponents((points,))
    exponent = min(_HIGHEST - high, max(0, _LOWEST - low))
    if low + exponent >= _LOWEST:
        return 0.0
    lost = math.ldexp(math.sqrt(points.shape[1]), _SHORTEST - exponent)
    return max(lost, math.ulp(0.0))


@dataclass(frozen=True, eq=False)
class Normal:
    """Points translated to the origin and scaled to a size near 1, without rounding.

    `magnitudes` (n,) has the greatest coordinate of each point before the translation, in the unit of
    `points`: float64 rounds it with the relative error 2^-53. Distances may be `lost` too short if
    coordinates differ greatly in size.
    """

    points: FloatArray
    magnitudes: FloatArray
    exponent: int
    lost: float

    def query(self, query: Query) -> Query:
        """Return the query in the unit of `points`."""
        cut = query.max_persistence
        return Query(
            **{
                **vars(query),
                "max_persistence": None if cut is None else _scaled_down(cut, self.exponent),
                "min_persistence": _scaled_down(query.min_persistence, self.exponent),
            }
        )

    def restored(self, length: float) -> float:
        """Return a length in the unit of the original points."""
        return float(np.ldexp(length, self.exponent))

    def restored_bars(self, bars: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        """Return bars in that unit; bars that rounding below 2^-1022 makes empty are dropped."""
        scaled = [np.ldexp(part, self.exponent) for part in bars]
        return tuple(part[part[:, 1] > part[:, 0]] for part in scaled)


def normal(points: FloatArray) -> Normal:
    """Translate the points (n, d) if they are far from the origin for their extent, and scale them.

    A coordinate is translated if its greatest value is at most twice its least: then every difference is
    exact in float64 (Sterbenz, "Floating-point computation", 1974), so all differences are preserved.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    away = ((low > 0) & (high <= 2 * low)) | ((high < 0) & (low >= 2 * high))
    moved = points - np.where(away, low, 0.0)
    high, least = _exponents((moved,))
    # The greatest coordinate becomes about 1, or more to keep the least from underflow.
    exponent = high - min(_HEADROOM, max(0, _LOWEST - (least - high)))
    lost = math.ldexp(math.sqrt(points.shape[1]), _SHORTEST) if least - exponent < _LOWEST else 0.0
    magnitudes = np.abs(points).max(axis=1)
    with np.errstate(over="ignore"):
        return Normal(np.ldexp(moved, -exponent), np.ldexp(magnitudes, -exponent), exponent, lost)


def _scaled_down(length: float, exponent: int) -> float:
    """Return a length in a unit 2^exponent times as large; a positive length stays positive and finite."""
    if length == 0:
        return 0.0
    with np.errstate(over="ignore"):
        scaled = float(np.ldexp(length, -exponent))
    return min(max(scaled, math.ulp(0.0)), float(np.finfo(np.float64).max))


def _exponents(arrays: tuple[FloatArray, ...]) -> tuple[int, int]:
    """Return the exponents of the greatest and the least nonzero magnitude; (0, 0) if all are 0."""
    greatest, least = 0.0, math.inf
    for array in arrays:
        magnitudes: NDArray[np.float64] = np.abs(array)
        greatest = max(greatest, float(magnitudes.max(initial=0.0)))
        least = min(least, float(magnitudes.min(initial=math.inf, where=magnitudes > 0)))
    if greatest == 0:
        return 0, 0
    return math.frexp(greatest)[1], math.frexp(least)[1]
