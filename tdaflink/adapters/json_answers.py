"""Reads JSON that another service has answered: each field is checked where it enters."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

_LARGEST = 2**63 - 1
_LATEST_MS = 253_402_300_799_999  # the last millisecond of the year 9999
_NOT_IN_IDS = frozenset("/\\?#%")
_MISSING: Any = object()

T = TypeVar("T")
MakesError = Callable[[str], Exception]


class WrongForm(ValueError):
    """An answer that is no JSON, or not of the form that the service gives; its text says where and why."""


def read_json(body: bytes) -> Any:
    """The value of a body. Raises `WrongForm`, also for NaN, for deep nesting and for endless numbers."""
    if not body.strip():
        raise WrongForm("the answer is empty")
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_no_json)
        return _without_surrogates(value) if b"\\ud" in body.lower() else value
    except WrongForm:
        raise
    except UnicodeDecodeError as error:
        raise WrongForm(f"the answer is no JSON: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise WrongForm(f"the answer is no JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, RecursionError) as error:
        why = (
            "it is nested too deeply" if isinstance(error, RecursionError) else "a number has too many digits"
        )
        raise WrongForm(f"the answer is no JSON that can be read: {why}") from None


def json_object(value: Any, error: MakesError = WrongForm, where: str = "") -> JsonObject:
    """A value that must be an object; `where` it stands in the answer, `error` makes what is raised."""
    if not isinstance(value, dict):
        raise error(f"{where or 'the answer'} must be an object, not {_shown(value)}")
    return JsonObject(value, error, where)


def json_objects(value: Any, error: MakesError = WrongForm, where: str = "") -> list[JsonObject]:
    """A value that must be a list of objects."""
    if not isinstance(value, list):
        raise error(f"{where or 'the answer'} must be a list, not {_shown(value)}")
    return [json_object(item, error, f"{where}[{number}]") for number, item in enumerate(value)]


class JsonObject:
    """An object of an answer. A default stands for a field that is missing or null.

    What is not of the expected form raises the error that `error` makes of the reason.
    """

    __slots__ = ("_error", "_where", "raw")

    def __init__(self, raw: Mapping[str, Any], error: MakesError, where: str = "") -> None:
        self.raw = raw
        self._error = error
        self._where = where

    def text(self, name: str, default: T = _MISSING) -> str | T:
        """A text."""
        value = self._value(name, default)
        return value if value is default or isinstance(value, str) else self._refuse(name, value, "a text")

    def ident(self, name: str) -> str:
        """An id, which may stand in a path."""
        value = self.text(name)
        if (
            not value.isprintable()
            or not 0 < len(value) < 256
            or set(value) & _NOT_IN_IDS
            or value in (".", "..")
        ):
            self._refuse(name, value, "an id")
        return value

    def whole(self, name: str, default: T = _MISSING) -> int | T:
        """A whole number of at most 64 bits."""
        value = self._value(name, default)
        if value is default:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
            self._refuse(name, value, "a whole number")
        return int(value)

    def count(self, name: str, default: T = _MISSING) -> int | T:
        """A whole number that is not negative."""
        value = self.whole(name, default)
        return value if value is default or value >= 0 else self._refuse(name, value, "no negative number")  # type: ignore[operator]

    def millis(self, name: str) -> int:
        """A time in milliseconds since the epoch, of which there is a date; Flink's -1 is 0."""
        value = self.whole(name)
        if not -1 <= value <= _LATEST_MS:
            self._refuse(name, value, "a time in milliseconds")
        return max(0, value)

    def number(self, name: str, default: T = _MISSING) -> float | T:
        """A finite number, also one that is written as a text, as in Flink's metrics."""
        value = self._value(name, default)
        if value is default:
            return default
        number = finite(value)
        return number if number is not None else self._refuse(name, value, "a finite number")

    def flag(self, name: str, default: T = _MISSING) -> bool | T:
        """True or false."""
        value = self._value(name, default)
        return (
            value
            if value is default or isinstance(value, bool)
            else self._refuse(name, value, "true or false")
        )

    def child(self, name: str) -> JsonObject:
        """An object within; an empty one where it is missing or null."""
        return json_object(self._value(name, {}), self._error, self._path(name))

    def required(self, name: str) -> JsonObject:
        """An object within that must be there."""
        return json_object(self._value(name, _MISSING), self._error, self._path(name))

    def children(self, name: str, default: list[Any] = _MISSING) -> list[JsonObject]:
        """A list of objects."""
        return json_objects(self._value(name, default), self._error, self._path(name))

    def texts(self, name: str, default: list[str] = _MISSING) -> list[str]:
        """A list of texts."""
        value = self._value(name, default)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._refuse(name, value, "a list of texts")
        return list(value)

    def _value(self, name: str, default: Any) -> Any:
        value = self.raw.get(name)
        if value is not None:
            return value
        if default is _MISSING:
            raise self._error(f"{self._path(name)} is {'null' if name in self.raw else 'missing'}")
        return default

    def _path(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name

    def _refuse(self, name: str, value: Any, wanted: str) -> NoReturn:
        raise self._error(f"{self._path(name)} must be {wanted}, not {_shown(value)}")


def finite(value: Any) -> float | None:
    """The number that a value is or, as a text, means; None where it is no finite one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _without_surrogates(value: Any) -> Any:
    """The value with a replacement for each half of a character, which could not be written anywhere."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
    return value


def _no_json(constant: str) -> NoReturn:
    raise WrongForm(f"the answer is no JSON: it holds {constant}")


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        try:
            return json.dumps(value)[:40]
        except ValueError:
            return "a number of too many digits"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
