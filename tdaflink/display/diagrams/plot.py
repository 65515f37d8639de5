"""Pictures of results: barcode and persistence diagram, side by side."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdaflink.adapters.storage.user_files import output_file
from tdaflink.display.diagrams.results import betti_of
from tdaflink.domain.errors import MissingExtra
from tdaflink.domain.messages.records import Bar, Result, by_length
from tdaflink.domain.printable import printable, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNITS = {
    "vietoris_rips": "edge length",
    "alpha": "radius",
    "witness": "relaxation √α²",
}
_COLOURS = ("#2a78b5", "#d1495b", "#3a9d5d", "#e08e2b", "#7d5ba6")
_MARKERS = ("o", "^", "s", "D", "v")
_INK, _FAINT = "#333333", "#9a9a9a"
_BARS_PER_DIMENSION = 40
_LONGEST_NAME = 60
_DRAWABLE = (1e-100, 1e100)
_VISIBLE = 0.004  # of the scale: a shorter bar would not be visible


class LivePlot:
    """A picture of the newest result."""

    def __init__(self, path: Path) -> None:
        _matplotlib()
        self._path = path
        self._newest: Result | None = None

    def take(self, result: Result) -> None:
        """Keep a result if it is the newest."""
        if self._newest is None or result.timestamp >= self._newest.timestamp:
            self._newest = result

    def save(self) -> str:
        """Write the picture, if there is a result; return a message for the user."""
        if self._newest is None:
            return f"No result, so no picture: {self._path} was not written."
        try:
            save_picture(self._newest, self._path)
        except (ValueError, ArithmeticError, RuntimeError) as error:
            why = shortened(printable(f"{type(error).__name__}: {error}"))
            return f"{self._path} was not written: {self._newest.job_id} cannot be drawn ({why})."
        return f"{self._path} shows {self._newest.job_id}."


def save_picture(result: Result, path: Path) -> None:
    """Write the picture in the format of the file's extension."""
    _matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style: Any = {
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": _FAINT,
        "axes.labelcolor": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "svg.hashsalt": "tdaflink",
    }
    with rc_context(style), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # a character that is missing in the font is drawn as a box
        figure = Figure(figsize=(11, 5.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
        result, unit = _in_drawable_units(result, UNITS.get(result.algorithm, "filtration value"))
        end = _end(result)
        _draw_barcode(left, result, end, unit)
        _draw_diagram(right, result, end, unit)
        title = figure.suptitle(_title(result), x=0.02, ha="left", fontsize=13, fontweight="bold", color=_INK)
        title.set_parse_math(False)  # text between two dollar signs of an id is not a formula
        ending = path.suffix.lower().removeprefix(".")
        with output_file(path, "--plot").opened() as file:
            # Without the date, the same result gives the same file.
            figure.savefig(file, format=ending, dpi=150, metadata={"Date": None} if ending == "svg" else None)


def _matplotlib() -> None:
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingExtra("pictures need matplotlib", hint="pip install 'tdaflink[plot]'") from error


def _title(result: Result) -> str:
    algorithm = shortened(printable(result.algorithm.replace("_", " ")), _LONGEST_NAME)
    name = shortened(printable(result.job_id), _LONGEST_NAME)
    uncut = " (uncut)" if result.cut is None else ""
    if result.window:
        name += f", window {shortened(printable(result.window), _LONGEST_NAME)}"
    return f"{name}  ·  {algorithm}, {result.num_points} points  ·  Betti numbers {betti_of(result)}{uncut}"


def _in_drawable_units(result: Result, unit: str) -> tuple[Result, str]:
    """Scale a result by a power of ten if its values are too large or too small to be drawn."""
    bars = [bar for bar in result.bars if math.isfinite(bar.birth) and not math.isnan(bar.death)]
    cut = result.cut if result.cut is not None and math.isfinite(result.cut) else None
    values = [abs(v) for bar in bars for v in (bar.birth, bar.death) if math.isfinite(v)]
    largest = max([*values, abs(cut or 0.0)])
    if largest == 0.0 or _DRAWABLE[0] < largest < _DRAWABLE[1]:
        return replace(result, bars=tuple(bars), cut=cut), unit
    power = math.floor(math.log10(largest))

    def scaled(value: float) -> float:
        # In two steps, because ten to a power above 308 is not a float64.
        return value / 10.0 ** (power // 2) / 10.0 ** (power - power // 2)

    bars = [replace(bar, birth=scaled(bar.birth), death=scaled(bar.death)) for bar in bars]
    cut = None if cut is None else scaled(cut)
    return replace(result, bars=tuple(bars), cut=cut), f"{unit}, in 1e{power}"


def _start(result: Result) -> float:
    """Return 0, or the lowest birth if the filtration begins below it."""
    return min([0.0, *(bar.birth for bar in result.bars)])


def _end(result: Result) -> float:
    if result.cut is not None and result.cut > 0:
        return result.cut
    last = max((v for bar in result.bars for v in (bar.birth, bar.death) if math.isfinite(v)), default=0.0)
    return last * 1.08 if last > 0 else 1.0


def _draw_barcode(axes: Axes, result: Result, end: float, unit: str) -> None:
    """Draw H0 at the bottom; in each dimension the longest bars, sorted by birth from the bottom."""
    row = 0.0
    overshoot = end * 1.06
    for dimension in range(len(result.betti)):
        own = by_length([bar for bar in result.bars if bar.dimension == dimension])
        visible = [bar for bar in own[:_BARS_PER_DIMENSION] if bar.length >= _VISIBLE * end]
        kept = sorted(visible, key=lambda bar: (bar.birth, bar.death))
        start = row
        for bar in kept:
            _draw_bar(axes, bar, row, end, overshoot)
            row += 1.0
        _name_group(axes, dimension, len(own), len(kept), (start + row - 1) / 2 if kept else row)
        row += 2.5
    _draw_cut(axes.axvline, result)
    axes.set_xlim(_start(result), overshoot * 1.01)
    axes.set_ylim(-1.5, max(row - 1.5, 1.0))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(unit)
    axes.set_title("Barcode", loc="left", fontsize=11, color=_INK)


def _draw_bar(axes: Axes, bar: Bar, row: float, end: float, overshoot: float) -> None:
    colour = _COLOURS[bar.dimension % len(_COLOURS)]
    if bar.infinite:
        axes.hlines(row, bar.birth, end, colors=colour, linewidth=2.4)
        axes.annotate(
            "",
            xy=(overshoot, row),
            xytext=(end, row),
            arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 2.0, "shrinkA": 0, "shrinkB": 0},
        )
    else:
        axes.hlines(row, bar.birth, bar.death, colors=colour, linewidth=1.6)


def _name_group(axes: Axes, dimension: int, total: int, shown: int, row: float) -> None:
    text = f"$H_{{{dimension}}}$"
    if total > shown:
        text += f"\n{shown} of {total}"
    elif total == 0:
        text += "\nnone"
    colour = _COLOURS[dimension % len(_COLOURS)]
    place: dict[str, Any] = {"xy": (0.0, row), "xycoords": ("axes fraction", "data")}
    axes.annotate(
        text, **place, xytext=(-8, 0), textcoords="offset points", ha="right", va="center", color=colour
    )


def _draw_diagram(axes: Axes, result: Result, end: float, unit: str) -> None:
    """Draw death over birth; infinite bars are on the line at the top."""
    top = end * 1.08
    start = _start(result)
    axes.plot([start, end], [start, end], color=_FAINT, linewidth=1.0, zorder=1)
    axes.axhline(top, color=_FAINT, linewidth=1.0, zorder=1)
    for dimension in range(len(result.betti)):
        own = [bar for bar in result.bars if bar.dimension == dimension]
        _draw_points(axes, dimension, own, top)
    _draw_cut(axes.axhline, result)
    margin = 0.03 * (end - start)
    axes.set_xlim(start - margin, end * 1.03)
    axes.set_ylim(start - margin, end * 1.13)
    axes.set_aspect("equal", adjustable="box")
    ticks = [tick for tick in axes.get_xticks() if start <= tick <= end * 1.001]
    labels = [f"{tick:.6g}" for tick in ticks]
    axes.set_xticks(ticks, labels)
    axes.set_yticks([*ticks, top], [*labels, "∞"])
    axes.set_xlabel(f"birth ({unit})")
    axes.set_ylabel(f"death ({unit})")
    axes.set_title("Persistence diagram", loc="left", fontsize=11, color=_INK)
    axes.legend(loc="lower right", frameon=False)


def _draw_points(axes: Axes, dimension: int, bars: Sequence[Bar], top: float) -> None:
    axes.scatter(
        [bar.birth for bar in bars],
        [top if bar.infinite else bar.death for bar in bars],
        s=[54 if bar.infinite else 22 for bar in bars],
        color=_COLOURS[dimension % len(_COLOURS)],
        marker=_MARKERS[dimension % len(_MARKERS)],
        linewidths=0,
        alpha=0.8,
        label=f"$H_{{{dimension}}}$",
        zorder=3 + dimension,
        clip_on=False,
    )


def _draw_cut(line: Any, result: Result) -> None:
    if result.cut is not None:
        line(
            result.cut,
            color=_INK,
            linewidth=1.0,
            linestyle=(0, (4, 3)),
            zorder=2,
            label=f"T = {result.cut:g}",
        )
