"""Readiness of a job after its start, and the cause if it does not run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.domain.errors import DeadlinePassed, JobFailed, NotFound, Refused
from tdaflink.domain.job_contract import READY
from tdaflink.domain.jobs.failures import own_frames
from tdaflink.domain.jobs.job import Failure
from tdaflink.domain.polling import poll
from tdaflink.domain.progress import ProgressStep

STABLE_SECONDS = 2.0  # without a restart, before a job counts as RUNNING
# For the new version in an upgrade, since a later failure is not rolled back. The job works meanwhile.
UPGRADE_STABLE_SECONDS = 5.0
SAME_CAUSE_RESTARTS = 2  # this number with one cause is a restart loop
_ENDED_BADLY = {"FAILED", "CANCELED", "CANCELLING", "SUSPENDED"}


def wait_until_running(
    cluster: FlinkRest,
    job_id: str,
    seconds: float,
    step: ProgressStep,
    *,
    expect_ready: bool,
    stable_seconds: float = STABLE_SECONDS,
) -> float:
    """Wait until all subtasks run, every open() has returned and nothing has restarted for `stable_seconds`.

    Returns the start of that period in epoch seconds. Raises `JobFailed` with the cause, and
    `DeadlinePassed`.
    """
    stable_since: float | None = None
    progress = "no state yet"
    for gone in poll(seconds, every=0.25):
        failures = cluster.failures(job_id)
        state = cluster.job_state(job_id)
        if state in _ENDED_BADLY or _is_restart_loop(failures):
            raise _failed(job_id, state, failures)
        if state == "FINISHED":
            return time.time()
        running, total, ready = _progress(cluster, job_id, expect_ready)
        progress = f"{state}, {running} of {total} tasks running" + ("" if ready else ", operators opening")
        step.update(progress)
        stable = state == "RUNNING" and running == total > 0 and ready
        stable_since = (gone if stable_since is None else stable_since) if stable else None
        if stable_since is not None and gone - stable_since >= stable_seconds:
            return time.time() - (gone - stable_since)
    raise DeadlinePassed(
        f"job {job_id} is not RUNNING after {seconds:g} s ({progress}); it continues",
        hint=f"tdaflink status {job_id}, or tdaflink cancel {job_id}",
    )


def wait_for_checkpoint(cluster: FlinkRest, job_id: str, seconds: float, step: ProgressStep) -> None:
    """Trigger a checkpoint and wait until one is complete. Raises as `wait_until_running` does."""
    for _ in poll(seconds, every=0.2):
        failures = cluster.failures(job_id)
        state = cluster.job_state(job_id)
        if state in _ENDED_BADLY or _is_restart_loop(failures):
            raise _failed(job_id, state, failures)
        checkpoints = cluster.checkpoints(job_id)
        if checkpoints.completed or state == "FINISHED":
            return
        step.update(f"{checkpoints.failed} failed so far" if checkpoints.failed else "in progress")
        if not checkpoints.in_progress:
            # Refused while tasks restart; the next poll triggers again.
            with suppress(Refused, NotFound):
                cluster.trigger_checkpoint(job_id)
    raise DeadlinePassed(
        f"job {job_id} has completed no checkpoint within {seconds:g} s",
        hint=f"tdaflink status {job_id[:12]}",
    )


def _progress(cluster: FlinkRest, job_id: str, expect_ready: bool) -> tuple[int, int, bool]:
    vertices = cluster.vertices(job_id)
    total = sum(vertex.parallelism for vertex in vertices)
    running = sum(
        vertex.subtasks.get("RUNNING", 0) + vertex.subtasks.get("FINISHED", 0) for vertex in vertices
    )
    if not expect_ready or running < total:
        return running, total, not expect_ready
    counts = {vertex.id: cluster.subtasks_with_metric(job_id, vertex.id, READY) for vertex in vertices}
    reporting = [vertex for vertex in vertices if counts[vertex.id]]
    ready = bool(reporting) and all(counts[v.id] == v.parallelism for v in reporting)
    return running, total, ready


def _is_restart_loop(failures: Sequence[Failure]) -> bool:
    causes = Counter(failure.signature for failure in failures)
    return any(count >= SAME_CAUSE_RESTARTS for count in causes.values())


def _failed(job_id: str, state: str | None, failures: Sequence[Failure]) -> JobFailed:
    if not failures:
        return JobFailed(f"job {job_id} is {state}", hint=f"tdaflink status {job_id}")
    newest = failures[0]
    looping = state not in {"FAILED", "CANCELED"}
    condition = "keeps restarting" if looping else f"is {state}"
    return JobFailed(
        f"job {job_id} {condition}: {newest.cause}",
        detail=own_frames(newest.traceback) if newest.traceback else None,
        noise=newest.text,
        hint=f"tdaflink cancel {job_id} stops its restarts" if looping else f"tdaflink status {job_id}",
    )
