"""Consumer lag of jobs: end offsets less the positions of the sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.flink.metrics_reader import JobLoads
from tdaflink.adapters.kafka.offsets import OffsetReader, TopicPartition
from tdaflink.domain.errors import NotFound
from tdaflink.domain.job_contract import GROUP_PARAMETER
from tdaflink.domain.jobs.job import Job, find_job
from tdaflink.domain.messages.topics import LagRow
from tdaflink.domain.observability.cluster_snapshot import JobLoad, JobSeen, Offsets, TopicLag


def lag_rows(
    cluster: FlinkRest, loads: JobLoads, kafka: OffsetReader, topics: Sequence[str], job: str | None
) -> list[LagRow]:
    """Return the lag of each running job in each of its input topics, largest first. Raises `NotFound`."""
    alive = cluster.jobs("", ended=False)
    chosen = [find_job(alive, job)] if job else alive
    rows = [row for chosen_job in chosen for row in _rows(chosen_job, loads, kafka)]
    inputs = {row.topic for row in rows}
    for topic in topics:
        if topic not in inputs:
            reads = ", ".join(sorted(inputs)) or "no topic is read"
            raise NotFound(f"no running job reads {topic!r} ({reads})", hint="tdaflink topics list")
    return sorted((row for row in rows if not topics or row.topic in topics), key=lambda row: -row.lag)


def _rows(job: Job, loads: JobLoads, kafka: OffsetReader) -> list[LagRow]:
    try:
        load = loads.read_full(job.id)
    except NotFound:  # it has ended since the list was made
        return []
    lags = job_lag(load, kafka.ends(_places(load.positions)), kafka) or {}
    return [
        LagRow(
            job.name,
            job.id,
            topic,
            lag.lag,
            lag.committed_lag,
            lag.behind,
            lag.partitions,
            load.records_per_second,
        )
        for topic, lag in lags.items()
    ]


def lag_of(jobs: Sequence[JobSeen], kafka: OffsetReader, chosen: str | None) -> list[JobSeen]:
    """Return the jobs with the lag of each of their input topics."""
    ends = kafka.ends({place for seen in jobs if seen.load for place in _places(seen.load.positions)})
    return [_with_lag(seen, ends, kafka, deep=seen.job.id == chosen) for seen in jobs]


def _with_lag(
    seen: JobSeen, ends: Mapping[TopicPartition, int], kafka: OffsetReader, *, deep: bool
) -> JobSeen:
    if seen.load is None or not seen.load.positions:
        return seen
    return replace(seen, lag=job_lag(seen.load, ends, kafka if deep else None))


def job_lag(
    load: JobLoad, ends: Mapping[TopicPartition, int], kafka: OffsetReader | None
) -> dict[str, TopicLag] | None:
    """Return the lag by topic.

    A source that has read nothing since it started has no position: it is at the committed offset of its
    group, else at the beginning. These are read from `kafka`; without it such partitions are not included.
    """
    resting = _idle_positions(load, ends, kafka) if kafka is not None else {}
    return {
        topic: _topic_lag(topic, partitions, load.committed.get(topic, {}), ends, resting)
        for topic, partitions in load.positions.items()
    }


def _topic_lag(
    topic: str,
    positions: Mapping[int, int | None],
    committed: Mapping[int, int | None],
    ends: Mapping[TopicPartition, int],
    resting: Mapping[TopicPartition, int],
) -> TopicLag:
    lags, uncommitted = [], []
    for number, position in positions.items():
        end = ends.get((topic, number))
        rest = resting.get((topic, number))
        at = position if position is not None else rest
        if end is not None and at is not None:
            lags.append(max(0, end - at))
        saved = committed.get(number)
        saved = saved if saved is not None else rest
        if end is not None and saved is not None:
            uncommitted.append(max(0, end - saved))
    return TopicLag(
        lag=sum(lags),
        committed_lag=sum(uncommitted) if uncommitted else None,
        behind=sum(1 for lag in lags if lag > 0),
        partitions=len(positions),
    )


def _idle_positions(
    load: JobLoad, ends: Mapping[TopicPartition, int], kafka: OffsetReader
) -> dict[TopicPartition, int]:
    """Return the positions of sources that have read nothing yet."""
    idle = [
        (topic, number)
        for topic, partitions in load.positions.items()
        for number, position in partitions.items()
        if position is None and ends.get((topic, number), 0) > 0
    ]
    if not idle:
        return {}
    group = load.parameters.get(GROUP_PARAMETER)
    committed = kafka.committed(group, idle) if group else {}
    unknown = [place for place in idle if place not in committed]
    begins = kafka.begins(unknown) if unknown else {}
    return {place: committed[place] if place in committed else begins.get(place, 0) for place in idle}


def _places(positions: Offsets) -> list[TopicPartition]:
    return [(topic, number) for topic, partitions in positions.items() for number in partitions]
