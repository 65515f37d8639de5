"""What jobs do, out of Flink's metrics: few calls for each job, each over all subtasks of a task at once."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tdaflink.adapters.flink import FlinkRest
from tdaflink.domain.errors import NotFound
from tdaflink.domain.snapshot import ClusterState, Computation, JobLoad, Memory, Offsets, VertexLoad
from tdaflink.domain.travelling import TOLD

_NAMES_SECONDS = 10.0  # metrics appear with the first record that they count
_QUERY_CHARACTERS = 3000  # Flink refuses a request line above 4,096
_TIMES = {
    "busy": "busyTimeMsPerSecond",
    "backpressured": "backPressuredTimeMsPerSecond",
    "idle": "idleTimeMsPerSecond",
}
_OF_ANY_TASK = {*_TIMES.values(), "numRecordsIn", "numRecordsOut", "currentInputWatermark"}
_READ = re.compile(r"^Source__[^.]*\.numRecordsOut$")
_OFFSET = re.compile(
    r"\.topic\.(?P<topic>.+)\.partition\.(?P<partition>\d+)\.(?P<kind>current|committed)Offset$"
)
_TDA = re.compile(r"\.tda_(?!ready$|incremental_|errors_by_code)[a-z0-9_]+$")
# The shipped job's own clockwork, which reads nothing.
_HEARTBEAT = "heartbeat-source"
_NO_WATERMARK = -(2.0**62)
_MEMORY = {
    "heap_used": "Status.JVM.Memory.Heap.Used",
    "heap_max": "Status.JVM.Memory.Heap.Max",
    "metaspace_used": "Status.JVM.Memory.Metaspace.Used",
    "metaspace_max": "Status.JVM.Memory.Metaspace.Max",
}

# Of one metric over all subtasks: sum, min, max, avg.
_Values = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class _Task:
    id: str
    name: str
    parallelism: int
    names: tuple[str, ...]

    @property
    def tells(self) -> bool:
        """Whether its metrics say what a job has read or computed."""
        return any(name not in _OF_ANY_TASK for name in self.names)


@dataclass(frozen=True)
class _Known:
    until: float
    tasks: tuple[_Task, ...]


class JobLoads:
    """Reads loads of one cluster's jobs again and again; it remembers which metrics there are for 10 s."""

    def __init__(self, cluster: FlinkRest) -> None:
        self._cluster = cluster
        self._known: dict[str, _Known] = {}
        self._interval: dict[str, int | None] = {}
        self._parameters: dict[str, Mapping[str, str]] = {}

    def cluster_state(self) -> ClusterState:
        """Slots and memory."""
        overview = self._cluster.overview()
        return ClusterState(
            flink_version=str(overview["flink-version"]),
            taskmanagers=int(overview["taskmanagers"]),
            slots_total=int(overview["slots-total"]),
            slots_available=int(overview["slots-available"]),
            jobmanager=self._memory("/jobmanager/metrics"),
            taskmanager=self._memory("/taskmanagers/metrics") if overview["taskmanagers"] else Memory(),
        )

    def glance(self, job_id: str) -> JobLoad:
        """Rates, computation and lag alone. Raises `NotFound`."""
        return self._load(job_id, [task for task in self._tasks(job_id) if task.tells], {})

    def look(self, job_id: str) -> JobLoad:
        """Everything: also each task's load, checkpoints and failures. Raises `NotFound`."""
        return self._load(
            job_id,
            self._tasks(job_id),
            {
                "checkpoints": self._cluster.checkpoints(job_id),
                "checkpoint_interval_ms": self._checkpoint_interval(job_id),
                "failures": self._cluster.failures(job_id),
                "parameters": self._job_parameters(job_id),
            },
        )

    def forget_all_but(self, job_ids: Iterable[str]) -> None:
        """Drop what is remembered of jobs that are gone."""
        kept = set(job_ids)
        for memory in (self._known, self._interval, self._parameters):
            for job_id in memory.keys() - kept:
                del memory[job_id]

    def _load(self, job_id: str, tasks: Sequence[_Task], more: Mapping[str, Any]) -> JobLoad:
        found = [(task, self._values(job_id, task)) for task in tasks]
        everything = [values for _, values in found]
        restarts = self._cluster.job_metric(job_id, "numRestarts")
        return JobLoad(
            taken_at=time.time(),
            restarts=None if restarts is None else int(restarts),
            records_in=_records_in(everything),
            computation=_computation(everything),
            vertices=[_vertex(task, values) for task, values in found],
            positions=_offsets(everything, "current"),
            committed=_offsets(everything, "committed"),
            watermark=_watermark(everything),
            **more,
        )

    def _tasks(self, job_id: str) -> Sequence[_Task]:
        known = self._known.get(job_id)
        if known is None or known.until < time.monotonic():
            vertices = self._cluster.get(f"/jobs/{job_id}")["vertices"]
            tasks = tuple(self._task(job_id, vertex) for vertex in vertices)
            known = self._known[job_id] = _Known(time.monotonic() + _NAMES_SECONDS, tasks)
        return known.tasks

    def _task(self, job_id: str, vertex: Mapping[str, Any]) -> _Task:
        path = f"/jobs/{job_id}/vertices/{vertex['id']}/subtasks/metrics"
        names = tuple(str(metric["id"]) for metric in self._cluster.get(path))
        wanted = tuple(name for name in names if _wanted(name))
        return _Task(vertex["id"], vertex["name"], int(vertex["parallelism"]), wanted)

    def _values(self, job_id: str, task: _Task) -> _Values:
        path = f"/jobs/{job_id}/vertices/{task.id}/subtasks/metrics"
        found: dict[str, Mapping[str, float]] = {}
        for names in _chunks(task.names):
            metrics = self._cluster.get(path, params={"get": ",".join(names)})
            if len(metrics) < len(names):
                self._known.pop(job_id, None)  # the task is being started anew
            for metric in metrics:
                found[metric["id"]] = {
                    key: number
                    for key, text in metric.items()
                    if key != "id" and math.isfinite(number := float(text))
                }
        return found

    def _checkpoint_interval(self, job_id: str) -> int | None:
        if job_id not in self._interval:
            interval = int(self._cluster.get(f"/jobs/{job_id}/checkpoints/config").get("interval", 0))
            # Flink writes the largest number there is where checkpoints are off.
            self._interval[job_id] = interval if 0 < interval < 2**53 else None
        return self._interval[job_id]

    def _job_parameters(self, job_id: str) -> Mapping[str, str]:
        if job_id not in self._parameters:
            told = self._cluster.job_parameters(job_id)
            self._parameters[job_id] = {key: told[key] for key in told if key in TOLD}
        return self._parameters[job_id]

    def _memory(self, path: str) -> Memory:
        names = ",".join(_MEMORY.values())
        try:
            metrics = self._cluster.get(path, params={"get": names})
        except NotFound:
            return Memory()
        values = {metric["id"]: int(float(metric.get("max", metric.get("value", 0)))) for metric in metrics}
        return Memory(**{field: values.get(name) for field, name in _MEMORY.items()})


