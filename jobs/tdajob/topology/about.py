"""Descriptions of algorithms for the table of all algorithms, and their cost rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Library:
    """A library that an algorithm calls, and the licence of the called part."""

    name: str
    licence: str


@dataclass(frozen=True)
class Cost:
    """A cost rule: processor seconds of one computation of n points = `scale` · n^`exponent`.

    It applies to homology up to `max_dimension` and points of up to `coordinates` coordinates; None: any.
    Fitted to the median of several shapes by `benchmarks/costs.py`, up to `measured_to` points; the slowest
    shape took `spread` times as long.
    """

    scale: float
    exponent: float
    spread: float
    measured_to: int
    max_dimension: int | None = None
    coordinates: int | None = None

    def seconds(self, n: int) -> float:
        """Return the predicted seconds of n points."""
        return float(self.scale * n**self.exponent)

    def covers(self, max_dimension: int, coordinates: int | None) -> bool:
        """Return whether the rule applies to a computation; `coordinates` is None for given distances."""
        high_enough = self.max_dimension is None or max_dimension <= self.max_dimension
        # The number of coordinates behind given distances is unknown.
        return high_enough and (
            self.coordinates is None or (coordinates is not None and coordinates <= self.coordinates)
        )


@dataclass(frozen=True)
class About:
    """The description of an algorithm in the table of all algorithms.

    `values` defines births and deaths and their unit, `exactness` the distance of a result to the exact
    diagram; `unit` and `exact` are short forms of the two. `memory` is the rule of
    `Algorithm.predicted_bytes` in words. The first of `costs` that covers a computation applies. `instead`
    describes how results differ from those of an algorithm that was too expensive; if it is empty, the
    algorithm is never suggested.
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
    """Return the cost rule of a computation; None if no measurement covers it."""
    return next((cost for cost in costs if cost.covers(max_dimension, coordinates)), None)
