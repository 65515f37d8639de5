"""Panel of the selected job: root cause, load, problems, and tasks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rich.text import Text

from tdaflink.display.format import (
    UNKNOWN,
    format_age,
    format_clock,
    format_count,
    format_rate,
    format_restarts,
    format_seconds,
    format_size,
)
from tdaflink.display.jobs.listing import STATE_STYLE
from tdaflink.display.watch import cells as words
from tdaflink.display.watch.cells import Column, row
from tdaflink.domain.jobs.failures import own_frames
from tdaflink.domain.jobs.job import Failure, Vertex
from tdaflink.domain.jobs.job_parameters import outputs_of, slide_of
from tdaflink.domain.observability.cluster_snapshot import JobLoad, TopicLag, VertexLoad
from tdaflink.domain.observability.dashboard import DashboardState, JobRow
from tdaflink.domain.observability.findings import Finding

_JAVA_PACKAGE = re.compile(r"^(?:[a-z]\w*\.)+(?=[A-Z])")


def job_lines(line: JobRow, board: DashboardState, width: int) -> list[Text]:
    """Draw a job: its root cause, load, and problems."""
    job, load = line.job, line.load
    state = Text(job.state, style=STATE_STYLE.get(job.state, ""))
    restarts = "" if load is None or load.restarts is None else f"  {format_restarts(load.restarts)}"
    head = Text.assemble(
        (job.name, "bold"),
        f"  {job.id[:12]}  ",
        state,
        f"  parallelism {job.parallelism}  tasks {job.tasks_running}/{job.tasks_total}{restarts}",
    )
    if load is None:
        return [head, Text("no data yet", style="dim")]
    lines = [head]
    lines += _cause_lines(line, load, width)
    lines += [
        *_computation_lines(line, load, width),
        *_lag_lines(line.lag, width),
        *_event_time(load, board),
        _checkpoint_line(load),
    ]
    return [*lines, *finding_lines(line.findings, width)]


def _cause_lines(line: JobRow, load: JobLoad, width: int) -> list[Text]:
    """Draw the root cause of a failing job, or the last failure of a job that has recovered."""
    if line.cause is None or not load.failures:
        return []
    cause = _JAVA_PACKAGE.sub("", line.cause).rstrip(": ")
    if line.job.state != "RUNNING":
        return words.wrapped(f"Root cause: {cause}", width, rest="  ", style="red")[:2]
    moment = words.moment_of(load.failures[0].timestamp)
    ago = "" if moment is None else f" {format_age(load.taken_at - moment)} ago"
    return words.wrapped(f"Last failure{ago}: {cause}", width, rest="  ", style="yellow")[:2]


def _computation_lines(line: JobRow, load: JobLoad, width: int) -> list[Text]:
    computation = load.computation
    if computation is None:
        return []
    if computation.p50 is None:
        return [Text("computation  no data yet: nothing has been computed since the job started")]
    slide = slide_of(load.parameters)
    slow = slide is not None and slide.seconds is not None and (computation.p95 or 0) > slide.seconds
    text = Text("computation  ")
    text.append(
        f"p50 {format_seconds(computation.p50)}  p95 {format_seconds(computation.p95)}"
        f"  p99 {format_seconds(computation.p99)}",
        style="bold red" if slow else "",
    )
    if slide is not None:
        text.append(f"  a window every {slide}")
    more = (
        f"  pairs/s {format_rate(line.rates.pairs)}  {format_count(computation.answered)} results"
        f"  {format_count(computation.errors)} refused"
    )
    if text.cell_len + len(more) <= width:
        return [text.append(more)]
    return [text, Text(" " * 11 + more)]


def _lag_lines(lag: Mapping[str, TopicLag] | None, width: int) -> list[Text]:
    if not lag:
        return []
    topics = [
        f"{name} {format_count(topic.lag)}"
        + (f" ({format_count(topic.committed_lag)} uncommitted)" if topic.committed_lag else "")
        for name, topic in lag.items()
    ]
    return words.wrapped("  ".join(topics), width, first="lag          ", rest=" " * 13)


def _event_time(load: JobLoad, board: DashboardState) -> list[Text]:
    """Draw the progress of event time: Flink's watermark, or the end of the newest window."""
    if load.watermark is not None:
        moment = load.watermark / 1000
        behind = f"{format_age(board.taken_at - moment)} behind the clock"
        return [Text(f"watermark    {format_clock(moment)} UTC, {behind}")]
    newest = board.newest
    if newest is None or newest.event_time is None or newest.topic not in outputs_of(load.parameters):
        return []
    end = words.moment_of(newest.event_time)
    if end is None:
        return []
    behind = f"{format_age(board.taken_at - end)} behind the clock"
    return [Text(f"event time   {format_clock(end)} UTC, {behind} (the newest window, of {newest.stream})")]


