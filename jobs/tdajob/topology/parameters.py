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
    kind `list` is that of lists of at least one number; `minimum` then holds for each of them.
    """

    name: str
    kind: type[bool] | type[int] | type[float] | type[str] | type[list[float]]
    default: bool | int | float | str | list[float] | None
    description: str
    minimum: float | None = None
    choices: tuple[str, ...] = ()


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
    if parameter.minimum is not None and _least(value) < parameter.minimum:
        raise _bad(parameter, value, f"use at least {parameter.minimum:g}")
    return value


def _least(value: object) -> float:
    if isinstance(value, list):
        return float(min(value))
    return float(value) if isinstance(value, (int, float)) else math.inf


def _has_kind(value: object, kind: type) -> bool:
    if kind is float:
        return is_number(value)
    if kind is list:
        return isinstance(value, list) and bool(value) and all(map(is_number, value))
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _bad(parameter: Parameter, value: object, fix: str) -> ComputationError:
    return ComputationError("bad_parameter", f"{parameter.name} is {value!r}: {fix}")
