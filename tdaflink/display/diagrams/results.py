"""Results and error records as tables, barcodes, lines of JSON, or pictures."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from tdaflink.display import console
from tdaflink.display.data import as_yaml, escaped_json
from tdaflink.display.diagrams.barcode import barcode, barcode_text, glyphs_for, number
from tdaflink.domain.messages.prominence import prominent
from tdaflink.domain.messages.records import Arrival, ErrorRecord, Result
from tdaflink.domain.printable import printable, printable_value, shortened

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

T = TypeVar("T")

_BARS_IN_A_ROW = 3
_COLUMNS = (("JOB", 22), ("ALGORITHM", 13), ("POINTS", 6), ("T", 6), ("BETTI", 8), ("SECONDS", 7))
_WINDOW_COLUMNS = (("STREAM", 22), ("WINDOW", 20), *_COLUMNS[1:])
# For windows that are compared with the previous one.
_DISTANCE_COLUMNS = (*_WINDOW_COLUMNS, ("DISTANCE", 8), ("ALERT", 5))
_ERROR_COLUMNS = (("JOB", 22), ("CODE", 22), ("MESSAGE", 20))
_RIGHT = frozenset({"POINTS", "T", "SECONDS", "DISTANCE"})
_NARROWEST, _WIDEST = 40, 100
_LONGEST_ID = 120
_LINE_END = re.compile(r"[\r\n]\s*")
# Exceptions that a single malformed record can cause while it is drawn.
_RECORD_ERRORS = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, AttributeError)


class Picture(Protocol):
    """A file into which results are drawn in addition to the terminal."""

    def take(self, result: Result) -> None:
        """Add a result."""

    def save(self) -> str:
        """Write the file; return a sentence that describes its content."""


@console.printed
def show_arrivals(
    arrivals: Iterable[Arrival],
    *,
    follow: bool = False,
    barcodes: bool = False,
    picture: Picture | None = None,
) -> None:
    """Show messages as they arrive; without `follow` the table is drawn when all have arrived.

    The picture is written even after an interrupt or a timeout.
    """
    try:
        _show(arrivals if picture is None else _drawn(arrivals, picture), follow, barcodes)
    finally:
        if picture is not None:
            console.err().print(picture.save(), soft_wrap=True)


def _drawn(arrivals: Iterable[Arrival], picture: Picture) -> Iterator[Arrival]:
    for arrival in arrivals:
        if isinstance(arrival.says, Result):
            picture.take(arrival.says)
        yield arrival


def _show(arrivals: Iterable[Arrival], follow: bool, barcodes: bool) -> None:
    any_result = False
    shown: list[Arrival] = []
    one_by_one = follow or barcodes
    try:
        for arrival in arrivals:
            any_result = any_result or isinstance(arrival.says, Result)
            if console.output_format() != "table":
                unless_odd(arrival.says.job_id, partial(write_message, arrival.raw))
                continue
            arrival = Arrival(arrival.raw, printable_value(arrival.says))
            if one_by_one:
                unless_odd(
                    arrival.says.job_id, partial(_show_one, arrival, header=not shown, barcodes=barcodes)
                )
                shown.clear()  # an endless stream is not kept
            shown.append(arrival)
    finally:
        if not one_by_one and shown:
            _show_tables([arrival.says for arrival in shown])
    if not any_result and not shown and console.output_format() == "table":
        console.err().print(
            console.hint("No results. If a job is RUNNING, tdaflink send circle produces one.")
        )


def unless_odd(whose: str | None, show: Callable[[], T]) -> T | None:
    """Show a record; if it cannot be shown, print one line that names it, and continue."""
    try:
        return show()
    except _RECORD_ERRORS as error:
        named = shortened(printable(whose or "a record"))
        why = shortened(printable(f"{type(error).__name__}: {error}"))
        console.err().print(f"{named} cannot be shown ({why}); -o json prints it", soft_wrap=True)
        return None


def betti_text(betti: Sequence[int]) -> str:
    """Format Betti numbers from H0 up, such as `1, 2, 1`."""
    return ", ".join(map(str, betti))


def betti_of(result: Result) -> str:
    """Format the Betti numbers; for an uncut filtration `~` and the number of prominent bars by dimension."""
    if result.cut is not None:
        return betti_text(result.betti)
    return f"~{betti_text(prominent(result.bars, len(result.betti)))}" if result.betti else "uncut"


def result_barcode(result: Result, *, longest: int = 5, width: int | None = None) -> Text:
    """Draw the barcode of a result, fitted to the width of the terminal."""
    out = console.out()
    lines = barcode(
        result.bars,
        dimensions=len(result.betti),
        end=result.cut,
        width=width or max(_NARROWEST, min(out.width, _WIDEST)),
        longest=longest,
        glyphs=glyphs_for(sys.stdout),
    )
    return barcode_text(lines)


def write_message(raw: bytes) -> None:
    """Write one message as stored in the topic, on one line even if it has several."""
    # In valid JSON a line break is between values; within texts it is escaped.
    text = _LINE_END.sub("", raw.decode(json.detect_encoding(raw), "surrogatepass")).strip()
    if console.output_format() == "yaml":
        console.write(as_yaml(json.loads(text), explicit_start=True).rstrip("\n"))
    else:
        console.write(escaped_json(text))


def _show_tables(records: Sequence[Result | ErrorRecord]) -> None:
    results = sorted((r for r in records if isinstance(r, Result)), key=lambda result: result.timestamp)
    errors = sorted((r for r in records if isinstance(r, ErrorRecord)), key=lambda error: error.timestamp)
    if results:
        columns = _columns_for(results)
        table = _table(columns, "LONGEST BARS", fixed=False)
        for result in results:
            row = unless_odd(result.job_id, partial(_row, result, columns))
            if row is not None:
                table.add_row(*row)
        console.out().print(table)
    if errors:
        table = _table(_ERROR_COLUMNS, "REASON", fixed=False)
        for error in errors:
            table.add_row(*_error_row(error))
        console.out().print(table)


def _show_one(arrival: Arrival, *, header: bool, barcodes: bool) -> None:
    from rich.text import Text

    out, record = console.out(), arrival.says
    if isinstance(record, ErrorRecord):
        job = shortened(record.job_id or record.source, _LONGEST_ID)
        out.print(Text.assemble((f"{job}  {record.code}", "red"), f"  {record.reason}"), soft_wrap=True)
    elif barcodes:
        out.print(_heading(record), soft_wrap=True)
        out.print(result_barcode(record))
        out.print()
    else:
        # The first window of a stream has no distance, but its line has the headings of all columns.
        columns = _DISTANCE_COLUMNS if record.window else _COLUMNS
        table = _table(columns, "LONGEST BARS", fixed=True, header=header)
        table.add_row(*_row(record, columns))
        out.print(table)


def _heading(result: Result) -> Text:
    from rich.text import Text

    cut = " (uncut: prominent bars)" if result.cut is None else f" at T = {result.cut:g}"
    return Text.assemble(
        (shortened(result.job_id, _LONGEST_ID), "bold"),
        f"  {result.window}" if result.window else "",
        f"  {result.algorithm}, {result.num_points} points, {result.seconds:.3f} s,  Betti numbers ",
        (betti_of(result), "bold"),
        cut,
    )


def _table(columns: Sequence[tuple[str, int]], last: str, *, fixed: bool, header: bool = True) -> Table:
    """Create a table; columns have a fixed width for single rows, else they fit their content."""

    table = console.table(header_style="bold", show_header=header)
    for name, width in columns:
        justify = "right" if name in _RIGHT else "left"
        table.add_column(
            name,
            justify=justify,  # type: ignore[arg-type]
            min_width=width if fixed else None,
            max_width=width if fixed else None,
            overflow="fold",
        )
    table.add_column(last, overflow="fold")
    return table


def _columns_for(results: Sequence[Result]) -> Sequence[tuple[str, int]]:
    if any(result.distance for result in results):
        return _DISTANCE_COLUMNS
    return _WINDOW_COLUMNS if any(result.window for result in results) else _COLUMNS


def _row(result: Result, columns: Sequence[tuple[str, int]]) -> list[Text]:
    from rich.text import Text

    glyphs = glyphs_for(sys.stdout)
    bars = "  ".join(
        # Without blanks, so that a narrow column breaks between bars.
        f"H{bar.dimension}[{number(bar.birth, glyphs)},{number(bar.death, glyphs)})"
        for bar in result.longest(_BARS_IN_A_ROW)
    )
    cut = "" if result.cut is None else f"{result.cut:g}"
    betti = betti_of(result)
    cells = (
        shortened(result.job_id, _LONGEST_ID),
        *((result.window,) if columns is not _COLUMNS else ()),
        result.algorithm,
        str(result.num_points),
        cut,
        betti,
        f"{result.seconds:.3f}",
    )
    compared = _distance_cells(result) if columns is _DISTANCE_COLUMNS else ()
    return [*(Text(cell) for cell in cells), *compared, Text(bars)]


def _distance_cells(result: Result) -> tuple[Text, Text]:
    """Format the distance to the diagram of the previous window, and whether it is an alert."""
    from rich.text import Text

    distance = result.distance
    if distance is None:
        return Text("-"), Text("")
    return Text(f"{distance.value:.4g}"), Text("yes" if distance.alert else "", "bold red")


def _error_row(error: ErrorRecord) -> list[Text]:
    from rich.text import Text

    return [
        Text(shortened(error.job_id or "", _LONGEST_ID)),
        Text(error.code, "red"),
        Text(error.source),
        Text(error.reason),
    ]
