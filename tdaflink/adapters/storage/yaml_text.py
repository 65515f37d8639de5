"""Reading and writing YAML 1.2: the core schema, read strictly, so that a text has one meaning everywhere."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml import events

from tdaflink.domain.errors import ConfigError

MAX_DEPTH = 64
MAX_VALUES = 100_000  # an alias counts as all values that it refers to
MAX_INTEGER = 2**63 - 1
_MAX_DIGITS = 24

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = {re.compile(r"0o[0-7]+"): 8, re.compile(r"0x[0-9a-fA-F]+"): 16}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_PREFIX = "tag:yaml.org,2002:"
_SCALAR_TAGS = {f"{_PREFIX}{name}": name for name in ("null", "bool", "int", "float", "str")}
_COLLECTION_TAGS = {events.MappingStartEvent: f"{_PREFIX}map", events.SequenceStartEvent: f"{_PREFIX}seq"}

Mark: TypeAlias = Any
Value: TypeAlias = Any


def load_yaml(text: str, name: str) -> Value:
    """Parse a YAML 1.2 text of one document; an empty text is None.

    Numbers, booleans and null are those of the core schema; dates, `yes`, `no` and `1:30` are text. Raises
    `ConfigError` with `name`, line and column for invalid text, a duplicate key, an unknown tag, a value that
    contains itself, and for values that are too deep, too large or not finite.
    """
    try:
        return _Document(name).read(text.removeprefix("\ufeff"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise _error(name, mark, f"not YAML: {problem}") from None
    except UnicodeError:
        raise ConfigError(
            f"{name}: not YAML: it contains half of a surrogate pair, or bytes that are not UTF-8"
        ) from None


def dump_yaml(value: Value, *, allow_unicode: bool = True, **options: Any) -> str:
    """Return a value as YAML text, keys in their order; text that would be read as another type is quoted."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=allow_unicode, **options))


def _error(name: str, mark: Mark, problem: str) -> ConfigError:
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    return ConfigError(f"{name}{where}: {problem}")


@dataclass
class _Open:
    """A mapping or sequence that is being read; `lines` are the lines of its keys."""

    value: dict[Any, Any] | list[Any]
    anchor: str | None
    mark: Mark
    before: int
    key: Any = None
    has_key: bool = False
    lines: dict[Any, int] = field(default_factory=dict)


