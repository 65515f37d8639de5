"""Exact bottleneck and Wasserstein distances between the finite bars of two diagrams.

A bar is matched with a bar of the other diagram or with its nearest point of the diagonal. The cost is the
distance in the maximum norm, which for the diagonal is half the bar's length.
"""

from __future__ import annotations

import math

import numpy as np
from gudhi import hera
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from tdajob.topology.values import FloatArray


def bottleneck(first: FloatArray, second: FloatArray) -> float:
    """Return the bottleneck distance: the minimum, over all matchings, of the greatest matching cost.

    Bars are finite, (n, 2) and (m, 2). Computed by hera (Kerber, Morozov and Nigmetov, "Geometry helps to
    compare persistence diagrams", 2017). The distance is one of the matching costs, so hera's rounding is
    corrected by taking the nearest of them.
    """
    # Not gudhi.bottleneck_distance: as of 3.13 it is sometimes too long for tied bars (GUDHI/gudhi-devel,
    # pull request 1367). Nor scipy's bipartite matching, which may not terminate (scipy/scipy, issue 26147).
    costs = _matching_costs(first, second)
    unit = _unit(costs)
    if unit == 0:
        return 0.0
    rounded = unit * hera.bottleneck_distance(first / unit, second / unit, 0)
    return float(costs[np.abs(costs - rounded).argmin()])


def wasserstein(first: FloatArray, second: FloatArray, order: float) -> float:
    """Return the Wasserstein distance: the minimum, over all matchings, of (Σ cost^order)^(1/order).

    Bars are finite, (n, 2) and (m, 2). By an optimal assignment (Crouse, "On implementing 2D rectangular
    assignment algorithms", 2016), so exact up to rounding.
    """
    if order == 1:
        first, second = _without_common(first, second)
    unit = _unit(_matching_costs(first, second))
    if unit == 0:
        return 0.0
    first, second = first / unit, second / unit
    costs = cdist(first, second, "chebyshev")
    return unit * _assigned(costs, _to_diagonal(first), _to_diagonal(second), order)


def _assigned(
    costs: FloatArray, first_diagonal: FloatArray, second_diagonal: FloatArray, order: float
) -> float:
    """Return the distance from costs (n, m) between bars and costs (n,), (m,) to the diagonal."""
    paired, first, second = costs**order, first_diagonal**order, second_diagonal**order
    # Savings of a pair against matching both bars with the diagonal. So the matrix needs no rows and
    # columns for the diagonal: a pair without savings means that both bars are matched with it.
    savings = np.minimum(paired - first[:, None] - second[None, :], 0.0)
    rows, columns = linear_sum_assignment(savings)
    matched = savings[rows, columns] < 0
    rows, columns = rows[matched], columns[matched]
    total = paired[rows, columns].sum() + np.delete(first, rows).sum() + np.delete(second, columns).sum()
    return float(total ** (1 / order))


def _without_common(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return both diagrams without their common bars, which do not affect the distance of order 1.

    Sliding windows share most of their bars. By the triangle inequality a matching that sends x to a
    common bar c, and c to y, is not better than one that matches c with itself.
    """
    bars, indices = np.unique(np.concatenate((first, second)), axis=0, return_inverse=True)
    indices = indices.reshape(-1)
    in_first = np.bincount(indices[: len(first)], minlength=len(bars))
    in_second = np.bincount(indices[len(first) :], minlength=len(bars))
    common = np.minimum(in_first, in_second)
    return np.repeat(bars, in_first - common, axis=0), np.repeat(bars, in_second - common, axis=0)


def _matching_costs(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the costs of all pairs of bars, the costs to the diagonal, and 0."""
    between = cdist(first, second, "chebyshev").ravel()
    return np.concatenate((np.zeros(1), _to_diagonal(first), _to_diagonal(second), between))


def _unit(costs: FloatArray) -> float:
    """Return a unit near the greatest cost, or 0 if all are 0: in this unit no power over- or underflows.

    It is a power of two, so dividing and multiplying by it does not round.
    """
    greatest = float(costs.max())
    return math.ldexp(0.5, math.frexp(greatest)[1]) if greatest > 0 else 0.0


def _to_diagonal(bars: FloatArray) -> FloatArray:
    half: FloatArray = (bars[:, 1] - bars[:, 0]) / 2
    return half
