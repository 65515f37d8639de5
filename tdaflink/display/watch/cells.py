"""Formatting of numbers and times for the dashboard, and rows of cells in a given width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tdaflink.domain.timestamps import parse_timestamp

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = "_.-=+*#@"


@dataclass(frozen=True)
class Column:
    """One column of `width` cells; 0 means the remaining width."""

    heading: str
    width: int
    right: bool = False


def row(columns: Sequence[Column], cells: Sequence[str | Text], width: int, style: str = "") -> Text:
    """Draw cells side by side, each truncated or padded to its column."""
    spare = width - sum(column.width for column in columns) - len(columns) + 1
    line = Text(no_wrap=True, overflow="crop", style=style)
    for index, (column, cell) in enumerate(zip(columns, cells, strict=True)):
        if index:
            line.append(" ")
        line.append_text(_fitted(cell, column.width or max(4, spare), column.right))
    return line


def _fitted(cell: str | Text, width: int, right: bool) -> Text:
    text = cell.copy() if isinstance(cell, Text) else Text(cell)
    if text.cell_len > width:
        text.truncate(width, overflow="ellipsis" if width > 4 else "crop")
    missing = max(0, width - text.cell_len)
    if right:
        text.pad_left(missing)
    else:
        text.pad_right(missing)
    return text


def sparkline(series: Sequence[float], width: int, *, unicode: bool = True) -> str:
    """Draw the last values as blocks, scaled from 0 to the highest of them, the newest at the right."""
    blocks = _BLOCKS if unicode else _ASCII_BLOCKS
    shown = series[-width:]
    highest = max(filter(math.isfinite, shown), default=0.0)
    shares = [value / highest if highest > 0 and math.isfinite(value) else 0.0 for value in shown]
    return "".join(blocks[round((len(blocks) - 1) * max(0.0, share))] for share in shares).rjust(width)


def moment_of(text: str) -> float | None:
    """Parse an ISO-8601 time to epoch seconds; None if it is not valid."""
    try:
        return parse_timestamp(text).timestamp()
    except (ValueError, OverflowError):
        return None


def wrapped(text: str, width: int, *, first: str = "", rest: str = "", style: str = "") -> list[Text]:
    """Wrap a sentence to lines of a width."""
    import textwrap

    pieces = textwrap.wrap(text, max(20, width), initial_indent=first, subsequent_indent=rest) or [first]
    return [Text(set_cell_size(p, width) if cell_len(p) > width else p, style=style) for p in pieces]
