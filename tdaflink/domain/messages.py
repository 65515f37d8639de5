"""The messages that go to a job and come back: requests, results and error records."""

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
    """One point cloud to be analysed; what is None is left to the job's config."""

    job_id: str
    points: Sequence[Any]
    algorithm: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def message(self) -> dict[str, Any]:
        """The message as it goes to the requests topic."""
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
    """A file to be analysed, which the job reads by itself; what is None is left to it."""

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
        """The message as it goes to the uploads topic."""
        said = {
            "uri": self.uri,
            "format": self.format,
            "delimiter": self.delimiter,
            "columns": self.columns,
            "key": self.key,
            "header": self.header,
            "algorithm": self.algorithm,
            "parameters": dict(self.parameters) or None,
        }
        given = {key: value for key, value in said.items() if value is not None}
        return {"job_id": self.job_id, "timestamp": timestamp_now(), **given}


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as the bytes of a record: JSON in UTF-8 without blanks."""
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
class Distance:
    """How far a window's diagram lies from the one before, and above which `threshold` that is an alert."""

    metric: str
    value: float
    threshold: float | None
    alert: bool


@dataclass(frozen=True)
class Result:
    """One result, as far as people look at it.

    `cut` is the T that the filtration ended at, if it did; `moment` when its window ended, where time plays
    a part, else when it was computed; `last_seq` the number of the last point of a count window.
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
    distance: Distance | None = None
    last_seq: int | None = None

    def longest(self, count: int) -> list[Bar]:
        """The longest bars, longest first, without the infinite bar of H0 that every cloud has."""
        bars = by_length(self.bars)
        everywhere = next((bar for bar in bars if bar.dimension == 0 and bar.infinite), None)
        return [bar for bar in bars if bar is not everywhere][:count]


@dataclass(frozen=True)
class ErrorRecord:
    """Why one message was not answered with a result."""

    job_id: str | None
    timestamp: str
    code: str
    reason: str
    source: str


@dataclass(frozen=True)
class Arrival:
    """A message that came back: the bytes as they lie in the topic, and what they say."""

    raw: bytes
    says: Result | ErrorRecord


def by_length(bars: Sequence[Bar]) -> list[Bar]:
    """Longest first; of the infinite ones, as of equals, the one born first."""
    return sorted(bars, key=lambda bar: (-bar.length, bar.birth, bar.dimension))


def message_from(raw: bytes) -> Mapping[str, Any]:
    """Read a record's value; raises ValueError where it is no JSON object."""
    try:
        message = json.loads(raw)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("not a JSON object")
    return message


def result_from(message: Mapping[str, Any]) -> Result:
    """Read a result message; raises ValueError where it is not one."""
    try:
        info, found = message["computation_info"], message["tda_results"]
        betti = {int(d): ranks for d, ranks in found["betti_numbers"].items()}
        return Result(
            job_id=_id_in(message) or "?",
            timestamp=str(message["timestamp"]),
            algorithm=str(message.get("algorithm") or "?"),
            num_points=int(info["num_points"]),
            seconds=float(info["computation_time"]),
            betti=tuple(int(sum(betti.get(d, ()))) for d in range(_dimension(max(betti, default=-1)) + 1)),
            bars=tuple(_bar(pair) for pair in found["persistence_pairs"]),
            truncated=bool(found.get("pairs_truncated")),
            cut=None if info.get("max_persistence") is None else float(info["max_persistence"]),
            window=_window_text(message.get("window")),
            id=str(message.get("id") or ""),
            moment=_moment(message),
            distance=_distance(found.get("distance_to_previous")),
            last_seq=_last_seq(message.get("window")),
        )
    except (KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not a result message: {error!r}") from error


def _bar(pair: Mapping[str, Any]) -> Bar:
    bar = Bar(_dimension(int(pair["dimension"])), float(pair["birth"]), float(pair["death"]))
    if bar.dimension < 0 or not math.isfinite(bar.birth) or math.isnan(bar.death) or bar.death == -math.inf:
        raise ValueError(f"not a result message: H{bar.dimension} [{bar.birth:g}, {bar.death:g}) is no bar")
    return bar


def _dimension(number: int) -> int:
    """The number if that many rows can be shown."""
    if number > MOST_DIMENSIONS:
        raise ValueError(f"not a result message: homology of dimension {number}")
    return number


def _moment(message: Mapping[str, Any]) -> str:
    window = message.get("window") or {}
    return str(window.get("end") or window.get("last_event") or message["timestamp"])


def _distance(said: Mapping[str, Any] | None) -> Distance | None:
    if said is None:
        return None
    threshold = said.get("threshold")
    return Distance(
        metric=str(said["metric"]),
        value=float(said["distance"]),
        threshold=None if threshold is None else float(threshold),
        alert=bool(said.get("alert")),
    )


def _last_seq(window: Mapping[str, Any] | None) -> int | None:
    last = (window or {}).get("last_seq")
    return None if last is None else int(last)


def _window_text(window: Mapping[str, Any] | None) -> str:
    """A window in few words: the running numbers of its points, or its times."""
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
    """The time of day of a timestamp, without thousandths that are zero."""
    return moment.partition("T")[2].removesuffix("Z").removesuffix(".000")


def error_from(message: Mapping[str, Any]) -> ErrorRecord:
    """Read an error record; raises ValueError where it is not one."""
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
    said = message.get("job_id") or message.get("stream_id")
    return None if said is None else str(said)


@dataclass(frozen=True)
class EventRecord:
    """An alert of a stream, or what was done to a job: `subject` is the stream's id, or the job's name."""

    kind: str
    timestamp: str
    subject: str
    text: str
    window: str = ""
    distance: Distance | None = None


@dataclass(frozen=True)
class EventArrival:
    """An event that came: the bytes as they are stored, what they say, and when Kafka took them."""

    raw: bytes
    says: EventRecord
    written_ms: int = 0


def is_event(message: Mapping[str, Any]) -> bool:
    """Whether a message is one of the events topic."""
    return message.get("kind") in ("alert", "control")


def event_from(message: Mapping[str, Any]) -> EventRecord:
    """Read an event; raises ValueError where it is not one."""
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
