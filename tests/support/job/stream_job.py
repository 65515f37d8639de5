"""A job on streams without Flink: its reader, its windows, and an in-memory keyed state."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from tdajob.processing.requests import OutputRecord
from tdajob.processing.stream_reader import StreamReader
from tdajob.processing.streams import StreamProcessor
from tdajob.settings import job

from support.job.settings_json import settings_document

KAFKA_TIME = 1_704_110_400_000
COUNT = {"kind": "count", "size": 8, "slide": 4, "timeout_ms": 1000, "state_ttl_ms": 60_000}
NONE = {"kind": "none", "state_ttl_ms": 60_000}
TUMBLING = {"kind": "tumbling", "size_ms": 1000, "offset_ms": 0, "timeout_ms": None, "state_ttl_ms": 60_000}


class Pieces(dict[int, bytes]):
    """The keyed state of one stream."""

    def pieces(self) -> dict[int, bytes]:
        return dict(self)

    def put(self, number: int, content: bytes) -> None:
        self[number] = content

    def drop(self, number: int) -> None:
        self.pop(number, None)


def chosen(window: dict[str, Any], *, route: str = "streams", **changes: Any) -> job.Settings:
    topic, output = (
        ("tda_jobs", "tda_results") if route == "requests" else ("tda_stream_input", "tda_stream_output")
    )
    source = {
        "route": route,
        "topic": topic,
        "output_topic": output,
        "source_parallelism": 1,
        "window": window,
    }
    return job.load(json.dumps(settings_document(inputs=[source], **changes)))


class Job:
    """A job with its streams; `fresh` drops everything in memory, as a restart at `began` does."""

    def __init__(self, window: dict[str, Any], **changes: Any) -> None:
        self.settings = chosen(window, **changes)
        self.reader = StreamReader(self.settings, 0)
        self.answerer = StreamProcessor(self.settings)
        self.stores: dict[str, Pieces] = {}
        self.offset = 0

    def fresh(self, began: int = 0) -> None:
        self.answerer.close()
        self.answerer = StreamProcessor(self.settings, began)

    def send(self, points: Any, stream: str = "s", now: int = 0, **fields: Any) -> list[dict[str, Any]]:
        document = {"stream_id": stream, "timestamp": KAFKA_TIME, "points": points, **fields}
        if self.settings.inputs[0].route == "requests":
            document = {"job_id": stream, "timestamp": KAFKA_TIME, "point_cloud": {"points": points}}
        key, content = self.reader.read(json.dumps(document).encode(), 0, self.offset, KAFKA_TIME)
        self.offset += 1
        store = self.stores.setdefault(key, Pieces())
        return told(self.answerer.message(key, content, store, now))

    def tick(self, now: int, stream: str = "s") -> list[dict[str, Any]]:
        key = f"streams/{stream}"
        return told(self.answerer.tick(key, self.stores.setdefault(key, Pieces()), now))


def told(answers: Iterator[OutputRecord]) -> list[dict[str, Any]]:
    """Return the output records, without the fields that differ between runs."""
    found = []
    for answer in answers:
        document = json.loads(answer.value)
        for name in ("timestamp", "computation_info"):
            document.pop(name, None)
        found.append({"topic": answer.topic, **document})
    return found


def cloud(count: int, seed: int) -> list[list[float]]:
    numbers = random.Random(seed)
    return [[round(numbers.random(), 2), round(numbers.random(), 2)] for _ in range(count)]
