"""Errors of messages, and their records on the errors topic."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson

from tdaformats.errors import MessageError as MessageError  # re-exported for the whole job
from tdajob.timestamps import LATEST_MS, format_timestamp

VERSION = 1
KEPT_BYTES = 64 * 1024
KEPT_REASON = 2000  # characters; a reason may quote the message
KEPT_PLACES = 10_000  # late points, or superseded results, that a record lists: bounds its size
STREAMS = "streams"
NOTHING_MORE: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class Origin:
    """The position of a message in Kafka, its route, and its Kafka timestamp.

    `timestamp_ms` becomes None where Kafka has no timestamp (-1), or the producer set one that is not a date.
    """

    route: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None

    def __post_init__(self) -> None:
        given = self.timestamp_ms
        if given is not None and not (isinstance(given, int) and 0 <= given <= LATEST_MS):
            object.__setattr__(self, "timestamp_ms", None)

    def identity(self, key: str) -> str:
        """Return the id of the result or error record of this message; a replay gives the same id."""
        content = orjson.dumps([self.route, key, self.topic, self.partition, self.offset])
        return hashlib.sha256(content).hexdigest()

    @property
    def timestamp(self) -> str | None:
        """The Kafka timestamp as text; None where there is none."""
        return None if self.timestamp_ms is None else format_timestamp(self.timestamp_ms)

    @property
    def place(self) -> str:
        """TOPIC-PARTITION-OFFSET: the key of a record whose request id is unknown."""
        return f"{self.topic}-{self.partition}-{self.offset}"


def error_record(
    original: bytes | None,
    origin: Origin,
    code: str,
    reason: str,
    key: str | None,
    more: Mapping[str, object] = NOTHING_MORE,
) -> tuple[bytes, bytes]:
    """Return key and value of the record on the errors topic, with the first 64 KiB of the original bytes.

    `key` is the request id or the stream id of the message, if known; `more` are further fields.
    """
    source = {
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "timestamp": origin.timestamp,
    }
    record_key = key or origin.place
    fields = {**_fields(origin.route, key, code, reason), "source": source, "original": _original(original)}
    record = {"id": origin.identity(record_key), **fields, **more, "version": VERSION}
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
    """Return key and value of the error record of a window; `result_id` is the id of the missing result."""
    fields = {**_fields(route, key, code, reason), "source": None, "original": None, "window": window}
    return key.encode(), orjson.dumps({"id": result_id, **fields, **more, "version": VERSION})


def stream_error_record(
    route: str, key: str, moment_ms: int, code: str, reason: str, more: Mapping[str, object]
) -> tuple[bytes, bytes]:
    """Return key and value of the error record of a stream's timer."""
    record_id = hashlib.sha256(orjson.dumps(["timer", route, key, moment_ms])).hexdigest()
    fields = {**_fields(route, key, code, reason), "source": None, "original": None}
    return key.encode(), orjson.dumps({"id": record_id, **fields, **more, "version": VERSION})


def _fields(route: str, key: str | None, code: str, reason: str) -> dict[str, object]:
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
    """Escape lone surrogates, which names of files may contain and UTF-8 cannot encode."""
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
