"""Exact distances between the finite bars of two diagrams.

A bar may be matched with a bar of the other diagram, or with its nearest point of the diagonal; both
at their distance in the maximum norm, which for the diagonal is half the bar's length.
"""

from __future__ import annotations

import math

import numpy as np
from gudhi import hera
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from tdajob.topology.values import FloatArray


def bottleneck(first: FloatArray, second: FloatArray) -> float:
    """The least, over all matchings, of the longest way of a bar; bars are finite, (n, 2) and (m, 2).

    By hera (Kerber, Morozov and Nigmetov, "Geometry helps to compare persistence diagrams", 2017). The
    distance is one of the ways there are, so hera's rounding is mended by taking the nearest of them.
    """
    # Not gudhi.bottleneck_distance: as of 3.13 it is at times too long where bars tie (GUDHI/gudhi-devel,
    # pull request 1367). Nor scipy's bipartite matching, which may never end (scipy/scipy, issue 26147).
    ways = _ways(first, second)
    unit = _unit(ways)
    if unit == 0:
        return 0.0
    nearly = unit * hera.bottleneck_distance(first / unit, second / unit, 0)
    return float(ways[np.abs(ways - nearly).argmin()])


def wasserstein(first: FloatArray, second: FloatArray, order: float) -> float:
    """The least, over all matchings, of (Σ way^order)^(1/order); bars are finite, (n, 2) and (m, 2).

    By an optimal assignment (Crouse, "On implementing 2D rectangular assignment algorithms", 2016), so
    exact but for rounding.
    """
    if order == 1:
        first, second = _without_common(first, second)
    unit = _unit(_ways(first, second))
    if unit == 0:
        return 0.0
    first, second = first / unit, second / unit
    ways = cdist(first, second, "chebyshev")
    return unit * _assigned(ways, _to_diagonal(first), _to_diagonal(second), order)


def _assigned(ways: FloatArray, alone_first: FloatArray, alone_second: FloatArray, order: float) -> float:
    """The distance from the ways (n, m) between bars, and those to the diagonal, (n,) and (m,)."""
    paired, first, second = ways**order, alone_first**order, alone_second**order
    # What a pair saves against both bars alone. So the matrix needs no rows and columns of the diagonal:
    # a pair that saves nothing stands for two bars that stay alone.
    saved = np.minimum(paired - first[:, None] - second[None, :], 0.0)
    rows, columns = linear_sum_assignment(saved)
    together = saved[rows, columns] < 0
    rows, columns = rows[together], columns[together]
    total = paired[rows, columns].sum() + np.delete(first, rows).sum() + np.delete(second, columns).sum()
    return float(total ** (1 / order))


def _without_common(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The two diagrams without the bars that both have, which at order 1 take no part in the distance.

    Windows that slide share most of their bars. By the triangle inequality a matching that sends x to a
    common bar c, and c to y, is not better than one that leaves c where it is.
    """
    bars, which = np.unique(np.concatenate((first, second)), axis=0, return_inverse=True)
    which = which.reshape(-1)
    in_first = np.bincount(which[: len(first)], minlength=len(bars))
    in_second = np.bincount(which[len(first) :], minlength=len(bars))
    common = np.minimum(in_first, in_second)
    return np.repeat(bars, in_first - common, axis=0), np.repeat(bars, in_second - common, axis=0)


def _ways(first: FloatArray, second: FloatArray) -> FloatArray:
    """The lengths of all ways that a bar can go, and 0."""
    between = cdist(first, second, "chebyshev").ravel()
    return np.concatenate((np.zeros(1), _to_diagonal(first), _to_diagonal(second), between))


def _unit(ways: FloatArray) -> float:
    """A length about that of the longest way, 0 without any: in its units no power over- or underflows.

    It is a power of two, by which one divides and multiplies without rounding.
    """
    longest = float(ways.max())
    return math.ldexp(0.5, math.frexp(longest)[1]) if longest > 0 else 0.0


def _to_diagonal(bars: FloatArray) -> FloatArray:
    half: FloatArray = (bars[:, 1] - bars[:, 0]) / 2
    return half
