"""Detailed status of one job: load, failures, and findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.flink.metrics_reader import JobLoads
from tdaflink.adapters.kafka.offsets import OffsetReader
from tdaflink.domain.environments.application_cluster import is_application
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import NotFound, TdaflinkError
from tdaflink.domain.jobs.failures import RecordAtFault
from tdaflink.domain.jobs.job import Job, Vertex, find_job
from tdaflink.domain.jobs.job_parameters import outputs_of
from tdaflink.domain.jobs.job_status import JobStatus
from tdaflink.domain.messages.records import message_from
from tdaflink.domain.observability.cluster_snapshot import JobLoad, TopicLag
from tdaflink.domain.observability.findings import findings, record_at_fault
from tdaflink.domain.timestamps import parse_timestamp
from tdaflink.services.observability.lag import job_lag

_BEGINNING = 200  # characters shown of a record
_NEWEST = 3  # records read at the end of each partition, since a transaction marker takes an offset, too


@dataclass(frozen=True)
class _FromKafka:
    lag: Mapping[str, TopicLag] | None = None
    newest_window_ms: int | None = None
    beginning: str | None = None


def job_status(
    cluster: FlinkRest,
    environment: Environment,
    reference: str,
    kafka: OffsetReader | None,
    warn: Callable[[str], None],
) -> JobStatus:
    """Return the status of a job from Flink and Kafka. Raises `NotFound`.

    If Kafka does not respond, the status has no lag, and a warning is reported.
    """
    job = find_job(cluster.jobs(environment.name, ended=True), reference)
    loads = JobLoads(cluster)
    load = _load(loads, job)
    record = record_at_fault(load)
    from_kafka = _FromKafka()
    if kafka is not None and not job.ended:
        try:
            from_kafka = _read_kafka(kafka, load, record)
        except TdaflinkError as error:
            warn(f"{error.message}: lag and event time are not known")
    return JobStatus(
        **vars(job),
        restarts=load.restarts,
        vertices=_with_load(cluster.vertices(job.id), load),
        checkpoints=load.checkpoints,
        exceptions=load.failures or (),
        parameters=cluster.job_parameters(job.id),
        watermark=load.watermark if load.watermark is not None else from_kafka.newest_window_ms,
        lag=_numbers(from_kafka.lag, "lag"),
        committed_lag=_numbers(from_kafka.lag, "committed_lag"),
        records_per_second=load.records_per_second,
        computation=load.computation,
        findings=findings(
            job,
            load,
            from_kafka.lag,
            load.records_per_second,
            loads.cluster_state(),
            one_job=is_application(environment),
        ),
        record=None if record is None else replace(record, beginning=from_kafka.beginning),
    )


def _load(loads: JobLoads, job: Job) -> JobLoad:
    if not job.ended:
        with suppress(NotFound):  # the job may end between the two requests
            return loads.read_full(job.id)
    return loads.read_final(job.id)


def _read_kafka(kafka: OffsetReader, load: JobLoad, at_fault: RecordAtFault | None) -> _FromKafka:
    places = {(topic, number) for topic, numbers in load.positions.items() for number in numbers}
    outputs = kafka.partitions(outputs_of(load.parameters))
    ends = kafka.ends({*places, *outputs})
    lag = job_lag(load, ends, kafka) if places else None
    times = []
    for record in kafka.newest({place: ends[place] for place in outputs if place in ends}, _NEWEST):
        moment = _window_end(record.value)
        if moment is not None:
            times.append(moment)
    return _FromKafka(
        lag, max(times, default=None), None if at_fault is None else _beginning(kafka, at_fault)
    )


def _beginning(kafka: OffsetReader, record: RecordAtFault) -> str | None:
    """Return the first characters of a record; None if its topic no longer has it."""
    value = kafka.value_at(record.topic, record.partition, record.offset)
    if value is None:
        return None
    text = value[: 4 * _BEGINNING].decode("utf-8", "backslashreplace")
    return text if len(text) <= _BEGINNING and len(value) <= 4 * _BEGINNING else f"{text[:_BEGINNING]}…"


def _window_end(value: bytes | None) -> int | None:
    """Return the end of a result's window in epoch milliseconds; None without a window."""
    try:
        window = message_from(value or b"").get("window") or {}
        text = window.get("end") or window.get("last_event")
        return None if text is None else int(parse_timestamp(text).timestamp() * 1000)
    except (ValueError, AttributeError, TypeError, OverflowError):
        return None  # not a result: other programs may write to the topic, too


def _with_load(vertices: Sequence[Vertex], load: JobLoad) -> list[Vertex]:
    """Return the tasks with their metrics."""
    loads = {vertex.id: vertex for vertex in load.vertices}
    merged = []
    for vertex in vertices:
        measured = loads.get(vertex.id)
        if measured is not None:
            vertex = replace(
                vertex,
                records_in=measured.records_in,
                records_out=measured.records_out,
                kind=measured.kind,
                busy=measured.busy,
                backpressured=measured.backpressured,
                idle=measured.idle,
                busiest=measured.busiest,
                skew=measured.skew,
            )
        merged.append(vertex)
    return merged


def _numbers(lag: Mapping[str, TopicLag] | None, field: str) -> dict[str, int] | None:
    return None if lag is None else {topic: getattr(topic_lag, field) for topic, topic_lag in lag.items()}
