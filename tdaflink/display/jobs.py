"""Jobs, their status, and what a submission did or would do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.failures import own_frames
from tdaflink.domain.jobs import ClusterStatus, Failure, Job, JobStatus, Submission, SubmissionPlan

_STATE_STYLE = {
    "RUNNING": "green",
    "FAILED": "red",
    "RESTARTING": "yellow",
    "FAILING": "red",
    "CANCELED": "dim",
}


def show_jobs(jobs: Sequence[Job]) -> None:
    """The table of `list`."""
    if show_data(jobs):
        return
    if not jobs:
        console.err().print("No jobs are running. tdaflink submit starts one; list --all shows ended ones.")
        return
    _print_jobs(jobs)


def show_cluster(status: ClusterStatus) -> None:
    """`status` without an ID."""
    if show_data(status):
        return
    out = console.out()
    used = status.slots_total - status.slots_available
    out.print(f"[bold]{status.env}[/bold]  {status.rest_url}  Flink {status.flink_version}")
    out.print(f"TaskManagers {status.taskmanagers}, slots {used} of {status.slots_total} in use")
    if status.jobs:
        _print_jobs(status.jobs)
    else:
        out.print("No jobs are running.")


def show_job(status: JobStatus) -> None:
    """`status ID`: the root cause first, then how it runs."""
    if show_data(status):
        return
    out = console.out()
    _print_failure(status.exceptions, ended=status.state == "FAILED")
    style = _STATE_STYLE.get(status.state, "")
    out.print(
        f"[bold]{status.name}[/bold]  {status.id}  [{style}]{status.state}[/]" if style else status.state
    )
    restarts = "no restart" if not status.restarts else f"{status.restarts} restarts"
    out.print(
        f"started {status.start_time}, {_duration(status.duration_ms)}, parallelism {status.parallelism}, "
        f"tasks {status.tasks_running} of {status.tasks_total} running, {restarts}"
    )
    if status.checkpoints and status.checkpoints.latest_id is not None:
        done = status.checkpoints
        out.print(
            f"checkpoints: {done.completed} completed, {done.failed} failed; the latest"
            f" {_duration(done.latest_age_ms or 0)} ago took {_duration(done.latest_duration_ms or 0)},"
            f" {done.latest_size_bytes} bytes"
        )
    else:
        out.print("checkpoints: none completed yet")
    _print_vertices(status)


def show_submission(done: Submission) -> None:
    """What `submit` returns."""
    if show_data(done):
        return
    console.out().print(f"[bold]{done.name}[/bold]  {done.id}  {done.state}  parallelism {done.parallelism}")
    console.err().print(
        f"Next: tdaflink send circle, tdaflink results, tdaflink status {done.id[:8]}", highlight=False
    )


def show_plan(plan: SubmissionPlan) -> None:
    """What `submit --dry-run` prints: config, files, calls."""
    if show_data(plan):
        return
    out = console.out()
    out.print(
        f"[bold]{plan.job_name}[/bold] with parallelism {plan.parallelism} to {plan.env} at {plan.rest_url}"
    )
    if plan.settings is not None:
        out.print("\n[bold]Resolved settings[/bold]")
        out.print(json.dumps(plan.settings, indent=2), soft_wrap=True, markup=False)
    out.print(f"\n[bold]Bundle[/bold] {plan.bundle_name}")
    for name in plan.bundle_files:
        out.print(f"  {name}", markup=False)
    out.print("\n[bold]REST calls[/bold]")
    for call in plan.calls:
        out.print(f"{call.method} {call.path}", markup=False)
        if call.body is not None:
            out.print(json.dumps(call.body, indent=2), soft_wrap=True, markup=False)


def show_canceled(canceled: Sequence[Any]) -> None:
    """What `cancel` returns."""
    if show_data(canceled):
        return
    for job in canceled:
        console.out().print(f"{job.id}  {job.name}  {job.state}", markup=False)


def _print_jobs(jobs: Sequence[Job]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("ID", "NAME", "STATE", "STARTED", "FOR"):
        table.add_column(heading, no_wrap=heading != "NAME", overflow="fold")
    table.add_column("PARALLELISM", justify="right")
    table.add_column("TASKS", justify="right")
    for job in jobs:
        style = _STATE_STYLE.get(job.state, "")
        started = job.start_time[:19].replace("T", " ")
        tasks = f"{job.tasks_running}/{job.tasks_total}"
        state = f"[{style}]{job.state}[/]" if style else job.state
        table.add_row(
            job.id[:12], job.name, state, started, _duration(job.duration_ms), str(job.parallelism), tasks
        )
    console.out().print(table)


def _print_vertices(status: JobStatus) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("TASK", overflow="ellipsis", no_wrap=True, max_width=60)
    table.add_column("SUBTASKS")
    table.add_column("IN", justify="right")
    table.add_column("OUT", justify="right")
    for vertex in status.vertices:
        states = ", ".join(f"{count} {state}" for state, count in vertex.subtasks.items())
        table.add_row(vertex.name, states, str(vertex.records_in), str(vertex.records_out))
    console.out().print(table)


def _print_failure(failures: Sequence[Failure], *, ended: bool) -> None:
    if not failures:
        return
    from rich.text import Text

    newest = failures[0]
    console.out().print(Text.assemble(("Root cause: ", "bold red"), newest.cause), soft_wrap=True)
    if newest.traceback:
        console.out().print(Text(own_frames(newest.traceback)), soft_wrap=True)
    if console.verbose():
        console.out().print(Text(newest.text, style="dim"), soft_wrap=True)
    console.out().print(f"[dim]at {newest.timestamp}{'' if ended else ', the job restarted'}[/dim]\n")


def _duration(ms: int) -> str:
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms // 1000
    parts: Mapping[str, int] = {
        "d": seconds // 86400,
        "h": seconds // 3600 % 24,
        "m": seconds // 60 % 60,
        "s": seconds % 60,
    }
    shown = [f"{value}{unit}" for unit, value in parts.items() if value]
    return " ".join(shown[:2])
