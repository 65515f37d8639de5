"""The computation that a message requests: its own parameters, and the config's for the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tdajob.errors import MessageError
from tdajob.settings.job import QueryDefaults
from tdajob.topology.parameters import nearest
from tdajob.topology.values import Query

_COMPARED_CHARS = 60  # characters of an unknown name; comparing needs far more memory than the text itself
_PAIRS = re.compile(r"all|none|top:[0-9]{1,9}")


@dataclass(frozen=True)
class RequestedComputation:
    """The requested computation and the published part of its result.

    With `betti_at` the result contains the Betti numbers at that value; `pairs` is all, none or top:K.
    """

    query: Query
    betti_at: float | None
    pairs: str


def resolve_request(
    algorithm: Any, parameters: Any, defaults: QueryDefaults, algorithms: Mapping[str, Collection[str]]
) -> RequestedComputation:
    """Return the computation that a message requests. Raises MessageError.

    `algorithms` maps the names of all algorithms to the names of their own parameters.
    """
    name = _algorithm(algorithm, defaults.algorithm, algorithms)
    given = _parameters(parameters, name, algorithms[name])
    chosen_by_config = name == defaults.algorithm
    # The engine and the own parameters in the config belong to the config's algorithm only.
    own = dict(defaults.algorithm_params) if chosen_by_config else {}
    own.update({key: value for key, value in given.items() if key not in _READERS})
    common: dict[str, Any] = {
        key: _READERS[key](given[key], f"parameters.{key}") if key in given else getattr(defaults, key)
        for key in _READERS
    }
    if not chosen_by_config and "engine" not in given:
        common["engine"] = "auto"
    pairs = common.pop("pairs")
    betti_at = common.pop("betti_at")
    query = Query(algorithm=name, params=own, **common)
    return RequestedComputation(query, betti_at, pairs)


def _algorithm(value: Any, default: str, algorithms: Iterable[str]) -> str:
    if value is None:
        return default
    if not isinstance(value, str):
        raise MessageError("bad_field", f"algorithm: must be a text, not {value!r:.60}")
    if value not in algorithms:
        raise MessageError(
            "unknown_algorithm", f"algorithm: {value[:60]!r} is not known{_nearest(value, algorithms)}"
        )
    return value


def _parameters(value: Any, algorithm: str, own: Collection[str]) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MessageError("bad_field", f"parameters: must be an object, not {value!r:.60}")
    accepted = [*_READERS, *own]
    for key in value:
        if key not in accepted:
            raise MessageError(
                "unknown_parameter",
                f"parameters.{key[:60]}: is not a parameter of {algorithm}{_nearest(key, accepted)}",
            )
    return value


def _nearest(name: str, names: Iterable[str]) -> str:
    choices = sorted(names)
    near = nearest(name[:_COMPARED_CHARS], choices)
    return f"; did you mean {' or '.join(near)}?" if near else f"; known are {', '.join(choices)}"


def _integer(least: int) -> Callable[[Any, str], int]:
    def read(value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise MessageError(
                "bad_parameter", f"{path}: must be an integer of at least {least}, not {value!r:.60}"
            )
        return value

    return read


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise MessageError("bad_parameter", f"{path}: must be a number of at least 0, not {value!r:.60}")
    return float(value)


def _number_or_none(value: Any, path: str) -> float | None:
    return None if value is None else _number(value, path)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise MessageError("bad_parameter", f"{path}: must be a text, not {value!r:.60}")
    return value


def _pairs(value: Any, path: str) -> str:
    if not _PAIRS.fullmatch(_text(value, path)):
        raise MessageError("bad_parameter", f"{path}: must be all, none or top:K, not {value[:60]!r}")
    return str(value)


_READERS: Mapping[str, Callable[[Any, str], Any]] = {
    "max_dimension": _integer(0),
    "max_persistence": _number_or_none,
    "min_persistence": _number,
    "betti_at": _number_or_none,
    "homology_coeff_field": _integer(2),
    "engine": _text,
    "pairs": _pairs,
}
