"""Formatting of numbers and times for the dashboard, and rows of cells in a given width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from rich.cells import cell_len, set_cell_size
from rich.text import Text

UNKNOWN = "-"
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


def rate(value: float | None) -> str:
    """Format a rate per second with at most three digits."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return count(value) if value >= 100 else f"{value:.1f}"


def count(value: float | None) -> str:
    """Format a number with few digits: 950, 12.3k, 4.5M."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= limit:
            scaled = value / (1e3 if unit == "k" else limit)
            return f"{scaled:.1f}{unit}" if scaled < 100 else f"{scaled:.0f}{unit}"
    return f"{value:.0f}"


def seconds(value: float | None) -> str:
    """Format a short time: 620 us, 62 ms, 1.4 s."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value < 0.001:
        return f"{value * 1e6:.0f} us"
    if value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s" if value < 100 else age(value)


def age(value: float | None) -> str:
    """Format a long time in its two largest units: 45s, 3m12s, 2h05m, 4d03h."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    whole = max(0, int(value))
    for size, name, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{name}{whole % size // part:02d}{smaller}"
    return f"{whole}s"


def size(value: float | None) -> str:
    """Format bytes in binary units."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    for limit, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= limit:
            scaled = value / limit
            return f"{scaled:.1f} {unit}" if scaled < 10 else f"{scaled:.0f} {unit}"
    return f"{value:.0f} B"


def clock(moment: float) -> str:
    """Format the time of day in UTC."""
    return _formatted(moment, "%H:%M:%S")


def day_and_clock(moment: float) -> str:
    """Format date and time of day in UTC."""
    return _formatted(moment, "%Y-%m-%d %H:%M:%S UTC")


def _formatted(moment: float, form: str) -> str:
    try:
        return datetime.fromtimestamp(moment, tz=timezone.utc).strftime(form)
    except (
        ValueError,
        OverflowError,
        OSError,
    ):  # such as the maximal watermark at the end of a bounded stream
        return UNKNOWN


def moment_of(text: str) -> float | None:
    """Parse an ISO-8601 time to epoch seconds; None if it is not valid."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None


def wrapped(text: str, width: int, *, first: str = "", rest: str = "", style: str = "") -> list[Text]:
    """Wrap a sentence to lines of a width."""
    import textwrap

    pieces = textwrap.wrap(text, max(20, width), initial_indent=first, subsequent_indent=rest) or [first]
    return [Text(set_cell_size(p, width) if cell_len(p) > width else p, style=style) for p in pieces]
