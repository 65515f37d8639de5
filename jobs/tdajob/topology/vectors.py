"""Vectors made of the bars of one dimension, sampled on a grid that is the same for all diagrams.

Bars are finite, (n, 2), and longer than 0; the grid is ascending, (r,). Where gudhi.representations has the
same vector, it has the same values.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tdajob.topology.values import FloatArray

_BLOCK = 1 << 20
"""Numbers of bars times samples that are held at once."""


def landscape(bars: FloatArray, grid: FloatArray, layers: int) -> FloatArray:
    """The first `layers` persistence landscapes (layers, r).

    The k-th is √2 times the k-th largest height at t of the tents min(t - birth, death - t) >= 0: Bubenik,
    "Statistical topological data analysis using persistence landscapes", 2015, there without the √2.
    """
    found = np.zeros((layers, len(grid)))
    kept = min(layers, len(bars))
    if kept:
        for block, tents in _tents(bars, grid):
            tents.partition(len(bars) - kept, axis=1)
            highest = np.sort(tents[:, len(bars) - kept :], axis=1)
            found[:kept, block] = np.sqrt(2) * highest[:, ::-1].T
    return found


def silhouette(bars: FloatArray, grid: FloatArray, power: float) -> FloatArray:
    """The mean (r,) of √2 times all tents, weighted by the bars' lengths to the `power`; 0 without bars.

    Chazal et al., "Stochastic convergence of persistence landscapes and silhouettes", 2014.
    """
    found = np.zeros(len(grid))
    if len(bars):
        lengths = bars[:, 1] - bars[:, 0]
        # As shares of the longest one: no power of these can overflow.
        weights = (lengths / lengths.max()) ** power
        for block, tents in _tents(bars, grid):
            found[block] = np.sqrt(2) * (tents @ weights) / weights.sum()
    return found


def betti_curve(bars: FloatArray, grid: FloatArray) -> FloatArray:
    """How many bars hold t, birth <= t < death, for each t of the grid (r,); deaths may be infinite."""
    born, dead = (np.searchsorted(np.sort(ends), grid, side="right") for ends in bars.T)
    return (born - dead).astype(np.float64)


def entropy_curve(bars: FloatArray, grid: FloatArray, *, normalized: bool) -> FloatArray:
    """The entropy summary function (r,): Σ -p ln p of the bars that hold t, p their share of all lengths.

    Atienza, González-Díaz and Soriano-Trigueros, "On the stability of persistent entropy and new summary
    functions for topological data analysis", 2020. `normalized` divides by the sum of the samples.
    """
    found = np.zeros(len(grid))
    if len(bars):
        lengths = bars[:, 1] - bars[:, 0]
        shares = lengths / lengths.max()
        shares /= shares.sum()
        terms = np.abs(shares * np.log(np.where(shares > 0, shares, 1.0)))
        for block in _blocks(len(bars), len(grid)):
            t = grid[block, None]
            found[block] = ((bars[:, 0] <= t) & (t < bars[:, 1])) @ terms
    total = found.sum()
    return found / total if normalized and total > 0 else found


def persistence_image(
    bars: FloatArray, births: FloatArray, lengths: FloatArray, bandwidth: float, power: float
) -> FloatArray:
    """The sum of Gaussians at (birth, length), sampled at `lengths` times `births`: (rows, columns).

    Each has the weight length^`power` and the standard deviation `bandwidth`: Adams et al., "Persistence
    images: a stable vector representation of persistent homology", 2017.
    """
    weights = (bars[:, 1] - bars[:, 0]) ** power / (2 * np.pi * bandwidth**2)
    columns = _bells(bars[:, 0], births, bandwidth)
    rows = _bells(bars[:, 1] - bars[:, 0], lengths, bandwidth)
    image: FloatArray = (rows.T * weights) @ columns
    return image


def _tents(bars: FloatArray, grid: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
    """Part by part of the grid the height there of each bar's tent, (part, n)."""
    middles, heights = (bars[:, 0] + bars[:, 1]) / 2, (bars[:, 1] - bars[:, 0]) / 2
    for block in _blocks(len(bars), len(grid)):
        yield block, np.maximum(heights - np.abs(grid[block, None] - middles), 0.0)


def _blocks(bars: int, samples: int) -> Iterator[slice]:
    size = max(1, _BLOCK // bars)
    return (slice(begin, begin + size) for begin in range(0, samples, size))


def _bells(centres: FloatArray, grid: FloatArray, bandwidth: float) -> FloatArray:
    bells: FloatArray = np.exp(-(((centres[:, None] - grid) / bandwidth) ** 2) / 2)
    return bells
