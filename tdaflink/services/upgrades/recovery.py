"""Recovery of jobs whose JobManager is recreated or has died: savepoint before, resubmission after."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from shlex import quote

from tdaflink.domain.environments.recreation import Replacement, require_safe_recreation
from tdaflink.domain.errors import Interrupted, NotFound, Refused, TdaflinkError, Unreachable
from tdaflink.domain.jobs.history import RESUME, Operation, Version
from tdaflink.domain.jobs.job import Job
from tdaflink.services.control import JobControlContext, submitter
from tdaflink.services.jobs.ended_jobs import finishing
from tdaflink.services.jobs.state_snapshots import described, restart_point
from tdaflink.services.upgrades.state_machine import run_operation, suspend_only
from tdaflink.services.upgrades.versions import running_version

WAIT_SECONDS = 180.0


def jobs_at_risk(control: JobControlContext, replacement: Replacement) -> list[Job]:
    """Return the jobs that a recreation would end; none if no JobManager responds that could list them."""
    if replacement.fate == "kept":
        return []
    try:
        return control.cluster.jobs(control.env.name, ended=False)
    except Unreachable:
        return []


def suspend_for_recreation(
    control: JobControlContext, replacement: Replacement, slots: int, *, resume: bool
) -> None:
    """Stop with a savepoint the jobs that a recreation would end; `bring_back` submits them again.

    Raises `Refused` before anything is changed: without `resume`, or if the jobs could not be resubmitted.
    If one cannot be stopped with a savepoint, those already stopped are resumed, and the error is raised.
    """
    jobs = jobs_at_risk(control, replacement)
    require_safe_recreation(control.env.name, replacement, jobs, slots, resume=resume)
    started = {operation.old_job_id: operation for operation in _started_resumptions(control)}
    left: list[Operation] = []
    for operation in [started.get(job.id) or _planned_resumption(control, job) for job in jobs]:
        try:
            with control.ledger.lock_job(operation.name):
                control.ledger.save_operation(operation)
                left.append(suspend_only(control, operation))
        except Interrupted:
            raise
        except TdaflinkError:
            for failure in _carry_out_all(control, left)[1]:
                control.reporter.warn(f"{failure.message}; {failure.hint}")
            raise


def stopped(control: JobControlContext) -> list[str]:
    """Return the names of the jobs that were stopped for a recreation and do not run again yet."""
    return sorted({operation.name for operation in _started_resumptions(control)})


def waiting(control: JobControlContext, since: float | None) -> list[str]:
    """Return the names of the jobs that do not run and could be resumed; `since` as for `bring_back`."""
    return sorted({*stopped(control), *(version.name for version in _lost_versions(control, since))})


def resubmit_jobs(control: JobControlContext, since: float | None) -> tuple[str, ...]:
    """Resubmit the jobs that were stopped for a recreation or died with their JobManager; return their names.

    `since` is the start time of the JobManager in epoch seconds, or None if jobs survive its restart. Every
    job is tried; then the first error is raised.
    """
    started = _started_resumptions(control)
    lost = [_resumption(control, version) for version in _lost_versions(control, since)]
    back, failures = _carry_out_all(control, [*started, *(operation for operation in lost if operation)])
    for further in failures[1:]:
        control.reporter.warn(further.message)
    if failures:
        raise failures[0]
    return tuple(back)


def _carry_out_all(
    control: JobControlContext, operations: Sequence[Operation]
) -> tuple[list[str], list[TdaflinkError]]:
    """Return the names of the jobs that run again, and the errors of the others."""
    back, failures = [], list[TdaflinkError]()
    for operation in operations:
        try:
            with control.ledger.lock_job(operation.name):
                control.ledger.save_operation(operation)
                back.append(run_operation(control, operation).name)
        except Interrupted:
            raise
        except TdaflinkError as error:
            failures.append(error)
    return back, failures


def _started_resumptions(control: JobControlContext) -> list[Operation]:
    operations = control.ledger.operations(under_way=True)
    return [operation for operation in operations if operation.action == RESUME]


def _planned_resumption(control: JobControlContext, job: Job) -> Operation:
    for other in control.ledger.operations(job.name, under_way=True):
        raise Refused(
            f"the {other.action} of {job.name} is not finished: it is at the step {other.step!r}",
            hint=f"{finishing(control.commands, other)} finishes it",
        )
    return _operation(control, running_version(control, job))


def _operation(control: JobControlContext, version: Version) -> Operation:
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


def _lost_versions(control: JobControlContext, since: float | None) -> Sequence[Version]:
    """Return the newest version of each name that was submitted to an earlier JobManager and has not ended.

    Flink keeps a job that has ended for an hour only.
    """
    if since is None:
        return []
    jobs = control.cluster.jobs(control.env.name, ended=True)
    ids, names = {job.id for job in jobs}, {job.name for job in jobs if not job.ended}
    ended = {entry.job_id for entry in control.ledger.actions() if _has_ended(entry.action, entry.outcome)}
    names |= {operation.name for operation in control.ledger.operations(under_way=True)}
    submitted = [version for version in control.ledger.versions() if version.state == "submitted"]
    newest = {version.name: version for version in submitted}
    older = [version for version in newest.values() if version.created_at < since]
    return [version for version in older if version.job_id not in ids | ended and version.name not in names]


def _has_ended(action: str, outcome: str) -> bool:
    return action == "cancel" or (action == "stop" and outcome == "done")


def _resumption(control: JobControlContext, version: Version) -> Operation | None:
    point = restart_point(control, version.job_id)
    if point is None or version.spec is None:
        control.reporter.warn(
            f"{version.name} ({version.job_id[:12]}) has no complete checkpoint; to start it without"
            f" state, with its config: tdaflink submit --job-name {quote(version.name)} --from none"
        )
        return None
    control.reporter.note(f"{version.name} continues from the {described(point)}")
    operation = _operation(control, version)
    return replace(operation, state_mode="last-state", step="submitting", snapshot=point.path)
