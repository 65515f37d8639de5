"""Typed values of the resolved JSON settings: no missing keys, no unknown keys, no conversions."""

from __future__ import annotations

import math
from typing import Any


class SettingsError(ValueError):
    """A setting is missing, unknown or of the wrong type; the message names its path."""


class JsonObjectReader:
    """Typed access to one JSON object; `finish` raises SettingsError for keys that were not read."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise SettingsError(f"{path or 'the settings'}: must be an object, not {value!r}")
        self._values: dict[str, Any] = value
        self._unread = set(value)
        self._path = path

    def take(self, key: str) -> Any:
        if key not in self._values:
            raise SettingsError(f"{self._path_of(key)}: is missing")
        self._unread.discard(key)
        return self._values[key]

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value:
            raise self._wrong(key, "a text that is not empty", value)
        return value

    def text_or_none(self, key: str) -> str | None:
        return None if self.take(key) is None else self.text(key)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.take(key)
        if value not in choices:
            raise self._wrong(key, f"one of {', '.join(choices)}", value)
        return str(value)

    def integer(self, key: str, *, least: int = 0, most: int | None = None) -> int:
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self._wrong(key, f"an integer of at least {least}", value)
        if most is not None and value > most:
            raise self._wrong(key, f"an integer of at most {most}", value)
        return value

    def number(self, key: str) -> float:
        value = self.take(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
            raise self._wrong(key, "a finite number of at least 0", value)
        return float(value)

    def number_or_none(self, key: str) -> float | None:
        return None if self.take(key) is None else self.number(key)

    def integer_or_none(self, key: str, *, least: int = 0, most: int | None = None) -> int | None:
        return None if self.take(key) is None else self.integer(key, least=least, most=most)

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def numbers(self, key: str) -> tuple[float, ...]:
        """Return finite numbers of either sign."""
        value = self.take(key)
        if not isinstance(value, list) or not all(_is_finite(number) for number in value):
            raise self._wrong(key, "a list of finite numbers", value)
        return tuple(float(number) for number in value)

    def span(self, key: str) -> tuple[float, float]:
        """Return two finite numbers, the smaller one first."""
        ends = self.numbers(key)
        if len(ends) != 2 or ends[0] >= ends[1]:
            raise self._wrong(key, "two numbers, the smaller one first", list(ends))
        return ends[0], ends[1]

    def integers(self, key: str, *, least: int = 0, count: int | None = None) -> tuple[int, ...]:
        """Return at least one integer, or exactly `count`."""
        value = self.take(key)
        fits = isinstance(value, list) and value and count in (None, len(value))
        if not fits or not all(type(number) is int and number >= least for number in value):
            raise self._wrong(key, f"a list of {count or 'some'} integers of at least {least}", value)
        return tuple(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return any number of texts, none of them empty."""
        value = self.take(key)
        if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
            raise self._wrong(key, "a list of texts", value)
        return tuple(value)

    def has(self, key: str) -> bool:
        return key in self._values

    def free(self, key: str) -> dict[str, Any]:
        value = self.take(key)
        if not isinstance(value, dict):
            raise self._wrong(key, "an object", value)
        return value

    def inner(self, key: str) -> JsonObjectReader:
        return JsonObjectReader(self.take(key), self._path_of(key))

    def inner_or_none(self, key: str) -> JsonObjectReader | None:
        return None if self.take(key) is None else self.inner(key)

    def inners(self, key: str, *, may_be_empty: bool = False) -> list[JsonObjectReader]:
        value = self.take(key)
        if not isinstance(value, list) or not (value or may_be_empty):
            raise self._wrong(
                key, "a list of objects" if may_be_empty else "a list of at least one object", value
            )
        return [JsonObjectReader(item, f"{self._path_of(key)}[{index}]") for index, item in enumerate(value)]

    def finish(self) -> None:
        if self._unread:
            raise SettingsError(f"{self._path_of(min(self._unread))}: is not a setting of this job")

    def _path_of(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _wrong(self, key: str, expected: str, value: object) -> SettingsError:
        return SettingsError(f"{self._path_of(key)}: must be {expected}, not {value!r}")


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
