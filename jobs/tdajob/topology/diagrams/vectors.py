"""Feature vectors of the bars of one dimension, sampled on a grid that is the same for all diagrams.

Bars are finite, (n, 2), and longer than 0; the grid is ascending, (r,). Vectors that gudhi.representations
also has agree with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tdajob.topology.values import FloatArray

_BLOCK = 1 << 20
"""Maximum bars times samples in memory at once."""


def landscape(bars: FloatArray, grid: FloatArray, layers: int) -> FloatArray:
    """Return the first `layers` persistence landscapes (layers, r).

    The k-th is √2 times the k-th largest value at t of the tent functions min(t - birth, death - t) >= 0:
    Bubenik, "Statistical topological data analysis using persistence landscapes", 2015, there without √2.
    """
    landscapes = np.zeros((layers, len(grid)))
    kept = min(layers, len(bars))
    if kept:
        for block, tents in _tents(bars, grid):
            tents.partition(len(bars) - kept, axis=1)
            highest = np.sort(tents[:, len(bars) - kept :], axis=1)
            landscapes[:kept, block] = np.sqrt(2) * highest[:, ::-1].T
    return landscapes


def silhouette(bars: FloatArray, grid: FloatArray, power: float) -> FloatArray:
    """Return the mean (r,) of √2 times all tents, weighted by length^`power`; 0 without bars.

    Chazal et al., "Stochastic convergence of persistence landscapes and silhouettes", 2014.
    """
    curve = np.zeros(len(grid))
    if len(bars):
        lengths = bars[:, 1] - bars[:, 0]
        # Relative to the longest length, so that no power can overflow.
        weights = (lengths / lengths.max()) ** power
        for block, tents in _tents(bars, grid):
            curve[block] = np.sqrt(2) * (tents @ weights) / weights.sum()
    return curve


def betti_curve(bars: FloatArray, grid: FloatArray) -> FloatArray:
    """Return the number of bars with birth <= t < death for each t of the grid (r,); deaths may be inf."""
    births, deaths = (np.searchsorted(np.sort(ends), grid, side="right") for ends in bars.T)
    return (births - deaths).astype(np.float64)


def entropy_curve(bars: FloatArray, grid: FloatArray, *, normalized: bool) -> FloatArray:
    """Return the entropy summary function (r,): Σ -p ln p over the bars that contain t.

    p is a bar's length / the sum of all lengths.

    Atienza, González-Díaz and Soriano-Trigueros, "On the stability of persistent entropy and new summary
    functions for topological data analysis", 2020. `normalized` divides by the sum of the samples.
    """
    curve = np.zeros(len(grid))
    if len(bars):
        lengths = bars[:, 1] - bars[:, 0]
        shares = lengths / lengths.max()
        shares /= shares.sum()
        terms = np.abs(shares * np.log(np.where(shares > 0, shares, 1.0)))
        for block in _blocks(len(bars), len(grid)):
            t = grid[block, None]
            curve[block] = ((bars[:, 0] <= t) & (t < bars[:, 1])) @ terms
    total = curve.sum()
    return curve / total if normalized and total > 0 else curve


def persistence_image(
    bars: FloatArray, births: FloatArray, lengths: FloatArray, bandwidth: float, power: float
) -> FloatArray:
    """Return the sum of Gaussians at (birth, length), sampled at `lengths` times `births`: (rows, columns).

    Each has the weight length^`power` and the standard deviation `bandwidth`: Adams et al., "Persistence
    images: a stable vector representation of persistent homology", 2017.
    """
    weights = (bars[:, 1] - bars[:, 0]) ** power / (2 * np.pi * bandwidth**2)
    columns = _gaussians(bars[:, 0], births, bandwidth)
    rows = _gaussians(bars[:, 1] - bars[:, 0], lengths, bandwidth)
    image: FloatArray = (rows.T * weights) @ columns
    return image


def _tents(bars: FloatArray, grid: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
    """Yield slices of the grid with the values of each bar's tent function there, (slice, n)."""
    middles, heights = (bars[:, 0] + bars[:, 1]) / 2, (bars[:, 1] - bars[:, 0]) / 2
    for block in _blocks(len(bars), len(grid)):
        yield block, np.maximum(heights - np.abs(grid[block, None] - middles), 0.0)


def _blocks(bars: int, samples: int) -> Iterator[slice]:
    size = max(1, _BLOCK // bars)
    return (slice(begin, begin + size) for begin in range(0, samples, size))


def _gaussians(centres: FloatArray, grid: FloatArray, bandwidth: float) -> FloatArray:
    values: FloatArray = np.exp(-(((centres[:, None] - grid) / bandwidth) ** 2) / 2)
    return values
