"""Repeated snapshots of a cluster for the dashboard; only data that is shown is read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tdaflink.adapters.component_logs import ComponentLogs
from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.flink.metrics_reader import JobLoads
from tdaflink.adapters.kafka.offsets import OffsetReader
from tdaflink.adapters.kafka.tail import Record
from tdaflink.adapters.monitoring.prometheus import Prometheus
from tdaflink.domain.errors import NotFound, TdaflinkError, Unreachable
from tdaflink.domain.jobs.job import Job
from tdaflink.domain.jobs.job_parameters import outputs_of
from tdaflink.domain.messages.records import RESULTS_TOPIC, WINDOWS_TOPIC, message_from, result_from
from tdaflink.domain.observability.cluster_snapshot import (
    ClusterSnapshot,
    FiringAlert,
    Focus,
    JobLoad,
    JobSeen,
    LatestResult,
    LogTail,
    RateHistory,
    Source,
)
from tdaflink.domain.observability.dashboard import DashboardState, reduce_snapshot
from tdaflink.services.observability.lag import lag_of
from tdaflink.services.observability.stream_alerts import StreamAlerts

SUMMARIES_PER_REFRESH = 8  # jobs other than the selected one whose metrics one refresh reads, in turn
BARCODE_SECONDS = 4.0
RETRY_SECONDS = 5.0  # a source that did not respond is queried again after this time
READ_SECONDS = 4.0  # timeout of one response of Flink
LOG_LINES = 300
HISTORY_SECONDS, HISTORY_STEP_SECONDS = 240.0, 5.0
RATE_INTERVAL_SECONDS = 2.0
_BACK = 3  # newest records of each partition; those of a selected stream may be older
_BACK_OF_STREAM = 40
_STREAMS_KEPT = 50

T = TypeVar("T")


@dataclass(frozen=True)
class DashboardSources:
    """Sources of snapshots; an environment may lack some."""

    env: str
    cluster: FlinkRest
    kafka: OffsetReader | None = None
    prometheus: Prometheus | None = None
    logs: ComponentLogs | None = None
    one_job: bool = False
    """True for an application cluster."""


@dataclass
class _Results:
    """The latest result, and the end offsets of the topics when it was read."""

    stream: str | None = None
    read_at: float = 0.0
    ends: Mapping[tuple[str, int], int] = field(default_factory=dict)
    newest: LatestResult | None = None
    streams: list[str] = field(default_factory=list)


class SnapshotReader:
    """Reader of snapshots, one at a time. Errors of sources are reported in the snapshot and never raised."""

    def __init__(self, sources: DashboardSources) -> None:
        self._sources = sources
        self._loads = JobLoads(sources.cluster)
        self._seen: dict[str, JobLoad] = {}
        self._parallelism: Mapping[str, int] = {}
        self._ended: set[str] = set()
        self._history: Mapping[str, RateHistory] | None = None
        self._results = _Results()
        self._stream_alerts = StreamAlerts()
        self._retry_at: dict[Source, float] = {}
        self._problems: dict[Source, str] = {}

    def read(self, focus: Focus) -> ClusterSnapshot:
        """Read a snapshot of the selection in `focus`."""
        sources = self._sources
        cluster = self._query("flink", self._loads.cluster_state)
        # Without a JobManager there are no jobs to read, and each further request would time out, too.
        jobs = None if cluster is None else self._query("flink", lambda: self._jobs(focus))
        kafka, prometheus = sources.kafka, sources.prometheus
        histories = {} if prometheus is None else self._prometheus_history(prometheus)
        seen = None
        if jobs is not None:
            seen = [JobSeen(job, self._seen.get(job.id), history=histories.get(job.id)) for job in jobs]
        newest = None
        if kafka is not None:
            if seen is not None:
                without_lag = seen
                seen = self._query("kafka", lambda: lag_of(without_lag, kafka, focus.job)) or seen
            newest = self._query("kafka", lambda: self._newest(kafka, focus))
        alerts: Sequence[FiringAlert] | None = ()
        if prometheus is not None:
            alerts = self._query("prometheus", prometheus.firing)
        if kafka is not None and alerts is not None:
            of_streams = self._query("kafka", lambda: self._stream_alerts.recent(kafka))
            alerts = None if of_streams is None else (*of_streams, *alerts)
        return ClusterSnapshot(
            taken_at=time.time(),
            env=sources.env,
            rest_url=sources.cluster.url,
            cluster=cluster,
            jobs=seen,
            alerts=alerts,
            newest=newest,
            streams=tuple(self._results.streams),
            log=self._log(focus),
            problems=dict(self._problems),
            one_job=sources.one_job,
        )

    def _prometheus_history(self, prometheus: Prometheus) -> Mapping[str, RateHistory]:
        """Return the history in Prometheus, queried once: later values come from the dashboard itself."""
        if self._history is None:
            self._history = self._query(
                "prometheus", lambda: prometheus.history(HISTORY_SECONDS, HISTORY_STEP_SECONDS)
            )
        return self._history or {}

    def _query(self, source: Source, request: Callable[[], T]) -> T | None:
        """Return the response, or None; a source that failed is queried again after `RETRY_SECONDS`."""
        if source != "flink" and time.monotonic() < self._retry_at.get(source, 0.0):
            return None
        try:
            response = request()
        except TdaflinkError as error:
            self._problems[source] = error.message
            self._retry_at[source] = time.monotonic() + RETRY_SECONDS
            return None
        self._problems.pop(source, None)
        return response

    def _jobs(self, focus: Focus) -> list[Job]:
        jobs = self._sources.cluster.jobs(self._sources.env, ended=True, known=self._parallelism)
        present = {job.id: job for job in jobs}
        # A starting job may get its tasks later, and a job may be rescaled.
        self._parallelism = {
            job.id: job.parallelism for job in jobs if job.parallelism and job.id != focus.job
        }
        self._loads.forget_all_but(present)
        self._seen = {job_id: load for job_id, load in self._seen.items() if job_id in present}
        chosen = focus.job or next((job.id for job in jobs if not job.ended), None)
        others = [i for i in focus.visible if i in present and i != chosen and not self._is_final(present[i])]
        others.sort(key=lambda job_id: self._seen[job_id].taken_at if job_id in self._seen else 0.0)
        if chosen in present and not self._is_final(present[chosen]):
            self._read_load(present[chosen], self._loads.read_full)
        for job_id in others[:SUMMARIES_PER_REFRESH]:
            in_trouble = present[job_id].state != "RUNNING"
            self._read_load(
                present[job_id], self._loads.read_full if in_trouble else self._loads.read_summary
            )
        return jobs

    def _is_final(self, job: Job) -> bool:
        """Return whether the final values of an ended job have been read."""
        return job.id in self._ended

    def _read_load(self, job: Job, read: Callable[[str], JobLoad]) -> None:
        try:
            self._seen[job.id] = self._loads.read_final(job.id) if job.ended else read(job.id)
            if job.ended:
                self._ended.add(job.id)
        except NotFound:
            self._seen.pop(job.id, None)

    def _newest(self, kafka: OffsetReader, focus: Focus) -> LatestResult | None:
        kept = self._results
        if kept.stream == focus.stream and time.monotonic() - kept.read_at < BARCODE_SECONDS:
            return kept.newest
        topics = self._result_topics(focus)
        ends = kafka.ends(kafka.partitions(topics))
        if ends != kept.ends or kept.stream != focus.stream:
            records = kafka.newest(ends, _BACK if focus.stream is None else _BACK_OF_STREAM)
            self._update_results(records, focus.stream)
            kept.ends = ends
        kept.stream, kept.read_at = focus.stream, time.monotonic()
        return kept.newest

    def _update_results(self, records: Sequence[Record], stream: str | None) -> None:
        kept = self._results
        newest = None
        for record in sorted(records, key=lambda record: (record.timestamp_ms, record.offset), reverse=True):
            key = (record.key or b"").decode("utf-8", "replace")
            if record.topic != RESULTS_TOPIC and key and key not in kept.streams:
                kept.streams = [key, *kept.streams][:_STREAMS_KEPT]
            if newest is None and stream in (None, key):
                newest = _newest_of(record, key)
        # The last result of an idle stream may be too old to be read again: it is kept.
        same = kept.newest is not None and stream in (None, kept.newest.stream)
        kept.newest = newest or (kept.newest if same else None)

    def _result_topics(self, focus: Focus) -> list[str]:
        load = self._seen.get(focus.job) if focus.job else None
        outputs = outputs_of(load.parameters) if load is not None else []
        return outputs or [RESULTS_TOPIC, WINDOWS_TOPIC]

    def _log(self, focus: Focus) -> LogTail | None:
        logs, wanted = self._sources.logs, focus.logs_of
        if logs is None or wanted is None:
            return None

        def read() -> LogTail:
            names = logs.names()
            component = wanted if wanted in names else next(iter(names), "")
            return LogTail(component, names, logs.tail(component, LOG_LINES))

        return self._query("logs", read)


class Watcher:
    """Reader of snapshots in a separate thread, so that a slow cluster does not block the screen."""

    def __init__(self, reader: SnapshotReader, every: float, close: Callable[[], None]) -> None:
        """`close` closes the sources; the thread calls it, since only it uses them."""
        self._reader = reader
        self._every = every
        self._close = close
        self._focus = Focus()
        self._latest: ClusterSnapshot | None = None
        self._asked = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._asked.set()
        # A pending request may take seconds; the user who quits does not wait for it.
        self._thread.join(0.5)

    def latest(self) -> ClusterSnapshot | None:
        """Return the latest snapshot, None before the first."""
        return self._latest

    def look_at(self, focus: Focus) -> None:
        """Set the selection of the next snapshot, and read it immediately if the selection changes."""
        if focus != self._focus:
            changed = (focus.job, focus.stream, focus.logs_of) != (
                self._focus.job,
                self._focus.stream,
                self._focus.logs_of,
            )
            self._focus = focus
            if changed:
                self._asked.set()

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                started = time.monotonic()
                self._latest = self._reader.read(self._focus)
                left = max(0.1, self._every - (time.monotonic() - started))
                self._asked.wait(left)
                self._asked.clear()
        finally:
            self._close()


def _newest_of(record: Record, key: str) -> LatestResult | None:
    try:
        message = message_from(record.value or b"")
        result = result_from(message)
        window = message.get("window") or {}
        ends = window.get("end") or window.get("last_event")
        return LatestResult(record.topic, key or result.job_id, result, None if ends is None else str(ends))
    except (ValueError, AttributeError):
        return None  # not a result: other programs may write to the topic, too


def look_once(
    reader: SnapshotReader, stream: str | None, *, rates: bool
) -> tuple[DashboardState, ClusterSnapshot]:
    """Return the board and the latest snapshot; with `rates`, of two snapshots some seconds apart.

    Raises `Unreachable` if Flink does not respond.
    """
    first = reader.read(Focus(stream=stream))
    if first.cluster is None:
        raise Unreachable(
            first.problems["flink"], hint="tdaflink setup; or choose another environment with --env"
        )
    if rates and first.jobs:
        time.sleep(RATE_INTERVAL_SECONDS)
    visible = [seen.job.id for seen in first.jobs or ()]
    second = reader.read(Focus(stream=stream, visible=visible))
    return reduce_snapshot(reduce_snapshot(None, first), second), second
