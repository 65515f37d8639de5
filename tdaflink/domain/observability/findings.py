"""Problems of a job, each with the reason and a command that fixes it. Pure functions of observed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tdaflink.domain.environments.command_hints import Commands
from tdaflink.domain.jobs.failures import RecordAtFault
from tdaflink.domain.jobs.job import Failure, Job
from tdaflink.domain.jobs.job_parameters import BUNDLE_SIZE, bundle_of, slide_of
from tdaflink.domain.observability.cluster_snapshot import ClusterState, JobLoad, Memory, TopicLag, VertexLoad
from tdaflink.domain.timestamps import parse_timestamp

Severity = Literal["error", "warning"]

RECENT_SECONDS = 600.0  # a job that has run for this long since its last exception has recovered
BUSY = 900.0  # milliseconds of each second, at which a task has no capacity left
HELD_UP = 500.0
SKEWED = 2.0  # ratio of the busiest subtask's records to the average
CATCH_UP_SECONDS = 60.0
LAG_WITHOUT_RATE = 1000
MISSED_CHECKPOINTS = 3
LONG_CHECKPOINT = 0.5  # of the interval between two
LONG_BUNDLE = 0.25  # of that interval: a checkpoint waits for the end of the current Beam bundle
NEARLY_FULL = 0.9
_SKIP_ADVICE = "workers end while they process this record: skip it; tda_errors then records it as skipped"


@dataclass(frozen=True)
class Finding:
    """A problem: the observation, the advice, and the command to type."""

    kind: str
    severity: Severity
    text: str
    advice: str
    command: str


def findings(
    job: Job,
    load: JobLoad,
    lag: Mapping[str, TopicLag] | None = None,
    records_per_second: float | None = None,
    cluster: ClusterState | None = None,
    *,
    one_job: bool = False,
) -> list[Finding]:
    """List the problems of a job, the likely root cause first.

    `records_per_second` is the current rate of its sources; without it, a lag is judged by its size alone.
    `one_job` is true for an application cluster, where other commands apply.
    """
    commands = Commands(job.env, one_job)
    if job.state in ("FINISHED", "CANCELED"):
        return []
    failing = [*_failing(job, load, commands)]
    if job.ended:
        return failing
    return [
        *failing,
        *_waiting(job, cluster),
        *_slow(job, load, cluster, commands),
        *_skewed(job, load),
        *_checkpoints(job, load, commands),
        *_behind(job, load, lag or {}, records_per_second, cluster, commands),
        *_refused(job, load),
        *_memory(job, cluster),
    ]


def _ref(job: Job) -> str:
    return job.id[:8]


def _env(job: Job) -> str:
    return f" --env {job.env}"


def record_at_fault(load: JobLoad) -> RecordAtFault | None:
    """Return the record at which the job keeps failing: the newest that a recent exception names."""
    recent = (failure for failure in load.failures or () if _seconds_ago(failure, load) < RECENT_SECONDS)
    return next((failure.at_fault for failure in recent if failure.at_fault is not None), None)


def _failing(job: Job, load: JobLoad, commands: Commands) -> Iterator[Finding]:
    failures = load.failures or ()
    if not failures:
        return
    look = f"tdaflink status {_ref(job)} -v{_env(job)}"
    record = record_at_fault(load)
    if job.state == "FAILED" and record is not None:
        text = f"the job has failed and does not restart; {record.ends} failures at {record.place}"
        yield Finding("failed", "error", text, _SKIP_ADVICE, commands.go_on_without(job.name, record.place))
        return
    if job.state == "FAILED":
        text = "the job has failed and does not restart; its last exception has the root cause"
        yield Finding("failed", "error", text, "the traceback shows the line; fix it and resubmit", look)
        return
    recent = [failure for failure in failures if _seconds_ago(failure, load) < RECENT_SECONDS]
    if not recent or (job.state == "RUNNING" and len(recent) < 2):
        return
    same = sum(1 for failure in failures if failure.signature == failures[0].signature)
    times = f"; {same} of the last {len(failures)} exceptions have one cause" if len(failures) > 1 else ""
    text = f"restarted {load.restarts or len(failures)} times{times}"
    if record is not None:
        text = f"restarted {load.restarts or len(failures)} times; {record.ends} times at {record.place}"
        yield Finding("record", "error", text, _SKIP_ADVICE, commands.skip(job.name, record.place))
    elif recent[0].traceback is not None:
        advice = "the same record would fail again; the traceback shows the line"
        yield Finding("restarting", "error", text, advice, look)
    else:
        advice = "no error of the job's code: a component of the cluster was lost; the job recovers with it"
        yield Finding("restarting", "warning", text, advice, f"tdaflink setup{_env(job)}")


def _seconds_ago(failure: Failure, load: JobLoad) -> float:
    return load.taken_at - parse_timestamp(failure.timestamp).timestamp()


def _waiting(job: Job, cluster: ClusterState | None) -> Iterator[Finding]:
    if cluster is None or job.tasks_running == job.tasks_total or job.state == "FINISHED":
        return
    if cluster.taskmanagers == 0 or (cluster.slots_available == 0 and job.tasks_running == 0):
        yield Finding(
            "no_slots",
            "error",
            f"waits for slots: {cluster.taskmanagers} TaskManagers, {cluster.slots_available} of"
            f" {cluster.slots_total} slots free, {job.parallelism} needed",
            "start the missing TaskManager, or cancel another job",
            f"tdaflink setup{_env(job)}",
        )


def _slow(job: Job, load: JobLoad, cluster: ClusterState | None, commands: Commands) -> Iterator[Finding]:
    slide = slide_of(load.parameters)
    computation = load.computation
    slowest = computation.p95 if computation else None
    if slowest is not None and slide is not None and slide.seconds is not None and slowest > slide.seconds:
        yield Finding(
            "slow_computation",
            "warning",
            f"a computation takes {slowest:.2f} s (p95), and windows come every {slide}",
            "use smaller windows or a larger slide, or reduce their points to landmarks",
            commands.change(_ref(job), "preprocess.subsample.landmarks=100"),
        )
    full = _bottleneck(load.vertices)
    if full is None:
        return
    upstream = [v for v in load.vertices if (v.backpressured or 0.0) >= HELD_UP]
    held = f"; it backpressures {_short(upstream[0])}" if upstream else ""
    yield Finding(
        "bottleneck",
        "warning",
        f"{_short(full)} is busy {(full.busiest or 0.0) / 10:.0f} % of the time{held}",
        *_more_room(job, full, cluster, commands),
    )


def _more_room(
    job: Job, full: VertexLoad, cluster: ClusterState | None, commands: Commands
) -> tuple[str, str]:
    free = cluster.slots_available if cluster is not None else 0
    if free > 0:
        wanted = min(full.parallelism + free, 2 * full.parallelism)
        return (
            f"{free} slots are free: run more subtasks",
            commands.rescale(_ref(job), wanted),
        )
    return (
        "no slot is free: use smaller clouds, or a lower max_dimension or max_persistence",
        commands.change(_ref(job), "max_dimension=1"),
    )


def _bottleneck(vertices: Sequence[VertexLoad]) -> VertexLoad | None:
    full = [vertex for vertex in vertices if (vertex.busiest or 0.0) >= BUSY]
    return max(full, key=lambda vertex: vertex.busiest or 0.0, default=None)


def _short(vertex: VertexLoad) -> str:
    """Return the name of a task's first operator."""
    return vertex.name.split(" -> ", 1)[0].removeprefix("Source: ")


