"""Results and errors of operations on a running job."""

from __future__ import annotations

from shlex import quote

from tdaflink.domain.environments.command_hints import Commands
from tdaflink.domain.errors import Interrupted, JobFailed, TdaflinkError
from tdaflink.domain.jobs.history import RESUME, Operation, OperationResult


def changed(done: Operation, env: str) -> OperationResult:
    """Return the result of the command."""
    return OperationResult(
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


def resume_command(under_way: Operation, env: str) -> str:
    """Return the command that executes the remaining steps."""
    if under_way.action == RESUME:
        return Commands(env).resume_jobs()
    return Commands(env).finish(under_way.name)


def interrupted(under_way: Operation, env: str) -> Interrupted:
    """Return the error for Ctrl-C, with the command that finishes the operation."""
    return Interrupted(
        f"interrupted: the {under_way.action} of {under_way.name} is at the step {under_way.step!r}",
        hint=f"{resume_command(under_way, env)} executes the remaining steps",
    )


def rolled_back(done: Operation, failure: TdaflinkError | None) -> JobFailed:
    """Return the error for a rollback, with its reason; `failure` is None in a resumed operation."""
    down = "" if done.downtime is None else f" (downtime {done.downtime:g} s)"
    state = "the same state" if done.back_snapshot == done.snapshot else "the newest checkpoint"
    # A job that was replaced without a savepoint is not awaited: it restarted before, and may again.
    again = "runs again" if done.running_at is not None else "was resubmitted, and may restart as before,"
    return JobFailed(
        f"the {done.action} of {done.name} was rolled back: {done.reason}. The previous version {again} as"
        f" {(done.back_job_id or '')[:12]} from {state}{down}",
        detail=failure.detail if failure else None,
        noise=failure.noise if failure else None,
        hint=f"tdaflink history {quote(done.name)} shows its steps; fix the cause, and try again",
    )


def not_resumed(done: Operation, error: TdaflinkError, env: str) -> JobFailed:
    """Return the error for a job that could not be resumed."""
    return JobFailed(
        f"{done.name} was not resumed: {error.message}",
        detail=error.detail,
        noise=error.noise,
        hint=f"its state is kept; fix the cause, then {Commands(env).restart(done.name)}",
    )
