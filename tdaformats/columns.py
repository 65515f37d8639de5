"""Choice of a table's coordinate columns: the named ones, or all if none is ambiguous."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tdaformats.errors import MessageError

_LISTED = 200
# pandas' names of an index that was written as a column: in Parquet, and in a csv that was read again.
_INDEX = re.compile(r"|__index_level_[0-9]+__|Unnamed: [0-9]+|index|level_[0-9]+")


def is_index(name: str) -> bool:
    """Return whether a column's name marks it as an index of the rows."""
    return _INDEX.fullmatch(name) is not None


def listed(names: Sequence[str]) -> str:
    """Return names joined for an error message, cut at 200 characters."""
    return ", ".join(names)[:_LISTED] or "none"


def places_of(chosen: Sequence[str], names: Sequence[str], what: str) -> list[int]:
    """Return the indices of the chosen names, each of which must occur once; `what` is the names' source."""
    for name in chosen:
        if names.count(name) != 1:
            raise MessageError(
                "bad_field",
                f"columns: {name[:60]!r} occurs {names.count(name)} times; {what} has {listed(names)}",
            )
    return [names.index(name) for name in chosen]


def refuse_index(name: str, place: int, usable: Sequence[str]) -> MessageError:
    """Return the error for an index column where no columns were named."""
    problem = f"is named {name[:60]!r}, like an index" if name else "has no name, like an index"
    return ask_for_columns("bad_file", f"column {place + 1} {problem}", usable)


def ask_for_columns(code: str, problem: str, usable: Sequence[str]) -> MessageError:
    """Return an error that requests the names of the coordinate columns; `usable` are the candidates."""
    advice = f"name the coordinate columns, such as columns: {listed(usable)}"
    if not usable:
        advice = "give a table of numbers"
    return MessageError(code, f"{problem}: {advice}", columns=tuple(usable))
