"""Summary statistics of a diagram for result messages."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from tdajob.topology.values import ComputationError, Diagram, FloatArray


def betti_numbers(diagram: Diagram) -> dict[str, list[int]]:
    """Return per dimension, as a list of one number, the infinite bars: the Betti numbers at the end."""
    return {str(dimension): [int(np.isinf(bars[:, 1]).sum())] for dimension, bars in enumerate(diagram.bars)}


def betti_at(diagram: Diagram, t: float) -> dict[str, list[int]]:
    """Return per dimension, as a list of one number, the bars that contain t: birth <= t < death.

    No simplex enters beyond the cut, so beyond it the Betti numbers are those at the cut.
    """
    return {
        str(dimension): [int(((bars[:, 0] <= t) & (t < bars[:, 1])).sum())]
        for dimension, bars in enumerate(diagram.bars)
    }


def homology_groups(diagram: Diagram) -> list[dict[str, int | float]]:
    """Return per dimension the counts of bars and statistics of the lengths of finite bars.

    `entropy` is the persistent entropy -sum p ln p with p = length / sum of lengths, not normalised:
    Chintakunta et al., "An entropy-based persistence barcode", 2015. The statistics are 0.0 if no bar is
    finite.
    """
    return [_homology_group(dimension, bars) for dimension, bars in enumerate(diagram.bars)]


def persistence_pairs(diagram: Diagram, pairs: str) -> list[dict[str, int | float | str]]:
    """Return bars as {"dimension", "birth", "death"}, sorted in this order; infinite deaths are "inf".

    `pairs` is "all", "none" or "top:K" for the K longest of all dimensions; ties are broken by that order.
    Raises ComputationError `bad_parameter` for anything else.
    """
    dimensions = np.repeat(np.arange(len(diagram.bars)), [len(bars) for bars in diagram.bars])
    bars = np.concatenate(diagram.bars)
    kept = _longest(bars, _pair_count(pairs, len(bars)))
    return [
        {"dimension": dimension, "birth": birth, "death": "inf" if np.isinf(death) else death}
        for dimension, (birth, death) in zip(dimensions[kept].tolist(), bars[kept].tolist(), strict=True)
    ]


def _homology_group(dimension: int, bars: FloatArray) -> dict[str, int | float]:
    finite = bars[np.isfinite(bars[:, 1])]
    lengths = finite[:, 1] - finite[:, 0]
    # In a unit near the longest length no sum of lengths overflows or loses bits.
    exponent = math.frexp(float(lengths.max(initial=0.0)))[1]
    scaled = np.ldexp(lengths, -exponent)
    shares = scaled / scaled.sum() if len(lengths) else lengths
    return {
        "dimension": dimension,
        "num_features": len(bars),
        "num_essential": len(bars) - len(finite),
        "mean_persistence": math.ldexp(float(scaled.mean()), exponent) if len(lengths) else 0.0,
        "max_persistence": float(lengths.max(initial=0.0)),
        "entropy": _entropy(shares),
    }


def _entropy(shares: FloatArray) -> float:
    # A share below the smallest float counts as 0, where p ln p has the limit 0; max() turns -0.0 into 0.0.
    positive = shares[shares > 0]
    return max(0.0, -float((positive * np.log(positive)).sum()))


def _pair_count(pairs: str, available: int) -> int:
    if pairs in ("all", "none"):
        return available if pairs == "all" else 0
    if not re.fullmatch(r"top:[0-9]{1,18}", pairs):
        raise ComputationError(
            "bad_parameter", f"pairs is {pairs!r}: use all, none or top:K, such as top:100"
        )
    return min(available, int(pairs.removeprefix("top:")))


def _longest(bars: FloatArray, count: int) -> NDArray[np.intp]:
    order = np.argsort(-(bars[:, 1] - bars[:, 0]), kind="stable")
    return np.sort(order[:count])
