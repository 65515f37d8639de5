"""What the values of Flink's metrics say of a job, over all its tasks and their subtasks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence

from tdaflink.domain.jobs import Checkpoints
from tdaflink.domain.snapshot import Computation, Offsets

READ = re.compile(r"^Source__[^.]*\.numRecordsOut$")
READ_RATE = re.compile(r"^Source__[^.]*\.numRecordsOutPerSecond$")
OFFSET = re.compile(
    r"\.topic\.(?P<topic>.+)\.partition\.(?P<partition>\d+)\.(?P<kind>current|committed)Offset$"
)
TDA = re.compile(r"\.tda_(?!ready$|incremental_|errors_by_code)[a-z0-9_]+$")
_NO_WATERMARK = -(2.0**62)

# Of one metric over all subtasks: sum, min, max, avg.
Values = Mapping[str, Mapping[str, float]]


def _each(everything: Sequence[Values], pattern: Callable[[str], object], kind: str) -> list[float]:
    return [
        values[name][kind]
        for values in everything
        for name in values
        if pattern(name) and kind in values[name]
    ]


def checkpoints(counts: Mapping[str, int]) -> Checkpoints:
    """The job's own counts, the newest completed checkpoint among them."""
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
    """How many records the sources have read."""
    read = _each(everything, READ.match, "sum")
    return int(sum(read)) if read else None


def records_per_second(everything: Sequence[Values]) -> float | None:
    """How many they read each second, over the last minute."""
    rates = _each(everything, READ_RATE.match, "sum")
    return sum(rates) if rates else None


def computation(everything: Sequence[Values]) -> Computation | None:
    """Counts are added up over tasks and subtasks; of times and bytes the highest counts."""

    def total(name: str) -> int | None:
        found = _each(everything, lambda full: full.endswith(f".tda_{name}"), "sum")
        return int(sum(found)) if found else None

    def highest(name: str) -> float | None:
        return max(_each(everything, lambda full: full.endswith(f".tda_{name}"), "max"), default=None)

    def seconds(name: str) -> float | None:
        microseconds = highest(f"computation_time{name}_us")
        return None if microseconds is None else microseconds / 1_000_000

    if not any(TDA.search(name) for values in everything for name in values):
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


def offsets(everything: Sequence[Values], kind: str) -> Offsets:
    """The next offsets: `current` those that the sources read, `committed` those of their last checkpoint."""
    found: dict[str, dict[int, int | None]] = {}
    for values in everything:
        for name, value in values.items():
            match = OFFSET.search(name)
            if match and match["kind"] == kind and "max" in value:
                offset = int(value["max"])
                # The current offset is that of the last record read, the committed one that of the next.
                following = None if offset < 0 else offset + (kind == "current")
                found.setdefault(match["topic"], {})[int(match["partition"])] = following
    return found


def watermark(everything: Sequence[Values]) -> int | None:
    """The lowest watermark of any task in epoch milliseconds; None of a job that has none."""
    found = _each(everything, lambda name: name == "currentInputWatermark", "min")
    told = [value for value in found if value > _NO_WATERMARK]
    return int(min(told)) if told else None