def _checkpoint_line(load: JobLoad) -> Text:
    checkpoints = load.checkpoints
    every = f", every {load.checkpoint_interval_ms / 1000:g} s" if load.checkpoint_interval_ms else ""
    if checkpoints is None or checkpoints.latest_id is None:
        return Text(f"checkpoint   none completed yet{every}")
    return Text(
        f"checkpoint   {format_age((checkpoints.latest_age_ms or 0) / 1000)} ago,"
        f" took {format_seconds((checkpoints.latest_duration_ms or 0) / 1000)},"
        f" {format_size(checkpoints.latest_size_bytes)}; {checkpoints.completed} completed,"
        f" {checkpoints.failed} failed{every}"
    )


def finding_lines(findings: Sequence[Finding], width: int) -> list[Text]:
    """Draw each finding with its advice and command."""
    lines: list[Text] = []
    for finding in findings:
        style = "bold red" if finding.severity == "error" else "yellow"
        lines += words.wrapped(finding.text, width, first="! ", rest="  ", style=style)
        lines += words.wrapped(f"{finding.advice}: {finding.command}", width, first="  > ", rest="    ")
    return lines


def vertex_lines(vertices: Sequence[VertexLoad | Vertex], width: int) -> list[Text]:
    """Draw a table of the load of each task."""
    columns = [
        Column("TASK", 0),
        Column("KIND", 8),
        Column("SUBTASKS", 8, right=True),
        Column("BUSY", 5, right=True),
        Column("BACKPR.", 7, right=True),
        Column("IDLE", 5, right=True),
        Column("SKEW", 5, right=True),
        Column("IN", 7, right=True),
        Column("OUT", 7, right=True),
    ]
    lines = [row(columns, [column.heading for column in columns], width, style="bold")]
    for vertex in vertices:
        cells = [
            vertex.name.removeprefix("Source: "),
            vertex.kind,
            _subtasks(vertex),
            _per_mille(vertex.busiest),
            _per_mille(vertex.backpressured),
            _per_mille(vertex.idle),
            UNKNOWN if vertex.skew is None else f"{vertex.skew:.1f}x",
            format_count(vertex.records_in),
            format_count(vertex.records_out),
        ]
        lines.append(row(columns, cells, width, style="bold red" if (vertex.busiest or 0) >= 900 else ""))
    return lines


def _subtasks(vertex: VertexLoad | Vertex) -> str:
    """Format the number of subtasks, with the number of running ones if it is known."""
    if isinstance(vertex, Vertex):
        return f"{vertex.subtasks.get('RUNNING', 0)}/{vertex.parallelism}"
    return str(vertex.parallelism)


def _per_mille(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value / 10:.0f} %"


def failure_place(failure: Failure) -> str:
    """Describe the place of a failure, as far as it is known: task, TaskManager, and record."""
    parts = [
        f"in {failure.task}" if failure.task else "",
        f"on {failure.taskmanager}" if failure.taskmanager else "",
        f"by the message '{failure.record}'" if failure.record else "",
    ]
    return " ".join(part for part in parts if part)


def exception_lines(line: JobRow, width: int) -> list[Text]:
    """Draw the exceptions of a job that Flink keeps, newest first, as Python tracebacks where possible."""
    failures = line.load.failures if line.load is not None else None
    if not failures:
        return [Text("Flink has no exception of this job.")]
    lines: list[Text] = []
    for failure in failures:
        lines += words.wrapped(f"{failure.timestamp}  {failure.cause}", width, rest="  ", style="bold red")
        lines += words.wrapped(failure_place(failure), width, rest="  ", style="dim")
        detail = own_frames(failure.traceback) if failure.traceback else failure.text
        lines += [Text(text, no_wrap=True) for text in detail.splitlines()]
        lines.append(Text(""))
    return lines
