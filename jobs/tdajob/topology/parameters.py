"""Parameters that an algorithm accepts, and the check of given values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from tdajob.topology.values import ComputationError


@dataclass(frozen=True)
class Parameter:
    """An accepted parameter: its type, default and allowed values.

    `default` None means that the data determine the value; None may then be given as well. The kind `list`
    means a list of at least one number; `minimum` and `maximum` then apply to each number. `exclusive`
    excludes both bounds. `unit` is the unit of its numbers.
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
        """Return the bounds as words that follow "use"; empty without bounds."""
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            return f"a number between {low:g} and {high:g}" + ("" if self.exclusive else ", both included")
        if low is not None:
            return f"{'a number above' if self.exclusive else 'at least'} {low:g}"
        return "" if high is None else f"{'a number below' if self.exclusive else 'at most'} {high:g}"


def resolved_parameters(
    algorithm: str, accepted: Sequence[Parameter], given: Mapping[str, object]
) -> dict[str, object]:
    """Return every accepted parameter with its given or default value; raises `bad_parameter`."""
    by_name = {parameter.name: parameter for parameter in accepted}
    for name in given:
        if name not in by_name:
            reason = f"{algorithm} has no parameter '{name}': {hint(name, by_name)}"
            raise ComputationError("bad_parameter", reason)
    return {
        name: _checked(parameter, given.get(name, parameter.default)) for name, parameter in by_name.items()
    }


def hint(unknown: str, known: Iterable[str]) -> str:
    """Return a suggestion for an unknown name: the nearest known name, or all of them."""
    names = sorted(known)
    if not names:
        return "it takes none"
    near = nearest(unknown, names)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else f"use one of {', '.join(names)}"


def nearest(unknown: str, known: Iterable[str]) -> list[str]:
    """Return the known names that contain an unknown name, or else the most similar one, if there is one."""
    names = sorted(known)
    containing = [name for name in names if unknown and unknown in name]
    return containing or get_close_matches(str(unknown)[:60], names, n=1, cutoff=0.4)


def is_number(value: object) -> bool:
    """Return whether a value is a finite int or float; a bool is not a number here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _checked(parameter: Parameter, value: object) -> object:
    if value is None and parameter.default is None:
        return None
    if not _has_kind(value, parameter.kind):
        expected = (
            "a list of numbers" if parameter.kind is list else f"a value of type {parameter.kind.__name__}"
        )
        raise _bad(parameter, value, f"give {expected}")
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
