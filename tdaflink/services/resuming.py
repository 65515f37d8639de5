"""Jobs whose JobManager is made anew or has died: stopped with a savepoint before, submitted again after."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from shlex import quote

from tdaflink.domain.errors import Interrupted, NotFound, Refused, TdaflinkError, Unreachable
from tdaflink.domain.jobs import Job
from tdaflink.domain.ledger import RESUME, Operation, Version
from tdaflink.domain.replacement import Replacement, require_care
from tdaflink.services.control import Control, submitter
from tdaflink.services.ended import finishing
from tdaflink.services.operations import carry_out, leave_behind
from tdaflink.services.snapshots import described, restart_point
from tdaflink.services.versions import running_version

WAIT_SECONDS = 180.0


def endangered(control: Control, replacement: Replacement) -> list[Job]:
    """The jobs that a replacement would end; none where no JobManager answers that could name them."""
    if replacement.fate == "kept":
        return []
    try:
        return control.cluster.jobs(control.env.name, ended=False)
    except Unreachable:
        return []


def set_aside(control: Control, replacement: Replacement, slots: int, *, resume: bool) -> None:
    """Stop with a savepoint what would be lost; `bring_back` submits it again.

    Raises `Refused` before anything is touched: without `resume`, or where there would be no way back.
    Where one cannot be stopped with a savepoint, those that were go on, and the error is raised.
    """
    jobs = endangered(control, replacement)
    require_care(control.env.name, replacement, jobs, slots, resume=resume)
    begun = {operation.old_job_id: operation for operation in _begun(control)}
    left: list[Operation] = []
    for operation in [begun.get(job.id) or _planned(control, job) for job in jobs]:
        try:
            with control.ledger.working_on(operation.name):
                control.ledger.save_operation(operation)
                left.append(leave_behind(control, operation))
        except Interrupted:
            raise
        except TdaflinkError:
            for failure in _carry_out_all(control, left)[1]:
                control.reporter.warn(f"{failure.message}; {failure.hint}")
            raise


def stopped(control: Control) -> list[str]:
    """The names of jobs that were stopped for a replacement and are not back yet."""
    return sorted({one.name for one in _begun(control)})


def waiting(control: Control, since: float | None) -> list[str]:
    """The names of jobs that do not run and could be brought back; `since` as for `bring_back`."""
    return sorted({*stopped(control), *(one.name for one in _gone(control, since))})


def bring_back(control: Control, since: float | None) -> tuple[str, ...]:
    """Submit again what was stopped for a replacement, and what died with its JobManager; the names.

    `since` is when the JobManager was started, in epoch seconds, or None where jobs outlive theirs. Every job
    is tried; then the first error is raised.
    """
    begun = _begun(control)
    found = [_from_its_state(control, version) for version in _gone(control, since)]
    back, failures = _carry_out_all(control, [*begun, *(one for one in found if one)])
    for further in failures[1:]:
        control.reporter.warn(further.message)
    if failures:
        raise failures[0]
    return tuple(back)


def _carry_out_all(
    control: Control, operations: Sequence[Operation]
) -> tuple[list[str], list[TdaflinkError]]:
    """The names of the jobs that run again, and what went wrong with the others."""
    back, failures = [], list[TdaflinkError]()
    for operation in operations:
        try:
            with control.ledger.working_on(operation.name):
                control.ledger.save_operation(operation)
                back.append(carry_out(control, operation).name)
        except Interrupted:
            raise
        except TdaflinkError as error:
            failures.append(error)
    return back, failures


def _begun(control: Control) -> list[Operation]:
    return [one for one in control.ledger.operations(under_way=True) if one.action == RESUME]


def _planned(control: Control, job: Job) -> Operation:
    for other in control.ledger.operations(job.name, under_way=True):
        raise Refused(
            f"the {other.action} of {job.name} is not finished: it is at the step {other.step!r}",
            hint=f"{finishing(control.commands, other)} finishes it",
        )
    return _operation(control, running_version(control, job))


def _operation(control: Control, version: Version) -> Operation:
    if version.spec is None:
        raise NotFound(f"how {version.name} was submitted is not known")
    return Operation(
        id=secrets.token_hex(6),
        action=RESUME,
        name=version.name,
        rest_url=control.env.endpoints.rest_url,
        submitter=submitter(),
        old_job_id=version.job_id,
        target=version.spec,
        state_mode="savepoint",
        wait_seconds=WAIT_SECONDS,
        origin=version.origin or version.job_id,
        created_at=time.time(),
    )


def _gone(control: Control, since: float | None) -> Sequence[Version]:
    """The newest version of each name that was submitted to a JobManager before this one, and not ended.

    Flink itself forgets a job that has ended after an hour.
    """
    if since is None:
        return []
    known = control.cluster.jobs(control.env.name, ended=True)
    ids, names = {job.id for job in known}, {job.name for job in known if not job.ended}
    ended = {one.job_id for one in control.ledger.actions() if _has_ended(one.action, one.outcome)}
    names |= {operation.name for operation in control.ledger.operations(under_way=True)}
    newest = {one.name: one for one in control.ledger.versions() if one.state == "submitted"}
    older = [one for one in newest.values() if one.created_at < since]
    return [one for one in older if one.job_id not in ids | ended and one.name not in names]


def _has_ended(action: str, outcome: str) -> bool:
    return action == "cancel" or (action == "stop" and outcome == "done")


def _from_its_state(control: Control, version: Version) -> Operation | None:
    point = restart_point(control, version.job_id)
    if point is None or version.spec is None:
        control.reporter.warn(
            f"{version.name} ({version.job_id[:12]}) has left no complete checkpoint; without state, with its"
            f" config, it starts by: tdaflink submit --job-name {quote(version.name)} --from none"
        )
        return None
    control.reporter.note(f"{version.name} goes on from the {described(point)}")
    operation = _operation(control, version)
    return replace(operation, state_mode="last-state", step="submitting", snapshot=point.path)
