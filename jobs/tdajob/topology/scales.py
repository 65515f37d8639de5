"""Points at scales where squares underflow or overflow, and far from the origin: moved and scaled exactly.

float64 holds numbers from 2^-1074 to 2^1024, their squares only from half of those exponents. A power of two
multiplies and divides without rounding, so distances of tiny or huge points are computed of larger or smaller
ones, and every bit is that of a float64 with a wider exponent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from tdajob.topology.values import FloatArray, Query

_HIGHEST = 498
"""Squares of differences of numbers below 2^498 sum up to less than 2^1024, of 2^25 coordinates."""
_HEADROOM = 400
"""Squared radii of flat triangles may be as much greater again, and more."""
_LOWEST = -450
"""Two different numbers of at least 2^-450 differ by at least 2^-503, whose square loses no bit."""
_SHORTEST = -535
"""A difference that is too small to be squared adds less than 2^-536 to a distance."""


def scale_exponent(*arrays: FloatArray) -> int:
    """e, so that no square of a difference of coordinates times 2^e is lost; 0 where none is as they are."""
    high, low = _exponents(arrays)
    return min(_HIGHEST - high, max(0, _LOWEST - low))


def are_safe(points: FloatArray) -> bool:
    """Whether squared distances of the points, as they are, neither underflow nor overflow."""
    return scale_exponent(points) == 0


def euclidean_distances(points: FloatArray, others: FloatArray) -> FloatArray:
    """Euclidean distances (n, m) of the points (n, d) to the others (m, d), whatever their scale.

    Each is computed from the differences of coordinates; the expanded square would break ties.
    """
    exponent = scale_exponent(points, others)
    if exponent == 0:
        distances: FloatArray = cdist(points, others)
        return distances
    scaled = cdist(np.ldexp(points, exponent), np.ldexp(others, exponent))
    restored: FloatArray = np.ldexp(scaled, -exponent)
    return restored


def lost_length(points: FloatArray) -> float:
    """By how much `euclidean_distances` may be too short: 0.0 unless coordinates differ 2^900-fold."""
    high, low = _exponents((points,))
    exponent = min(_HIGHEST - high, max(0, _LOWEST - low))
    if low + exponent >= _LOWEST:
        return 0.0
    lost = math.ldexp(math.sqrt(points.shape[1]), _SHORTEST - exponent)
    return max(lost, math.ulp(0.0))


@dataclass(frozen=True, eq=False)
class Normal:
    """Points near the origin and of a size about 1, without rounding.

    `magnitudes` (n,) is the greatest coordinate of each point before it was moved, in the unit of
    `points`: float64 rounds it to a share of 2^-53. Distances may be `lost` too short where coordinates are
    of very different size.
    """

    points: FloatArray
    magnitudes: FloatArray
    exponent: int
    lost: float

    def query(self, asked: Query) -> Query:
        """The question in the unit of `points`."""
        cut = asked.max_persistence
        return Query(
            **{
                **vars(asked),
                "max_persistence": None if cut is None else _scaled_down(cut, self.exponent),
                "min_persistence": _scaled_down(asked.min_persistence, self.exponent),
            }
        )

    def restored(self, length: float) -> float:
        """A length in the unit of the points as they were."""
        return float(np.ldexp(length, self.exponent))

    def restored_bars(self, bars: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        """Bars in that unit; those that rounding makes empty, below 2^-1022, are left out."""
        found = [np.ldexp(one, self.exponent) for one in bars]
        return tuple(one[one[:, 1] > one[:, 0]] for one in found)


def normal(points: FloatArray) -> Normal:
    """The points (n, d), moved where they lie far from the origin for their extent, and scaled.

    A coordinate is moved where its greatest value is at most twice its least: then every difference is a
    float64 (Sterbenz, "Floating-point computation", 1974), and nothing that depends on differences changes.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    away = ((low > 0) & (high <= 2 * low)) | ((high < 0) & (low >= 2 * high))
    moved = points - np.where(away, low, 0.0)
    high, least = _exponents((moved,))
    # The greatest coordinate becomes about 1, or more for the sake of the least.
    exponent = high - min(_HEADROOM, max(0, _LOWEST - (least - high)))
    lost = math.ldexp(math.sqrt(points.shape[1]), _SHORTEST) if least - exponent < _LOWEST else 0.0
    magnitudes = np.abs(points).max(axis=1)
    with np.errstate(over="ignore"):
        return Normal(np.ldexp(moved, -exponent), np.ldexp(magnitudes, -exponent), exponent, lost)


def _scaled_down(length: float, exponent: int) -> float:
    """A length in a unit 2^exponent times as large; never 0 where it was none, nor infinite."""
    if length == 0:
        return 0.0
    with np.errstate(over="ignore"):
        scaled = float(np.ldexp(length, -exponent))
    return min(max(scaled, math.ulp(0.0)), float(np.finfo(np.float64).max))


def _exponents(arrays: tuple[FloatArray, ...]) -> tuple[int, int]:
    """The exponents of the greatest and of the least magnitude that is not 0; (0, 0) without any."""
    greatest, least = 0.0, math.inf
    for array in arrays:
        magnitudes: NDArray[np.float64] = np.abs(array)
        greatest = max(greatest, float(magnitudes.max(initial=0.0)))
        least = min(least, float(magnitudes.min(initial=math.inf, where=magnitudes > 0)))
    if greatest == 0:
        return 0, 0
    return math.frexp(greatest)[1], math.frexp(least)[1]
