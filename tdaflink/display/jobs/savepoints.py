"""Savepoints, upgrades and the history of jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from shlex import quote
from typing import TYPE_CHECKING, Any

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.display.format import format_size
from tdaflink.domain.jobs.history import (
    RESUME,
    AuditEntry,
    JobHistory,
    Operation,
    OperationResult,
    OperationStep,
    UpgradePlan,
    Version,
)
from tdaflink.domain.jobs.state_snapshots import Pruned, StateSnapshot

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_GOOD = {"done", "submitted"}
_SHOWN = 30
_FEW = 5  # of each kind, in the summary of one job


@console.printed
def show_saved(saved: Any) -> None:
    """Show the result of `savepoint` and `stop`."""
    if show_data(saved):
        return
    console.out().print(f"{saved.name}  {saved.id}  {saved.state}")
    console.out().print(saved.savepoint, soft_wrap=True)
    if saved.next:
        console.err().print(f"Next: {saved.next}", soft_wrap=True)


@console.printed
def show_upgrade_plan(plan: UpgradePlan, *, dry_run: bool) -> None:
    """Show the plan of an upgrade or rollback: as data for --dry-run, else on stderr before it begins."""
    if dry_run and show_data(plan):
        return
    out = console.out() if dry_run else console.err()
    out.print(f"{plan.action} {plan.name} ({plan.job_id[:12]}, version {plan.version})")
    if plan.changes_nothing:
        out.print("  nothing changes: the job runs with these settings already; --force resubmits it")
        return
    out.print("  bundle: " + ("the same" if plan.same_bundle else "another"))
    _print_differences(out, plan)
    if dry_run:
        for number, step in enumerate(plan.steps, 1):
            out.print(f"  {number}. {step}")


def _print_differences(out: Console, plan: Any) -> None:
    for difference in plan.differences:
        values = f"{_value(difference.old)} → {_value(difference.new)}"
        out.print(f"  {difference.key}: {values}", soft_wrap=True)
    for hint in plan.hints:
        out.print(f"  note: {hint}", soft_wrap=True)


@console.printed
def show_restart_plan(plan: Any) -> None:
    """Show the differences from the version that a job restarts from, before it begins."""
    err = console.err()
    title = f"{plan.name} resumes version {plan.version} ({plan.job_id[:12]})"
    if plan.changes_nothing:
        err.print(f"{title} with the same settings and the same bundle")
        return
    err.print(f"{title} with these changes:")
    if not plan.same_bundle:
        err.print("  bundle: another")
    _print_differences(err, plan)


@console.printed
def show_changed(changed: OperationResult) -> None:
    """Show the result of `upgrade`, `rescale` and `rollback`."""
    if show_data(changed):
        return
    down = "" if changed.downtime_seconds is None else f"  downtime {changed.downtime_seconds:g} s"
    line = f"{changed.name}  {changed.id}  parallelism {changed.parallelism}{down}"
    console.out().print(line)
    if changed.snapshot:
        console.err().print(f"from {changed.snapshot}", soft_wrap=True)


@console.printed
def show_snapshots(snapshots: Sequence[StateSnapshot]) -> None:
    """Show the table of `savepoints list`."""
    if show_data(snapshots):
        return
    if not snapshots:
        console.err().print("There is no complete savepoint or checkpoint.")
        return
    table = _table("JOB", "KIND", "WHEN", "SIZE", "PATH")
    for snapshot in snapshots:
        job, created = snapshot.name or snapshot.job[:12], _moment(snapshot.created_at)
        table.add_row(job, snapshot.kind, created, format_size(snapshot.size_bytes), snapshot.path)
    console.out().print(table, soft_wrap=True)


@console.printed
def show_pruned(pruned: Pruned) -> None:
    """Show the snapshots that `savepoints prune` removed, or would remove."""
    if show_data(pruned):
        return
    verb = "would be removed" if pruned.dry_run else "removed"
    for snapshot in pruned.removed:
        job, created = snapshot.name or snapshot.job, _moment(snapshot.created_at)
        console.out().print(f"{verb}: {snapshot.path} ({job}, {created})")
    for snapshot, why in pruned.kept:
        console.out().print(f"kept: {snapshot.path}: {why}")
    if not pruned.removed and not pruned.kept:
        console.err().print("No savepoint or checkpoint matches.")


@console.printed
def show_history(history: JobHistory) -> None:
    """Show the output of `history`: actions, and for one job name its versions and operations."""
    if show_data(history):
        return
    if not history.actions and not history.versions:
        console.err().print(f"No action is recorded for {history.env} yet.")
        return
    few = history.name is not None and not console.verbose()
    if history.name is not None:
        _print_versions(history.versions[: _FEW if few else None])
        recent = [
            operation
            for number, operation in enumerate(history.operations)
            if number < _FEW or not operation.outcome
        ]
        _print_operations(recent if few else history.operations, () if few else history.steps)
    _print_actions(history.actions, history.env, _FEW if few else _SHOWN)
    if few:
        console.say("-v shows all versions, operations and their steps.")


def _print_versions(versions: Sequence[Version]) -> None:
    table = _table("VERSION", "JOB", "STATE", "WHEN", "WHO", "BY", "P", "BUNDLE", "GIT", "FROM")
    for version in versions:
        spec = version.spec
        git = spec.git if spec else None
        table.add_row(
            str(version.number or "-"),
            version.job_id[:12],
            version.state,
            _moment(version.created_at),
            version.submitter,
            version.action,
            str(spec.parallelism) if spec else "-",
            version.bundle_sha256[:12],
            f"{git.commit[:8]}{'+' if git.dirty else ''}" if git else "-",
            (version.savepoint or "-").rsplit("/", 1)[-1],
        )
    console.out().print(table)


def _print_operations(operations: Sequence[Operation], steps: Sequence[OperationStep]) -> None:
    for operation in operations:
        resumed = operation.action == RESUME
        command = "setup --resume-jobs" if resumed else f"upgrade {quote(operation.name)} --resume"
        outcome = operation.outcome or console.hint(f"not finished: tdaflink {command}")
        down = "" if operation.downtime is None else f", downtime {operation.downtime:g} s"
        began = _moment(operation.created_at)
        line = f"\n{began}  {operation.action} {operation.id}: {outcome}{down}"
        console.out().print(line, soft_wrap=True)
        if operation.reason:
            console.out().print(f"  {operation.reason}", soft_wrap=True)
        for step in steps:
            if step.operation_id == operation.id:
                console.out().print(f"  {_moment(step.at)}  {step.step}")
    if operations:
        console.out().print("")


def _print_actions(actions: Sequence[AuditEntry], env: str, most: int) -> None:
    from rich.text import Text

    table = _table("WHEN", "WHO", "ACTION", "JOB", "ID", "OUTCOME")
    for action in actions[:most]:
        outcome = Text(action.outcome, "" if action.outcome in _GOOD else "yellow")
        cells = (_moment(action.at), action.submitter, action.action, action.name, action.job_id[:12])
        table.add_row(*cells, outcome)
    console.out().print(table)
    if len(actions) > most:
        console.err().print(f"{len(actions) - most} older actions of {env}: -o json shows all.")


def _table(*headings: str) -> Table:

    table = console.table(header_style="bold")
    for heading in headings:
        right = heading in ("SIZE", "P", "VERSION")
        table.add_column(heading, justify="right" if right else "left", overflow="fold", no_wrap=right)
    return table


def _value(value: Any) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False)


def _moment(epoch: float) -> str:
    if not epoch:
        return "-"
    try:
        shown = datetime.fromtimestamp(epoch, tz=timezone.utc)
    except (ValueError, OverflowError, OSError):  # out of the range of dates
        return "?"
    return shown.strftime("%Y-%m-%d %H:%M:%S") if time.time() - epoch < 3.2e7 else shown.strftime("%Y-%m-%d")
