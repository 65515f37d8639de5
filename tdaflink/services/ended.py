"""Jobs that a command means and that do not run: what became of them, and what brings them back."""

from __future__ import annotations

from collections.abc import Sequence

from tdaflink.domain.commands import Commands
from tdaflink.domain.errors import NotFound
from tdaflink.domain.jobs import Job, find_job
from tdaflink.domain.ledger import RESUME, Operation, Version
from tdaflink.services.control import Control


def running_job(control: Control, reference: str) -> Job:
    """The one job that is meant, which must not have ended. Raises `NotFound` with what brings it back."""
    jobs = control.cluster.jobs(control.env.name, ended=True)
    try:
        job = find_job(jobs, reference)
    except NotFound as unknown:
        raise not_running(control, reference, unknown) from None
    if job.ended:
        raise ended(control, job, jobs)
    return job


def ended(control: Control, job: Job, jobs: Sequence[Job]) -> NotFound:
    """Why a job that has ended cannot be meant."""
    alive = next((one for one in jobs if one.name == job.name and not one.ended), None)
    if alive is not None:
        return NotFound(
            f"{job.name} ({job.id[:12]}) has ended: {job.state}; it runs as {alive.id[:12]} now",
            hint=control.commands.look(alive.id[:12]),
        )
    unfinished = unfinished_of(control, job.name, job.id)
    if unfinished is not None:
        return _not_finished(control.commands, unfinished)
    return NotFound(
        f"{job.name} ({job.id[:12]}) has ended: {job.state}",
        hint=f"{control.commands.go_on(job.name)} starts it again from its state",
    )


def not_running(control: Control, reference: str, unknown: NotFound) -> NotFound:
    """Why a job that the cluster does not know cannot be meant; `unknown` if the ledger knows none either."""
    unfinished = unfinished_of(control, reference, reference)
    if unfinished is not None:
        return _not_finished(control.commands, unfinished)
    known = [one for one in control.ledger.versions() if _is_meant(one, reference)]
    if not known:
        return unknown
    newest = known[-1]
    return NotFound(
        f"{newest.name} ({newest.job_id[:12]}) does not run, and the cluster no longer knows it",
        hint=f"{control.commands.go_on(newest.name)} starts it again from its state",
    )


def unfinished_of(control: Control, name: str, job_id: str) -> Operation | None:
    """The operation under way of a job, by its name or by an id that it has had."""
    for one in control.ledger.operations(under_way=True):
        ids = (one.old_job_id, one.new_job_id, one.back_job_id)
        if one.name == name or any(known and known.startswith(job_id.lower()) for known in ids):
            return one
    return None


def warn_of_unfinished(control: Control, job: Job) -> None:
    """Warn where a job has ended in the middle of a change: what finishes that brings it back."""
    change = unfinished_of(control, job.name, job.id)
    if change is not None:
        control.reporter.warn(
            f"the {change.action} of {change.name} was interrupted at the step {change.step!r}:"
            f" {finishing(control.commands, change)} finishes it"
        )


def finishing(commands: Commands, operation: Operation) -> str:
    """The command that takes the steps of an operation that are left."""
    return commands.bring_back() if operation.action == RESUME else commands.finish(operation.name)


def _not_finished(commands: Commands, operation: Operation) -> NotFound:
    return NotFound(
        f"{operation.name} does not run now: its {operation.action} was interrupted at the step"
        f" {operation.step!r}",
        hint=f"{finishing(commands, operation)} finishes it",
    )


def _is_meant(version: Version, reference: str) -> bool:
    taken = version.state not in ("refused", "failed")
    return taken and (version.name == reference or version.job_id.startswith(reference.lower() or "-"))
