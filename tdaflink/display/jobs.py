"""Jobs, their status, and what a submission did or would do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.jobs import ClusterStatus, Job, Submission, SubmissionPlan

STATE_STYLE = {
    "RUNNING": "green",
    "FAILED": "red",
    "RESTARTING": "yellow",
    "FAILING": "red",
    "CANCELED": "dim",
}


def show_jobs(jobs: Sequence[Job], start: str) -> None:
    """The table of `list`; `start` is what starts a job."""
    if show_data(jobs):
        return
    if not jobs:
        console.err().print(f"No jobs are running. {start} starts one; list --all shows ended ones.")
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
        style = STATE_STYLE.get(job.state, "")
        started = job.start_time[:19].replace("T", " ")
        tasks = f"{job.tasks_running}/{job.tasks_total}"
        state = f"[{style}]{job.state}[/]" if style else job.state
        table.add_row(
            job.id[:12], job.name, state, started, duration(job.duration_ms), str(job.parallelism), tasks
        )
    console.out().print(table)


def duration(ms: int) -> str:
    """Milliseconds in the two greatest units that they have."""
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
