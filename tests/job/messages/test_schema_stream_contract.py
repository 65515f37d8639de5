"""The shipped schemas compared with the output of streams: windows of every kind, late points, alerts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.job.settings_json import settings_text
from tdajob.processing.requests import OutputRecord
from tdajob.processing.stream_reader import StreamReader
from tdajob.processing.streams import StreamProcessor
from tdajob.settings import job

from tdaflink.adapters.storage.shipped_profiles import load_schemas

START = 1_704_110_400_000  # 2024-01-01T12:00:00Z
FOREVER = 10**9
VALIDATORS = {schema.topic: Draft202012Validator(schema.document) for schema in load_schemas()}
TIMED = {"offset_ms": 0, "timeout_ms": 60_000, "state_ttl_ms": FOREVER}
WINDOWS: Mapping[str, dict[str, Any]] = {
    "count": {"kind": "count", "size": 6, "slide": 3, "timeout_ms": 60_000, "state_ttl_ms": FOREVER},
    "tumbling": {"kind": "tumbling", "size_ms": 10_000, **TIMED},
    "sliding": {"kind": "sliding", "size_ms": 10_000, "slide_ms": 5_000, **TIMED},
    "session": {"kind": "session", "gap_ms": 3_000, "timeout_ms": 60_000, "state_ttl_ms": FOREVER},
    "none": {"kind": "none", "state_ttl_ms": FOREVER},
}
ON_RANGE = {"dimension": 1, "range": [0.0, 2.0], "essential": "clamp"}
FEATURES = [
    {"kind": "landscape", **ON_RANGE, "resolution": 5, "layers": 2},
    {"kind": "silhouette", **ON_RANGE, "resolution": 5, "power": 1.0},
    {"kind": "betti_curve", **ON_RANGE, "dimension": 7, "resolution": 5},
    {"kind": "entropy", **ON_RANGE, "resolution": 5, "normalized": True},
    {
        "kind": "persistence_image", **ON_RANGE, "persistence_range": [0.0, 1.0], "resolution": [3, 2],
        "bandwidth": 0.1, "power": 1.0,
    },
]  # fmt: skip
BOTTLENECK = {"metric": "bottleneck", "order": None, "dimensions": [0, 1], "threshold": 0.1, "max_bars": 2}
WASSERSTEIN = {**BOTTLENECK, "metric": "wasserstein", "order": 1.0, "threshold": None, "max_bars": 100}


class Pieces(dict[int, bytes]):
    """The pieces of a stream, as in Flink's state."""

    def pieces(self) -> Mapping[int, bytes]:
        return dict(self)

    def put(self, number: int, content: bytes) -> None:
        self[number] = content

    def drop(self, number: int) -> None:
        del self[number]


class Stream:
    """A job with one windowed input."""

    def __init__(self, window: dict[str, Any], route: str = "streams", **changes: Any) -> None:
        topic, output = {
            "streams": ("tda_stream_input", "tda_stream_output"),
            "requests": ("tda_jobs", "tda_results"),
        }[route]
        source = {"route": route, "topic": topic, "output_topic": output, "source_parallelism": 1}
        loaded = job.load(settings_text(inputs=[{**source, "window": window}], **changes))
        self._reader = StreamReader(loaded, 0)
        self._answerer = StreamProcessor(loaded)
        self._pieces: dict[str, Pieces] = {}
        self._sent = 0
        self.answers: list[tuple[str, Any]] = []

    def close(self) -> None:
        self._answerer.close()

    def send(self, message: Any, now_ms: int = START) -> None:
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        key, content = self._reader.read(raw, 0, self._sent, START)
        self._sent += 1
        self._keep(self._answerer.message(key, content, self._pieces.setdefault(key, Pieces()), now_ms))

    def wait(self, now_ms: int) -> None:
        for key, pieces in self._pieces.items():
            self._keep(self._answerer.tick(key, pieces, now_ms))

    def records(self, topic: str) -> list[Any]:
        return [record for found, record in self.answers if found == topic]

    def _keep(self, answers: Iterator[OutputRecord]) -> None:
        self.answers += [(answer.topic, json.loads(answer.value)) for answer in answers]

    def complaints(self) -> list[str]:
        """Return the violations of the topics' schemas by their records."""
        return [
            f"{topic} {'/'.join(map(str, error.path))}: {error.message}"
            for topic, record in self.answers
            for error in VALIDATORS[topic].iter_errors(record)
        ]


