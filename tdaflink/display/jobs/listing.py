"""Jobs, the cluster's status, and the plans and results of submissions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from tdaflink.display import console
from tdaflink.display.columns import print_columns
from tdaflink.display.data import show_data
from tdaflink.display.format import format_duration
from tdaflink.domain.environments.supervision import Supervision
from tdaflink.domain.jobs.job import ClusterStatus, Job, Submission, SubmissionPlan

STATE_STYLE = {
    "RUNNING": "green",
    "FAILED": "red",
    "RESTARTING": "yellow",
    "FAILING": "red",
    "CANCELED": "dim",
}
HEADINGS = ("ID", "NAME", "STATE", "STARTED", "FOR", "PARALLELISM", "TASKS")
_COUNTS = frozenset({"PARALLELISM", "TASKS"})
_DISPENSABLE = ("STARTED", "PARALLELISM", "TASKS")  # omitted on narrow terminals, the first one first


@console.printed
def show_jobs(jobs: Sequence[Job], start: str) -> None:
    """Show the table of `list`; `start` is the command that starts a job."""
    if show_data(jobs):
        return
    if not jobs:
        console.say(f"No jobs are running. {start} starts one; list --all shows ended ones.")
        return
    _print_jobs(jobs)


@console.printed
def show_cluster(status: ClusterStatus) -> None:
    """Show the output of `status` without an ID."""
    if show_data(status):
        return
    from rich.text import Text

    out = console.out()
    used = status.slots_total - status.slots_available
    out.print(Text.assemble((status.env, "bold"), f"  {status.rest_url}  Flink {status.flink_version}"))
    out.print(f"TaskManagers {status.taskmanagers}, slots {used} of {status.slots_total} in use")
    if status.supervision:
        out.print(supervision_line(status.supervision), soft_wrap=True)
    if status.jobs:
        _print_jobs(status.jobs)
    else:
        out.print("No jobs are running.")


def supervision_line(supervision: Supervision) -> str:
    """Return the state of the supervisor and its last action in one line."""
    if not supervision.running:
        return "Supervisor not running: tdaflink setup starts it"
    if supervision.last is None:
        return "Supervisor running"
    last = supervision.last
    jobs = f", jobs {', '.join(last.jobs_resumed)}" if last.jobs_resumed else ""
    outcome = (
        f"could not start {', '.join(last.ended)}: {last.problem}"
        if last.problem
        else (f"restarted {', '.join(last.ended)}{jobs}")
    )
    return f"Supervisor running, repairs {supervision.repairs}; at {last.at} it {outcome}"


@console.printed
def show_submission(done: Submission) -> None:
    """Show the result of `submit`."""
    if show_data(done):
        return
    from rich.text import Text

    shown = f"  {done.id}  {done.state}  parallelism {done.parallelism}"
    console.out().print(Text.assemble((done.name, "bold"), shown))
    console.err().print(
        console.hint(f"Next: tdaflink send circle; tdaflink results; tdaflink status {done.id[:12]}"),
        soft_wrap=True,
    )


@console.printed
def show_plan(plan: SubmissionPlan) -> None:
    """Show the output of `submit --dry-run`: a summary; with -v all settings, files and calls."""
    if show_data(plan):
        return
    from rich.text import Text

    out = console.out()
    head = f"{plan.job_name} with parallelism {plan.parallelism} to {plan.env} at {plan.rest_url}"
    out.print(head, style="bold", soft_wrap=True)
    if not console.verbose():
        for line in _summary(plan):
            out.print(f"  {line}", soft_wrap=True)
        console.say("Nothing was done. -v shows all settings, files and REST calls.")
        return
    if plan.settings is not None:
        out.print("\nResolved settings", style="bold")
        out.print(json.dumps(plan.settings, indent=2), soft_wrap=True)
    out.print(Text.assemble(("\nBundle", "bold"), f" {plan.bundle_name}"))
    for name in plan.bundle_files:
        out.print(f"  {name}")
    out.print("\nREST calls", style="bold")
    for call in plan.calls:
        out.print(f"{call.method} {call.path}")
        if call.body is not None:
            out.print(json.dumps(call.body, indent=2), soft_wrap=True)


def _summary(plan: SubmissionPlan) -> Iterator[str]:
    settings = plan.settings
    if settings is not None:
        for source in settings["inputs"]:
            window = f", windows: {_window_text(source['window'])}" if source["window"] else ""
            yield f"{source['route']}: {source['topic']} to {source['output_topic']}{window}"
        query, kafka = settings["query"], settings["kafka"]
        cut = "" if query["max_persistence"] is None else f", cut at {query['max_persistence']:g}"
        yield f"computes: {query['algorithm']} up to dimension {query['max_dimension']}{cut}"
        yield f"reads as {kafka['group_id']} from {kafka['start_from']}, delivers {kafka['delivery']}"
    bodies = [call.body for call in plan.calls if call.body is not None]
    state = next((body["savepointPath"] for body in bodies if "savepointPath" in body), None)
    yield f"state: {state or 'none'}"
    yield f"bundle: {plan.bundle_name}, {len(plan.bundle_files)} files"


def _window_text(window: Mapping[str, Any]) -> str:
    """Format a resolved window."""
    shown = {key: value for key, value in window.items() if key != "state_ttl_ms" and value is not None}
    sizes = [f"{key} {value}" for key, value in shown.items() if key != "kind"]
    return " ".join([str(shown["kind"]), *sizes])


@console.printed
def show_canceled(canceled: Sequence[Any]) -> None:
    """Show the result of `cancel`."""
    if show_data(canceled):
        return
    for job in canceled:
        console.out().print(f"{job.id}  {job.name}  {job.state}")


def _print_jobs(jobs: Sequence[Job]) -> None:
    headings, rows = _fitting_columns([_cells(job) for job in jobs])
    counts = frozenset(headings.index(heading) for heading in _COUNTS if heading in headings)
    if print_columns([headings, *rows], right=counts):
        return
    from rich.text import Text

    table = console.table(header_style="bold")
    for heading in headings:
        justify: Literal["left", "right"] = "right" if heading in _COUNTS else "left"
        table.add_column(heading, no_wrap=heading != "NAME", overflow="fold", justify=justify)
    for row in rows:
        table.add_row(
            *(
                Text(cell, STATE_STYLE.get(cell, "") if heading == "STATE" else "")
                for heading, cell in zip(headings, row, strict=True)
            )
        )
    console.out().print(table)


def _fitting_columns(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], Sequence[tuple[str, ...]]]:
    """Return headings and rows without dispensable columns for which the terminal is too narrow."""
    room = console.columns_of(sys.stdout)
    kept = list(range(len(HEADINGS)))
    widths = [max(map(_cell_len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    for heading in _DISPENSABLE:
        if sum(widths[number] for number in kept) + 2 * (len(kept) - 1) > room:
            kept.remove(HEADINGS.index(heading))
    headings, *others = ([row[number] for number in kept] for row in (HEADINGS, *rows))
    return tuple(headings), [tuple(row) for row in others]


def _cell_len(text: str) -> int:
    text = console.fitting(text)
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _cells(job: Job) -> tuple[str, ...]:
    """Return the cells of a job, in the order of the headings."""
    started = job.start_time[:19].replace("T", " ")
    tasks = f"{job.tasks_running}/{job.tasks_total}"
    elapsed = format_duration(job.duration_ms)
    return job.id[:12], job.name, job.state, started, elapsed, str(job.parallelism or "-"), tasks
