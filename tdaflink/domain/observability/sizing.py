"""Size of a cluster for a load: the rule of thumb by number of points, and the measured cost of a job."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tdaflink.domain.config.algorithms import AlgorithmInfo

USED = 0.7  # of each slot: at a higher utilization the queue of windows grows without bound
QUADRATIC = 2.0  # computations by distances process every pair of points
FAR = 3.0  # times the largest measured size; beyond it a prediction is a guess
HEAVY_SECONDS = 1.0  # the default of the config's heavy_after
_SPREAD = 1.5  # largest over smallest size, below which no exponent can be fitted
_LEAST = 5
_BYTES_OF_A_DISTANCE = 8


@dataclass(frozen=True)
class Rule:
    """A row of the rule of thumb, for fewer points than `below`; `at_most` None has no upper end."""

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
    """One completed computation: points, seconds, and bytes of the process after it."""

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
    """The recommended size of a cluster for a load.

    `parallelism` and `memory_mb` (of Python, per slot) come from the measured cost, where there is one;
    `figures` lists the numbers behind them, `warnings` the limits of the prediction. With `measured` false
    the cost is that of the table of algorithms. `alternatives` are other algorithms with their predicted
    cost.
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
    """Return the row for a cloud of that many points."""
    return next(rule for rule in RULES if points < rule.below)


def cost_of(measured: Sequence[Measured]) -> Cost | None:
    """Fit the cost of a computation to its size by least squares over logarithms; None without results."""
    samples = [sample for sample in measured if sample.points > 1 and sample.seconds > 0]
    if not samples:
        return None
    sizes = [sample.points for sample in samples]
    spread = max(sizes) / min(sizes)
    exponent, fitted = QUADRATIC, False
    if len(samples) >= _LEAST and spread >= _SPREAD:
        logs = [(math.log(sample.points), math.log(sample.seconds)) for sample in samples]
        slope = statistics.linear_regression(*zip(*logs, strict=True)).slope
        exponent, fitted = max(0.0, slope), True
    scale = statistics.geometric_mean([sample.seconds / sample.points**exponent for sample in samples])
    memory = max(sample.memory for sample in samples)
    return Cost(scale, exponent, fitted, len(samples), min(sizes), max(sizes), memory)


def cost_by_table(algorithm: AlgorithmInfo, max_dimension: int, coordinates: int | None) -> Cost | None:
    """Return the cost in the shipped table of algorithms; None for a computation that was not measured."""
    rule = algorithm.cost(max_dimension, coordinates)
    if rule is None:
        return None
    return Cost(rule.scale, rule.exponent, True, 0, 0, rule.measured_to, 0)


def seconds_in_words(seconds: float) -> str:
    """Format a predicted time, rounded to one digit because the prediction is no more precise."""
    if seconds < 0.1:
        return "less than 0.1 s"
    if seconds >= 90:
        return f"about {float(f'{seconds / 60:.1g}'):g} min"
    return f"about {float(f'{seconds:.1g}'):g} s"


def alternatives(
    points: int, max_dimension: int, coordinates: int | None, known: Sequence[AlgorithmInfo]
) -> tuple[str, ...]:
    """List each algorithm with its predicted time in the words of the job's errors, the cheapest first."""
    costs = [(algorithm.cost(max_dimension, coordinates), algorithm.name) for algorithm in known]
    predicted = sorted((cost.seconds(points), name) for cost, name in costs if cost is not None)
    return tuple(f"{name} {seconds_in_words(seconds)}" for seconds, name in predicted)


def advise(
    points: int, windows_per_second: float, cost: Cost | None, slots: int | None, partitions: int | None
) -> Advice:
    """Recommend a size; `slots` are those of one TaskManager, `partitions` those of the job's input."""
    rule = rule_for(points)
    if cost is None:
        warning = "no result of a job was found, so nothing is measured: send a sample of your own data first"
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
    how = "measured" if cost.fitted else "assumed, because the measured sizes differ too little"
    extra = f" and {grown / 2**20:.0f} MB of further distances" if grown else ""
    return (
        f"{cost.results} results of {cost.smallest} to {cost.largest} points",
        f"a computation takes {cost.scale:.3g} s · points^{cost.exponent:.2f} (the exponent is {how}):"
        f" {seconds:.3g} s with {points} points",
        f"{rate:g} windows/s · {seconds:.3g} s, with a slot used to {USED:.0%}",
        f"memory: {cost.memory / 2**20:.0f} MB, the largest measured Python process{extra}",
    )


def _warnings(points: int, cost: Cost, seconds: float, parallelism: int, partitions: int | None) -> list[str]:
    warnings = []
    if seconds > HEAVY_SECONDS:
        warnings.append(
            "requests of this size are computed in a second process of the slot, in parallel to the light"
            " ones: provide memory for both"
        )
    if not cost.results:
        warnings.append(
            "nothing was measured on this cluster: send a sample of your own data to a job, and run advise"
            " again"
        )
    if points > FAR * cost.largest:
        warnings.append(
            f"{points} points are more than {FAR:g} times the largest measured size: measure that first"
        )
    if partitions is not None and parallelism > partitions:
        warnings.append(
            f"the input has {partitions} partitions: at most {partitions} subtasks read it, and each stream"
            " is computed by one of them; more partitions distribute more streams"
        )
    return warnings
