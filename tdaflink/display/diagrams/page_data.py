"""Data of the results page: grouped, rounded, and bounded in size.

A page of thousands of windows must open without delay. Therefore only the newest windows are kept, with the
longest bars of each and the Betti curves of all its bars at a fixed number of values.
"""

from __future__ import annotations

import math
import sys
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tdaflink.domain.messages.prominence import prominent
from tdaflink.domain.messages.records import Result, by_length
from tdaflink.domain.printable import printable

MAX_WINDOWS = 5_000
MAX_BARS = 300_000  # of a page, about 4 MB
FEWEST_BARS = 10
MOST_BARS = 300
CURVE_VALUES = 65
_DIMENSIONS = 10  # more than anything here computes; a damaged message may claim millions


@dataclass(frozen=True)
class Moment:
    """One window or request, reduced to the data that the page draws.

    `bars[d]` is birth, death, birth, death … of the longest bars of H_d, `totals[d]` the number of all;
    `curves[d]` are the ranks at CURVE_VALUES evenly spaced values from 0 to `end`, both included.
    """

    result: Result
    standing_out: tuple[int, ...]
    bars: tuple[array[float], ...]
    totals: tuple[int, ...]
    curves: tuple[tuple[int, ...], ...]
    end: float


class Gathered:
    """The newest MAX_WINDOWS results, without duplicates."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Moment] = OrderedDict()
        self._left_out = 0

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, result: Result) -> None:
        """Add a result; a duplicate, which at-least-once delivery may cause, replaces the earlier one."""
        key = result.id or f"{result.job_id} {result.window} {result.timestamp}"
        self._kept[key] = reduced(result)
        if len(self._kept) > MAX_WINDOWS:
            self._kept.popitem(last=False)
            self._left_out += 1

    def document(self) -> dict[str, Any]:
        """Return the JSON document of the page."""
        groups = self._groups()
        longest = max(FEWEST_BARS, min(MOST_BARS, MAX_BARS // max(1, self._dimensions())))
        series = [
            {
                "name": printable(name),
                "kind": "stream" if windowed else "requests",
                "windows": [_entry(moment, longest) for moment in moments],
            }
            for (windowed, name), moments in groups.items()
        ]
        return {"series": series, "left_out": self._left_out, "longest": longest}

    def _groups(self) -> dict[tuple[bool, str], list[Moment]]:
        """Group results: each stream in the order of its windows, and all requests together by time."""
        groups: dict[tuple[bool, str], list[Moment]] = {}
        for moment in self._kept.values():
            result = moment.result
            key = (True, result.job_id) if result.window else (False, "")
            groups.setdefault(key, []).append(moment)
        for (windowed, _), moments in groups.items():
            if not windowed:
                moments.sort(key=lambda moment: moment.result.timestamp)
        return dict(sorted(groups.items()))

    def _dimensions(self) -> int:
        return sum(len(moment.bars) for moment in self._kept.values())


def reduced(result: Result) -> Moment:
    """Reduce a result to its MOST_BARS longest bars per dimension and its Betti curves."""
    valid = [bar for bar in result.bars if math.isfinite(bar.birth) and not math.isnan(bar.death)]
    highest = max([bar.dimension for bar in valid] + [len(result.betti) - 1])
    end = _end(result)
    by_dimension = [
        [bar for bar in valid if bar.dimension == d] for d in range(min(_DIMENSIONS, highest + 1))
    ]
    return Moment(
        result=replace(result, bars=()),
        standing_out=prominent(valid, len(result.betti)),
        bars=tuple(
            array("d", (value for bar in by_length(bars)[:MOST_BARS] for value in (bar.birth, bar.death)))
            for bars in by_dimension
        ),
        totals=tuple(map(len, by_dimension)),
        curves=tuple(
            _curve(sorted(bar.birth for bar in bars), sorted(bar.death for bar in bars), end)
            for bars in by_dimension
        ),
        end=end,
    )


def _end(result: Result) -> float:
    """Return the end of the scale: the cut, else slightly after the last finite value."""
    if result.cut is not None and 0 < result.cut < math.inf:
        return result.cut
    last = max((v for bar in result.bars for v in (bar.birth, bar.death) if math.isfinite(v)), default=0.0)
    return min(last * 1.05, sys.float_info.max) if last > 0 else 1.0


def _curve(births: Sequence[float], deaths: Sequence[float], end: float) -> tuple[int, ...]:
    """Count the bars with birth ≤ t < death; at the cut of a filtration these are the infinite ones."""
    values = [end * (step / (CURVE_VALUES - 1)) for step in range(CURVE_VALUES)]
    return tuple(bisect_right(births, t) - bisect_right(deaths, t) for t in values)


def _entry(moment: Moment, longest: int) -> dict[str, Any]:
    result = moment.result
    entry: dict[str, Any] = {
        "job": printable(result.job_id),
        "window": printable(result.window),
        "time": printable(result.moment or result.timestamp),
        "last_seq": result.last_seq,
        "algorithm": printable(result.algorithm),
        "points": result.num_points,
        "seconds": _short(result.seconds),
        "betti": list(result.betti),
        "standing_out": None if result.cut is not None else moment.standing_out,
        "cut": None if result.cut is None else _short(result.cut),
        "end": _short(moment.end),
        "bars": [[_short(value) for value in bars[: 2 * longest]] for bars in moment.bars],
        "totals": list(moment.totals),
        "curves": [list(curve) for curve in moment.curves],
        "truncated": result.truncated,
    }
    if (distance := result.distance) is not None:
        entry["distance"] = {
            "metric": printable(distance.metric),
            "value": _short(distance.value),
            "threshold": None if distance.threshold is None else _short(distance.threshold),
            "alert": distance.alert,
        }
    return entry


def _short(value: float) -> float | None:
    """Round to five significant digits, more than a screen can show; None for infinity."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
