"""Text of producers and clusters, escaped for terminals.

Ids, job names, event texts and error responses come from outside. Control characters in them can control a
terminal, format characters hide or reorder visible text, and lone surrogates cannot be encoded at all. Each
of these is written as its escape sequence, such as `\\x1b`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")

DEPTH = 60  # of nested values that are shown; JSON parsers accept some thousands
_TOO_DEEP = "..."
# Printable by Unicode, but without width or looking like a blank; includes variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def printable(text: str) -> str:
    """Return the text on one line, with every invisible or unprintable character escaped."""
    if text.isascii():
        return text if text.isprintable() else "".join(map(_shown, text))
    if text.isprintable() and not _UNSEEN.search(text):
        return text
    return "".join(map(_shown, text))


def printable_lines(text: str, *, tab: int = 8) -> str:
    """Escape each line of a text; a tab becomes blanks up to the next multiple of `tab`."""
    if is_printable(text):
        return text
    return "\n".join(printable(line.expandtabs(tab)) for line in text.replace("\r\n", "\n").split("\n"))


def shortened(text: str, most: int = 200) -> str:
    """Truncate a text to `most` characters."""
    return text if len(text) <= most else text[:most] + "..."


def is_printable(text: str) -> bool:
    """Return whether no character of the text needs an escape sequence."""
    return text.isprintable() and (text.isascii() or not _UNSEEN.search(text))


def printable_value(value: T, depth: int = DEPTH) -> T:
    """Return the value with every text in it escaped; fields named in a class's `LINES` keep their lines."""
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
    escaped = {_changed(key, 1): _changed(item, depth - 1) for key, item in value.items()}
    same = len(escaped) == len(value) and all(
        a is b and escaped[a] is value[b] for a, b in zip(escaped, value, strict=True)
    )
    return value if same else escaped


def _sequence(value: Any, depth: int) -> Any:
    if depth == 0:
        return _TOO_DEEP
    escaped = [_changed(item, depth - 1) for item in value]
    return value if all(a is b for a, b in zip(escaped, value, strict=True)) else type(value)(escaped)


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


def _shown(character: str) -> str:
    if character.isprintable() and not _UNSEEN.match(character):
        return character
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    if code < 0x100:
        # A no-break space is kept; the soft hyphen and control characters are escaped.
        return character if code == 0xA0 else f"\\x{code:02x}"
    if code < 0x10000:
        return " " if _is_blank(code) else f"\\u{code:04x}"
    return f"\\U{code:08x}"


def _is_blank(code: int) -> bool:
    """Return whether it is a space character of any width (Unicode's Zs)."""
    return code in (0x1680, 0x202F, 0x205F, 0x3000) or 0x2000 <= code <= 0x200A


_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
