"""The algorithms that the job ships, from data that is made of the job's registry.

The command never imports the job: profiles/algorithms.json has what it needs, and tests hold the file, and
the checks here, to the job.
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

    `type` is boolean, integer, number, text or "list of numbers"; the bounds hold for each number of a list,
    and with `exclusive` are no values themselves. A `default` of None is decided from
    the data, and may be given.
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
        """Why the job would refuse this value, to follow the parameter's name; None if it would not."""
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
        """The bounds or the choices in words; empty where any value of the type is accepted."""
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
    """Seconds of n points: `scale` · n^`exponent`; for the slowest shape measured `spread` times that.

    Measured up to `measured_to` points, for homology up to `max_dimension` and up to `coordinates`
    coordinates for each point; None: for any.
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
    """An algorithm: what it computes, takes and costs, how exact it is and what it is made of."""

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
        """Why the job would refuse these parameters, a sentence for each that is wrong."""
        known = {parameter.name: parameter for parameter in self.parameters}
        found = []
        for name, value in given.items():
            if name not in known:
                found.append(f"{self.name} has no parameter {name!r:.60}: {nearest_words(name, known)}")
            elif (problem := known[name].problem(value)) is not None:
                found.append(f"{name} {problem}")
        return found

    def cost(self, max_dimension: int, coordinates: int | None) -> AlgorithmCost | None:
        """The rule that holds for this question; None where nothing was measured."""
        for cost in self.costs:
            high_enough = cost.max_dimension is None or max_dimension <= cost.max_dimension
            if high_enough and (
                cost.coordinates is None or (coordinates is not None and coordinates <= cost.coordinates)
            ):
                return cost
        return None


def algorithm_of(document: Mapping[str, Any]) -> AlgorithmInfo:
    """An algorithm from its entry in the shipped file."""
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
    """The algorithm of that name; NotFound with the nearest ones."""
    for algorithm in known:
        if algorithm.name == name:
            return algorithm
    names = [algorithm.name for algorithm in known]
    raise NotFound(
        f"no algorithm is named {name!r:.60}: {nearest_words(name, names)}",
        hint="tdaflink algorithms lists those that are built in; others come with --include or a package",
    )


def nearest_words(unknown: str, known: Iterable[str]) -> str:
    """Words that lead from an unknown name to the nearest known one, or to all."""
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
