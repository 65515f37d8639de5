"""The load of jobs from Flink's metrics: few calls for each job, each for all subtasks of a task."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tdaflink.adapters.flink import metric_values
from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.flink.metric_values import OFFSET, READ, READ_RATE, TDA, Values
from tdaflink.adapters.web.json_fields import JsonObject, finite
from tdaflink.domain.errors import NotFound
from tdaflink.domain.job_contract import HEARTBEAT_SOURCE, METRIC_PREFIX, READER_SUFFIX
from tdaflink.domain.jobs.job_parameters import PARAMETER_KEYS
from tdaflink.domain.observability.cluster_snapshot import ClusterState, JobLoad, Memory, VertexLoad

# Metrics appear with the first record that they count, so their names are listed again after this time.
_NAMES_SECONDS = 10.0
_NAMES_SECONDS_OF_SUMMARY = 60.0
_QUERY_CHARACTERS = 3000  # Flink refuses a request line above 4,096
_TIMES = {
    "busy": "busyTimeMsPerSecond",
    "backpressured": "backPressuredTimeMsPerSecond",
    "idle": "idleTimeMsPerSecond",
}
_TASK_METRICS = {*_TIMES.values(), "numRecordsIn", "numRecordsOut", "currentInputWatermark"}
_MEMORY = {
    "heap_used": "Status.JVM.Memory.Heap.Used",
    "heap_max": "Status.JVM.Memory.Heap.Max",
    "metaspace_used": "Status.JVM.Memory.Metaspace.Used",
    "metaspace_max": "Status.JVM.Memory.Metaspace.Max",
}

_JOB_METRICS = (
    "numRestarts",
    "numberOfCompletedCheckpoints",
    "numberOfFailedCheckpoints",
    "numberOfInProgressCheckpoints",
    "lastCompletedCheckpointId",
    "lastCheckpointDuration",
    "lastCheckpointSize",
    "lastCheckpointCompletedTimestamp",
)


@dataclass(frozen=True)
class _Task:
    id: str
    name: str
    kind: str
    parallelism: int
    names: tuple[str, ...]

    @property
    def has_job_metrics(self) -> bool:
        """Return whether its metrics include records read or computations."""
        return any(name not in _TASK_METRICS for name in self.names)


@dataclass(frozen=True)
class _TaskList:
    listed_at: float
    tasks: tuple[_Task, ...]


class JobLoads:
    """A repeated reader of the loads of one cluster's jobs; it caches the names of their metrics."""

    def __init__(self, cluster: FlinkRest) -> None:
        self._cluster = cluster
        self._listed: dict[str, _TaskList] = {}
        self._interval: dict[str, int | None] = {}
        self._parameters: dict[str, Mapping[str, str]] = {}

    def cluster_state(self) -> ClusterState:
        """Return the cluster's slots and memory."""
        overview = self._cluster.overview()
        return ClusterState(
            flink_version=overview.flink_version,
            taskmanagers=overview.taskmanagers,
            slots_total=overview.slots_total,
            slots_available=overview.slots_available,
            jobmanager=self._memory("/jobmanager/metrics"),
            taskmanager=self._memory("/taskmanagers/metrics") if overview.taskmanagers else Memory(),
        )

    def read_summary(self, job_id: str) -> JobLoad:
        """Return rates, computation and lag only. Raises `NotFound`."""
        tasks = self._tasks(job_id, _NAMES_SECONDS_OF_SUMMARY)
        return self._load(job_id, [task for task in tasks if task.has_job_metrics], {})

    def read_full(self, job_id: str) -> JobLoad:
        """Return everything, including each task's load, checkpoints and failures. Raises `NotFound`."""
        return self._load(
            job_id,
            self._tasks(job_id, _NAMES_SECONDS),
            {
                "checkpoints": self._cluster.checkpoints(job_id),
                "checkpoint_interval_ms": self._checkpoint_interval(job_id),
                "failures": self._cluster.failures(job_id),
                "parameters": self._job_parameters(job_id),
            },
        )

    def read_final(self, job_id: str) -> JobLoad:
        """Return checkpoints, failures and parameters of a job that has ended. Raises `NotFound`."""
        return JobLoad(
            taken_at=time.time(),
            checkpoints=self._cluster.checkpoints(job_id),
            failures=self._cluster.failures(job_id),
            parameters=self._job_parameters(job_id),
        )

    def forget_all_but(self, job_ids: Iterable[str]) -> None:
        """Drop the cached values of all other jobs."""
        kept = set(job_ids)
        for cache in (self._listed, self._interval, self._parameters):
            for job_id in cache.keys() - kept:
                del cache[job_id]

    def _load(self, job_id: str, tasks: Sequence[_Task], more: Mapping[str, Any]) -> JobLoad:
        task_values = [(task, self._values(job_id, task)) for task in tasks]
        everything = [values for _, values in task_values]
        counts = self._counts(job_id)
        return JobLoad(
            taken_at=time.time(),
            restarts=counts.get("numRestarts"),
            records_in=metric_values.records_in(everything),
            records_per_second=metric_values.records_per_second(everything),
            computation=metric_values.computation(everything),
            vertices=[_vertex(task, values) for task, values in task_values],
            positions=metric_values.offsets(everything, "current"),
            committed=metric_values.offsets(everything, "committed"),
            watermark=metric_values.watermark(everything),
            **{"checkpoints": metric_values.checkpoints(counts), **more},
        )

    def _counts(self, job_id: str) -> Mapping[str, int]:
        """Return the job's own metrics that have a value; Flink reports -1 before."""
        metrics = self._cluster.rows(f"/jobs/{job_id}/metrics", params={"get": ",".join(_JOB_METRICS)})
        values = {metric.text("id"): finite(metric.raw.get("value")) for metric in metrics}
        return {name: int(value) for name, value in values.items() if value is not None and value >= 0}

    def _tasks(self, job_id: str, fresh_seconds: float) -> Sequence[_Task]:
        listed = self._listed.get(job_id)
        if listed is None or listed.listed_at + fresh_seconds < time.monotonic():
            vertices = self._cluster.object(f"/jobs/{job_id}").children("vertices")
            tasks = tuple(self._task(job_id, vertex) for vertex in vertices)
            listed = self._listed[job_id] = _TaskList(time.monotonic(), tasks)
        return listed.tasks

    def _task(self, job_id: str, vertex: JsonObject) -> _Task:
        vertex_id, name = vertex.ident("id"), vertex.text("name")
        path = f"/jobs/{job_id}/vertices/{vertex_id}/subtasks/metrics"
        names = tuple(metric.text("id") for metric in self._cluster.rows(path))
        requested = tuple(metric for metric in names if _is_requested(metric))
        return _Task(vertex_id, name, _kind(name, names), vertex.count("parallelism"), requested)

    def _values(self, job_id: str, task: _Task) -> Values:
        path = f"/jobs/{job_id}/vertices/{task.id}/subtasks/metrics"
        values: dict[str, Mapping[str, float]] = {}
        for names in _chunks(task.names):
            metrics = self._cluster.rows(path, params={"get": ",".join(names)})
            if len(metrics) < len(names):
                self._listed.pop(job_id, None)  # the task is restarting
            for metric in metrics:
                values[metric.text("id")] = {
                    key: number
                    for key, value in metric.raw.items()
                    if key != "id" and (number := finite(value)) is not None
                }
        return values

    def _checkpoint_interval(self, job_id: str) -> int | None:
        if job_id not in self._interval:
            interval = self._cluster.object(f"/jobs/{job_id}/checkpoints/config").whole("interval", 0)
            # Flink reports 2^63 - 1 where checkpoints are off.
            self._interval[job_id] = interval if 0 < interval < 2**53 else None
        return self._interval[job_id]

    def _job_parameters(self, job_id: str) -> Mapping[str, str]:
        if job_id not in self._parameters:
            parameters = self._cluster.job_parameters(job_id)
            self._parameters[job_id] = {key: parameters[key] for key in parameters if key in PARAMETER_KEYS}
        return self._parameters[job_id]

    def _memory(self, path: str) -> Memory:
        names = ",".join(_MEMORY.values())
        try:
            metrics = self._cluster.rows(path, params={"get": names})
        except NotFound:
            return Memory()
        values = {
            metric.text("id"): int(finite(metric.raw.get("max", metric.raw.get("value"))) or 0)
            for metric in metrics
        }
        return Memory(**{field: values.get(name) for field, name in _MEMORY.items()})


