"""How much of a cluster a load needs: the rule of thumb by size, and what was measured of this very job."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tdaflink.domain.algorithms import AlgorithmInfo

USED = 0.7  # of each slot: above that a window waits for the one before it ever longer
QUADRATIC = 2.0  # computations by distances look at every pair of points
FAR = 3.0  # times the largest measured size; beyond it a prediction is a guess
HEAVY_SECONDS = 1.0  # the default of the config's heavy_after
_SPREAD = 1.5  # largest over smallest size, below which no exponent can be told
_LEAST = 5
_BYTES_OF_A_DISTANCE = 8


@dataclass(frozen=True)
class Rule:
    """A row of the rule of thumb: up to so many points; `at_most` None has no upper end."""

    below: float
    at_least: int
    at_most: int | None
    memory_gb: int


RULES = (
    Rule(1_000, 2, 4, 1),
    Rule(10_000, 4, 8, 2),
    Rule(50_000, 8, 16, 4),
    Rule(math.inf, 16, None, 8),
)


@dataclass(frozen=True)
class Measured:
    """One answered computation: points, seconds, and bytes of the process after it."""

    points: int
    seconds: float
    memory: int


@dataclass(frozen=True)
class Cost:
    """seconds = `scale` · points ** `exponent`; `fitted`: the exponent was measured, not assumed."""

    scale: float
    exponent: float
    fitted: bool
    results: int
    smallest: int
    largest: int
    memory: int

    def seconds(self, points: int) -> float:
        return float(self.scale * points**self.exponent)


@dataclass(frozen=True)
class Advice:
    """`parallelism` and `memory_mb` (of Python, by slot) come from the measured cost, where there is one.

    `figures` says which numbers they come from, `warnings` what to beware of. With `measured` false the
    cost is that of the table of algorithms. `alternatives` are other algorithms with their predicted cost.
    """

    points: int
    windows_per_second: float
    rule: Rule
    seconds: float | None
    parallelism: int | None
    memory_mb: int | None
    taskmanagers: int | None
    figures: tuple[str, ...]
    warnings: tuple[str, ...]
    measured: bool = True
    alternatives: tuple[str, ...] = ()


def rule_for(points: int) -> Rule:
    """The row that a cloud of so many points falls into."""
    return next(rule for rule in RULES if points < rule.below)


def cost_of(measured: Sequence[Measured]) -> Cost | None:
    """The cost of a computation by its size; None without results. By least squares over the logarithms."""
    sound = [one for one in measured if one.points > 1 and one.seconds > 0]
    if not sound:
        return None
    sizes = [one.points for one in sound]
    spread = max(sizes) / min(sizes)
    exponent, fitted = QUADRATIC, False
    if len(sound) >= _LEAST and spread >= _SPREAD:
        logs = [(math.log(one.points), math.log(one.seconds)) for one in sound]
        slope = statistics.linear_regression(*zip(*logs, strict=True)).slope
        exponent, fitted = max(0.0, slope), True
    scale = statistics.geometric_mean([one.seconds / one.points**exponent for one in sound])
    memory = max(one.memory for one in sound)
    return Cost(scale, exponent, fitted, len(sound), min(sizes), max(sizes), memory)


def cost_by_table(algorithm: AlgorithmInfo, max_dimension: int, coordinates: int | None) -> Cost | None:
    """The cost that was measured when the algorithm was shipped; None for questions that were not."""
    rule = algorithm.cost(max_dimension, coordinates)
    if rule is None:
        return None
    return Cost(rule.scale, rule.exponent, True, 0, 0, rule.measured_to, 0)


def seconds_in_words(seconds: float) -> str:
    """A predicted time, as coarse as the prediction is."""
    if seconds < 0.1:
        return "less than 0.1 s"
    if seconds >= 90:
        return f"about {float(f'{seconds / 60:.1g}'):g} min"
    return f"about {float(f'{seconds:.1g}'):g} s"


def alternatives(
    points: int, max_dimension: int, coordinates: int | None, known: Sequence[AlgorithmInfo]
) -> tuple[str, ...]:
    """What each algorithm would take, as refusals of the job name it, the cheapest first."""
    costs = [(one.cost(max_dimension, coordinates), one.name) for one in known]
    seconds = sorted((cost.seconds(points), name) for cost, name in costs if cost is not None)
    return tuple(f"{name} {seconds_in_words(one)}" for one, name in seconds)


def advise(
    points: int, windows_per_second: float, cost: Cost | None, slots: int | None, partitions: int | None
) -> Advice:
    """What a load needs; `slots` are those of one TaskManager, `partitions` those of the job's input."""
    rule = rule_for(points)
    if cost is None:
        warning = "no result of a job was found, so nothing is measured: send some of your own data first"
        return Advice(points, windows_per_second, rule, None, None, None, None, (), (warning,))
    seconds = cost.seconds(points)
    parallelism = max(1, math.ceil(windows_per_second * seconds / USED))
    grown = max(0, points**2 - cost.largest**2) * _BYTES_OF_A_DISTANCE
    memory = math.ceil((cost.memory + grown) / 2**20) if cost.results else None
    return Advice(
        points,
        windows_per_second,
        rule,
        seconds,
        parallelism,
        memory,
        math.ceil(parallelism / slots) if slots else None,
        _figures(points, windows_per_second, cost, seconds, grown),
        tuple(_warnings(points, cost, seconds, parallelism, partitions)),
        measured=cost.results > 0,
    )


def _figures(points: int, rate: float, cost: Cost, seconds: float, grown: int) -> tuple[str, ...]:
    if not cost.results:
        return (
            f"the table of algorithms: {cost.scale:.3g} s · points^{cost.exponent:.2f}, {seconds:.3g} s with"
            f" {points} points on one core of a small server",
            f"{rate:g} windows/s · {seconds:.3g} s, with a slot used to {USED:.0%}",
        )
    how = "measured" if cost.fitted else "assumed, as the sizes that were seen differ too little"
    extra = f" and {grown / 2**20:.0f} MB of further distances" if grown else ""
    return (
        f"{cost.results} results of {cost.smallest} to {cost.largest} points",
        f"a computation takes {cost.scale:.3g} s · points^{cost.exponent:.2f} (the exponent is {how}):"
        f" {seconds:.3g} s with {points} points",
        f"{rate:g} windows/s · {seconds:.3g} s, with a slot used to {USED:.0%}",
        f"memory: {cost.memory / 2**20:.0f} MB, the largest Python process that was seen{extra}",
    )


def _warnings(points: int, cost: Cost, seconds: float, parallelism: int, partitions: int | None) -> list[str]:
    found = []
    if seconds > HEAVY_SECONDS:
        found.append(
            "a request that takes so long is computed beside the light ones, in a second process of its slot:"
            " count the memory of both"
        )
    if not cost.results:
        found.append("nothing is measured here: send some of your own data to a job, and ask again")
    if points > FAR * cost.largest:
        found.append(
            f"{points} points are more than {FAR:g} times the largest measured size: measure that first"
        )
    if partitions is not None and parallelism > partitions:
        found.append(
            f"the input has {partitions} partitions: so many subtasks at most read it, and each stream is"
            " computed by one at a time; more partitions spread more streams"
        )
    return found
