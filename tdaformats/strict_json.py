"""Strict JSON reader with the standard library.

It refuses what other readers accept silently: duplicate keys, NaN and Infinity, numbers beyond float64, long
integers, deep nesting, and escapes that are not characters.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from tdaformats.errors import MessageError

MAX_DEPTH = 32
MAX_INTEGER = 2**53
_EXACT_DIGITS = 19
# Fast path: only a text that matches one of these is parsed with the slow hooks, called for each number.
_LONG_INTEGER = re.compile(r"[0-9]{16}")
_LARGE_FLOAT = re.compile(r"[eE]\+?0*[1-9][0-9]{2}|[0-9]{308}")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]')
_BLANKS = re.compile(r"[ \t\r\n]*")
_INNER = (list, dict, str)


class JsonError(MessageError):
    """A JSON text that cannot be used; `line` and `column` count from 1 and are 0 if unknown."""

    def __init__(self, code: str, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(code, reason)
        self.line = line
        self.column = column

    @property
    def place(self) -> str:
        """Return `line 3, column 4`, as far as it is known."""
        column = f", column {self.column}" if self.column else ""
        return f"line {self.line}{column}" if self.line else ""


def loads(text: str, *, max_integer: int = MAX_INTEGER, max_depth: int = MAX_DEPTH) -> Any:
    """Parse a JSON text of one document. Raises `JsonError`."""
    values = list(documents(text, max_integer=max_integer, max_depth=max_depth))
    if not values:
        raise JsonError("bad_json", "is empty")
    if len(values) > 1:
        raise JsonError("bad_json", "is not JSON: more text follows the value", values[1][0])
    return values[0][1]


def documents(
    text: str, *, max_integer: int = MAX_INTEGER, max_depth: int = MAX_DEPTH
) -> Iterator[tuple[int, Any]]:
    """Yield each JSON value of a text, such as JSON lines, with the number of its first line."""
    text = text.removeprefix("\ufeff")
    decoder = _decoder(text, max_integer)
    position, line, counted = _after_blanks(text, 0), 1, 0
    while position < len(text):
        line, counted = line + text.count("\n", counted, position), position
        value, end = _decoded(decoder, text, position, line)
        _check(value, max_depth, line)
        yield line, value
        position = _after_blanks(text, end)


def _decoded(decoder: json.JSONDecoder, text: str, position: int, line: int) -> tuple[Any, int]:
    try:
        return decoder.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise JsonError("bad_json", f"is not JSON: {error.msg}", error.lineno, error.colno) from None
    except RecursionError:
        raise JsonError("too_deep", "is nested too deep", line) from None
    except JsonError as error:
        if error.code == "duplicate_key":
            error.line = _line_of_duplicate(text, position) or line
        error.line = error.line or line
        raise


def _decoder(text: str, max_integer: int) -> json.JSONDecoder:
    def integer(digits: str) -> int:
        # Long digit strings are never converted: it takes quadratic time; newer Pythons raise ValueError.
        if len(digits) > _EXACT_DIGITS + 1 or abs(int(digits)) > max_integer:
            limit = "2^53" if max_integer == MAX_INTEGER else "2^63"
            raise JsonError("integer_too_large", f"holds the integer {digits[:40]}, beyond {limit}")
        return int(digits)

    return json.JSONDecoder(
        object_pairs_hook=_unique,
        parse_constant=_refuse_constant,
        parse_int=integer if _LONG_INTEGER.search(text) else None,
        parse_float=_finite_float if _LARGE_FLOAT.search(text) else None,
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        keys: set[str] = set()
        twice = next(key for key, _ in pairs if key in keys or keys.add(key))  # type: ignore[func-returns-value]
        raise JsonError("duplicate_key", f"the key {twice[:100]} is given twice: keep one")
    return unique


def _refuse_constant(name: str) -> NoReturn:
    raise JsonError("non_finite", f"{name} is not a finite number")


def _finite_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise JsonError("non_finite", f"{digits[:40]} is not a finite number: it is beyond float64")
    return value


def _check(document: Any, max_depth: int, line: int) -> None:
    """Raise JsonError for deep nesting and for lone surrogates, which UTF-8 cannot encode."""
    nodes: list[tuple[Any, int]] = [(document, 0)]
    while nodes:
        node, depth = nodes.pop()
        if isinstance(node, str):
            _check_text(node, line)
            continue
        if not isinstance(node, (list, dict)):
            continue
        if depth >= max_depth:
            raise JsonError("too_deep", f"is nested more than {max_depth} levels deep", line)
        if isinstance(node, dict):
            for key in node:
                _check_text(key, line)
        children = node.values() if isinstance(node, dict) else node
        nodes.extend((child, depth + 1) for child in children if type(child) in _INNER)


def _check_text(text: str, line: int) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise JsonError("bad_json", "holds half of a surrogate pair, which is no character", line) from None


def _after_blanks(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position


def _line_of_duplicate(text: str, position: int) -> int:
    """Return the line of the first duplicate key; the text must have one."""
    keys: list[set[str] | None] = []
    at_key = False
    for token in _TOKEN.finditer(text, position):
        sign = token.group()
        if sign in "{[":
            keys.append(set() if sign == "{" else None)
            at_key = sign == "{"
        elif sign in "}]":
            keys.pop()
            at_key = False
        elif sign == ",":
            at_key = bool(keys) and keys[-1] is not None
        elif at_key and keys and keys[-1] is not None:
            key = json.loads(sign)
            if key in keys[-1]:
                return text.count("\n", 0, token.start()) + 1
            keys[-1].add(key)
            at_key = False
    return 0
