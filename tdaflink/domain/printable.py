"""Text of producers and clusters in a form that a terminal only shows.

Ids, job names, event texts and error answers come from outside. Control characters in them drive a
terminal, format characters hide or reorder what it shows, and lone surrogates cannot be written at all.
Each of these is written as its escape sequence, such as `\\x1b`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")

DEPTH = 60  # of nested values that are shown; a parser of JSON lets some thousands pass
_TOO_DEEP = "..."
# Letters, marks and signs to Unicode that take no room or look like a blank; variation selectors among them.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def printable(text: str) -> str:
    """The text on one line, with every character that is not seen as such escaped."""
    if text.isascii():
        return text if text.isprintable() else "".join(map(_shown, text))
    if text.isprintable() and not _UNSEEN.search(text):
        return text
    return "".join(map(_shown, text))


def printable_lines(text: str, *, tab: int = 8) -> str:
    """The same, but the text keeps its lines; a tab becomes blanks up to the next multiple of `tab`."""
    if is_printable(text):
        return text
    return "\n".join(printable(line.expandtabs(tab)) for line in text.replace("\r\n", "\n").split("\n"))


def shortened(text: str, most: int = 200) -> str:
    """The text, or its beginning where it is longer than a person reads."""
    return text if len(text) <= most else text[:most] + "..."


def is_printable(text: str) -> bool:
    """Whether nothing in the text needs an escape sequence."""
    return text.isprintable() and (text.isascii() or not _UNSEEN.search(text))


def printable_value(value: T, depth: int = DEPTH) -> T:
    """The same value with every text in it printable, the fields named in a class's `LINES` by lines."""
    changed: T = _changed(value, depth)
    return changed


def _changed(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return printable(value) if type(value) is str else value
    if isinstance(value, Mapping):
        return _mapping(value, depth)
    if type(value) in (list, tuple):
        return _sequence(value, depth)
    if is_dataclass(value) and not isinstance(value, type):
        return _record(value, depth)
    return value


def _mapping(value: Mapping[Any, Any], depth: int) -> Any:
    if depth == 0:
        return _TOO_DEEP
    made = {_changed(key, 1): _changed(item, depth - 1) for key, item in value.items()}
    same = len(made) == len(value) and all(
        a is b and made[a] is value[b] for a, b in zip(made, value, strict=True)
    )
    return value if same else made


def _sequence(value: Any, depth: int) -> Any:
    if depth == 0:
        return _TOO_DEEP
    made = [_changed(item, depth - 1) for item in value]
    return value if all(a is b for a, b in zip(made, value, strict=True)) else type(value)(made)


def _record(value: Any, depth: int) -> Any:
    if depth == 0:
        return _TOO_DEEP
    by_lines = getattr(type(value), "LINES", ())
    changes = {}
    for field in fields(value):
        old = getattr(value, field.name)
        by_line = field.name in by_lines and isinstance(old, str)
        new = printable_lines(old) if by_line else _changed(old, depth - 1)
        if new is not old:
            changes[field.name] = new
    if not changes:
        return value
    copied = object.__new__(type(value))
    for field in fields(value):
        object.__setattr__(copied, field.name, changes.get(field.name, getattr(value, field.name)))
    return copied


def _shown(sign: str) -> str:
    if sign.isprintable() and not _UNSEEN.match(sign):
        return sign
    code = ord(sign)
    if sign in _NAMED:
        return _NAMED[sign]
    if code < 0x100:
        # The blank that does not break is a blank; the soft hyphen and the controls are none.
        return sign if code == 0xA0 else f"\\x{code:02x}"
    if code < 0x10000:
        return " " if _is_blank(code) else f"\\u{code:04x}"
    return f"\\U{code:08x}"


def _is_blank(code: int) -> bool:
    """Whether it is a blank of some width (Unicode's Zs)."""
    return code in (0x1680, 0x202F, 0x205F, 0x3000) or 0x2000 <= code <= 0x200A


_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