def _is_requested(name: str) -> bool:
    # A name that a task does not have empties the whole response, so only listed names are requested.
    if name in _TASK_METRICS or TDA.search(name) or OFFSET.search(name):
        return True
    return HEARTBEAT_SOURCE not in name and any(pattern.match(name) for pattern in (READ, READ_RATE))


def _chunks(names: Sequence[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for name in names:
        if chunk and sum(len(metric) + 3 for metric in (*chunk, name)) > _QUERY_CHARACTERS:
            yield chunk
            chunk = []
        chunk.append(name)
    if chunk:
        yield chunk


def _vertex(task: _Task, values: Values) -> VertexLoad:
    records = values.get("numRecordsIn", {})
    average = records.get("avg", 0.0)
    return VertexLoad(
        id=task.id,
        name=task.name,
        kind=task.kind,
        parallelism=task.parallelism,
        records_in=int(records.get("sum", 0)),
        records_out=int(values.get("numRecordsOut", {}).get("sum", 0)),
        busiest=values.get(_TIMES["busy"], {}).get("max"),
        skew=records["max"] / average if average > 0 else None,
        **{field: values.get(name, {}).get("avg") for field, name in _TIMES.items()},
    )


def _kind(vertex_name: str, metrics: Sequence[str]) -> str:
    if vertex_name.startswith("Source"):
        return "source"
    if any(f".{METRIC_PREFIX}" in name for name in metrics):
        return "compute"
    last = vertex_name.rsplit("->", 1)[-1]
    if re.search(r"\b(Sink|Writer|Committer|Print)\b", last):
        return "sink"
    return "parse" if vertex_name.endswith(READER_SUFFIX) else "other"