def _skewed(job: Job, load: JobLoad) -> Iterator[Finding]:
    for vertex in load.vertices:
        uneven = vertex.parallelism > 1 and (vertex.skew or 0.0) >= SKEWED
        if uneven and (vertex.busiest or 0.0) >= HELD_UP:
            yield Finding(
                "skew",
                "warning",
                f"one subtask of {_short(vertex)} takes {vertex.skew:.1f} times the average of records",
                "spread the records over more streams (stream_id) or partitions",
                f"tdaflink topics list{_env(job)}",
            )


def _checkpoints(job: Job, load: JobLoad, commands: Commands) -> Iterator[Finding]:
    checkpoints, interval = load.checkpoints, load.checkpoint_interval_ms
    if checkpoints is None or interval is None or job.state != "RUNNING":
        return
    age = checkpoints.latest_age_ms if checkpoints.latest_age_ms is not None else job.duration_ms
    last_duration = checkpoints.latest_duration_ms or 0
    bundle = _long_bundle(job, load, interval, commands)
    if age > MISSED_CHECKPOINTS * interval + last_duration:
        yield Finding(
            "no_checkpoint",
            "error",
            f"no checkpoint for {age / 1000:.0f} s; the interval is {interval / 1000:g} s"
            f" ({checkpoints.failed} failed, {checkpoints.in_progress} in progress)",
            *(bundle or _delayed(job)),
        )
    elif last_duration > LONG_CHECKPOINT * interval:
        yield Finding(
            "long_checkpoints",
            "warning",
            f"the last checkpoint took {last_duration / 1000:.1f} s of an interval of {interval / 1000:g} s",
            *(bundle or _less_often(job, interval, commands)),
        )


