"""What cannot be used: the error a message gets, and the record that tells of it on the errors topic."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson

from tdaformats.errors import MessageError as MessageError  # the whole job knows it from here
from tdajob.times import LATEST_MS, format_timestamp

VERSION = 1
KEPT_BYTES = 64 * 1024
KEPT_REASON = 2000  # characters; a reason may quote the message
KEPT_PLACES = 10_000  # late points, or superseded results, that a record names: its size has a bound
STREAMS = "streams"
NOTHING_MORE: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class Origin:
    """Where a message lies in Kafka, on which route it came, and the time that Kafka gave it.

    `timestamp_ms` becomes None where Kafka has no time (-1), or a producer set one that is no date.
    """

    route: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None

    def __post_init__(self) -> None:
        found = self.timestamp_ms
        if found is not None and not (isinstance(found, int) and 0 <= found <= LATEST_MS):
            object.__setattr__(self, "timestamp_ms", None)

    def identity(self, key: str) -> str:
        """The id of the one answer to this message: the same whenever and wherever it is made."""
        content = orjson.dumps([self.route, key, self.topic, self.partition, self.offset])
        return hashlib.sha256(content).hexdigest()

    @property
    def timestamp(self) -> str | None:
        """Kafka's time as text; None where there is none."""
        return None if self.timestamp_ms is None else format_timestamp(self.timestamp_ms)

    @property
    def place(self) -> str:
        """The key of a record whose job is not known."""
        return f"{self.topic}-{self.partition}-{self.offset}"


def error_record(
    original: bytes | None,
    origin: Origin,
    code: str,
    reason: str,
    key: str | None,
    more: Mapping[str, object] = NOTHING_MORE,
) -> tuple[bytes, bytes]:
    """Key and value of the record on the errors topic, with the first 64 KiB of the original bytes.

    `key` is the job or the stream that the message belongs to, if known; `more` are further fields.
    """
    source = {
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "timestamp": origin.timestamp,
    }
    record_key = key or origin.place
    told = {**_told(origin.route, key, code, reason), "source": source, "original": _original(original)}
    record = {"id": origin.identity(record_key), **told, **more, "version": VERSION}
    return record_key.encode(), orjson.dumps(record)


def window_error_record(
    route: str,
    key: str,
    window: Mapping[str, object],
    result_id: str,
    code: str,
    reason: str,
    more: Mapping[str, object] = NOTHING_MORE,
) -> tuple[bytes, bytes]:
    """Key and value of the record that tells why a window has no result; `result_id` would be that one's."""
    told = {**_told(route, key, code, reason), "source": None, "original": None, "window": window}
    return key.encode(), orjson.dumps({"id": result_id, **told, **more, "version": VERSION})


def stream_error_record(
    route: str, key: str, moment_ms: int, code: str, reason: str, more: Mapping[str, object]
) -> tuple[bytes, bytes]:
    """Key and value of the record that reports what went wrong with a stream at a timer, not at a message."""
    record_id = hashlib.sha256(orjson.dumps(["timer", route, key, moment_ms])).hexdigest()
    told = {**_told(route, key, code, reason), "source": None, "original": None}
    return key.encode(), orjson.dumps({"id": record_id, **told, **more, "version": VERSION})


def _told(route: str, key: str | None, code: str, reason: str) -> dict[str, object]:
    streamed = route == STREAMS
    return {
        "job_id": None if streamed else key,
        "stream_id": key if streamed else None,
        "timestamp": format_timestamp(time.time_ns() // 1_000_000),
        "code": code,
        "reason": _encodable(reason[:KEPT_REASON])[:KEPT_REASON],
        "route": route,
    }


def _encodable(text: str) -> str:
    """The text with lone surrogates, which names of files may have, as escapes: UTF-8 has none of them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _original(value: bytes | None) -> dict[str, object] | None:
    if value is None:
        return None
    return {
        "bytes_base64": base64.b64encode(value[:KEPT_BYTES]).decode("ascii"),
        "length": len(value),
        "sha256": hashlib.sha256(value).hexdigest(),
        "truncated": len(value) > KEPT_BYTES,
    }
