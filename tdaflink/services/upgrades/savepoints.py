"""Savepoints of running jobs, and stopping jobs with a savepoint."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from shlex import quote

from tdaflink.domain.errors import (
    DeadlinePassed,
    Interrupted,
    JobFailed,
    NotFound,
    Refused,
    TdaflinkError,
)
from tdaflink.domain.jobs.failures import root_cause
from tdaflink.domain.jobs.history import SavepointRecord
from tdaflink.domain.jobs.job import Job
from tdaflink.domain.jobs.state_snapshots import canonical
from tdaflink.domain.polling import poll
from tdaflink.domain.progress import ProgressStep
from tdaflink.services.control import JobControlContext
from tdaflink.services.jobs.ended_jobs import running_job

ENDED_SECONDS = 60.0


@dataclass(frozen=True)
class Saved:
    """A savepoint with the state of its job and, if the job was stopped, the command that resumes it."""

    id: str
    name: str
    state: str
    savepoint: str
    seconds: float
    next: str | None = None


def take_savepoint(
    control: JobControlContext, reference: str, directory: str | None, seconds: float
) -> Saved:
    """Take a savepoint of a running job, which keeps running. Raises `JobFailed` if it cannot be taken."""
    job = running_job(control, reference)
    trigger_id, began = secrets.token_hex(16), time.monotonic()
    with control.reporter.step(f"savepoint of {job.name}") as step:
        control.cluster.trigger_savepoint(job.id, trigger_id, directory)
        instead = f"{control.commands.show_status(job.id[:12])} shows why"

        def wait() -> str:
            return _wait(control, job.id, trigger_id, seconds, step, instead)

        path = _record_outcome(control, "savepoint", job, wait)
    control.record_action("savepoint", "done", job.id, job.name, savepoint=path)
    return Saved(job.id, job.name, job.state, path, round(time.monotonic() - began, 1))


def stop(
    control: JobControlContext, reference: str, directory: str | None, seconds: float, *, drain: bool
) -> Saved:
    """Stop a job with a savepoint.

    Raises `JobFailed` if no savepoint can be taken; the job then keeps running, unchanged.
    """
    job = running_job(control, reference)
    trigger_id, began = secrets.token_hex(16), time.monotonic()
    try:
        with control.reporter.step(f"stop {job.name} with a savepoint") as step:

            def stop_with_savepoint() -> str:
                instead = without_savepoint(control, job.id, job.name)
                request_stop(control, job.id, trigger_id, directory, instead=instead, drain=drain)
                return await_stop(control, job.id, trigger_id, seconds, step, instead=instead)

            path = _record_outcome(control, "stop", job, stop_with_savepoint)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; the stop of {job.name} continues in the cluster",
            hint=f"{control.commands.show_status(job.id[:12])},"
            f" then tdaflink savepoints list {quote(job.name)}",
        ) from None
    control.record_action("stop", "done", job.id, job.name, savepoint=path, drain=drain)
    seconds_taken = round(time.monotonic() - began, 1)
    return Saved(job.id, job.name, "FINISHED", path, seconds_taken, control.commands.restart(job.name))


def request_stop(
    control: JobControlContext,
    job_id: str,
    trigger_id: str,
    directory: str | None,
    *,
    instead: str,
    drain: bool = False,
) -> None:
    """Trigger the stop of a job with a savepoint.

    `instead` is the hint for a job that cannot take one. Raises `JobFailed` if not all of its tasks run.
    """
    try:
        control.cluster.stop(job_id, trigger_id, directory, drain=drain)
    except Refused as refusal:
        raise JobFailed(
            f"job {job_id} cannot take a savepoint now: {refusal.reason}",
            noise=refusal.noise,
            hint=instead,
        ) from refusal


def await_stop(
    control: JobControlContext,
    job_id: str,
    trigger_id: str,
    seconds: float,
    step: ProgressStep,
    *,
    instead: str,
) -> str:
    """Wait until the job has stopped with its savepoint, and return the path of the savepoint."""
    path = _wait(control, job_id, trigger_id, seconds, step, instead)
    step.update("waiting until it has ended")
    state = control.cluster.wait_until_ended(job_id, ENDED_SECONDS)
    if state == "FAILED":
        control.reporter.warn(f"job {job_id} failed after its savepoint was complete")
    return path


def remember(control: JobControlContext, path: str, job_id: str, name: str) -> None:
    """Record the savepoint with its job in the ledger."""
    control.ledger.remember_savepoint(SavepointRecord(canonical(path), job_id, name, time.time()))


def _wait(
    control: JobControlContext, job_id: str, trigger_id: str, seconds: float, step: ProgressStep, instead: str
) -> str:
    for gone in poll(seconds, every=0.1):
        step.update(f"{gone:.0f} s")
        try:
            triggered = control.cluster.savepoint(job_id, trigger_id)
        except NotFound:
            return _newest_savepoint(control, job_id)
        if triggered.path:
            return canonical(triggered.path)
        if triggered.failure:
            raise JobFailed(
                f"no savepoint of job {job_id}: {root_cause(triggered.failure)}",
                noise=triggered.failure,
                hint=instead,
            )
    raise DeadlinePassed(
        f"the savepoint of job {job_id} is not complete after {seconds:g} s; it continues",
        hint=f"{control.commands.show_status(job_id[:12])} shows its checkpoints",
    )


def without_savepoint(control: JobControlContext, job_id: str, name: str) -> str:
    """Return the hint for a job that cannot take a savepoint, such as one that keeps restarting."""
    commands = control.commands
    return (
        f"{commands.show_status(job_id[:12])} shows why; {commands.end(job_id[:12])} cancels it without one,"
        f" and {commands.restart(name)} then restarts it from its latest checkpoint"
    )


def _newest_savepoint(control: JobControlContext, job_id: str) -> str:
    """Return the savepoint of a trigger that Flink no longer keeps: it drops them after five minutes."""
    path = control.cluster.newest_savepoint(job_id)
    if path is None:
        raise NotFound(f"the cluster has no savepoint of job {job_id}")
    return canonical(path)


def _record_outcome(control: JobControlContext, action: str, job: Job, wait: Callable[[], str]) -> str:
    try:
        path = wait()
    except TdaflinkError as error:
        control.record_action(action, "failed", job.id, job.name, reason=error.message)
        raise
    remember(control, path, job.id, job.name)
    return path
