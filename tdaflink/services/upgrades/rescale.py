"""Rescaling of a running job: live with the adaptive scheduler, otherwise through a savepoint."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tdaflink.domain.environments.application_cluster import require_session
from tdaflink.domain.errors import DeadlinePassed, Refused, UsageError
from tdaflink.domain.job_contract import HEARTBEAT_SOURCE, SOURCE_SUFFIX
from tdaflink.domain.jobs.history import OperationResult, Version
from tdaflink.domain.jobs.job import Job
from tdaflink.domain.jobs.slots import require_slots
from tdaflink.domain.polling import poll
from tdaflink.services.control import JobControlContext
from tdaflink.services.upgrades import start
from tdaflink.services.upgrades.versions import job_from, with_parallelism


def rescale(
    control: JobControlContext,
    job: Job,
    version: Version,
    count: int,
    partitions: Mapping[str, int],
    wait: float,
) -> OperationResult:
    """Run the job with `count` parallel subtasks; `partitions` has the counts of its input topics.

    Raises `Refused` before anything is changed: beyond the slots or the maximum parallelism of its state, and
    if the job would have to be resubmitted to an application cluster.
    """
    if count < 1:
        raise UsageError(f"{count} subtasks: at least one")
    if version.spec is None:
        raise Refused(f"how version {version.number} of {version.name} was submitted is not known")
    requirements = control.cluster.requirements(job.id)
    if requirements is None:
        require_session(control.env)
    _check_bounds(control, job, count)
    _warn_of_partitions(control, count, partitions)
    if job.parallelism == count:
        control.reporter.note(f"{job.name} has {count} subtasks already")
        return _changed(control, job, count, "unchanged", None)
    if requirements is not None:
        return _live(control, job, requirements, count, partitions, wait)
    target = job_from(with_parallelism(version.spec, count, partitions), job.name, control)
    return start.start_operation(control, job, target, action="rescale", state="savepoint", wait=wait)


def _check_bounds(control: JobControlContext, job: Job, count: int) -> None:
    most = control.cluster.max_parallelism(job.id)
    if count > most:
        raise Refused(
            f"{count} subtasks exceed the max parallelism {most} of the state of {job.name}",
            hint=f"at most {most}",
        )
    require_slots(job.name, count, *control.cluster.slots(), held=job.parallelism)


def _warn_of_partitions(control: JobControlContext, count: int, partitions: Mapping[str, int]) -> None:
    for topic, number in partitions.items():
        if number < count:
            control.reporter.warn(
                f"{topic} has {number} partitions: {number} subtasks read it, and all {count} compute"
            )


# -- with the adaptive scheduler


def _live(
    control: JobControlContext,
    job: Job,
    requirements: Mapping[str, Mapping[str, Any]],
    count: int,
    partitions: Mapping[str, int],
    wait: float,
) -> OperationResult:
    names = {vertex.id: vertex.name for vertex in control.cluster.vertices(job.id)}
    limit = max(partitions.values(), default=count)
    wanted = {
        vertex: {"parallelism": {"lowerBound": 1, "upperBound": _bound(names.get(vertex, ""), count, limit)}}
        for vertex in requirements
    }
    with control.reporter.step(f"rescale {job.name} live to {count}") as step:
        ahead = control.cluster.job_clock(job.id) - time.time()
        control.cluster.require(job.id, wanted)
        stopped: float | None = None
        for gone in poll(wait, every=0.1):
            step.update(f"{gone:.0f} s")
            # Flink reports the current state of the job, but the tasks as of up to some seconds ago.
            if stopped is None and control.cluster.job_state(job.id) != "RUNNING":
                stopped = time.time() + ahead
            vertices = control.cluster.vertices(job.id)
            reached = all(v.parallelism == wanted[v.id]["parallelism"]["upperBound"] for v in vertices)
            if reached and all(v.subtasks.get("RUNNING", 0) == v.parallelism for v in vertices):
                break
        else:
            free, total = control.cluster.slots()
            raise DeadlinePassed(
                f"{job.name} has not reached {count} subtasks after {wait:g} s; the scheduler continues, with"
                f" {free} of {total} slots free",
                hint=f"tdaflink status {job.id[:12]} --env {control.env.name}",
            )
        planned, running = control.cluster.restart_times(job.id)
    # A job that stopped between two polls stopped before its tasks were scheduled again.
    down = round(max(0.0, running - min(stopped or planned, planned)), 1)
    detail = {"parallelism": count, "partitions": dict(partitions), "downtime_seconds": down}
    control.record_action("rescale", "done", job.id, job.name, live=True, **detail)
    return _changed(control, job, count, "done", down)


def _bound(task: str, count: int, partitions: int) -> int:
    """Return the parallelism of a task: sources are limited to the partitions; the heartbeat has one."""
    if HEARTBEAT_SOURCE in task:
        return 1
    return min(count, partitions) if SOURCE_SUFFIX in task else count


def _changed(
    control: JobControlContext, job: Job, count: int, outcome: str, downtime: float | None
) -> OperationResult:
    return OperationResult(
        id=job.id,
        name=job.name,
        action="rescale",
        outcome=outcome,
        env=control.env.name,
        parallelism=count,
        previous_id=job.id,
        snapshot=None,
        downtime_seconds=downtime,
    )
