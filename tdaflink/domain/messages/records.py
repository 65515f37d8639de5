"""Messages to and from a job: requests, results, error records and events."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tdaflink.domain.timestamps import timestamp_now

REQUESTS_TOPIC = "tda_jobs"
UPLOADS_TOPIC = "tda_uploads"
RESULTS_TOPIC = "tda_results"
ERRORS_TOPIC = "tda_errors"
STREAMS_TOPIC = "tda_stream_input"
WINDOWS_TOPIC = "tda_stream_output"
MOST_DIMENSIONS = 64  # a damaged message may claim millions


@dataclass(frozen=True)
class Request:
    """One point cloud to be analysed; fields that are None are taken from the job's config."""

    job_id: str
    points: Sequence[Any]
    algorithm: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def message(self) -> dict[str, Any]:
        """Return the message for the requests topic."""
        message: dict[str, Any] = {"job_id": self.job_id, "timestamp": timestamp_now()}
        if self.algorithm is not None:
            message["algorithm"] = self.algorithm
        first = self.points[0]
        coordinates = first["coordinates"] if isinstance(first, dict) else first
        message["point_cloud"] = {"points": self.points, "dimension": len(coordinates)}
        if self.parameters:
            message["parameters"] = dict(self.parameters)
        return message


@dataclass(frozen=True)
class Upload:
    """A file to be analysed, which the job reads itself; the job decides about fields that are None."""

    job_id: str
    uri: str
    format: str | None = None
    delimiter: str | None = None
    algorithm: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    columns: Sequence[str] | None = None
    key: str | None = None
    header: bool | None = None

    def message(self) -> dict[str, Any]:
        """Return the message for the uploads topic."""
        fields = {
            "uri": self.uri,
            "format": self.format,
            "delimiter": self.delimiter,
            "columns": self.columns,
            "key": self.key,
            "header": self.header,
            "algorithm": self.algorithm,
            "parameters": dict(self.parameters) or None,
        }
        given = {key: value for key, value in fields.items() if value is not None}
        return {"job_id": self.job_id, "timestamp": timestamp_now(), **given}


def encode(message: Mapping[str, Any]) -> bytes:
    """Return a message as the bytes of a record: JSON in UTF-8 without blanks."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@dataclass(frozen=True)
class Bar:
    """One interval of a barcode; an infinite one has the death `math.inf`."""

    dimension: int
    birth: float
    death: float

    @property
    def length(self) -> float:
        return self.death - self.birth

    @property
    def infinite(self) -> bool:
        return math.isinf(self.death)


@dataclass(frozen=True)
class DiagramDistance:
    """Distance of a window's diagram to the one before; above `threshold` it is an alert."""

    metric: str
    value: float
    threshold: float | None
    alert: bool


@dataclass(frozen=True)
class Result:
    """One result, reduced to the fields that are shown.

    `cut` is the T at which the filtration was cut, if it was; `moment` is the end of its window of event
    time, else the time of the computation; `last_seq` the number of the last point of a count window.
    """

    job_id: str
    timestamp: str
    algorithm: str
    num_points: int
    seconds: float
    betti: tuple[int, ...]
    bars: tuple[Bar, ...]
    truncated: bool = False
    cut: float | None = None
    window: str = ""
    id: str = ""
    moment: str = ""
    distance: DiagramDistance | None = None
    last_seq: int | None = None

    def longest(self, count: int) -> list[Bar]:
        """Return the longest bars, longest first, without the infinite bar of H0 that every cloud has."""
        bars = by_length(self.bars)
        essential = next((bar for bar in bars if bar.dimension == 0 and bar.infinite), None)
        return [bar for bar in bars if bar is not essential][:count]


@dataclass(frozen=True)
class ErrorRecord:
    """The reason why a message has no result."""

    job_id: str | None
    timestamp: str
    code: str
    reason: str
    source: str


@dataclass(frozen=True)
class Arrival:
    """A message of an output topic: its bytes as stored there, and its content."""

    raw: bytes
    says: Result | ErrorRecord


def by_length(bars: Sequence[Bar]) -> list[Bar]:
    """Sort bars by length, longest first; bars of equal (or infinite) length by birth."""
    return sorted(bars, key=lambda bar: (-bar.length, bar.birth, bar.dimension))


def message_from(raw: bytes) -> Mapping[str, Any]:
    """Parse a record's value. Raises ValueError if it is not a JSON object."""
    try:
        message = json.loads(raw)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("not a JSON object")
    return message


