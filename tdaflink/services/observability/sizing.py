"""Sizing recommendations from the latest results of a running job, or from the table of algorithms."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.flink.metrics_reader import JobLoads
from tdaflink.adapters.kafka.offsets import OffsetReader
from tdaflink.adapters.kafka.tail import Record
from tdaflink.domain.config.algorithms import AlgorithmInfo, find_algorithm
from tdaflink.domain.errors import TdaflinkError, UsageError
from tdaflink.domain.jobs.job import Job, find_job
from tdaflink.domain.jobs.job_parameters import outputs_of
from tdaflink.domain.messages.records import message_from
from tdaflink.domain.observability.cluster_snapshot import JobLoad
from tdaflink.domain.observability.sizing import (
    Advice,
    Cost,
    Measured,
    advise,
    alternatives,
    cost_by_table,
    cost_of,
)
from tdaflink.domain.progress import Reporter

_NEWEST = 200  # results of each partition
_TYPICAL_POINTS = 200
_ONE_PER_SECOND = 1.0


@dataclass(frozen=True)
class AskedAlgorithm:
    """A computation whose cost is in the table of algorithms."""

    name: str = "vietoris_rips"
    max_dimension: int = 1
    coordinates: int = 3


def recommend_size(
    cluster: FlinkRest,
    kafka: OffsetReader,
    reference: str | None,
    points: int | None,
    rate: float | None,
    reporter: Reporter,
    known: Sequence[AlgorithmInfo],
) -> Advice:
    """Recommend a size for a load; without results, by rules of thumb and the table of `known` algorithms."""
    try:
        job, load = _chosen(cluster, reference)
        measured = _measured(kafka, load) if load is not None else []
        slots = _slots_each(cluster)
    except TdaflinkError as error:
        if reference is not None:
            raise
        reporter.warn(f"{error.message}: the recommendation uses rules of thumb only")
        job, load, measured, slots = None, None, [], None
    cost = cost_of(measured)
    if points is None:
        points = (
            round(statistics.median(computation.points for computation in measured))
            if cost
            else _TYPICAL_POINTS
        )
        reporter.note(
            f"{points} points" + (f", as in the latest results of {job.name}" if job and cost else "")
        )
    if rate is None:
        rate = _rate(load, cost)
        reporter.note(f"{rate:g} windows a second" + (f", the current rate of {job.name}" if job else ""))
    partitions = max((len(numbers) for numbers in load.positions.values()), default=None) if load else None
    if cost is None:
        cost = _cost_by_table(AskedAlgorithm(), known)
    return advise(points, rate, cost, slots, partitions)


def advise_by_table(
    asked: AskedAlgorithm, points: int | None, rate: float | None, known: Sequence[AlgorithmInfo]
) -> Advice:
    """Recommend a size by the table of algorithms only. Raises `NotFound` for an unknown algorithm."""
    points = _TYPICAL_POINTS if points is None else points
    advice = advise(points, rate or _ONE_PER_SECOND, _cost_by_table(asked, known), None, None)
    others = alternatives(points, asked.max_dimension, asked.coordinates, known)
    return replace(advice, alternatives=others)


def _cost_by_table(asked: AskedAlgorithm, known: Sequence[AlgorithmInfo]) -> Cost | None:
    return cost_by_table(find_algorithm(asked.name, known), asked.max_dimension, asked.coordinates)


def _chosen(cluster: FlinkRest, reference: str | None) -> tuple[Job | None, JobLoad | None]:
    alive = cluster.jobs("", ended=False)
    if reference is not None:
        job = find_job(alive, reference)
    elif len(alive) > 1:
        raise UsageError(
            f"there are {len(alive)} jobs: {', '.join(job.name for job in alive)}", hint="--job NAME"
        )
    elif not alive:
        return None, None
    else:
        job = alive[0]
    return job, JobLoads(cluster).read_full(job.id)


def _measured(kafka: OffsetReader, load: JobLoad) -> list[Measured]:
    outputs = kafka.partitions(outputs_of(load.parameters))
    records = kafka.newest(kafka.ends(outputs), _NEWEST) if outputs else []
    return [computation for record in records if (computation := _computation(record))]


def _computation(record: Record) -> Measured | None:
    """Return the measurements of a result; None for any other record."""
    try:
        info = message_from(record.value or b"")["computation_info"]
        return Measured(
            int(info["num_points"]), float(info["computation_time"]), int(info.get("memory_usage", 0))
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def _slots_each(cluster: FlinkRest) -> int | None:
    overview = cluster.overview()
    return overview.slots_total // overview.taskmanagers if overview.taskmanagers else None


def _rate(load: JobLoad | None, cost: Cost | None) -> float:
    rate = load.records_per_second if load is not None and cost is not None else None
    return round(rate, 1) if rate else _ONE_PER_SECOND
