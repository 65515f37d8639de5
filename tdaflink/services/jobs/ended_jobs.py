"""Errors and hints for jobs that do not run: their state, and the command that restarts them."""

from __future__ import annotations

from collections.abc import Sequence

from tdaflink.domain.environments.command_hints import Commands
from tdaflink.domain.errors import NotFound
from tdaflink.domain.jobs.history import RESUME, Operation, Version
from tdaflink.domain.jobs.job import Job, find_job
from tdaflink.services.control import JobControlContext


def running_job(control: JobControlContext, reference: str) -> Job:
    """Return the running job of a reference. Raises `NotFound` with the command that restarts it."""
    jobs = control.cluster.jobs(control.env.name, ended=True)
    try:
        job = find_job(jobs, reference)
    except NotFound as unknown:
        raise not_running(control, reference, unknown) from None
    if job.ended:
        raise ended(control, job, jobs)
    return job


def ended(control: JobControlContext, job: Job, jobs: Sequence[Job]) -> NotFound:
    """Return the error for a job that has ended."""
    alive = next((other for other in jobs if other.name == job.name and not other.ended), None)
    if alive is not None:
        return NotFound(
            f"{job.name} ({job.id[:12]}) has ended: {job.state}; it runs as {alive.id[:12]} now",
            hint=control.commands.show_status(alive.id[:12]),
        )
    unfinished = unfinished_of(control, job.name, job.id)
    if unfinished is not None:
        return _not_finished(control.commands, unfinished)
    return NotFound(
        f"{job.name} ({job.id[:12]}) has ended: {job.state}",
        hint=f"{control.commands.restart(job.name)} starts it again from its state",
    )


def not_running(control: JobControlContext, reference: str, unknown: NotFound) -> NotFound:
    """Return the error for a job that the cluster does not have; `unknown` if the ledger has none either."""
    unfinished = unfinished_of(control, reference, reference)
    if unfinished is not None:
        return _not_finished(control.commands, unfinished)
    matches = [version for version in control.ledger.versions() if _matches(version, reference)]
    if not matches:
        return unknown
    newest = matches[-1]
    return NotFound(
        f"{newest.name} ({newest.job_id[:12]}) does not run, and the cluster no longer lists it",
        hint=f"{control.commands.restart(newest.name)} starts it again from its state",
    )


def unfinished_of(control: JobControlContext, name: str, job_id: str) -> Operation | None:
    """Return the unfinished operation of a job, by its name or by one of its ids."""
    for operation in control.ledger.operations(under_way=True):
        ids = (operation.old_job_id, operation.new_job_id, operation.back_job_id)
        if operation.name == name or any(own_id and own_id.startswith(job_id.lower()) for own_id in ids):
            return operation
    return None


def warn_of_unfinished(control: JobControlContext, job: Job) -> None:
    """Warn if a job has ended during an operation, with the command that completes it."""
    change = unfinished_of(control, job.name, job.id)
    if change is not None:
        control.reporter.warn(
            f"the {change.action} of {change.name} was interrupted at the step {change.step!r}:"
            f" {finishing(control.commands, change)} finishes it"
        )


def finishing(commands: Commands, operation: Operation) -> str:
    """Return the command that completes an operation."""
    return commands.resume_jobs() if operation.action == RESUME else commands.finish(operation.name)


def _not_finished(commands: Commands, operation: Operation) -> NotFound:
    return NotFound(
        f"{operation.name} does not run now: its {operation.action} was interrupted at the step"
        f" {operation.step!r}",
        hint=f"{finishing(commands, operation)} finishes it",
    )


def _matches(version: Version, reference: str) -> bool:
    taken = version.state not in ("refused", "failed")
    return taken and (version.name == reference or version.job_id.startswith(reference.lower() or "-"))