def result_from(message: Mapping[str, Any]) -> Result:
    """Parse a result message. Raises ValueError if it is not one."""
    try:
        info, results = message["computation_info"], message["tda_results"]
        betti = {int(d): ranks for d, ranks in results["betti_numbers"].items()}
        return Result(
            job_id=_id_in(message) or "?",
            timestamp=str(message["timestamp"]),
            algorithm=str(message.get("algorithm") or "?"),
            num_points=int(info["num_points"]),
            seconds=float(info["computation_time"]),
            betti=tuple(int(sum(betti.get(d, ()))) for d in range(_dimension(max(betti, default=-1)) + 1)),
            bars=tuple(_bar(pair) for pair in results["persistence_pairs"]),
            truncated=bool(results.get("pairs_truncated")),
            cut=None if info.get("max_persistence") is None else float(info["max_persistence"]),
            window=_window_text(message.get("window")),
            id=str(message.get("id") or ""),
            moment=_moment(message),
            distance=_distance(results.get("distance_to_previous")),
            last_seq=_last_seq(message.get("window")),
        )
    except (KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not a result message: {error!r}") from error


def _bar(pair: Mapping[str, Any]) -> Bar:
    bar = Bar(_dimension(int(pair["dimension"])), float(pair["birth"]), float(pair["death"]))
    if bar.dimension < 0 or not math.isfinite(bar.birth) or math.isnan(bar.death) or bar.death == -math.inf:
        raise ValueError(
            f"not a result message: H{bar.dimension} [{bar.birth:g}, {bar.death:g}) is not a bar"
        )
    return bar


def _dimension(number: int) -> int:
    """Return the number. Raises ValueError if it is too large to be shown."""
    if number > MOST_DIMENSIONS:
        raise ValueError(f"not a result message: homology of dimension {number}")
    return number


def _moment(message: Mapping[str, Any]) -> str:
    window = message.get("window") or {}
    return str(window.get("end") or window.get("last_event") or message["timestamp"])


def _distance(document: Mapping[str, Any] | None) -> DiagramDistance | None:
    if document is None:
        return None
    threshold = document.get("threshold")
    return DiagramDistance(
        metric=str(document["metric"]),
        value=float(document["distance"]),
        threshold=None if threshold is None else float(threshold),
        alert=bool(document.get("alert")),
    )


def _last_seq(window: Mapping[str, Any] | None) -> int | None:
    last = (window or {}).get("last_seq")
    return None if last is None else int(last)


def _window_text(window: Mapping[str, Any] | None) -> str:
    """Format a window: the sequence numbers of its points, or its times."""
    if window is None:
        return ""
    if window.get("first_seq") is not None:
        text = f"#{window['first_seq']}-{window['last_seq']}"
    else:
        ends = (
            window.get("start") or window.get("first_event"),
            window.get("end") or window.get("last_event"),
        )
        text = " - ".join(_clock(end) for end in ends if end)
    revision = f" r{window['revision']}" if window.get("revision") else ""
    return text + revision


def _clock(moment: str) -> str:
    """Return the time of day of a timestamp, without milliseconds that are zero."""
    return moment.partition("T")[2].removesuffix("Z").removesuffix(".000")


def error_from(message: Mapping[str, Any]) -> ErrorRecord:
    """Parse an error record. Raises ValueError if it is not one."""
    try:
        source = message.get("source") or {}
        place = "/".join(str(source[part]) for part in ("topic", "partition", "offset") if part in source)
        return ErrorRecord(
            job_id=_id_in(message),
            timestamp=str(message["timestamp"]),
            code=str(message["code"]),
            reason=str(message["reason"]),
            source=place,
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not an error record: {error!r}") from error


def _id_in(message: Mapping[str, Any]) -> str | None:
    value = message.get("job_id") or message.get("stream_id")
    return None if value is None else str(value)


@dataclass(frozen=True)
class EventRecord:
    """An alert of a stream or a control action; `subject` is the stream's id or the job's name."""

    kind: str
    timestamp: str
    subject: str
    text: str
    window: str = ""
    distance: DiagramDistance | None = None


@dataclass(frozen=True)
class EventArrival:
    """An event: its bytes as stored, its content, and the time of the Kafka record."""

    raw: bytes
    says: EventRecord
    written_ms: int = 0


def is_event(message: Mapping[str, Any]) -> bool:
    """Return whether a message is an event."""
    return message.get("kind") in ("alert", "control")


def event_from(message: Mapping[str, Any]) -> EventRecord:
    """Parse an event. Raises ValueError if it is not one."""
    try:
        kind, timestamp = str(message["kind"]), str(message["timestamp"])
        if kind == "alert":
            distance = _distance(message["distance_to_previous"])
            if distance is None:
                raise ValueError("an alert without its distance")
            above = "" if distance.threshold is None else f", above {distance.threshold:g}"
            text = f"{distance.metric} distance {distance.value:g}{above}"
            window = _window_text(message.get("window"))
            return EventRecord(kind, timestamp, str(message["stream_id"]), text, window, distance)
        if kind != "control":
            raise ValueError(f"of an unknown kind, {kind!r}")
        by = f" by {message['submitter']}" if message.get("submitter") else ""
        text = f"{message['action']} {message['outcome']}{by}"
        reason = (message.get("detail") or {}).get("reason")
        text += f": {reason}" if reason else ""
        return EventRecord(kind, timestamp, str(message["job"]["name"]), text)
    except (KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not an event: {error!r}") from error
