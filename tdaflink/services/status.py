"""One job looked at closely: what it does, why it fails, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from tdaflink.adapters.flink import FlinkRest
from tdaflink.adapters.flink_metrics import JobLoads
from tdaflink.adapters.kafka_watch import TopicWatch
from tdaflink.domain.application import is_application
from tdaflink.domain.environment import Environment
from tdaflink.domain.errors import NotFound, TdaflinkError
from tdaflink.domain.failures import RecordAtFault
from tdaflink.domain.findings import findings, record_at_fault
from tdaflink.domain.jobs import Job, Vertex, find_job
from tdaflink.domain.messages import message_from
from tdaflink.domain.snapshot import JobLoad, TopicLag
from tdaflink.domain.status import JobStatus
from tdaflink.domain.timestamps import parse_timestamp
from tdaflink.domain.travelling import outputs_of
from tdaflink.services.lag import job_lag

_BEGINNING = 200  # characters of a record that are shown
_NEWEST = 3  # records at the end of each partition: a transaction's marker may be one


@dataclass(frozen=True)
class _FromKafka:
    lag: Mapping[str, TopicLag] | None = None
    newest_window_ms: int | None = None
    beginning: str | None = None


def job_status(
    cluster: FlinkRest,
    env: Environment,
    reference: str,
    kafka: TopicWatch | None,
    warn: Callable[[str], None],
) -> JobStatus:
    """Everything that Flink and Kafka tell of one job. Raises `NotFound`.

    A Kafka that does not answer is a warning: the job's status matters most when something else is down.
    """
    job = find_job(cluster.jobs(env.name, ended=True), reference)
    loads = JobLoads(cluster)
    load = _load(loads, job)
    record = record_at_fault(load)
    found = _FromKafka()
    if kafka is not None and not job.ended:
        try:
            found = _ask_kafka(kafka, load, record)
        except TdaflinkError as error:
            warn(f"{error.message}: lag and event time are not known")
    return JobStatus(
        **vars(job),
        restarts=load.restarts,
        vertices=_with_load(cluster.vertices(job.id), load),
        checkpoints=load.checkpoints,
        exceptions=load.failures or (),
        parameters=cluster.job_parameters(job.id),
        watermark=load.watermark if load.watermark is not None else found.newest_window_ms,
        lag=_numbers(found.lag, "lag"),
        committed_lag=_numbers(found.lag, "committed_lag"),
        records_per_second=load.records_per_second,
        computation=load.computation,
        findings=findings(
            job,
            load,
            found.lag,
            load.records_per_second,
            loads.cluster_state(),
            one_job=is_application(env),
        ),
        record=None if record is None else replace(record, beginning=found.beginning),
    )


def _load(loads: JobLoads, job: Job) -> JobLoad:
    if not job.ended:
        with suppress(NotFound):  # it may end between the listing and this
            return loads.look(job.id)
    return loads.remains(job.id)


def _ask_kafka(kafka: TopicWatch, load: JobLoad, at_fault: RecordAtFault | None) -> _FromKafka:
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


def _beginning(kafka: TopicWatch, record: RecordAtFault) -> str | None:
    """The first characters of a record; None where its topic does not have it any more."""
    value = kafka.value_at(record.topic, record.partition, record.offset)
    if value is None:
        return None
    text = value[: 4 * _BEGINNING].decode("utf-8", "backslashreplace")
    return text if len(text) <= _BEGINNING and len(value) <= 4 * _BEGINNING else f"{text[:_BEGINNING]}…"


def _window_end(value: bytes | None) -> int | None:
    """The end of a result's window in epoch milliseconds; None of a result without one."""
    try:
        window = message_from(value or b"").get("window") or {}
        text = window.get("end") or window.get("last_event")
        return None if text is None else int(parse_timestamp(text).timestamp() * 1000)
    except (ValueError, AttributeError, TypeError, OverflowError):
        return None  # other programs may write there, too


def _with_load(vertices: Sequence[Vertex], load: JobLoad) -> list[Vertex]:
    """The tasks with what Flink measures of each."""
    loads = {vertex.id: vertex for vertex in load.vertices}
    merged = []
    for vertex in vertices:
        seen = loads.get(vertex.id)
        if seen is not None:
            vertex = replace(
                vertex,
                records_in=seen.records_in,
                records_out=seen.records_out,
                kind=seen.kind,
                busy=seen.busy,
                backpressured=seen.backpressured,
                idle=seen.idle,
                busiest=seen.busiest,
                skew=seen.skew,
            )
        merged.append(vertex)
    return merged


def _numbers(lag: Mapping[str, TopicLag] | None, field: str) -> dict[str, int] | None:
    return None if lag is None else {topic: getattr(seen, field) for topic, seen in lag.items()}
