"""Snapshots of a cluster: frozen values, in the form of `watch --once -o json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tdaflink.domain.jobs.job import Checkpoints, Failure, Job
from tdaflink.domain.messages.records import Result

Source = Literal["flink", "kafka", "prometheus", "logs"]
Offsets = Mapping[str, Mapping[int, int | None]]  # by topic and partition


@dataclass(frozen=True)
class Memory:
    """Used and maximal bytes of a JVM; for several JVMs the highest of each."""

    heap_used: int | None = None
    heap_max: int | None = None
    metaspace_used: int | None = None
    metaspace_max: int | None = None


@dataclass(frozen=True)
class ClusterState:
    """The JobManager's view of the cluster; `taskmanager` is the one with the highest usage."""

    flink_version: str
    taskmanagers: int
    slots_total: int
    slots_available: int
    jobmanager: Memory
    taskmanager: Memory


@dataclass(frozen=True)
class VertexLoad:
    """Time of one task by activity: milliseconds of each second, the average over its subtasks.

    `busiest` is that of the busiest subtask, `skew` the most records that a subtask took, divided by the
    average. Values that Flink does not measure for a task (legacy sources) are null.
    """

    id: str
    name: str
    kind: str  # source, parse, compute, sink or other
    parallelism: int
    records_in: int = 0
    records_out: int = 0
    busy: float | None = None
    backpressured: float | None = None
    idle: float | None = None
    busiest: float | None = None
    skew: float | None = None


@dataclass(frozen=True)
class Computation:
    """Metrics of the shipped job's operators: seconds and bytes of the worst subtask, counts of all."""

    last: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    memory_bytes: int | None = None
    answered: int = 0
    windows: int | None = None
    points: int = 0
    pairs: int = 0
    errors: int = 0
    late_points: int = 0


@dataclass(frozen=True)
class JobLoad:
    """The current load of a job.

    `records_in` counts the records that its sources have read, `records_per_second` is Flink's average over
    the last minute; `positions` are the next offsets to read, and `committed` those of the last checkpoint,
    null where none is known yet. `watermark` is Flink's own in epoch milliseconds, null for jobs without.
    """

    taken_at: float
    restarts: int | None = None
    records_in: int | None = None
    records_per_second: float | None = None
    computation: Computation | None = None
    vertices: Sequence[VertexLoad] = ()
    positions: Offsets = field(default_factory=dict)
    committed: Offsets = field(default_factory=dict)
    watermark: int | None = None
    checkpoints: Checkpoints | None = None
    checkpoint_interval_ms: int | None = None
    failures: Sequence[Failure] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TopicLag:
    """Records of a topic that a job has not read, and that no checkpoint covers.

    `behind` is the number of partitions with such records, of `partitions`.
    """

    lag: int
    committed_lag: int | None
    behind: int
    partitions: int


@dataclass(frozen=True)
class FiringAlert:
    """A firing alert of Prometheus."""

    name: str
    severity: str
    since: str
    summary: str


@dataclass(frozen=True)
class RateHistory:
    """Rates from Prometheus before the first snapshot: per second, oldest first."""

    records: Sequence[float] = ()
    windows: Sequence[float] = ()


@dataclass(frozen=True)
class LatestResult:
    """The newest result of a stream or of a topic; `event_time` is the end of its window, if it has one."""

    topic: str
    stream: str
    result: Result
    event_time: str | None = None


@dataclass(frozen=True)
class JobSeen:
    """A job with its load and lag; both are present only for jobs that were inspected.

    `history` is null without Prometheus.
    """

    job: Job
    load: JobLoad | None = None
    lag: Mapping[str, TopicLag] | None = None
    history: RateHistory | None = None


@dataclass(frozen=True)
class LogTail:
    """The end of a component's log, oldest line first."""

    component: str
    components: Sequence[str]
    lines: Sequence[str]


@dataclass(frozen=True)
class Focus:
    """The selection on the screen, so that a refresh reads no more than that."""

    job: str | None = None
    visible: Sequence[str] = ()
    stream: str | None = None
    logs_of: str | None = None


@dataclass(frozen=True)
class ClusterSnapshot:
    """One refresh; `taken_at` is in epoch seconds. Sources without a response are null and in `problems`."""

    taken_at: float
    env: str
    rest_url: str
    cluster: ClusterState | None
    jobs: Sequence[JobSeen] | None
    alerts: Sequence[FiringAlert] | None = None
    newest: LatestResult | None = None
    streams: Sequence[str] = ()
    log: LogTail | None = None
    problems: Mapping[Source, str] = field(default_factory=dict)
    one_job: bool = False
