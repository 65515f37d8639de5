"""The jobs of a cluster: overview and cancellation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.environments.supervision import Supervision
from tdaflink.domain.errors import NotFound, Refused, TdaflinkError
from tdaflink.domain.jobs.job import ClusterStatus, Job, find_job
from tdaflink.services.control import JobControlContext
from tdaflink.services.jobs.ended_jobs import not_running, warn_of_unfinished
from tdaflink.services.timeouts import CANCEL_SECONDS


@dataclass(frozen=True)
class Canceled:
    """A job that was cancelled, with its terminal state."""

    id: str
    name: str
    state: str


def cluster_status(
    cluster: FlinkRest, environment: Environment, supervision: Supervision | None = None
) -> ClusterStatus:
    """Return an overview of the cluster, with the jobs that have not ended."""
    overview = cluster.overview()
    return ClusterStatus(
        env=environment.name,
        rest_url=cluster.url,
        flink_version=overview.flink_version,
        taskmanagers=overview.taskmanagers,
        slots_total=overview.slots_total,
        slots_available=overview.slots_available,
        jobs=cluster.jobs(environment.name, ended=False),
        supervision=supervision,
    )


def cancel(control: JobControlContext, references: Sequence[str]) -> list[Canceled]:
    """Cancel jobs and wait until each has ended.

    Every reference is resolved before any job is cancelled, so that an invalid one changes nothing.
    """
    jobs = control.cluster.jobs(control.env.name, ended=True)
    chosen = {job.id: job for job in (_resolve_job(control, jobs, reference) for reference in references)}
    return [_cancel(control, job) for job in chosen.values()]


def _resolve_job(control: JobControlContext, jobs: Sequence[Job], reference: str) -> Job:
    try:
        return find_job(jobs, reference)
    except NotFound as unknown:
        raise not_running(control, reference, unknown) from None


def _cancel(control: JobControlContext, job: Job) -> Canceled:
    with control.reporter.step(f"cancel {job.name} {job.id[:12]}") as step:
        if job.ended:
            step.unchanged(f"has ended already: {job.state}")
            warn_of_unfinished(control, job)
            return Canceled(job.id, job.name, job.state)
        # It may end between the listing and the call; then there is nothing left to cancel.
        with suppress(NotFound, Refused):
            control.cluster.cancel(job.id)
        state = control.cluster.wait_until_ended(job.id, CANCEL_SECONDS)
    control.record_action("cancel", "failed" if state == "FAILED" else "done", job.id, job.name, state=state)
    if state == "FAILED":
        raise TdaflinkError(
            f"job {job.id} failed before it could be cancelled", hint=f"tdaflink status {job.id}"
        )
    return Canceled(job.id, job.name, state)
