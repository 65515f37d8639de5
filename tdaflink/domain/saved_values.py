"""Values saved as JSON: each is checked against the declared type of its class when it is read.

Files and rows may be damaged, edited by hand, or written by another version.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")
_DEPTH = 64


def from_values(kind: type[Kind], values: Any, place: str = "") -> Kind:
    """Return an instance of a dataclass. Raises `ValueError`, which names the place and the problem."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{place or 'it'} is {_named(values)}, not an object")
    declared = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(str(name) for name in values if name not in declared):
        raise ValueError(f"{_path(place, unknown[0])} is unknown; it may be from another version")
    needed = [
        name
        for name, field in declared.items()
        if name not in values and field.default is MISSING and field.default_factory is MISSING
    ]
    if needed:
        raise ValueError(f"{_path(place, needed[0])} is missing")
    declaring: Any = kind
    hints = _hints(declaring)
    return kind(**{name: checked(hints[name], value, _path(place, name)) for name, value in values.items()})


def checked(kind: Any, value: Any, place: str, depth: int = 0) -> Any:
    """Return the value converted to its type. Raises `ValueError` for another type or an invalid text."""
    if depth > _DEPTH:
        raise ValueError(f"{place} is nested too deeply")
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return _any(value, place, depth)
    if is_dataclass(kind) and isinstance(kind, type):
        return from_values(kind, value, place)
    if origin in (Union, types.UnionType):
        return _one_of(arguments, value, place, depth)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{place} is {_named(value)}, not one of {', '.join(map(str, arguments))}")
        return value
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(arguments, value, place, depth)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        if not isinstance(value, list | tuple):
            raise ValueError(f"{place} is {_named(value)}, not a list")
        return tuple(
            checked(arguments[0], item, f"{place}[{number}]", depth + 1) for number, item in enumerate(value)
        )
    return _plain(kind, value, place)


@lru_cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _one_of(kinds: Sequence[Any], value: Any, place: str, depth: int) -> Any:
    if value is None and type(None) in kinds:
        return None
    errors = []
    for kind in kinds:
        if kind is not type(None):
            try:
                return checked(kind, value, place, depth + 1)
            except ValueError as error:
                errors.append(error)
    raise errors[0]


def _mapping(kinds: Sequence[Any], value: Any, place: str, depth: int) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{place} is {_named(value)}, not an object")
    return {
        checked(kinds[0], key, place, depth + 1): checked(kinds[1], item, _path(place, str(key)), depth + 1)
        for key, item in value.items()
    }


def _plain(kind: Any, value: Any, place: str) -> Any:
    if kind is float and type(value) is int and abs(value) < 2**63:
        value = float(value)
    if kind is Path and isinstance(value, str):
        _check_text(value, place)
        return Path(value)
    if type(value) is not kind:
        raise ValueError(f"{place} is {_named(value)}, not {_NAMES.get(kind, kind.__name__)}")
    if kind is float and not math.isfinite(value):
        raise ValueError(f"{place} is not finite")
    if kind is int and abs(value) >= 2**63:
        raise ValueError(f"{place} is out of range")
    if kind is str:
        _check_text(value, place)
    return value


def _any(value: Any, place: str, depth: int) -> Any:
    """Check any JSON value: its depth is bounded and its texts are valid."""
    if depth > _DEPTH:
        raise ValueError(f"{place} is nested too deeply")
    if isinstance(value, str):
        _check_text(value, place)
    for key, item in value.items() if isinstance(value, Mapping) else ():
        _check_text(key, place)
        _any(item, place, depth + 1)
    for item in value if isinstance(value, list | tuple) else ():
        _any(item, place, depth + 1)
    return value


def _check_text(text: str, place: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{place} is not a valid text")


_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _named(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _path(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
