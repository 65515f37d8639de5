"""Suspending a job so that another version can start from its state: savepoint, last-state or none."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, suppress
from shlex import quote

from tdaflink.domain.errors import NotFound, Refused, TdaflinkError
from tdaflink.domain.job_contract import JobSettings
from tdaflink.domain.jobs.history import RESUME, Operation
from tdaflink.domain.jobs.state_snapshots import canonical
from tdaflink.services.control import JobControlContext
from tdaflink.services.jobs.state_snapshots import described, restart_point
from tdaflink.services.timeouts import CANCEL_SECONDS
from tdaflink.services.upgrades.savepoints import await_stop, remember, request_stop, without_savepoint

SAVEPOINT_SECONDS = 300.0


def suspend_job(control: JobControlContext, operation: Operation) -> str | None:
    """End the old job and return the path of the state that the new one starts from.

    Idempotent: may be called again after any failure. Raises `JobFailed` if no savepoint can be taken, and
    `NotFound` if there is no checkpoint.
    """
    if operation.state_mode == "savepoint":
        path = _with_savepoint(control, operation)
        remember(control, path, operation.old_job_id, operation.name)
        return path
    if operation.state_mode == "last-state":
        return _with_last_state(control, operation)
    _cancel(control, operation)
    return None


def _with_savepoint(control: JobControlContext, operation: Operation) -> str:
    job_id, trigger_id = operation.old_job_id, operation.trigger_id or ""
    if not control.cluster.is_running(job_id):
        return _savepoint_of_earlier_attempt(control, operation)
    with control.reporter.step(f"stop {operation.name} with a savepoint") as step:
        instead = _instead_of_savepoint(control, operation)
        request_stop(control, job_id, trigger_id, None, instead=instead)
        return await_stop(control, job_id, trigger_id, SAVEPOINT_SECONDS, step, instead=instead)


def _instead_of_savepoint(control: JobControlContext, operation: Operation) -> str:
    """Return the hint for a job that cannot take a savepoint, by the action."""
    if operation.action == RESUME:
        return without_savepoint(control, operation.old_job_id, operation.name)
    look = f"{control.commands.show_status(operation.old_job_id[:12])} shows why; "
    if operation.action == "rescale":
        count = operation.target.parallelism
        return (
            f"{look}tdaflink upgrade {quote(operation.name)} --parallelism {count} --state last-state"
            " continues from its latest checkpoint"
        )
    return f"{look}the same command with --state last-state continues from its latest checkpoint"


def _savepoint_of_earlier_attempt(control: JobControlContext, operation: Operation) -> str:
    """Return the savepoint of a job that an earlier attempt has stopped already."""
    job_id = operation.old_job_id
    with suppress(NotFound):
        path = control.cluster.savepoint(job_id, operation.trigger_id or "").path
        path = path or control.cluster.newest_savepoint(job_id)
        if path:
            return canonical(path)
    point = restart_point(control, job_id)
    if point is None:
        raise NotFound(
            f"job {job_id} has ended, and has no savepoint or checkpoint",
            hint="tdaflink savepoints list",
        )
    return point.path


def _with_last_state(control: JobControlContext, operation: Operation) -> str:
    if restart_point(control, operation.old_job_id) is None:
        raise NotFound(
            f"{operation.name} has no complete checkpoint, and was not started from one",
            hint="--state none starts without state; tdaflink savepoints list",
        )
    _cancel(control, operation)
    # Only now: the job may have completed another checkpoint before it ended.
    point = restart_point(control, operation.old_job_id)
    if point is None:
        raise NotFound(f"the checkpoint of {operation.name} no longer exists")
    control.reporter.note(
        f"continuing from the {described(point)}: {_describe_reprocessing(control, operation)}"
    )
    return point.path


def _describe_reprocessing(control: JobControlContext, operation: Operation) -> str:
    """Describe how many records will be reprocessed: from the committed offsets to the end offsets."""
    version = control.ledger.version(operation.old_job_id)
    settings = version.spec.settings if version and version.spec else None
    if settings is None or control.kafka is None:
        return "records since then are read again"
    job = JobSettings(settings)
    twice = (
        " again"
        if job.delivery == "exactly_once"
        else " again, and their results are written again under the same ids"
    )
    try:
        with closing(control.kafka.watch()) as kafka:
            places = kafka.partitions(job.topics)
            done, ends = kafka.committed(job.group_id, places), kafka.ends(places)
    except TdaflinkError as error:
        return f"records since then are read{twice} (how many is not known: {error.message})"
    waiting: Counter[str] = Counter()
    for (topic, number), end in ends.items():
        waiting[topic] += end - done.get((topic, number), end)
    counts = ", ".join(f"{count} of {topic}" for topic, count in waiting.items() if count)
    return f"records since then are read{twice} ({counts or 'none'})"


def _cancel(control: JobControlContext, operation: Operation) -> None:
    if not control.cluster.is_running(operation.old_job_id):
        return
    with control.reporter.step(f"cancel {operation.name}"):
        with suppress(NotFound, Refused):
            control.cluster.cancel(operation.old_job_id)
        control.cluster.wait_until_ended(operation.old_job_id, CANCEL_SECONDS)
