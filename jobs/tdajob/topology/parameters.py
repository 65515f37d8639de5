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

    `default` None means that the algorithm decides from the data; None may then be given as well.
    """

    name: str
    kind: type[bool] | type[int] | type[float] | type[str]
    default: bool | int | float | str | None
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
    nearest = get_close_matches(str(unknown), names, n=1, cutoff=0.4)
    return f"did you mean '{nearest[0]}'?" if nearest else f"use one of {', '.join(names)}"


def is_number(value: object) -> bool:
    """A finite int or float; bool is not a number here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _checked(parameter: Parameter, value: object) -> object:
    if value is None and parameter.default is None:
        return None
    if not _has_kind(value, parameter.kind):
        raise _bad(parameter, value, f"give a value of type {parameter.kind.__name__}")
    if parameter.choices and value not in parameter.choices:
        raise _bad(parameter, value, f"use one of {', '.join(parameter.choices)}")
    if parameter.minimum is not None and isinstance(value, (int, float)) and value < parameter.minimum:
        raise _bad(parameter, value, f"use at least {parameter.minimum:g}")
    return value


def _has_kind(value: object, kind: type) -> bool:
    if kind is float:
        return is_number(value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _bad(parameter: Parameter, value: object, fix: str) -> ComputationError:
    return ComputationError("bad_parameter", f"{parameter.name} is {value!r}: {fix}")
