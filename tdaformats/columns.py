"""Which columns of a table are coordinates: those that are named, or all where none needs a guess."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tdaformats.errors import MessageError

_LISTED = 200
# What pandas calls an index that it writes as a column: Parquet's name, and that of a csv read again.
_INDEX = re.compile(r"|__index_level_[0-9]+__|Unnamed: [0-9]+|index|level_[0-9]+")


def is_index(name: str) -> bool:
    """Whether a column's name says that it numbers the rows."""
    return _INDEX.fullmatch(name) is not None


def listed(names: Sequence[str]) -> str:
    """Names for people, not without end."""
    return ", ".join(names)[:_LISTED] or "none"


def places_of(chosen: Sequence[str], names: Sequence[str], what: str) -> list[int]:
    """Where the chosen names are among all; each must be there once. `what` has the names: the header."""
    for name in chosen:
        if names.count(name) != 1:
            raise MessageError(
                "bad_field",
                f"columns: {name[:60]!r} is there {names.count(name)} times; {what} has {listed(names)}",
            )
    return [names.index(name) for name in chosen]


def refuse_index(name: str, place: int, usable: Sequence[str]) -> MessageError:
    """The refusal of a column that numbers the rows and that nobody named."""
    said = f"is called {name[:60]!r}, as an index is" if name else "has no name, as an index has none"
    return ask_for_columns("bad_file", f"column {place + 1} {said}", usable)


def ask_for_columns(code: str, problem: str, usable: Sequence[str]) -> MessageError:
    """A refusal that asks which columns are coordinates; `usable` are those that could be."""
    advice = f"say which columns are coordinates, such as columns: {listed(usable)}"
    if not usable:
        advice = "give a table of numbers"
    return MessageError(code, f"{problem}: {advice}", columns=tuple(usable))
