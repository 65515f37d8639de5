"""Ending a job so that another can go on from its state: savepoint, last-state or none."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, suppress
from shlex import quote

from tdaflink.domain.errors import NotFound, Refused, TdaflinkError
from tdaflink.domain.job_contract import JobSettings
from tdaflink.domain.ledger import RESUME, Operation
from tdaflink.domain.snapshots import canonical
from tdaflink.services.control import Control
from tdaflink.services.snapshots import described, restart_point
from tdaflink.services.stopping import remember, request_stop, stopped, without_savepoint
from tdaflink.services.timeouts import CANCEL_SECONDS

SAVEPOINT_SECONDS = 300.0


def leave(control: Control, operation: Operation) -> str | None:
    """End the old job; returns what the new one starts from. May be called again after any failure.

    Raises `JobFailed` where no savepoint can be taken, and `NotFound` where there is no checkpoint.
    """
    if operation.state_mode == "savepoint":
        path = _with_savepoint(control, operation)
        remember(control, path, operation.old_job_id, operation.name)
        return path
    if operation.state_mode == "last-state":
        return _at_last_state(control, operation)
    _cancel(control, operation)
    return None


def _with_savepoint(control: Control, operation: Operation) -> str:
    job_id, trigger_id = operation.old_job_id, operation.trigger_id or ""
    if not control.cluster.is_running(job_id):
        return _left_before(control, operation)
    with control.reporter.step(f"stop {operation.name} with a savepoint") as step:
        instead = _instead_of_savepoint(control, operation)
        request_stop(control, job_id, trigger_id, None, instead=instead)
        return stopped(control, job_id, trigger_id, SAVEPOINT_SECONDS, step, instead=instead)


def _instead_of_savepoint(control: Control, operation: Operation) -> str:
    """What to type for a job that takes no savepoint, by what was asked for."""
    if operation.action == RESUME:
        return without_savepoint(control, operation.old_job_id, operation.name)
    look = f"{control.commands.look(operation.old_job_id[:12])} shows why; "
    if operation.action == "rescale":
        count = operation.target.parallelism
        return (
            f"{look}tdaflink upgrade {quote(operation.name)} --parallelism {count} --state last-state"
            " goes on from its newest checkpoint"
        )
    return f"{look}the same command with --state last-state goes on from its newest checkpoint"


def _left_before(control: Control, operation: Operation) -> str:
    """The savepoint of a job that an earlier attempt has stopped already."""
    job_id = operation.old_job_id
    with suppress(NotFound):
        path = control.cluster.savepoint(job_id, operation.trigger_id or "").path
        path = path or control.cluster.newest_savepoint(job_id)
        if path:
            return canonical(path)
    point = restart_point(control, job_id)
    if point is None:
        raise NotFound(
            f"job {job_id} has ended, and there is no savepoint or checkpoint of it",
            hint="tdaflink savepoints list",
        )
    return point.path


def _at_last_state(control: Control, operation: Operation) -> str:
    if restart_point(control, operation.old_job_id) is None:
        raise NotFound(
            f"{operation.name} has no complete checkpoint, and was not started from one",
            hint="--state none starts with nothing; tdaflink savepoints list",
        )
    _cancel(control, operation)
    # Only now: it may have completed another one until it ended.
    point = restart_point(control, operation.old_job_id)
    if point is None:
        raise NotFound(f"the checkpoint of {operation.name} is gone")
    control.reporter.note(f"going on from the {described(point)}: {_read_again(control, operation)}")
    return point.path


def _read_again(control: Control, operation: Operation) -> str:
    """What lies between the checkpoint and the end of the topics: its offsets are the committed ones."""
    version = control.ledger.version(operation.old_job_id)
    settings = version.spec.settings if version and version.spec else None
    if settings is None or control.kafka is None:
        return "what came since is read again"
    job = JobSettings(settings)
    twice = " again" if job.delivery == "exactly_once" else " again, and answered again under the same ids"
    try:
        with closing(control.kafka.watch()) as kafka:
            places = kafka.partitions(job.topics)
            done, ends = kafka.committed(job.group_id, places), kafka.ends(places)
    except TdaflinkError as error:
        return f"what came since is read{twice} (how much is not known: {error.message})"
    waiting: Counter[str] = Counter()
    for (topic, number), end in ends.items():
        waiting[topic] += end - done.get((topic, number), end)
    told = ", ".join(f"{count} of {topic}" for topic, count in waiting.items() if count)
    return f"what came since is read{twice} ({told or 'nothing'})"


def _cancel(control: Control, operation: Operation) -> None:
    if not control.cluster.is_running(operation.old_job_id):
        return
    with control.reporter.step(f"cancel {operation.name}"):
        with suppress(NotFound, Refused):
            control.cluster.cancel(operation.old_job_id)
        control.cluster.wait_until_ended(operation.old_job_id, CANCEL_SECONDS)
