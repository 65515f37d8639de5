"""Strict and fast JSON parsing: faults that other parsers accept silently are errors with a code.

orjson parses; it refuses NaN, Infinity, numbers above float64 and bytes that are not UTF-8. It keeps the
last of two equal keys, and rounds long integers: both are detected by a cheap check that may have false
positives. Only such documents are parsed again, slowly, by the standard library with hooks for each fault.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

import orjson

from tdajob.errors import MessageError

MAX_DEPTH = 32
MAX_INTEGER = 2**53


def loads(raw: bytes) -> Any:
    """Parse `raw`. The caller must call `check` on the document: this does not detect every fault."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _explain(raw, str(error))


def check(raw: bytes, document: Any, skip: object = None) -> None:
    """Raise MessageError for duplicate keys, deep nesting and integers above 2^53.

    `skip` is a part of the document that contains only numbers below 2^53, as the caller has checked.

    No key is duplicated if and only if the text has as many colons as the parsed keys and strings account
    for; an escape could hide a colon, so a text with a backslash is always parsed again.
    """
    colons, suspect = _survey(document, skip, 0)
    if suspect or colons != raw.count(b":") or b"\\" in raw:
        recheck(raw)


def recheck(raw: bytes) -> Any:
    """Parse the text again, slowly, and return the document. Raises MessageError for any fault."""
    try:
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_exact_integer,
            parse_float=_finite_float,
        )
    except MessageError:
        raise
    except RecursionError:
        raise MessageError("too_deep", f"is nested more than {MAX_DEPTH} levels deep") from None
    except UnicodeDecodeError as error:
        raise MessageError("not_utf8", f"is not UTF-8: {error.reason} at byte {error.start}") from None
    except ValueError as error:
        raise MessageError("bad_json", f"is not JSON: {error}") from None


def _explain(raw: bytes, fallback: str) -> NoReturn:
    # From Python 3.13 on the standard library parses documents that are nested too deep for orjson.
    _survey(recheck(raw), None, 0)
    raise MessageError("bad_json", f"is not JSON: {fallback}")


def _survey(node: Any, skip: object, depth: int) -> tuple[int, bool]:
    """Return the colons that `node` accounts for, and True if it has a number that may be a long integer."""
    if node is skip and skip is not None:
        return 0, False
    if isinstance(node, str):
        return node.count(":"), False
    if isinstance(node, (int, float)):
        return 0, abs(node) > MAX_INTEGER or (isinstance(node, float) and abs(node) >= MAX_INTEGER)
    if not isinstance(node, (dict, list)):
        return 0, False
    if depth >= MAX_DEPTH:
        raise MessageError("too_deep", f"is nested more than {MAX_DEPTH} levels deep")
    colons, suspect = 0, False
    if isinstance(node, dict):
        colons = len(node) + sum(key.count(":") for key in node)
    for child in node.values() if isinstance(node, dict) else node:
        below, doubtful = _survey(child, skip, depth + 1)
        colons += below
        suspect = suspect or doubtful
    return colons, suspect


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise MessageError("duplicate_key", f"has the key {twice[:100]!r} more than once in one object")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise MessageError("non_finite", f"contains {name}, which is not valid JSON")


def _exact_integer(digits: str) -> int:
    # Long digit strings are not converted: that takes quadratic time, and newer Python versions refuse it.
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise MessageError("integer_too_large", f"contains the integer {digits[:40]}, beyond 2^53")
    return int(digits)


def _finite_float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise MessageError("non_finite", f"contains {digits[:40]}, beyond the range of float64")
    return value
