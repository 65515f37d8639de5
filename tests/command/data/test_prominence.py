"""Prominent bars of a barcode that was not cut, for shapes with known numbers of loops and components."""

from __future__ import annotations

import math

import pytest

from tdaflink.domain.messages.prominence import prominent
from tdaflink.domain.messages.records import Bar

ALIVE = Bar(0, 0.0, math.inf)
POINTS = tuple(Bar(0, 0.0, 0.05 + 0.001 * k) for k in range(30))
NOISE = (Bar(1, 0.2, 0.3), Bar(1, 0.31, 0.4))


@pytest.mark.parametrize(
    ("bars", "counted"),
    [
        ((ALIVE, *POINTS, *NOISE, Bar(1, 0.1, 1.7)), (1, 1)),
        ((ALIVE, *POINTS, *NOISE), (1, 0)),
        ((ALIVE, *POINTS, Bar(1, 0.1, 1.7), Bar(1, 0.12, 1.5)), (1, 2)),
        ((ALIVE, *POINTS, Bar(0, 0.0, 3.0), Bar(0, 0.0, 4.0), *NOISE), (3, 0)),
        ((ALIVE, Bar(0, 0.0, 1.0), Bar(1, 1e-9, 1e-6)), (1, 0)),
        ((ALIVE, Bar(1, 0.1, math.inf)), (1, 1)),
        ((ALIVE, Bar(1, 0.5, 0.5), Bar(1, math.nan, 1.0), Bar(0, 0.0, 0.0)), (1, 0)),
        ((ALIVE, Bar(0, 0.0, 5e-324), Bar(0, 0.0, 1.7e308), Bar(1, 0.0, 5e-324)), (2, 0)),
        ((ALIVE,), (1, 0)),
        ((), (0, 0)),
    ],
    ids=[
        "a loop",
        "no loop",
        "two loops",
        "three parts",
        "a speck",
        "alive",
        "odd",
        "far apart",
        "one",
        "none",
    ],
)
def test_bars_that_stand_out_are_counted(bars: tuple[Bar, ...], counted: tuple[int, ...]) -> None:
    assert prominent(bars, 2) == counted
