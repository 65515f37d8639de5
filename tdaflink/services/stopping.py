"""Taking savepoints, and stopping jobs with one."""

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
from tdaflink.domain.failures import root_cause
from tdaflink.domain.jobs import Job
from tdaflink.domain.ledger import SavepointRecord
from tdaflink.domain.progress import Step
from tdaflink.domain.snapshots import canonical
from tdaflink.domain.waiting import poll
from tdaflink.services.control import Control
from tdaflink.services.ended import running_job

ENDED_SECONDS = 60.0


@dataclass(frozen=True)
class Saved:
    """A savepoint that was taken, what became of its job, and what goes on from there if it was stopped."""

    id: str
    name: str
    state: str
    savepoint: str
    seconds: float
    next: str | None = None


def take_savepoint(control: Control, reference: str, directory: str | None, seconds: float) -> Saved:
    """Take a savepoint of a running job, which goes on. Raises `JobFailed` where it cannot be taken."""
    job = running_job(control, reference)
    trigger_id, began = secrets.token_hex(16), time.monotonic()
    with control.reporter.step(f"savepoint of {job.name}") as step:
        control.cluster.trigger_savepoint(job.id, trigger_id, directory)
        instead = f"{control.commands.look(job.id[:12])} shows why"

        def wait() -> str:
            return _wait(control, job.id, trigger_id, seconds, step, instead)

        path = _told(control, "savepoint", job, wait)
    control.tell("savepoint", "done", job.id, job.name, savepoint=path)
    return Saved(job.id, job.name, job.state, path, round(time.monotonic() - began, 1))


def stop(control: Control, reference: str, directory: str | None, seconds: float, *, drain: bool) -> Saved:
    """Stop a job with a savepoint. Where none can be taken it goes on as it was, and `JobFailed` says so."""
    job = running_job(control, reference)
    trigger_id, began = secrets.token_hex(16), time.monotonic()
    try:
        with control.reporter.step(f"stop {job.name} with a savepoint") as step:

            def stop_it() -> str:
                instead = without_savepoint(control, job.id, job.name)
                request_stop(control, job.id, trigger_id, directory, instead=instead, drain=drain)
                return stopped(control, job.id, trigger_id, seconds, step, instead=instead)

            path = _told(control, "stop", job, stop_it)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; the stop of {job.name} goes on in the cluster",
            hint=f"{control.commands.look(job.id[:12])}, then tdaflink savepoints list {quote(job.name)}",
        ) from None
    control.tell("stop", "done", job.id, job.name, savepoint=path, drain=drain)
    seconds_taken = round(time.monotonic() - began, 1)
    return Saved(job.id, job.name, "FINISHED", path, seconds_taken, control.commands.go_on(job.name))


def request_stop(
    control: Control,
    job_id: str,
    trigger_id: str,
    directory: str | None,
    *,
    instead: str,
    drain: bool = False,
) -> None:
    """Ask the job to stop; a job of which not every task runs refuses at once, which is `JobFailed`.

    `instead` is what to do with a job that takes no savepoint.
    """
    try:
        control.cluster.stop(job_id, trigger_id, directory, drain=drain)
    except Refused as refusal:
        raise JobFailed(
            f"job {job_id} takes no savepoint now: {refusal.reason}",
            noise=refusal.noise,
            hint=instead,
        ) from refusal


def stopped(
    control: Control, job_id: str, trigger_id: str, seconds: float, step: Step, *, instead: str
) -> str:
    """Where the savepoint lies with which the job has stopped, once it has ended."""
    path = _wait(control, job_id, trigger_id, seconds, step, instead)
    step.update("waiting until it has ended")
    state = control.cluster.wait_until_ended(job_id, ENDED_SECONDS)
    if state == "FAILED":
        control.reporter.warn(f"job {job_id} failed after its savepoint was complete")
    return path


def remember(control: Control, path: str, job_id: str, name: str) -> None:
    """Write down whose savepoint it is."""
    control.ledger.remember_savepoint(SavepointRecord(canonical(path), job_id, name, time.time()))


def _wait(control: Control, job_id: str, trigger_id: str, seconds: float, step: Step, instead: str) -> str:
    for gone in poll(seconds, every=0.1):
        step.update(f"{gone:.0f} s")
        try:
            triggered = control.cluster.savepoint(job_id, trigger_id)
        except NotFound:
            return _remembered(control, job_id)
        if triggered.path:
            return canonical(triggered.path)
        if triggered.failure:
            raise JobFailed(
                f"no savepoint of job {job_id}: {root_cause(triggered.failure)}",
                noise=triggered.failure,
                hint=instead,
            )
    raise DeadlinePassed(
        f"the savepoint of job {job_id} is not complete after {seconds:g} s; it goes on",
        hint=f"{control.commands.look(job_id[:12])} shows how its checkpoints do",
    )


def without_savepoint(control: Control, job_id: str, name: str) -> str:
    """How to end a job that takes no savepoint, as one that keeps restarting, and to start it again."""
    commands = control.commands
    return (
        f"{commands.look(job_id[:12])} shows why; {commands.end(job_id[:12])} ends it without one, and"
        f" {commands.go_on(name)} then starts it again from its newest checkpoint"
    )


def _remembered(control: Control, job_id: str) -> str:
    """The savepoint of a trigger that the cluster has forgotten, as it does after five minutes."""
    path = control.cluster.newest_savepoint(job_id)
    if path is None:
        raise NotFound(f"the cluster no longer knows of the savepoint of job {job_id}")
    return canonical(path)


def _told(control: Control, action: str, job: Job, wait: Callable[[], str]) -> str:
    try:
        path = wait()
    except TdaflinkError as error:
        control.tell(action, "failed", job.id, job.name, reason=error.message)
        raise
    remember(control, path, job.id, job.name)
    return path
