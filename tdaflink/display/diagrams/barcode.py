"""Barcodes as lines of text: bars on a common scale, grouped by dimension, the longest first."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from tdaflink.domain.messages.records import Bar, by_length

if TYPE_CHECKING:
    from rich.text import Text

COLOURS = ("cyan", "red", "green", "yellow", "magenta")
_LABEL = 4  # "H0  "
_NUMBERS = 17  # " [0.1234, 0.5678)", and some margin
_TICK_CELLS = 10
_FINEST, _WIDEST = (
    1e-290,
    1e290,
)  # bounds of the scale's length within which the steps of ticks can be computed


@dataclass(frozen=True)
class Glyphs:
    """Characters of bars and axes."""

    full: str
    left_half: str
    right_half: str
    arrow: str
    side: str
    corner: str
    line: str
    tick: str
    infinity: str
    more: str


UNICODE = Glyphs("█", "▌", "▐", "▶", "┃", "┗", "━", "┷", "∞", "…")
ASCII = Glyphs("=", "=", "=", ">", "|", "+", "-", "+", "inf", "...")


def glyphs_for(stream: TextIO) -> Glyphs:
    """Return Unicode glyphs if the stream's encoding has all of them, else ASCII."""
    try:
        "".join(vars(UNICODE).values()).encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


@dataclass(frozen=True)
class Line:
    """One line; the drawn part is separate because it has its dimension's colour."""

    before: str
    drawn: str
    after: str
    dimension: int | None = None


def barcode(
    bars: Sequence[Bar],
    *,
    dimensions: int = 0,
    end: float | None = None,
    width: int = 80,
    longest: int = 5,
    glyphs: Glyphs = UNICODE,
) -> list[Line]:
    """Draw the `longest` bars of each dimension, and the number of further ones.

    The scale ends at `end`, where the filtration was cut, else slightly after the last finite value.
    """
    bars = [bar for bar in bars if math.isfinite(bar.birth) and not math.isnan(bar.death)]
    highest = max([bar.dimension for bar in bars] + [dimensions - 1], default=-1)
    groups = [by_length([bar for bar in bars if bar.dimension == d]) for d in range(highest + 1)]
    numbers = [len(_interval(bar, glyphs)) for own in groups for bar in own[:longest]]
    cells = max(10, width - _LABEL - 1 - max([_NUMBERS, *numbers]))
    scale = _Scale(_start(bars), _end(bars, end), cells, glyphs)
    lines = [line for d, own in enumerate(groups) for line in _group(d, own, longest, scale)]
    return [*lines, *_axis(scale)]


def barcode_text(lines: Sequence[Line]) -> Text:
    """Return the lines in colour."""
    from rich.text import Text

    text = Text(no_wrap=True, overflow="crop")
    for index, line in enumerate(lines):
        style = "" if line.dimension is None else COLOURS[line.dimension % len(COLOURS)]
        text.append("\n" if index else "").append(line.before).append(line.drawn, style)
        text.append(line.after, "dim" if line.dimension is None else "")
    return text


def number(value: float, glyphs: Glyphs = UNICODE) -> str:
    """Format a value with three significant digits."""
    return glyphs.infinity if math.isinf(value) else f"{value:.3g}"


@dataclass(frozen=True)
class _Scale:
    """The range from start to end on `cells` character cells, each divided in two halves."""

    start: float
    end: float
    cells: int
    glyphs: Glyphs

    def place(self, value: float) -> float:
        """Return the relative position of a value: 0 at the start, 1 at the end."""
        # The difference of values near the largest float would be infinite, that of their halves is not.
        half, first, last = value / 2, self.start / 2, self.end / 2
        if last == first:
            half, first, last = value, self.start, self.end
        return min(1.0, max(0.0, (half - first) / (last - first)))

    def half(self, value: float) -> int:
        return round(2 * self.cells * self.place(value))

    def draw(self, bar: Bar) -> str:
        """Draw a bar; even the shortest has half a cell."""
        first = min(self.half(bar.birth), 2 * self.cells - 1)
        last = 2 * self.cells if bar.infinite else max(first + 1, self.half(bar.death))
        cells = [self._glyph(cell, first, last) for cell in range(self.cells)]
        if bar.infinite:
            cells[-1] = self.glyphs.arrow
        return "".join(cells)

    def _glyph(self, cell: int, first: int, last: int) -> str:
        left, right = first <= 2 * cell < last, first <= 2 * cell + 1 < last
        if left and right:
            return self.glyphs.full
        if left:
            return self.glyphs.left_half
        return self.glyphs.right_half if right else " "


def _start(bars: Sequence[Bar]) -> float:
    """Return 0, or the lowest birth if the filtration begins below it."""
    return min([0.0, *(bar.birth for bar in bars)])


def _end(bars: Sequence[Bar], end: float | None) -> float:
    if end is not None and 0 < end < math.inf:
        return end
    last = max((v for bar in bars for v in (bar.birth, bar.death) if math.isfinite(v)), default=0.0)
    if last <= 0:
        return 1.0 if _start(bars) == 0 else 0.0
    return min(last * 1.05, sys.float_info.max)


def _group(dimension: int, bars: Sequence[Bar], longest: int, scale: _Scale) -> list[Line]:
    glyphs = scale.glyphs
    label = f"H{dimension}".ljust(_LABEL)
    if not bars:
        return [Line(f"{label}{glyphs.side} no bars", "", "")]
    lines = []
    for index, bar in enumerate(bars[:longest]):
        before = (label if index == 0 else " " * _LABEL) + glyphs.side
        lines.append(Line(before, scale.draw(bar), _interval(bar, glyphs), dimension))
    rest = bars[longest:]
    if rest:
        text = f" {glyphs.more} {len(rest)} more, none longer than {number(rest[0].length, glyphs)}"
        lines.append(Line(" " * _LABEL + glyphs.side, "", text))
    return lines


def _interval(bar: Bar, glyphs: Glyphs) -> str:
    return f" [{number(bar.birth, glyphs)}, {number(bar.death, glyphs)})"


def _axis(scale: _Scale) -> list[Line]:
    glyphs = scale.glyphs
    line, labels = [glyphs.line] * (scale.cells + 1), [" "] * (scale.cells + 12)
    for value in _ticks(scale):
        cell = min(scale.cells, round(scale.cells * scale.place(value)))
        line[cell] = glyphs.tick
        text = f"{value:.6g}"
        labels[cell : cell + len(text)] = text
    line[0] = glyphs.corner
    margin = " " * _LABEL
    return [Line(margin + "".join(line), "", ""), Line(margin + "".join(labels).rstrip(), "", "")]


def _ticks(scale: _Scale) -> list[float]:
    """Return round values on the scale; only its ends if the scale is too small or too large for them."""
    length = scale.end - scale.start
    if not _FINEST < length < _WIDEST:
        return [scale.start, scale.end]
    step = _step(length, max(2, scale.cells // _TICK_CELLS))
    first, last = math.ceil(scale.start / step - 1e-9), math.floor(scale.end / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _step(end: float, ticks: int) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that gives at most `ticks` intervals."""
    power = 10.0 ** math.floor(math.log10(end / ticks))
    return next(m * power for m in (1, 2, 5, 10, 20) if end / (m * power) <= ticks)
