"""Algorithms that the job ships, their parameters, and the check of parameters in messages and configs.

A test compares this table with the job's registry, which computes. Plug-ins of a job may add algorithms that
are missing here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from tdaformats.errors import MessageError
from tdaformats.limits import MAX_COORDINATE
from tdaformats.strict_json import MAX_INTEGER

PAIRS = r"(all|none|top:[0-9]{1,9})"
_SHOWN = 60


@dataclass(frozen=True)
class Parameter:
    """A parameter: its kind and its allowed values; with `nullable`, null selects the job's default.

    The kind `list` means a list of at least one number. `above` and `below` are exclusive bounds; bounds
    apply to each number of a list.
    """

    name: str
    kind: type[bool] | type[int] | type[float] | type[str] | type[list[float]]
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Algorithm:
    """The properties of an algorithm that can be checked before a computation."""

    name: str
    parameters: tuple[Parameter, ...]
    takes_distances: bool = False


METRIC = (
    Parameter(
        "metric",
        str,
        choices=("euclidean", "manhattan", "cityblock", "chebyshev", "angular", "haversine", "periodic"),
    ),
    Parameter("period", list, nullable=True, minimum=0),
    Parameter("sphere_radius", float, above=0, below=MAX_COORDINATE),
)
_PRECISION = Parameter("precision", str, choices=("safe", "exact", "fast"))

ALGORITHMS: Mapping[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("alpha", (_PRECISION,)),
        Algorithm("cech", (_PRECISION,)),
        Algorithm(
            "dtm_rips",
            (
                *METRIC,
                Parameter("neighbors", int, nullable=True, minimum=1),
                Parameter("order", float, minimum=1),
            ),
            takes_distances=True,
        ),
        Algorithm(
            "sparse_rips", (*METRIC, Parameter("epsilon", float, above=0, below=1)), takes_distances=True
        ),
        Algorithm(
            "vietoris_rips",
            (*METRIC, Parameter("precision", str, choices=("float64", "float32"))),
            takes_distances=True,
        ),
        Algorithm(
            "witness", (Parameter("landmarks", int, nullable=True, minimum=1), Parameter("strong", bool))
        ),
    )
}

COMMON = (
    Parameter("max_dimension", int, minimum=0, maximum=10),
    Parameter("max_persistence", float, nullable=True, minimum=0),
    Parameter("min_persistence", float, minimum=0),
    Parameter("betti_at", float, nullable=True, minimum=0),
    Parameter("homology_coeff_field", int, minimum=2, maximum=46337),
    Parameter("engine", str, choices=("auto", "gudhi")),
    Parameter("pairs", str),
)
_COMMON = {parameter.name: parameter for parameter in COMMON}


def check_algorithm(name: Any) -> None:
    """Raise MessageError, with the nearest name, unless the job ships an algorithm of that name."""
    if not isinstance(name, str):
        raise MessageError("bad_field", f"algorithm: must be a text, not {_shown(name)}")
    if name not in ALGORITHMS:
        raise MessageError(
            "unknown_algorithm", f"algorithm: {name[:_SHOWN]!r} is not known{_nearest(name, ALGORITHMS)}"
        )


def check_parameters(
    algorithm: str | None, given: Mapping[str, Any], path: str, *, common: bool = True
) -> None:
    """Raise MessageError for parameters that are unknown, of the wrong type or out of range.

    Without `algorithm` the parameters of every algorithm are allowed. `common` adds the parameters that all
    algorithms share, which are separate keys in a config.
    """
    shared = {name: [parameter] for name, parameter in _COMMON.items()} if common else {}
    known = _own_parameters(algorithm) | shared
    of = algorithm or "any algorithm"
    for name, value in given.items():
        if name not in known:
            hint = _nearest(str(name), known) if known else "; it has none"
            raise MessageError(
                "unknown_parameter", f"{path}{str(name)[:_SHOWN]}: is not a parameter of {of}{hint}"
            )
        problems = [_problem(parameter, value) for parameter in known[name]]
        if all(problems):
            raise MessageError("bad_parameter", f"{path}{name}: is {_shown(value)}: {problems[0]}")
    _check_together(given, path)


def _own_parameters(algorithm: str | None) -> dict[str, list[Parameter]]:
    by_name: dict[str, list[Parameter]] = {}
    for owner in ALGORITHMS.values() if algorithm is None else (ALGORITHMS[algorithm],):
        for parameter in owner.parameters:
            by_name.setdefault(parameter.name, []).append(parameter)
    return by_name


def _check_together(given: Mapping[str, Any], path: str) -> None:
    metric, period = given.get("metric"), given.get("period")
    if metric is not None and metric != "periodic" and period is not None:
        raise MessageError(
            "bad_parameter", f"{path}period: does not go with metric {metric}: use periodic, or leave it out"
        )
    if metric == "periodic" and "period" in given and period is None:
        raise MessageError("bad_parameter", f"{path}period: metric periodic needs one length per coordinate")


def _problem(parameter: Parameter, value: Any) -> str:
    """Return the fix of a wrong value; empty for a correct one."""
    if value is None:
        return "" if parameter.nullable else f"give {_expected(parameter)}"
    if not _has_kind(value, parameter.kind):
        return f"give {_expected(parameter)}"
    if parameter.choices and value not in parameter.choices:
        return f"use one of {', '.join(parameter.choices)}"
    numbers = value if isinstance(value, list) else [value]
    if parameter.kind in (int, float, list) and not all(_in_range(parameter, number) for number in numbers):
        return f"give {_expected(parameter)}"
    return _special_problem(parameter.name, value)


def _special_problem(name: str, value: Any) -> str:
    if name == "homology_coeff_field" and any(value % k == 0 for k in range(2, math.isqrt(value) + 1)):
        return "use a prime, such as 2, 3, 5 or 7"
    if name == "pairs" and not (value in ("all", "none") or _is_top(value)):
        return "use all, none or top:K"
    return ""


def _is_top(text: str) -> bool:
    digits = text.removeprefix("top:")
    return text.startswith("top:") and digits.isascii() and digits.isdigit() and len(digits) <= 9


def _in_range(parameter: Parameter, value: float) -> bool:
    return (
        (parameter.minimum is None or value >= parameter.minimum)
        and (parameter.maximum is None or value <= parameter.maximum)
        and (parameter.above is None or value > parameter.above)
        and (parameter.below is None or value < parameter.below)
    )


def _expected(parameter: Parameter) -> str:
    names = {
        bool: "true or false",
        int: "an integer",
        float: "a number",
        str: "a text",
        list: "numbers in a list",
    }
    parts = [
        f"{words} {bound:g}"
        for words, bound in (
            ("of at least", parameter.minimum),
            ("up to", parameter.maximum),
            ("above", parameter.above),
            ("below", parameter.below),
        )
        if bound is not None
    ]
    text = names[parameter.kind]
    if parameter.choices:
        return f"one of {', '.join(parameter.choices)}"
    return f"{text} {' and '.join(parts)}" if parts else text


def _has_kind(value: Any, kind: type) -> bool:
    if kind is float:
        return _is_number(value)
    if kind is list:
        return isinstance(value, list) and bool(value) and all(map(_is_number, value))
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INTEGER
    return isinstance(value, kind)


def _is_number(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) <= MAX_INTEGER
    return isinstance(value, float) and math.isfinite(value)


def _nearest(name: str, known: Iterable[str]) -> str:
    choices = sorted(known)
    near = [choice for choice in choices if name and name in choice] or get_close_matches(
        name[:_SHOWN], choices, n=1, cutoff=0.4
    )
    return f"; did you mean {' or '.join(near)}?" if near else f"; use one of {', '.join(choices)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
