"""Panels of the dashboard, each as lines of a given width."""

from __future__ import annotations

import re
from dataclasses import replace

from rich.cells import cell_len
from rich.text import Text

from tdaflink.display.diagrams.barcode import Glyphs, barcode, barcode_text
from tdaflink.display.diagrams.results import betti_of
from tdaflink.display.format import (
    UNKNOWN,
    format_age,
    format_clock,
    format_count,
    format_rate,
    format_seconds,
    format_size,
)
from tdaflink.display.jobs.listing import STATE_STYLE
from tdaflink.display.watch import cells as words
from tdaflink.display.watch.cells import Column, row
from tdaflink.domain.observability.cluster_snapshot import ClusterState
from tdaflink.domain.observability.dashboard import DashboardState, JobRow, Stale
from tdaflink.domain.observability.findings import memory_share
from tdaflink.domain.printable import printable

_BLANKS = re.compile(r"(?<=\S) {3,}")
_LEVEL = re.compile(r"\[?\d{4}-\d\d-\d\d[ T][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?\]? +(ERROR|FATAL|WARN)")

WIDE = 120
WIDEST = 160
_SPARK, _LONG_SPARK = 8, 24
_SPARK_COLUMN = Column("", _SPARK)
# The columns of the list of jobs, each with the minimal width of the screen at which it is shown.
_COLUMNS = (
    (Column("", 1), 0),
    (Column("STATE", 10), 0),
    (Column("NAME", 0), 0),
    (Column("FOR", 6, right=True), 0),
    (Column("REC/S", 6, right=True), 0),
    (_SPARK_COLUMN, 0),
    (Column("WIN/S", 6, right=True), 0),
    (_SPARK_COLUMN, WIDEST),
    (Column("P50", 7, right=True), WIDE),
    (Column("P95", 7, right=True), 0),
    (Column("P99", 7, right=True), WIDE),
    (Column("PAIRS/S", 7, right=True), WIDE),
    (Column("LAG", 6, right=True), 0),
    (Column("CKPT", 6, right=True), 0),
    (Column("RESTARTS", 8, right=True), WIDE),
)
_NAMES = {"flink": "Flink", "kafka": "Kafka", "prometheus": "Prometheus", "logs": "The log"}


def cluster_lines(board: DashboardState, width: int) -> list[Text]:
    """Draw slots and memory in one or two lines."""
    state = board.cluster
    if state is None:
        return [Text("no response from the cluster yet", style="dim")]
    used = state.slots_total - state.slots_available
    managers = f"{state.taskmanagers} TaskManager{'' if state.taskmanagers == 1 else 's'}"
    first = Text.assemble(
        f"Flink {state.flink_version}  ",
        (managers, "bold red" if state.taskmanagers == 0 else ""),
        f"  slots {used} of {state.slots_total} in use",
    )
    second = Text.assemble(*_memory_usage(state))
    if first.cell_len + second.cell_len + 2 <= width:
        return [first.append("  ").append_text(second)]
    return [first, second]


def _memory_usage(state: ClusterState) -> list[str | tuple[str, str]]:
    """Format the usage of heap and metaspace, of the TaskManager with the highest and of the JobManager."""
    parts: list[str | tuple[str, str]] = []
    for name, memory in (("TaskManager", state.taskmanager), ("JobManager", state.jobmanager)):
        heap, metaspace = memory_share(memory, "heap"), memory_share(memory, "metaspace")
        if heap is None and metaspace is None:
            continue
        parts += [
            f"{'  ' if parts else ''}{name} heap ",
            (_percent(heap), _fullness(heap)),
            f" of {format_size(memory.heap_max)}" if name == "TaskManager" else "",
            " metaspace ",
            (_percent(metaspace), _fullness(metaspace)),
        ]
    return parts


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None else f"{share:.0%}"


def _fullness(share: float | None) -> str:
    if share is None or share < 0.75:
        return ""
    return "yellow" if share < 0.9 else "bold red"


def stale_line(stale: Stale, now: float, width: int) -> Text:
    """Draw the time of a source's last response, and the reason of its failure."""
    name = _NAMES[stale.source]
    since = "has not responded yet"
    if stale.since is not None:
        since = f"last response {format_clock(stale.since)} UTC ({format_age(now - stale.since)} ago)"
    line = Text(f"! {name} {since}: {stale.reason}", style="bold yellow", no_wrap=True)
    line.truncate(width, overflow="ellipsis")
    return line


