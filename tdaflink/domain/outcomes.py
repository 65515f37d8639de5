"""What is told of a change of a running job that has ended, well or not."""

from __future__ import annotations

from shlex import quote

from tdaflink.domain.commands import Commands
from tdaflink.domain.errors import Interrupted, JobFailed, TdaflinkError
from tdaflink.domain.ledger import RESUME, Changed, Operation


def changed(done: Operation, env: str) -> Changed:
    """What the command returns."""
    return Changed(
        id=done.new_job_id or "",
        name=done.name,
        action=done.action,
        outcome=done.outcome,
        env=env,
        parallelism=done.target.parallelism,
        previous_id=done.old_job_id,
        snapshot=done.snapshot,
        downtime_seconds=done.downtime,
    )


def goes_on_by(under_way: Operation, env: str) -> str:
    """The command that takes the steps that are left."""
    if under_way.action == RESUME:
        return Commands(env).bring_back()
    return Commands(env).finish(under_way.name)


def interrupted(under_way: Operation, env: str) -> Interrupted:
    """That somebody has typed Ctrl-C, and how it is finished."""
    return Interrupted(
        f"interrupted: the {under_way.action} of {under_way.name} is at the step {under_way.step!r}",
        hint=f"{goes_on_by(under_way, env)} goes on",
    )


def rolled_back(done: Operation, failure: TdaflinkError | None) -> JobFailed:
    """That the version before runs again, and why; `failure` is not known to a command that goes on."""
    down = "" if done.downtime is None else f" (downtime {done.downtime:g} s)"
    state = "the same state" if done.back_snapshot == done.snapshot else "the newest checkpoint"
    # One that had been left without a savepoint is not waited for: it restarted before, and may again.
    again = "runs again" if done.running_at is not None else "was submitted again, and may restart as before,"
    return JobFailed(
        f"the {done.action} of {done.name} was rolled back: {done.reason}. The version before {again} as"
        f" {(done.back_job_id or '')[:12]} from {state}{down}",
        detail=failure.detail if failure else None,
        noise=failure.noise if failure else None,
        hint=f"tdaflink history {quote(done.name)} shows its steps; correct what was wrong, and try again",
    )


def not_resumed(done: Operation, error: TdaflinkError, env: str) -> JobFailed:
    """That a job which was to go on does not."""
    return JobFailed(
        f"{done.name} does not run again: {error.message}",
        detail=error.detail,
        noise=error.noise,
        hint=f"its state stays; correct what is wrong, then {Commands(env).go_on(done.name)}",
    )