@pytest.fixture
def opened() -> Iterator[list[Stream]]:
    streams: list[Stream] = []
    yield streams
    for stream in streams:
        stream.close()


def loop(count: int, radius: float = 1.0) -> list[list[float]]:
    angles = [2 * math.pi * index / count for index in range(count)]
    return [[radius * math.cos(angle), radius * math.sin(angle)] for angle in angles]


def message(second: float, count: int = 6, radius: float = 1.0) -> dict[str, Any]:
    times = [START + round(1000 * (second + index / 10)) for index in range(count)]
    return {"stream_id": "s", "points": loop(count, radius), "timestamps": times}


@pytest.mark.parametrize("kind", sorted(WINDOWS))
def test_windows_of_every_kind_are_as_the_schema_says(opened: list[Stream], kind: str) -> None:
    stream = Stream(WINDOWS[kind], features=FEATURES, distance_to_previous=BOTTLENECK)
    opened.append(stream)
    for second, radius in ((0, 1.0), (4, 1.5), (11, 1.0), (30, 0.5), (120, 2.0)):
        stream.send({**message(second - 120, radius=radius), "message_id": f"m{second}"})
    stream.send(message(0 - 120, count=2))
    stream.wait(START + 61_000)
    stream.wait(START + FOREVER + 1)
    results = stream.records("tda_stream_output")
    assert stream.complaints() == []
    assert {result["window"]["kind"] for result in results} == {kind}
    assert len(results) >= 4
    assert len(results[0]["tda_results"]["features"]) == len(FEATURES)
    assert stream.records("tda_events")


def test_closings_and_revisions_are_as_the_schema_says(opened: list[Stream]) -> None:
    bounds = {"windows__allowed_lateness_ms": 60_000, "windows__max_duration_ms": 5_000}
    met = set()
    for kind in ("count", "tumbling", "session"):
        stream = Stream(WINDOWS[kind], distance_to_previous=WASSERSTEIN, limits__max_points=8, **bounds)
        opened.append(stream)
        for second in (-100, -97, -95, -92.5, -80, -98.4, -60, -82, -57, -62.6):
            stream.send(message(second, count=2))
        stream.send({**message(-50, count=2), "stream_id": "short"})
        stream.wait(START + 61_000)
        stream.send(message(-1, count=1), now_ms=START + 62_000)
        stream.wait(START + 62_000 + FOREVER)
        assert stream.complaints() == []
        for result in stream.records("tda_stream_output"):
            window = result["window"]
            met.add(window["closed_by"])
            met.update(name for name in ("revision", "partial", "supersedes", "late") if window.get(name))
    assert met >= {"count", "clock", "timeout", "revision", "partial", "supersedes", "late"}


def test_what_streams_cannot_use_is_as_the_schema_says(opened: list[Stream]) -> None:
    stream = Stream(WINDOWS["tumbling"], limits__max_points=10, windows__max_windows_per_message=3)
    opened.append(stream)
    for second in (-100, -99, -30, -100):
        stream.send(message(second))
    for bad in (b"", b"{", {"points": [[1]]}, {"stream_id": "s", "points": [[1]]},
                {**message(-1), "algorithm": "alpha"}, {"stream_id": 7}):  # fmt: skip
        stream.send(bad)
    spread = {
        "stream_id": "wide",
        "points": loop(8),
        "timestamps": [START - 20_000 * n for n in range(8, 0, -1)],
    }
    stream.send(spread)
    stream.wait(START + 61_000)
    assert stream.complaints() == []
    codes = {record["code"] for record in stream.records("tda_errors")}
    assert codes == {
        "late", "window_too_large", "too_many_windows", "wrong_dimension", "empty", "bad_json",
        "missing_field", "parameters_not_allowed", "bad_stream_id",
    }  # fmt: skip


def test_windowed_requests_are_as_the_schema_of_results_says(opened: list[Stream]) -> None:
    stream = Stream(WINDOWS["count"], route="requests")
    opened.append(stream)
    stream.send({"job_id": "j", "point_cloud": {"points": loop(12)}})
    stream.send({"job_id": "j", "point_cloud": {"points": []}})
    stream.wait(START + 61_000)
    results = stream.records("tda_results")
    assert stream.complaints() == []
    assert [result["job_id"] for result in results] == ["j"] * 3
    assert [record["code"] for record in stream.records("tda_errors")] == ["empty_cloud"]
