"""Beginning an upgrade, a rescaling or a rollback, and going on with one that was interrupted."""

from __future__ import annotations

import secrets
import time

from tdaflink.domain.errors import Refused
from tdaflink.domain.jobs import Job as RunningJob
from tdaflink.domain.ledger import Changed, Operation, StateMode
from tdaflink.domain.slots import require_slots
from tdaflink.services.control import Control, submitter
from tdaflink.services.ended import finishing
from tdaflink.services.jobrun import Job
from tdaflink.services.operations import carry_out, unfinished
from tdaflink.services.readers import refuse_further_topics


def begin(
    control: Control,
    job: RunningJob,
    target: Job,
    *,
    action: str,
    state: StateMode,
    wait: float,
    origin: str | None = None,
    allow_non_restored: bool = False,
) -> Changed:
    """Carry out the change from its first step to its last. Raises `Refused` before anything is touched where
    slots are too few or another operation is unfinished, and what `carry_out` raises."""
    with control.ledger.working_on(job.name):
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
        return carry_out(control, operation)


def resume(control: Control, reference: str | None) -> Changed:
    """Go on with what was interrupted."""
    with control.ledger.working_on(unfinished(control, reference).name):
        operation = unfinished(control, reference)
        control.reporter.note(
            f"going on with the {operation.action} of {operation.name} at the step {operation.step!r}"
        )
        return carry_out(control, operation)


def _refuse_second(control: Control, name: str) -> None:
    for other in control.ledger.operations(name, under_way=True):
        raise Refused(
            f"the {other.action} of {name} by {other.submitter} is not finished: it is at the step"
            f" {other.step!r}",
            hint=f"{finishing(control.commands, other)} finishes it",
        )


def _refuse_duplicates(control: Control, job: RunningJob) -> None:
    for other in control.cluster.jobs(control.env.name, ended=False):
        if other.name == job.name and other.id != job.id:
            raise Refused(
                f"another job named {job.name} runs beside it ({other.id[:12]}): which of the two shall"
                " have the offsets and transactions of that name is not known",
                hint=f"tdaflink stop {other.id[:12]}",
            )
