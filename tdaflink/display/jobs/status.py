"""Output of `status ID`: root cause, load, problems with their fixes, and tasks."""

from __future__ import annotations

from collections.abc import Sequence

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.display.format import (
    format_day_and_clock,
    format_duration,
    format_rate,
    format_restarts,
    format_seconds,
)
from tdaflink.display.jobs.listing import STATE_STYLE
from tdaflink.domain.jobs.failures import RecordAtFault, own_frames
from tdaflink.domain.jobs.job import Checkpoints, Failure
from tdaflink.domain.jobs.job_parameters import slide_of
from tdaflink.domain.jobs.job_status import JobStatus


@console.printed
def show_job(status: JobStatus) -> None:
    """Show the status of one job."""
    if show_data(status):
        return
    from rich.text import Text

    from tdaflink.display.watch.job_panel import finding_lines, vertex_lines

    out = console.out()
    _print_failure(status.exceptions, ended=status.state == "FAILED")
    _print_record(status.record)
    state = (status.state, STATE_STYLE.get(status.state, ""))
    out.print(Text.assemble((status.name, "bold"), f"  {status.id}  ", state))
    restarts = "" if status.restarts is None else f", {format_restarts(status.restarts)}"
    out.print(
        f"started {status.start_time}, {format_duration(status.duration_ms)},"
        f" parallelism {status.parallelism},"
        f" tasks {status.tasks_running} of {status.tasks_total} running{restarts}"
    )
    for line in (_checkpoints(status.checkpoints), *_computation(status), *_progress(status)):
        out.print(line)
    for finding_line in finding_lines(status.findings, out.width):
        out.print(finding_line)
    out.print()
    for row in vertex_lines(status.vertices, out.width):
        out.print(row)


def _checkpoints(checkpoints: Checkpoints | None) -> str:
    if checkpoints is None or checkpoints.latest_id is None:
        return "checkpoints: none completed yet"
    return (
        f"checkpoints: {checkpoints.completed} completed, {checkpoints.failed} failed; the latest"
        f" {format_duration(checkpoints.latest_age_ms or 0)} ago took"
        f" {format_duration(checkpoints.latest_duration_ms or 0)}, {checkpoints.latest_size_bytes} bytes"
    )


def _computation(status: JobStatus) -> list[str]:

    computation = status.computation
    if computation is None:
        return []
    if computation.p50 is None:
        return ["computation: no data yet, nothing has been computed since the job started"]
    slide = slide_of(status.parameters)
    every = f", a window every {slide}" if slide is not None else ""
    return [
        f"computation: p50 {format_seconds(computation.p50)}, p95 {format_seconds(computation.p95)},"
        f" p99 {format_seconds(computation.p99)}{every}; {computation.answered} results,"
        f" {computation.pairs} pairs, {computation.errors} refused"
    ]


def _progress(status: JobStatus) -> list[str]:
    """Format lag and event time, where they are known."""

    lines = []
    if status.lag:
        committed = status.committed_lag or {}
        topics = [
            f"{topic} {lag}" + (f" ({committed[topic]} uncommitted)" if committed.get(topic) else "")
            for topic, lag in status.lag.items()
        ]
        lines.append(f"lag: {', '.join(topics)}; reads {format_rate(status.records_per_second)} records/s")
    if status.watermark is not None:
        lines.append(f"event time: {format_day_and_clock(status.watermark / 1000)}")
    return lines


def _print_failure(failures: Sequence[Failure], *, ended: bool) -> None:
    if not failures:
        return
    from rich.text import Text

    from tdaflink.display.watch.job_panel import failure_place

    newest = failures[0]
    out = console.out()
    out.print(Text.assemble(("Root cause: ", "bold red"), newest.cause), soft_wrap=True)
    if newest.traceback:
        out.print(Text(own_frames(newest.traceback)), soft_wrap=True)
    if console.verbose():
        out.print(Text(newest.text, style="dim"), soft_wrap=True)
    after = "" if ended else ", the job restarted"
    out.print(Text(f"at {newest.timestamp} {failure_place(newest)}{after}", style="dim"), soft_wrap=True)
    out.print()


def _print_record(record: RecordAtFault | None) -> None:
    """Show the record at which the job keeps failing; a finding has the command that skips it."""
    if record is None:
        return
    from rich.text import Text

    place = f"topic {record.topic}, partition {record.partition}, offset {record.offset}"
    out = console.out()
    out.print(Text.assemble(("Record: ", "bold red"), place), soft_wrap=True)
    if record.beginning is not None:
        out.print(Text(record.beginning, style="dim"), soft_wrap=True)
    out.print()
