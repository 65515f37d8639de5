"""Strict access to JSON responses of other services: each field is checked when it is read."""

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
    """A response that is not JSON, or not of the expected form; the text names the field and the reason."""


def read_json(body: bytes) -> Any:
    """Parse a body. Raises `WrongForm`, also for NaN, too deep nesting and numbers of too many digits."""
    if not body.strip():
        raise WrongForm("the response is empty")
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_reject_constant)
        return _replace_surrogates(value) if b"\\ud" in body.lower() else value
    except WrongForm:
        raise
    except UnicodeDecodeError as error:
        raise WrongForm(f"the response is not JSON: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise WrongForm(f"the response is not JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, RecursionError) as error:
        why = (
            "it is nested too deeply" if isinstance(error, RecursionError) else "a number has too many digits"
        )
        raise WrongForm(f"the JSON of the response cannot be read: {why}") from None


def json_object(value: Any, error: MakesError = WrongForm, where: str = "") -> JsonObject:
    """Check that a value is an object; `where` is its path in the response, `error` creates the exception."""
    if not isinstance(value, dict):
        raise error(f"{where or 'the response'} must be an object, not {_shown(value)}")
    return JsonObject(value, error, where)


def json_objects(value: Any, error: MakesError = WrongForm, where: str = "") -> list[JsonObject]:
    """Check that a value is a list of objects."""
    if not isinstance(value, list):
        raise error(f"{where or 'the response'} must be a list, not {_shown(value)}")
    return [json_object(item, error, f"{where}[{number}]") for number, item in enumerate(value)]


class JsonObject:
    """An object in a response. A default replaces a field that is missing or null.

    A field of another form raises the exception that `error` creates from the reason.
    """

    __slots__ = ("_error", "_where", "raw")

    def __init__(self, raw: Mapping[str, Any], error: MakesError, where: str = "") -> None:
        self.raw = raw
        self._error = error
        self._where = where

    def text(self, name: str, default: T = _MISSING) -> str | T:
        """Return a text."""
        value = self._value(name, default)
        return value if value is default or isinstance(value, str) else self._refuse(name, value, "a text")

    def ident(self, name: str) -> str:
        """Return an id, which is safe as a part of a path."""
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
        """Return a whole number of at most 64 bits."""
        value = self._value(name, default)
        if value is default:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
            self._refuse(name, value, "a whole number")
        return int(value)

    def count(self, name: str, default: T = _MISSING) -> int | T:
        """Return a whole number that is not negative."""
        value = self.whole(name, default)
        return value if value is default or value >= 0 else self._refuse(name, value, "0 or more")  # type: ignore[operator]

    def millis(self, name: str) -> int:
        """Return a time in milliseconds since the epoch, up to the year 9999; Flink's -1 becomes 0."""
        value = self.whole(name)
        if not -1 <= value <= _LATEST_MS:
            self._refuse(name, value, "a time in milliseconds")
        return max(0, value)

    def number(self, name: str, default: T = _MISSING) -> float | T:
        """Return a finite number, which may be written as a text, as in Flink's metrics."""
        value = self._value(name, default)
        if value is default:
            return default
        number = finite(value)
        return number if number is not None else self._refuse(name, value, "a finite number")

    def flag(self, name: str, default: T = _MISSING) -> bool | T:
        """Return a boolean."""
        value = self._value(name, default)
        return (
            value
            if value is default or isinstance(value, bool)
            else self._refuse(name, value, "true or false")
        )

    def child(self, name: str) -> JsonObject:
        """Return a nested object; an empty one where it is missing or null."""
        return json_object(self._value(name, {}), self._error, self._path(name))

    def required(self, name: str) -> JsonObject:
        """Return a nested object, which must exist."""
        return json_object(self._value(name, _MISSING), self._error, self._path(name))

    def children(self, name: str, default: list[Any] = _MISSING) -> list[JsonObject]:
        """Return a list of objects."""
        return json_objects(self._value(name, default), self._error, self._path(name))

    def texts(self, name: str, default: list[str] = _MISSING) -> list[str]:
        """Return a list of texts."""
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

    def _refuse(self, name: str, value: Any, expected: str) -> NoReturn:
        raise self._error(f"{self._path(name)} must be {expected}, not {_shown(value)}")


def finite(value: Any) -> float | None:
    """Convert a number or a text to a finite number; None where that is not possible."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _replace_surrogates(value: Any) -> Any:
    """Replace lone surrogates, which no encoding can write."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_replace_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_replace_surrogates(name): _replace_surrogates(item) for name, item in value.items()}
    return value


def _reject_constant(constant: str) -> NoReturn:
    raise WrongForm(f"the response is not JSON: it contains {constant}")


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        try:
            return json.dumps(value)[:40]
        except ValueError:
            return "a number of too many digits"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