def _wanted(name: str) -> bool:
    # A name that a task does not have empties the whole reply, so nothing is asked for blindly.
    return (
        name in _OF_ANY_TASK
        or any(pattern.search(name) for pattern in (_TDA, _OFFSET))
        or (_READ.match(name) is not None and _HEARTBEAT not in name)
    )


def _chunks(names: Sequence[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for name in names:
        if chunk and sum(len(one) + 3 for one in (*chunk, name)) > _QUERY_CHARACTERS:
            yield chunk
            chunk = []
        chunk.append(name)
    if chunk:
        yield chunk


def _each(everything: Sequence[_Values], pattern: Callable[[str], object], kind: str) -> list[float]:
    return [
        values[name][kind]
        for values in everything
        for name in values
        if pattern(name) and kind in values[name]
    ]


def _records_in(everything: Sequence[_Values]) -> int | None:
    read = _each(everything, _READ.match, "sum")
    return int(sum(read)) if read else None


def _computation(everything: Sequence[_Values]) -> Computation | None:
    """Counts are added up over tasks and subtasks; of times and bytes the highest counts."""

    def total(name: str) -> int | None:
        found = _each(everything, lambda full: full.endswith(f".tda_{name}"), "sum")
        return int(sum(found)) if found else None

    def highest(name: str) -> float | None:
        return max(_each(everything, lambda full: full.endswith(f".tda_{name}"), "max"), default=None)

    def seconds(name: str) -> float | None:
        microseconds = highest(f"computation_time{name}_us")
        return None if microseconds is None else microseconds / 1_000_000

    if not any(_TDA.search(name) for values in everything for name in values):
        return None
    memory = highest("memory_usage_bytes")
    return Computation(
        last=seconds(""),
        p50=seconds("_p50"),
        p95=seconds("_p95"),
        p99=seconds("_p99"),
        memory_bytes=None if memory is None else int(memory),
        answered=total("requests_answered") or 0,
        windows=total("windows"),
        points=total("points_processed") or 0,
        pairs=total("persistence_pairs") or 0,
        errors=total("errors") or 0,
        late_points=total("late_points") or 0,
    )


def _offsets(everything: Sequence[_Values], kind: str) -> Offsets:
    found: dict[str, dict[int, int | None]] = {}
    for values in everything:
        for name, value in values.items():
            match = _OFFSET.search(name)
            if match and match["kind"] == kind and "max" in value:
                offset = int(value["max"])
                # The current offset is that of the last record read, the committed one that of the next.
                following = None if offset < 0 else offset + (kind == "current")
                found.setdefault(match["topic"], {})[int(match["partition"])] = following
    return found


def _watermark(everything: Sequence[_Values]) -> int | None:
    found = _each(everything, lambda name: name == "currentInputWatermark", "min")
    told = [value for value in found if value > _NO_WATERMARK]
    return int(min(told)) if told else None


def _vertex(task: _Task, values: _Values) -> VertexLoad:
    records = values.get("numRecordsIn", {})
    average = records.get("avg", 0.0)
    return VertexLoad(
        id=task.id,
        name=task.name,
        kind=_kind(task),
        parallelism=task.parallelism,
        records_in=int(records.get("sum", 0)),
        records_out=int(values.get("numRecordsOut", {}).get("sum", 0)),
        busiest=values.get(_TIMES["busy"], {}).get("max"),
        skew=records["max"] / average if average > 0 else None,
        **{field: values.get(name, {}).get("avg") for field, name in _TIMES.items()},
    )


def _kind(task: _Task) -> str:
    if task.name.startswith("Source"):
        return "source"
    if any(_TDA.search(name) for name in task.names):
        return "compute"
    last = task.name.rsplit("->", 1)[-1]
    if re.search(r"\b(Sink|Writer|Committer|Print)\b", last):
        return "sink"
    return "parse" if task.name.endswith("-reader") else "other"