def alert_lines(board: DashboardState, width: int, most: int) -> list[Text]:
    """Draw the firing alerts, at most `most` lines."""
    alerts = board.alerts or ()
    lines = []
    for alert in alerts[:most]:
        line = Text(f"! {alert.name} ({alert.severity or 'alert'}): {alert.summary}", style="bold red")
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    if len(alerts) > most > 0:
        lines[-1].append(f"  and {len(alerts) - most} more alerts")
        lines[-1].truncate(width, overflow="ellipsis")
    return lines


def job_columns(width: int) -> list[Column]:
    """Return the columns of the list of jobs for a width."""
    columns = [column for column, least in _COLUMNS if width >= least]
    if width < WIDEST:
        return columns
    return [replace(column, width=_LONG_SPARK) if column == _SPARK_COLUMN else column for column in columns]


def job_row(line: JobRow, width: int, *, chosen: bool, unicode: bool) -> Text:
    """Draw one job of the list."""
    load, rates = line.load, line.rates
    computation = load.computation if load is not None else None
    spark = _SPARK if width < WIDEST else _LONG_SPARK
    restarts = load.restarts if load is not None else None
    cells: list[str | Text] = [
        ">" if chosen else " ",
        Text(line.job.state, style=STATE_STYLE.get(line.job.state, "")),
        line.job.name,
        format_age(line.job.duration_ms / 1000),
        format_rate(rates.records),
        Text(words.sparkline(line.records, spark, unicode=unicode), style="cyan"),
        format_rate(rates.windows),
        Text(words.sparkline(line.windows, spark, unicode=unicode), style="cyan"),
        format_seconds(computation.p50 if computation else None),
        format_seconds(computation.p95 if computation else None),
        format_seconds(computation.p99 if computation else None),
        format_rate(rates.pairs),
        format_count(line.total_lag),
        _checkpoint_age(line),
        UNKNOWN if restarts is None else str(restarts),
    ]
    kept = [cell for cell, (_, least) in zip(cells, _COLUMNS, strict=True) if width >= least]
    return row(job_columns(width), kept, width, style="bold" if chosen else "")


def _checkpoint_age(line: JobRow) -> str:
    checkpoints = line.load.checkpoints if line.load is not None else None
    if checkpoints is None or checkpoints.latest_age_ms is None:
        return UNKNOWN
    return format_age(checkpoints.latest_age_ms / 1000)


def log_lines(board: DashboardState, width: int) -> list[Text]:
    """Draw the end of the requested log, with long lines wrapped."""
    if board.log is None:
        stale = next((stale for stale in board.stale if stale.source == "logs"), None)
        return [Text(stale.reason if stale else "reading the log ...", style="dim")]
    return [piece for text in board.log.lines for piece in _log_line(text, width)]


def _log_line(text: str, width: int) -> list[Text]:
    shown, style = printable(text.expandtabs(4)), _log_style(text)
    # Most blanks of a line pad its columns; that of the class alone has 60 characters.
    shown = _BLANKS.sub("  ", shown) if cell_len(shown) > width else shown
    return [Text(piece, no_wrap=True, style=style) for piece in _chopped(shown, max(2, width))]


def _chopped(text: str, width: int) -> list[str]:
    """Split a text into pieces of `width` cells."""
    if text.isascii():
        return [text[start : start + width] for start in range(0, len(text), width)] or [""]
    pieces, used = [""], 0
    for character in text:
        cells = cell_len(character)
        if used + cells > width:
            pieces, used = [*pieces, ""], 0
        pieces[-1] += character
        used += cells
    return pieces


def _log_style(text: str) -> str:
    """Return red for an error, yellow for a warning, by the level after the time."""
    level = _LEVEL.match(text)
    if level is None:
        return ""
    return "yellow" if level[1] == "WARN" else "red"


def barcode_lines(
    board: DashboardState, stream: str | None, width: int, height: int, glyphs: Glyphs
) -> list[Text]:
    """Draw the newest barcode in `height` lines; nothing if one bar of each dimension does not fit."""
    newest = board.newest
    if newest is None:
        scope = f"of stream {stream}" if stream is not None else "yet"
        return [Text(f"no result {scope}", style="dim")] if height > 0 else []
    result = newest.result
    betti = betti_of(result)
    title = Text.assemble(
        (newest.stream, "bold"),
        f"  {result.window + '  ' if result.window else ''}{result.algorithm}  {result.num_points} points"
        f"  Betti {betti}  {format_seconds(result.seconds)}",
    )
    title.truncate(width, overflow="ellipsis")
    for longest in range(10, 0, -1):
        drawn = barcode(
            result.bars,
            dimensions=len(result.betti),
            end=result.cut,
            width=width,
            longest=longest,
            glyphs=glyphs,
        )
        if len(drawn) + 1 <= height:
            return [title, *barcode_text(drawn).split("\n")]
    return []
