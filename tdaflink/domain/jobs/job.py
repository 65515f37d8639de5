"""Jobs on a cluster, and the resolution of references to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tdaflink.domain.environments.supervision import Supervision
from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.domain.jobs.failures import RecordAtFault

TERMINAL_STATES = frozenset({"FINISHED", "FAILED", "CANCELED"})


@dataclass(frozen=True)
class Job:
    """One line of `list`. Field names are the stable JSON form. A parallelism of 0 means unknown."""

    id: str
    name: str
    state: str
    start_time: str
    duration_ms: int
    parallelism: int
    tasks_running: int
    tasks_total: int
    env: str

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL_STATES


@dataclass(frozen=True)
class JobApplication:
    """A main() that Flink 2.3 or newer runs or has run; `jobs` are the ids of its submitted jobs."""

    status: str
    jobs: Sequence[str]


@dataclass(frozen=True)
class Vertex:
    """One task of a job: number of subtasks by state, records, and load.

    `busy`, `backpressured` and `idle` are milliseconds of each second, averages over its subtasks, `busiest`
    that of the busiest subtask; `skew` is the most records that a subtask took, divided by the average.
    """

    id: str
    name: str
    parallelism: int
    subtasks: Mapping[str, int]
    records_in: int
    records_out: int
    kind: str = "other"
    busy: float | None = None
    backpressured: float | None = None
    idle: float | None = None
    busiest: float | None = None
    skew: float | None = None


@dataclass(frozen=True)
class Checkpoints:
    """Counts since the job started, and the newest completed checkpoint."""

    completed: int
    failed: int
    in_progress: int
    latest_id: int | None = None
    latest_duration_ms: int | None = None
    latest_size_bytes: int | None = None
    latest_age_ms: int | None = None
    latest_path: str | None = None


@dataclass(frozen=True)
class Failure:
    """An exception of a job: the Python traceback where there is one, and always the whole text.

    Two failures with the same `signature` have the same cause, independent of the record. `record` is the
    message at fault, or its beginning, if the exception quotes it; `at_fault` is its place, if the job
    reports it.
    """

    LINES: ClassVar[tuple[str, ...]] = ("traceback", "text")

    timestamp: str
    cause: str
    signature: str
    traceback: str | None
    text: str
    task: str | None = None
    taskmanager: str | None = None
    record: str | None = None
    at_fault: RecordAtFault | None = None


@dataclass(frozen=True)
class ClusterStatus:
    """Summary of the cluster; `supervision` only where local processes are supervised."""

    env: str
    rest_url: str
    flink_version: str
    taskmanagers: int
    slots_total: int
    slots_available: int
    jobs: Sequence[Job]
    supervision: Supervision | None = None


@dataclass(frozen=True)
class Submission:
    """The result of `submit`. Field names are the stable JSON form."""

    id: str
    name: str
    state: str
    env: str
    parallelism: int
    bundle_sha256: str
    rest_url: str


@dataclass(frozen=True)
class RestCall:
    """One REST call of a submission."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class SubmissionPlan:
    """The steps of a submission: shown by --dry-run, executed without it."""

    env: str
    rest_url: str
    job_name: str
    parallelism: int
    bundle_name: str
    bundle_sha256: str
    bundle_files: Sequence[str]
    settings: Mapping[str, Any] | None
    calls: Sequence[RestCall]


def find_job(jobs: Sequence[Job], reference: str) -> Job:
    """Return the job that `reference` identifies: an id, a job name, or a unique prefix of an id.

    Of jobs with the same name, the running one is preferred, then the one that started last. Raises
    `NotFound`, or `UsageError` if several match.
    """
    by_name = [job for job in jobs if job.name == reference]
    running = [job for job in by_name if not job.ended]
    if len(running) > 1:
        raise _ambiguous(reference, running)
    if by_name:
        return running[0] if running else max(by_name, key=lambda job: job.start_time)
    by_prefix = [job for job in jobs if job.id.startswith(reference.lower())] if reference else []
    if len(by_prefix) > 1:
        raise _ambiguous(reference, by_prefix)
    if not by_prefix:
        raise NotFound(
            f"no job on this cluster has the id, id prefix or name {reference!r}", hint="tdaflink list --all"
        )
    return by_prefix[0]


def _ambiguous(reference: str, jobs: Sequence[Job]) -> UsageError:
    ids = ", ".join(f"{job.id[:12]} ({job.name}, {job.state})" for job in jobs)
    return UsageError(
        f"{reference!r} matches more than one job: {ids}", hint="give a longer prefix of the id"
    )