def _long_bundle(job: Job, load: JobLoad, interval_ms: int, commands: Commands) -> tuple[str, str] | None:
    """Return advice if checkpoints are delayed by Beam bundles of large clouds."""
    size, typical = bundle_of(load.parameters), load.computation.p50 if load.computation else None
    most = LONG_BUNDLE * interval_ms / 1000
    if size is None or size == 1 or typical is None or size * typical <= most:
        return None
    return (
        f"each waits for a bundle of up to {size} computations of {typical:.2g} s: use smaller bundles",
        commands.change(_ref(job), f"flink.{BUNDLE_SIZE}={max(1, int(most / typical))}"),
    )


def _delayed(job: Job) -> tuple[str, str]:
    return (
        "after a failure, all records since then are reprocessed; the checkpoint storage or a busy task is"
        " the cause",
        f"tdaflink status {_ref(job)} -v{_env(job)}",
    )


def _less_often(job: Job, interval_ms: int, commands: Commands) -> tuple[str, str]:
    return (
        "take checkpoints less often, keep less state, or check the storage",
        commands.change(_ref(job), f"checkpoint_interval={_longer(interval_ms)}"),
    )


def _longer(interval_ms: int) -> str:
    return f"{max(1, round(2 * interval_ms / 1000))}s"


def _behind(
    job: Job,
    load: JobLoad,
    lag: Mapping[str, TopicLag],
    rate: float | None,
    cluster: ClusterState | None,
    commands: Commands,
) -> Iterator[Finding]:
    for topic, seen in lag.items():
        seconds = seen.lag / rate if rate else None
        if seconds < CATCH_UP_SECONDS if seconds is not None else seen.lag < LAG_WITHOUT_RATE:
            continue
        work = "" if seconds is None else f", {seconds:.0f} s of work at the current rate"
        yield Finding(
            "lag",
            "warning",
            f"{seen.lag} records behind in {topic} ({seen.behind} of {seen.partitions} partitions){work}",
            *_faster(job, load, seen, cluster, commands),
        )


def _faster(
    job: Job, load: JobLoad, seen: TopicLag, cluster: ClusterState | None, commands: Commands
) -> tuple[str, str]:
    full = _bottleneck(load.vertices)
    if full is not None:
        advice, command = _more_room(job, full, cluster, commands)
        return f"the job has no capacity left; {advice}", command
    if seen.partitions > 1 and seen.behind == 1:
        return (
            "only one partition is behind: its producers send all records with the same key",
            f"tdaflink topics list{_env(job)}",
        )
    wanted = min(seen.partitions, 2 * job.parallelism)
    if wanted <= job.parallelism:
        return (
            "the job has capacity left, and a subtask for each partition",
            f"tdaflink status {_ref(job)} -v{_env(job)}",
        )
    return (
        "the job has capacity left: more subtasks read faster, up to one per partition",
        commands.rescale(_ref(job), wanted),
    )


def _refused(job: Job, load: JobLoad) -> Iterator[Finding]:
    computation = load.computation
    if computation is None or computation.errors == 0:
        return
    if computation.errors > computation.answered:
        yield Finding(
            "refused",
            "warning",
            f"{computation.errors} messages were refused, {computation.answered} have a result",
            "each refused message has an error record with a code, a reason and the original bytes",
            f"tdaflink results --errors{_env(job)}",
        )


def _memory(job: Job, cluster: ClusterState | None) -> Iterator[Finding]:
    if cluster is None:
        return
    advice_of = {
        "heap": ("run fewer jobs, or fewer slots per TaskManager", "list"),
        # Classes of jobs that have ended; checkpoints and savepoints are kept.
        "metaspace": ("a restart of the cluster frees the classes of former jobs", "teardown"),
    }
    for owner, memory in (("a TaskManager", cluster.taskmanager), ("the JobManager", cluster.jobmanager)):
        for kind, (advice, command) in advice_of.items():
            share = memory_share(memory, kind)
            if share is not None and share >= NEARLY_FULL:
                text = f"the {kind} of {owner} is {share:.0%} full"
                yield Finding(kind, "warning", text, advice, f"tdaflink {command}{_env(job)}")


def memory_share(memory: Memory, kind: str) -> float | None:
    """Return the used share of heap or metaspace, 0 to 1; None where it is not known."""
    used, limit = getattr(memory, f"{kind}_used"), getattr(memory, f"{kind}_max")
    return used / limit if used is not None and limit else None
