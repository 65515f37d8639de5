"""Start of an upgrade, a rescaling or a rollback, and resumption of an interrupted one."""

from __future__ import annotations

import secrets
import time

from tdaflink.domain.errors import Refused
from tdaflink.domain.jobs.history import Operation, OperationResult, StateMode
from tdaflink.domain.jobs.job import Job
from tdaflink.domain.jobs.slots import require_slots
from tdaflink.services.control import JobControlContext, submitter
from tdaflink.services.jobs.ended_jobs import finishing
from tdaflink.services.jobs.run_request import JobPackage
from tdaflink.services.jobs.topic_readers import refuse_further_topics
from tdaflink.services.upgrades.state_machine import run_operation, unfinished


def start_operation(
    control: JobControlContext,
    job: Job,
    target: JobPackage,
    *,
    action: str,
    state: StateMode,
    wait: float,
    origin: str | None = None,
    allow_non_restored: bool = False,
) -> OperationResult:
    """Start an operation and run all of its steps.

    Raises `Refused` before anything is changed if slots are too few or another operation of the job is
    unfinished, and the errors of `carry_out`.
    """
    with control.ledger.lock_job(job.name):
        _refuse_second(control, job.name)
        _refuse_duplicates(control, job)
        refuse_further_topics(job, target, control)
        require_slots(job.name, target.parallelism, *control.cluster.slots(), held=job.parallelism)
        control.ledger.keep_bundle(target.bundle.name, target.bundle.content)
        operation = Operation(
            id=secrets.token_hex(6),
            action=action,
            name=job.name,
            rest_url=control.env.endpoints.rest_url,
            submitter=submitter(),
            old_job_id=job.id,
            target=target.spec,
            state_mode=state,
            wait_seconds=wait,
            origin=origin,
            allow_non_restored=allow_non_restored,
            created_at=time.time(),
        )
        control.ledger.save_operation(operation)
        return run_operation(control, operation)


def resume(control: JobControlContext, reference: str | None) -> OperationResult:
    """Complete an interrupted operation."""
    with control.ledger.lock_job(unfinished(control, reference).name):
        operation = unfinished(control, reference)
        control.reporter.note(
            f"continuing the {operation.action} of {operation.name} at the step {operation.step!r}"
        )
        return run_operation(control, operation)


def _refuse_second(control: JobControlContext, name: str) -> None:
    for other in control.ledger.operations(name, under_way=True):
        raise Refused(
            f"the {other.action} of {name} by {other.submitter} is not finished: it is at the step"
            f" {other.step!r}",
            hint=f"{finishing(control.commands, other)} finishes it",
        )


def _refuse_duplicates(control: JobControlContext, job: Job) -> None:
    for other in control.cluster.jobs(control.env.name, ended=False):
        if other.name == job.name and other.id != job.id:
            raise Refused(
                f"another job named {job.name} is running ({other.id[:12]}): both use the offsets and"
                " transactions of that name",
                hint=f"tdaflink stop {other.id[:12]}",
            )
