"""Values about jobs on a cluster, and how a user may name one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.domain.failures import RecordAtFault
from tdaflink.domain.supervision import Supervision

TERMINAL_STATES = frozenset({"FINISHED", "FAILED", "CANCELED"})


@dataclass(frozen=True)
class Job:
    """One line of `list`. Field names are the stable JSON shape. A parallelism of 0 is not known."""

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
    """A main() that Flink 2.3 or newer runs, or has run, and the ids of the jobs that it has submitted."""

    status: str
    jobs: Sequence[str]


@dataclass(frozen=True)
class Vertex:
    """One task of a job: how many of its subtasks are in which state, and what went through it.

    `busy`, `backpressured` and `idle` are milliseconds of each second, averages over its subtasks, `busiest`
    the busiest subtask's; `skew` is the most records that a subtask took over the average.
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
    """An exception that a job met: the Python traceback where there is one, the whole text always.

    Two failures with one `signature` have the same cause, whichever record set it off. `record` is the
    message that did, or its beginning, where the exception quotes it; `at_fault` is its place, where the job
    names it.
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
    """The cluster at a glance; `supervision` only where local processes are supervised."""

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
    """What `submit` returns. Field names are the stable JSON shape."""

    id: str
    name: str
    state: str
    env: str
    parallelism: int
    bundle_sha256: str
    rest_url: str


@dataclass(frozen=True)
class RestCall:
    """One call that a submission makes."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class SubmissionPlan:
    """What a submission would do: shown by --dry-run, carried out without it."""

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
    """The one job that `reference` means: an id, a job name, or a unique prefix of an id.

    A name prefers the job that has not ended, then the one that started last.
    """
    by_name = [job for job in jobs if job.name == reference]
    alive = [job for job in by_name if not job.ended]
    if len(alive) > 1:
        raise _ambiguous(reference, alive)
    if by_name:
        return alive[0] if alive else max(by_name, key=lambda job: job.start_time)
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
    return UsageError(f"{reference!r} means more than one job: {ids}", hint="give more of the id")