class _Document:
    """A builder of values from events, without recursion, so that no text can exhaust the stack."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._count = 0
        self._root: Value = None
        self._documents = 0

    def read(self, text: str) -> Value:
        # libyaml's parser if the wheel has it: setup must start quickly.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for event in self._events(text, loader):
            self._take(event)
        return self._root

    @staticmethod
    def _events(text: str, loader: Any) -> Iterator[Any]:
        yield from yaml.parse(text, Loader=loader)

    def _take(self, event: Any) -> None:
        if isinstance(event, events.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._fail(event.start_mark, "a second document begins: keep one to a file")
        elif isinstance(event, (events.MappingStartEvent, events.SequenceStartEvent)):
            self._begin(event)
        elif isinstance(event, events.CollectionEndEvent):
            done = self._open.pop()
            self._place(done.value, done.mark, done.anchor, self._count - done.before)
        elif isinstance(event, events.AliasEvent):
            self._alias(event)
        elif isinstance(event, events.ScalarEvent):
            self._add(1, event.start_mark)
            self._place(self._scalar(event), event.start_mark, event.anchor, 1)

    def _begin(self, event: Any) -> None:
        if event.tag not in (None, "!", _COLLECTION_TAGS[type(event)]):
            raise self._fail(event.start_mark, f"the tag {_shown(event.tag)} is not supported: leave it out")
        if len(self._open) >= MAX_DEPTH:
            raise self._fail(event.start_mark, f"is nested more than {MAX_DEPTH} levels deep")
        before = self._count
        self._add(1, event.start_mark)
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        value: Any = {} if isinstance(event, events.MappingStartEvent) else []
        self._open.append(_Open(value, event.anchor, event.start_mark, before))

    def _alias(self, event: Any) -> None:
        if event.anchor in {collection.anchor for collection in self._open}:
            raise self._fail(event.start_mark, f"*{event.anchor} is part of itself: write the value out")
        if event.anchor not in self._anchors:
            raise self._fail(event.start_mark, f"*{event.anchor} names no value before it")
        value, size = self._anchors[event.anchor]
        self._add(size, event.start_mark)
        self._place(value, event.start_mark, None, size)

    def _add(self, size: int, mark: Mark) -> None:
        self._count += size
        if self._count > MAX_VALUES:
            raise self._fail(mark, f"has more than {MAX_VALUES} values, aliases written out")

    def _place(self, value: Value, mark: Mark, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)
        if not self._open:
            self._root = value
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.has_key:
            parent.value[parent.key] = value
            parent.has_key = False
        else:
            self._key(parent, value, mark)

    def _key(self, parent: _Open, key: Value, mark: Mark) -> None:
        if key == "<<":
            raise self._fail(mark, "the merge key << is not part of YAML 1.2: write the keys out")
        if not isinstance(key, str):
            raise self._fail(mark, f"the key {_shown(key)} is not text: put it in quotes")
        if key in parent.lines:
            raise self._fail(
                mark, f"the key {_short(key)} is given twice, first in line {parent.lines[key]}: keep one"
            )
        parent.lines[key] = mark.line + 1
        parent.key, parent.has_key = key, True

    def _scalar(self, event: Any) -> Value:
        text, tag = event.value, event.tag
        if tag in (None, "!"):
            plain = event.style is None or event.style == ""
            return self._plain(text, event.start_mark) if plain and tag is None else text
        if tag not in _SCALAR_TAGS:
            raise self._fail(event.start_mark, f"the tag {_shown(tag)} is not supported: leave it out")
        kind = _SCALAR_TAGS[tag]
        if kind == "str":
            return text
        value = self._plain(text, event.start_mark)
        if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if _kind(value) != kind:
            raise self._fail(event.start_mark, f"{_shown(text)} is not of type {kind}, as its tag requires")
        return value

    def _plain(self, text: str, mark: Mark) -> Value:
        if text in _NULL:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        for pattern, base in _BASED.items():
            if pattern.fullmatch(text):
                return self._integer(text[2:], base, mark)
        if _INTEGER.fullmatch(text):
            return self._integer(text, 10, mark)
        if _FLOAT.fullmatch(text):
            value = float(text)
            if math.isinf(value):
                raise self._fail(mark, f"{_shown(text)} is beyond the range of float64")
            return value
        if _NOT_FINITE.fullmatch(text):
            raise self._fail(mark, f"{_shown(text)} is not a finite number")
        return text

    def _integer(self, digits: str, base: int, mark: Mark) -> int:
        # Long digit strings are not converted: that takes quadratic time.
        short = digits.lstrip("+-").lstrip("0")
        value = int(digits, base) if len(short) <= _MAX_DIGITS else MAX_INTEGER + 1
        if abs(value) > MAX_INTEGER:
            raise self._fail(mark, f"the integer {_shown(digits)} is beyond 2^63: put text in quotes")
        return value

    def _fail(self, mark: Mark, problem: str) -> ConfigError:
        return _error(self._name, mark, problem)


def _kind(value: Value) -> str:
    names = {bool: "bool", int: "int", float: "float", type(None): "null"}
    return names.get(type(value), "str")


def _shown(value: object) -> str:
    return repr(_short(str(value)))


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _looks_typed(text: str) -> bool:
    """Return whether YAML 1.2 reads plain `text` as another type."""
    patterns = (_INTEGER, _FLOAT, _NOT_FINITE, *_BASED)
    return text in _NULL or text in _BOOLEANS or any(pattern.fullmatch(text) for pattern in patterns)


class _Dumper(yaml.SafeDumper):
    """A dumper that quotes text which YAML 1.1 or 1.2 reads as another type; it writes no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 -- PyYAML's signature
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if _looks_typed(text) else None
    return dumper.represent_scalar(f"{_PREFIX}str", text, style=style)


_Dumper.add_representer(str, _represent_text)
