"""The parameters that an algorithm accepts, and the check of those it is given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from tdajob.topology.values import ComputationError


@dataclass(frozen=True)
class Parameter:
    """One accepted parameter: its type, default and allowed values.

    `default` None means that the algorithm decides from the data; None may then be given as well. The
    kind `list` is that of lists of at least one number; `minimum` and `maximum` then hold for each of
    them. With `exclusive` the two are no values themselves. `unit` is the unit of its numbers.
    """

    name: str
    kind: type[bool] | type[int] | type[float] | type[str] | type[list[float]]
    default: bool | int | float | str | list[float] | None
    description: str
    minimum: float | None = None
    choices: tuple[str, ...] = ()
    maximum: float | None = None
    exclusive: bool = False
    unit: str = ""

    def describe_range(self) -> str:
        """The bounds in words that follow "use"; empty without any."""
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            return f"a number between {low:g} and {high:g}" + ("" if self.exclusive else ", both included")
        if low is not None:
            return f"{'a number above' if self.exclusive else 'at least'} {low:g}"
        return "" if high is None else f"{'a number below' if self.exclusive else 'at most'} {high:g}"


def resolved_parameters(
    algorithm: str, accepted: Sequence[Parameter], given: Mapping[str, object]
) -> dict[str, object]:
    """Every accepted parameter with its given or default value; else ComputationError `bad_parameter`."""
    by_name = {parameter.name: parameter for parameter in accepted}
    for name in given:
        if name not in by_name:
            reason = f"{algorithm} has no parameter '{name}': {hint(name, by_name)}"
            raise ComputationError("bad_parameter", reason)
    return {name: _checked(known, given.get(name, known.default)) for name, known in by_name.items()}


def hint(unknown: str, known: Iterable[str]) -> str:
    """Words that lead from an unknown name to the nearest known one, or to all of them."""
    names = sorted(known)
    if not names:
        return "it takes none"
    near = nearest(unknown, names)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"use one of {', '.join(names)}"


def nearest(unknown: str, known: Iterable[str]) -> list[str]:
    """The known names that an unknown one is a part of, else the one that looks most like it, if any does."""
    names = sorted(known)
    wider = [name for name in names if unknown and unknown in name]
    return wider or get_close_matches(str(unknown)[:60], names, n=1, cutoff=0.4)


def is_number(value: object) -> bool:
    """A finite int or float; bool is not a number here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _checked(parameter: Parameter, value: object) -> object:
    if value is None and parameter.default is None:
        return None
    if not _has_kind(value, parameter.kind):
        wanted = (
            "a list of numbers" if parameter.kind is list else f"a value of type {parameter.kind.__name__}"
        )
        raise _bad(parameter, value, f"give {wanted}")
    if parameter.choices and value not in parameter.choices:
        raise _bad(parameter, value, f"use one of {', '.join(parameter.choices)}")
    if not all(_within(parameter, number) for number in _numbers(value)):
        raise _bad(parameter, value, f"use {parameter.describe_range()}")
    return value


def _numbers(value: object) -> list[float]:
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, (int, float)) else []


def _within(parameter: Parameter, number: float) -> bool:
    low = -math.inf if parameter.minimum is None else parameter.minimum
    high = math.inf if parameter.maximum is None else parameter.maximum
    return low < number < high if parameter.exclusive else low <= number <= high


def _has_kind(value: object, kind: type) -> bool:
    if kind is float:
        return is_number(value)
    if kind is list:
        return isinstance(value, list) and bool(value) and all(map(is_number, value))
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _bad(parameter: Parameter, value: object, fix: str) -> ComputationError:
    return ComputationError("bad_parameter", f"{parameter.name} is {value!r}: {fix}")
