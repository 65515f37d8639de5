"""Aggregation of Flink's metrics of a job over its tasks and their subtasks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence

from tdaflink.domain import job_contract
from tdaflink.domain.jobs.job import Checkpoints
from tdaflink.domain.observability.cluster_snapshot import Computation, Offsets

READ = re.compile(r"^Source__[^.]*\.numRecordsOut$")
READ_RATE = re.compile(r"^Source__[^.]*\.numRecordsOutPerSecond$")
OFFSET = re.compile(
    r"\.topic\.(?P<topic>.+)\.partition\.(?P<partition>\d+)\.(?P<kind>current|committed)Offset$"
)
TDA = re.compile(r"\.tda_(?!ready$|incremental_|errors_by_code)[a-z0-9_]+$")
_NO_WATERMARK = -(2.0**62)

# Metric -> aggregate (sum, min, max, avg) over all subtasks -> value.
Values = Mapping[str, Mapping[str, float]]


def _each(everything: Sequence[Values], pattern: Callable[[str], object], kind: str) -> list[float]:
    return [
        values[name][kind]
        for values in everything
        for name in values
        if pattern(name) and kind in values[name]
    ]


def checkpoints(counts: Mapping[str, int]) -> Checkpoints:
    """Return the checkpoint counts of the job's metrics, and the newest completed checkpoint."""
    done = counts.get("lastCheckpointCompletedTimestamp")
    return Checkpoints(
        completed=counts.get("numberOfCompletedCheckpoints", 0),
        failed=counts.get("numberOfFailedCheckpoints", 0),
        in_progress=counts.get("numberOfInProgressCheckpoints", 0),
        latest_id=counts.get("lastCompletedCheckpointId") if done else None,
        latest_duration_ms=counts.get("lastCheckpointDuration") if done else None,
        latest_size_bytes=counts.get("lastCheckpointSize") if done else None,
        latest_age_ms=max(0, int(time.time() * 1000) - done) if done else None,
    )


def records_in(everything: Sequence[Values]) -> int | None:
    """Return the number of records that the sources have read."""
    read = _each(everything, READ.match, "sum")
    return int(sum(read)) if read else None


def records_per_second(everything: Sequence[Values]) -> float | None:
    """Return the records that the sources read each second, averaged over the last minute."""
    rates = _each(everything, READ_RATE.match, "sum")
    return sum(rates) if rates else None


def computation(everything: Sequence[Values]) -> Computation | None:
    """Return sums of counts over tasks and subtasks, and the maxima of times and bytes."""

    def total(name: str) -> int | None:
        counts = _each(everything, lambda full: full.endswith(f".{name}"), "sum")
        return int(sum(counts)) if counts else None

    def highest(name: str) -> float | None:
        return max(_each(everything, lambda full: full.endswith(f".{name}"), "max"), default=None)

    def seconds(name: str) -> float | None:
        microseconds = highest(name)
        return None if microseconds is None else microseconds / 1_000_000

    if not any(TDA.search(name) for values in everything for name in values):
        return None
    memory = highest(job_contract.MEMORY_USAGE_BYTES)
    return Computation(
        last=seconds(job_contract.COMPUTATION_TIME_US),
        p50=seconds(job_contract.COMPUTATION_TIME_P50_US),
        p95=seconds(job_contract.COMPUTATION_TIME_P95_US),
        p99=seconds(job_contract.COMPUTATION_TIME_P99_US),
        memory_bytes=None if memory is None else int(memory),
        answered=total(job_contract.REQUESTS_ANSWERED) or 0,
        windows=total(job_contract.WINDOWS),
        points=total(job_contract.POINTS_PROCESSED) or 0,
        pairs=total(job_contract.PERSISTENCE_PAIRS) or 0,
        errors=total(job_contract.ERRORS) or 0,
        late_points=total(job_contract.LATE_POINTS) or 0,
    )


def offsets(everything: Sequence[Values], kind: str) -> Offsets:
    """Return the next offsets by topic and partition; `kind`: `current` or `committed` (last checkpoint)."""
    by_topic: dict[str, dict[int, int | None]] = {}
    for values in everything:
        for name, value in values.items():
            match = OFFSET.search(name)
            if match and match["kind"] == kind and "max" in value:
                offset = int(value["max"])
                # Flink's current offset is that of the last record read, the committed one that of the next.
                following = None if offset < 0 else offset + (kind == "current")
                by_topic.setdefault(match["topic"], {})[int(match["partition"])] = following
    return by_topic


def watermark(everything: Sequence[Values]) -> int | None:
    """Return the lowest watermark of any task in epoch milliseconds; None for a job without watermarks."""
    lowest = _each(everything, lambda name: name == "currentInputWatermark", "min")
    watermarks = [value for value in lowest if value > _NO_WATERMARK]
    return int(min(watermarks)) if watermarks else None
