"""Results and error records: as a table, as barcodes, as lines of JSON, as a picture."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from tdaflink.display import console
from tdaflink.display.barcode import barcode, barcode_text, glyphs_for, number
from tdaflink.domain.messages import Arrival, ErrorRecord, Result

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_BARS_IN_A_ROW = 3
_COLUMNS = (("JOB", 22), ("ALGORITHM", 13), ("POINTS", 6), ("T", 6), ("BETTI", 8), ("SECONDS", 7))
_WINDOW_COLUMNS = (("STREAM", 22), ("WINDOW", 20), *_COLUMNS[1:])
# Of windows that are compared with the one before.
_DISTANCE_COLUMNS = (*_WINDOW_COLUMNS, ("DISTANCE", 8), ("ALERT", 5))
_ERROR_COLUMNS = (("JOB", 22), ("CODE", 22), ("MESSAGE", 20))
_RIGHT = frozenset({"POINTS", "T", "SECONDS", "DISTANCE"})
_NARROWEST, _WIDEST = 40, 100


class Picture(Protocol):
    """What results are drawn into besides the terminal."""

    def take(self, result: Result) -> None:
        """Note a result that has come."""

    def save(self) -> str:
        """Write the file; returns one sentence about what it shows."""


def show_arrivals(
    arrivals: Iterable[Arrival],
    *,
    follow: bool = False,
    barcodes: bool = False,
    picture: Picture | None = None,
) -> None:
    """Show messages as they come; a table that is not followed is drawn when all have come.

    The picture is written even if the user ends it or not all came.
    """
    try:
        _show(arrivals if picture is None else _drawn(arrivals, picture), follow, barcodes)
    finally:
        if picture is not None:
            console.err().print(picture.save(), markup=False, highlight=False, soft_wrap=True)


def _drawn(arrivals: Iterable[Arrival], picture: Picture) -> Iterator[Arrival]:
    for arrival in arrivals:
        if isinstance(arrival.says, Result):
            picture.take(arrival.says)
        yield arrival


def _show(arrivals: Iterable[Arrival], follow: bool, barcodes: bool) -> None:
    came = False
    shown: list[Arrival] = []
    one_by_one = follow or barcodes
    try:
        for arrival in arrivals:
            came = came or isinstance(arrival.says, Result)
            if console.output_format() != "table":
                write_message(arrival.raw)
                continue
            if one_by_one:
                _show_one(arrival, header=not shown, barcodes=barcodes)
                shown.clear()  # an endless stream is not kept
            shown.append(arrival)
    finally:
        if not one_by_one and shown:
            _show_tables([arrival.says for arrival in shown])
    if not came and not shown and console.output_format() == "table":
        console.err().print(
            console.hint("No results. tdaflink send circle makes one, where a job is RUNNING.")
        )


def betti_text(betti: Sequence[int]) -> str:
    """Betti numbers from H0 up, such as `1, 2, 1`."""
    return ", ".join(map(str, betti))


def result_barcode(result: Result, *, longest: int = 5, width: int | None = None) -> Text:
    """The barcode of a result, as wide as the terminal lets it be."""
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
    """Write one message, as it lies in the topic; on one line even if its writer used several."""
    if console.output_format() == "yaml":
        from tdaflink.adapters.yamltext import dump_yaml

        raw = dump_yaml(json.loads(raw), explicit_start=True).encode()
    elif b"\n" in raw or b"\r" in raw:
        raw = json.dumps(json.loads(raw)).encode()
    sys.stdout.buffer.write(raw if raw.endswith(b"\n") else raw + b"\n")
    sys.stdout.buffer.flush()


def _show_tables(says: Sequence[Result | ErrorRecord]) -> None:
    results = sorted((s for s in says if isinstance(s, Result)), key=lambda result: result.timestamp)
    errors = sorted((s for s in says if isinstance(s, ErrorRecord)), key=lambda error: error.timestamp)
    if results:
        columns = _columns_for(results)
        table = _table(columns, "LONGEST BARS", fixed=False)
        for result in results:
            table.add_row(*_row(result, columns))
        console.out().print(table)
    if errors:
        table = _table(_ERROR_COLUMNS, "REASON", fixed=False)
        for error in errors:
            table.add_row(*_error_row(error))
        console.out().print(table)


def _show_one(arrival: Arrival, *, header: bool, barcodes: bool) -> None:
    from rich.text import Text

    out, says = console.out(), arrival.says
    if isinstance(says, ErrorRecord):
        job = says.job_id or says.source
        out.print(Text.assemble((f"{job}  {says.code}", "red"), f"  {says.reason}"), soft_wrap=True)
    elif barcodes:
        out.print(_heading(says), soft_wrap=True)
        out.print(result_barcode(says))
        out.print()
    else:
        # The first window of a stream is compared with none, and its line has the headings.
        columns = _DISTANCE_COLUMNS if says.window else _COLUMNS
        table = _table(columns, "LONGEST BARS", fixed=True, header=header)
        table.add_row(*_row(says, columns))
        out.print(table)


def _heading(result: Result) -> Text:
    from rich.text import Text

    cut = "" if result.cut is None else f" at T = {result.cut:g}"
    return Text.assemble(
        (result.job_id, "bold"),
        f"  {result.window}" if result.window else "",
        f"  {result.algorithm}, {result.num_points} points, {result.seconds:.3f} s,  Betti numbers ",
        (betti_text(result.betti), "bold"),
        cut,
    )


def _table(columns: Sequence[tuple[str, int]], last: str, *, fixed: bool, header: bool = True) -> Table:
    """Columns fit their content, or are of fixed width where rows are drawn one by one."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_header=header)
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
        # Without a blank inside, so that a narrow column breaks between bars.
        f"H{bar.dimension}[{number(bar.birth, glyphs)},{number(bar.death, glyphs)})"
        for bar in result.longest(_BARS_IN_A_ROW)
    )
    cut = "" if result.cut is None else f"{result.cut:g}"
    betti = betti_text(result.betti)
    cells = (
        result.job_id,
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
    """How far the diagram lies from that of the window before, and whether that is an alert."""
    from rich.text import Text

    distance = result.distance
    if distance is None:
        return Text("-"), Text("")
    return Text(f"{distance.value:.4g}"), Text("yes" if distance.alert else "", "bold red")


def _error_row(error: ErrorRecord) -> list[Text]:
    from rich.text import Text

    return [Text(error.job_id or ""), Text(error.code, "red"), Text(error.source), Text(error.reason)]
