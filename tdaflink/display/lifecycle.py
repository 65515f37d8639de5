"""Savepoints, what pruning removed, and the history of jobs."""

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
from tdaflink.domain.ledger import (
    RESUME,
    Action,
    Changed,
    History,
    Operation,
    OperationStep,
    UpgradePlan,
    Version,
)
from tdaflink.domain.snapshots import Pruned, Snapshot

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_GOOD = {"done", "submitted"}
_SHOWN = 30
_FEW = 5  # of each kind, in the summary of one job


@console.printed
def show_saved(saved: Any) -> None:
    """What `savepoint` and `stop` return."""
    if show_data(saved):
        return
    console.out().print(f"{saved.name}  {saved.id}  {saved.state}")
    console.out().print(saved.savepoint, soft_wrap=True)
    if saved.next:
        console.err().print(f"Next: {saved.next}", soft_wrap=True)


@console.printed
def show_upgrade_plan(plan: UpgradePlan, *, dry_run: bool) -> None:
    """What an upgrade or rollback would do: as data for --dry-run, else on the way to doing it."""
    if dry_run and show_data(plan):
        return
    out = console.out() if dry_run else console.err()
    out.print(f"{plan.action} {plan.name} ({plan.job_id[:12]}, version {plan.version})")
    if plan.changes_nothing:
        out.print("  nothing changes: it runs with this already; --force submits it again")
        return
    out.print("  bundle: " + ("the same" if plan.same_bundle else "another"))
    _print_differences(out, plan)
    if dry_run:
        for number, step in enumerate(plan.steps, 1):
            out.print(f"  {number}. {step}")


def _print_differences(out: Console, plan: Any) -> None:
    for one in plan.differences:
        out.print(f"  {one.key}: {_value(one.old)} → {_value(one.new)}", soft_wrap=True)
    for hint in plan.hints:
        out.print(f"  note: {hint}", soft_wrap=True)


@console.printed
def show_restart_plan(plan: Any) -> None:
    """What differs from the version of which a job starts again, on the way to doing it."""
    err = console.err()
    title = f"{plan.name} goes on as version {plan.version} ({plan.job_id[:12]})"
    if plan.changes_nothing:
        err.print(f"{title}, with its settings and its bundle")
        return
    err.print(f"{title}, but for")
    if not plan.same_bundle:
        err.print("  bundle: another")
    _print_differences(err, plan)


@console.printed
def show_changed(changed: Changed) -> None:
    """What `upgrade`, `rescale` and `rollback` return."""
    if show_data(changed):
        return
    down = "" if changed.downtime_seconds is None else f"  downtime {changed.downtime_seconds:g} s"
    line = f"{changed.name}  {changed.id}  parallelism {changed.parallelism}{down}"
    console.out().print(line)
    if changed.snapshot:
        console.err().print(f"from {changed.snapshot}", soft_wrap=True)


@console.printed
def show_snapshots(found: Sequence[Snapshot]) -> None:
    """The table of `savepoints list`."""
    if show_data(found):
        return
    if not found:
        console.err().print("There is no complete savepoint or checkpoint.")
        return
    table = _table("JOB", "KIND", "WHEN", "SIZE", "PATH")
    for one in found:
        table.add_row(
            one.name or one.job[:12], one.kind, _moment(one.created_at), format_size(one.size_bytes), one.path
        )
    console.out().print(table, soft_wrap=True)


@console.printed
def show_pruned(pruned: Pruned) -> None:
    """What `savepoints prune` removed, or would."""
    if show_data(pruned):
        return
    verb = "would be removed" if pruned.dry_run else "removed"
    for one in pruned.removed:
        console.out().print(f"{verb}: {one.path} ({one.name or one.job}, {_moment(one.created_at)})")
    for one, why in pruned.kept:
        console.out().print(f"kept: {one.path}: {why}")
    if not pruned.removed and not pruned.kept:
        console.err().print("Nothing is due.")


@console.printed
def show_history(history: History) -> None:
    """`history`: what was done, and for one name its versions and the steps of its operations."""
    if show_data(history):
        return
    if not history.actions and not history.versions:
        console.err().print(f"Nothing was done in {history.env} yet.")
        return
    few = history.name is not None and not console.verbose()
    if history.name is not None:
        _print_versions(history.versions[: _FEW if few else None])
        shown = [one for number, one in enumerate(history.operations) if number < _FEW or not one.outcome]
        _print_operations(shown if few else history.operations, () if few else history.steps)
    _print_actions(history.actions, history.env, _FEW if few else _SHOWN)
    if few:
        console.say("-v shows all versions, operations and their steps.")


def _print_versions(versions: Sequence[Version]) -> None:
    table = _table("VERSION", "JOB", "STATE", "WHEN", "WHO", "BY", "P", "BUNDLE", "GIT", "FROM")
    for one in versions:
        spec = one.spec
        git = spec.git if spec else None
        table.add_row(
            str(one.number or "-"),
            one.job_id[:12],
            one.state,
            _moment(one.created_at),
            one.submitter,
            one.action,
            str(spec.parallelism) if spec else "-",
            one.bundle_sha256[:12],
            f"{git.commit[:8]}{'+' if git.dirty else ''}" if git else "-",
            (one.savepoint or "-").rsplit("/", 1)[-1],
        )
    console.out().print(table)


def _print_operations(operations: Sequence[Operation], steps: Sequence[OperationStep]) -> None:
    for one in operations:
        by = "setup --resume-jobs" if one.action == RESUME else f"upgrade {quote(one.name)} --resume"
        outcome = one.outcome or console.hint(f"not finished: tdaflink {by}")
        down = "" if one.downtime is None else f", downtime {one.downtime:g} s"
        began = _moment(one.created_at)
        console.out().print(f"\n{began}  {one.action} {one.id}: {outcome}{down}", soft_wrap=True)
        if one.reason:
            console.out().print(f"  {one.reason}", soft_wrap=True)
        for step in steps:
            if step.operation_id == one.id:
                console.out().print(f"  {_moment(step.at)}  {step.step}")
    if operations:
        console.out().print("")


def _print_actions(actions: Sequence[Action], env: str, most: int) -> None:
    from rich.text import Text

    table = _table("WHEN", "WHO", "ACTION", "JOB", "ID", "OUTCOME")
    for one in actions[:most]:
        outcome = Text(one.outcome, "" if one.outcome in _GOOD else "yellow")
        table.add_row(_moment(one.at), one.submitter, one.action, one.name, one.job_id[:12], outcome)
    console.out().print(table)
    if len(actions) > most:
        console.err().print(f"{len(actions) - most} older ones of {env}: -o json shows all.")


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
    except (ValueError, OverflowError, OSError):  # no date of any calendar
        return "?"
    return shown.strftime("%Y-%m-%d %H:%M:%S") if time.time() - epoch < 3.2e7 else shown.strftime("%Y-%m-%d")
