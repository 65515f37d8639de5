"""Algorithms that the job ships, from data that is generated from the job's registry.

The command never imports the job: it reads profiles/algorithms.json. Tests compare the file, and the checks
here, with the job.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from tdaflink.domain.errors import NotFound


@dataclass(frozen=True)
class AlgorithmParameter:
    """One parameter of an algorithm.

    `type` is boolean, integer, number, text or "list of numbers"; the bounds apply to each number of a list,
    and with `exclusive` they are not allowed values themselves. A `default` of None is derived from the data,
    and None may be given.
    """

    name: str
    type: str
    default: bool | int | float | str | list[float] | None
    minimum: float | None
    maximum: float | None
    exclusive: bool
    choices: Sequence[str]
    unit: str
    description: str

    def problem(self, value: object) -> str | None:
        """Return the job's reason to refuse this value, as a predicate of the name; None if it is valid."""
        if value is None and self.default is None:
            return None
        if not _HAS_TYPE[self.type](value):
            wanted = self.type if self.type.startswith("list") else f"value of type {self.type}"
            return f"is {value!r:.60}: give a {wanted}"
        if self.choices and value not in self.choices:
            return f"is {value!r:.60}: use one of {', '.join(self.choices)}"
        numbers = value if isinstance(value, list) else [value]
        if not all(self._within(number) for number in numbers if isinstance(number, (int, float))):
            return f"is {value!r:.60}: use {self.range}"
        return None

    @property
    def range(self) -> str:
        """Format the bounds or the choices; empty where any value of the type is accepted."""
        if self.choices:
            return ", ".join(self.choices)
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            return f"between {low:g} and {high:g}" + ("" if self.exclusive else ", both included")
        if low is not None:
            return f"{'above' if self.exclusive else 'at least'} {low:g}"
        return "" if high is None else f"{'below' if self.exclusive else 'at most'} {high:g}"

    def _within(self, number: float) -> bool:
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return low < number < high if self.exclusive else low <= number <= high


@dataclass(frozen=True)
class AlgorithmCost:
    """Seconds for n points: `scale` · n^`exponent`; for the slowest shape measured `spread` times that.

    Measured up to `measured_to` points, for homology up to `max_dimension` and up to `coordinates`
    coordinates per point; None: for any.
    """

    scale: float
    exponent: float
    spread: float
    measured_to: int
    max_dimension: int | None
    coordinates: int | None

    def seconds(self, points: int) -> float:
        return float(self.scale * points**self.exponent)


@dataclass(frozen=True)
class AlgorithmInfo:
    """An algorithm: its result, input, cost, exactness and libraries."""

    name: str
    computes: str
    unit: str
    values: str
    exact: str
    exactness: str
    memory: str
    reference: str
    takes: Sequence[str]
    libraries: Mapping[str, str]
    costs: Sequence[AlgorithmCost]
    parameters: Sequence[AlgorithmParameter]
    document: Mapping[str, Any]

    def problems(self, given: Mapping[str, object]) -> list[str]:
        """Return the job's reasons to refuse these parameters, one sentence for each that is wrong."""
        known = {parameter.name: parameter for parameter in self.parameters}
        problems = []
        for name, value in given.items():
            if name not in known:
                problems.append(f"{self.name} has no parameter {name!r:.60}: {nearest_words(name, known)}")
            elif (problem := known[name].problem(value)) is not None:
                problems.append(f"{name} {problem}")
        return problems

    def cost(self, max_dimension: int, coordinates: int | None) -> AlgorithmCost | None:
        """Return the cost rule for this computation; None where nothing was measured."""
        for cost in self.costs:
            high_enough = cost.max_dimension is None or max_dimension <= cost.max_dimension
            if high_enough and (
                cost.coordinates is None or (coordinates is not None and coordinates <= cost.coordinates)
            ):
                return cost
        return None


def algorithm_of(document: Mapping[str, Any]) -> AlgorithmInfo:
    """Build an algorithm from its entry in the shipped file."""
    return AlgorithmInfo(
        name=document["name"],
        computes=document["computes"],
        unit=document["unit"],
        values=document["values"],
        exact=document["exact"],
        exactness=document["exactness"],
        memory=document["memory"],
        reference=document["reference"],
        takes=document["takes"],
        libraries={library["name"]: library["licence"] for library in document["libraries"]},
        costs=[AlgorithmCost(**cost) for cost in document["costs"]],
        parameters=[AlgorithmParameter(**parameter) for parameter in document["parameters"]],
        document=document,
    )


def find_algorithm(name: str, known: Sequence[AlgorithmInfo]) -> AlgorithmInfo:
    """Return the algorithm of that name. Raises `NotFound`, which names the nearest ones."""
    for algorithm in known:
        if algorithm.name == name:
            return algorithm
    names = [algorithm.name for algorithm in known]
    raise NotFound(
        f"no algorithm is named {name!r:.60}: {nearest_words(name, names)}",
        hint="tdaflink algorithms lists those that are built in; others come with --include or a package",
    )


def nearest_words(unknown: str, known: Iterable[str]) -> str:
    """Suggest the nearest known names for an unknown one, or list all."""
    names = sorted(known)
    wider = [name for name in names if unknown and unknown in name]
    near = wider or get_close_matches(str(unknown)[:60], names, n=1, cutoff=0.4)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"use one of {', '.join(names)}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_list_of_numbers(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_number, value))


_HAS_TYPE = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
    "text": lambda value: isinstance(value, str),
    "list of numbers": _is_list_of_numbers,
}
