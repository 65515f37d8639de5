"""What an algorithm says of itself for the table of all algorithms, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    """A library that an algorithm calls, and the licence of the part that it calls."""

    name: str
    licence: str


@dataclass(frozen=True)
class Cost:
    """Processor seconds of one computation of n points: `scale` · n^`exponent`.

    For homology up to `max_dimension` and points of up to `coordinates` coordinates; None: for any. Fitted to
    the median of several shapes by `benchmarks/costs.py`, up to `measured_to` points; the slowest shape took
    `spread` times as long.
    """

    scale: float
    exponent: float
    spread: float
    measured_to: int
    max_dimension: int | None = None
    coordinates: int | None = None

    def seconds(self, n: int) -> float:
        """Predicted seconds of n points."""
        return float(self.scale * n**self.exponent)

    def covers(self, max_dimension: int, coordinates: int | None) -> bool:
        """Whether the rule holds for this question."""
        high_enough = self.max_dimension is None or max_dimension <= self.max_dimension
        # Of given distances nobody knows how many coordinates they came from.
        return high_enough and (
            self.coordinates is None or (coordinates is not None and coordinates <= self.coordinates)
        )


@dataclass(frozen=True)
class About:
    """What a reader of the table wants to know.

    `values` says what births and deaths are and in which unit, `exactness` how far from the exact diagram a
    result may be; `unit` and `exact` say the same in a word or two. `memory` is the rule of
    `Algorithm.predicted_bytes` in words. The first of `costs` that covers a question holds. `instead` says
    how results differ from those of an algorithm that was too dear; one that is empty is never suggested.
    """

    computes: str
    unit: str
    values: str
    exact: str
    exactness: str
    memory: str
    reference: str
    libraries: tuple[Library, ...]
    costs: tuple[Cost, ...] = ()
    instead: str = ""


def cost_for(costs: Sequence[Cost], max_dimension: int, coordinates: int | None) -> Cost | None:
    """The rule for a question; None where nothing was measured."""
    return next((cost for cost in costs if cost.covers(max_dimension, coordinates)), None)
