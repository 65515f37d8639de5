"""Fuzz test of the job's entry points: each message has one outcome, and no exception escapes.

python -m pytest -n0 -s tests/fuzz/test_messages.py           a few hundred messages, as in CI
TDAFLINK_FUZZ_MESSAGES=20000 TDAFLINK_FUZZ_SEED=7 python …    any number; prints its seed
"""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from message_mutations import KAFKA_TIME, Mutations, point_file, points
from support.job.settings_json import settings_document
from support.job.stream_job import Pieces
from tdajob.processing.requests import OutputRecord, RequestProcessor, memory_meter
from tdajob.processing.stream_reader import StreamReader
from tdajob.processing.streams import StreamProcessor
from tdajob.settings import job as settings

from tdaflink.adapters.storage.shipped_profiles import load_schemas

MESSAGES = int(os.environ.get("TDAFLINK_FUZZ_MESSAGES", "200"))
SEED = int(os.environ.get("TDAFLINK_FUZZ_SEED", "11"))
VALIDATED = 5  # one in this number of records is validated against its schema
GROWTH_BYTES = 150 << 20  # of this process over a long run: caches fill up, then stop growing
ALGORITHMS = (*["vietoris_rips"] * 6, "alpha", "witness", "cech", "sparse_rips", "dtm_rips")
SCHEMAS = {schema.name: Draft202012Validator(schema.document) for schema in load_schemas()}
LIMITS = {
    "max_points": 51,
    "max_predicted_bytes": 1 << 28,
    "compute_timeout_s": 20.0,
    "max_ambient_dimension": 3,
    "max_message_bytes": 2 << 20,
    "max_future_s": 300.0,
}


def input_of(route: str, window: dict[str, Any] | None) -> dict[str, Any]:
    topic, output = {
        "requests": ("tda_jobs", "tda_results"),
        "uploads": ("tda_uploads", "tda_results"),
        "streams": ("tda_stream_input", "tda_stream_output"),
    }[route]
    return {
        "route": route,
        "topic": topic,
        "output_topic": output,
        "source_parallelism": 1,
        "window": window and {"state_ttl_ms": 60_000, "timeout_ms": 1000, **window},
    }


def loaded(*inputs: dict[str, Any], **changes: Any) -> settings.Settings:
    return settings.load(json.dumps(settings_document(inputs=list(inputs), limits=LIMITS, **changes)))


class Requests:
    """Requests and uploads: each message has one result or error record."""

    def __init__(self, folder: Path) -> None:
        chosen = loaded(
            input_of("requests", None), input_of("uploads", None), uploads__roots=[folder.as_uri()]
        )
        self._answerer = RequestProcessor(chosen)
        self._folder = folder
        self._sent = 0

    def valid(self, source: random.Random) -> dict[str, Any]:
        self._sent += 1
        asked = {
            "max_dimension": source.choice((0, 1, 1, 2)),
            "pairs": source.choice(("all", "none", "top:2")),
        }
        common = {"job_id": f"j{self._sent}", "timestamp": KAFKA_TIME, "parameters": asked}
        if source.random() < 0.15:
            return {**common, "uri": point_file(source, self._folder, self._sent)}
        if source.random() < 0.1:
            return {**common, "point_cloud": {"distances": [[0, 1, 2], [1, 0, 1.5], [2, 1.5, 0]]}}
        algorithm = source.choice(ALGORITHMS)
        return {**common, "algorithm": algorithm, "point_cloud": {"points": points(source)}}

    def answers(self, raw: bytes | None, offset: int, kafka_time: int | None) -> list[OutputRecord]:
        topic = "tda_uploads" if raw is not None and b'"uri"' in raw else "tda_jobs"
        answer = self._answerer.answer(raw, topic, 0, offset, kafka_time)
        assert answer.topic in ("tda_results", "tda_errors")
        return [answer]

    def close(self) -> list[OutputRecord]:
        self._answerer.close()
        return []


class Windows:
    """Messages with windowed points: each gives an error record, a late record, or only its windows."""

    def __init__(self, route: str, window: dict[str, Any], **changes: Any) -> None:
        chosen = loaded(input_of(route, window), **changes)
        self._key, self._scalar = ("stream_id", "points") if route == "streams" else ("job_id", "point_cloud")
        self._embeds = chosen.stream.preprocess.embed is not None
        self._chosen = chosen
        self._reader, self._answerer = StreamReader(chosen, 0), StreamProcessor(chosen)
        self._stores: dict[str, Pieces] = {}
        self._now = 0

    def valid(self, source: random.Random) -> dict[str, Any]:
        number = source.randrange(6)
        cloud = points(source, 1 if self._embeds else 1 + number % 3)
        moment = KAFKA_TIME - source.choice((0, 1, 500, 1000, 5000, 60_000, 10**6))
        message: dict[str, Any] = {self._key: f"s{number}", "timestamp": moment}
        message[self._scalar] = cloud if self._scalar == "points" else {"points": cloud}
        if source.random() < 0.3:
            message["timestamps"] = [moment - source.randrange(3000) for _ in cloud]
        if source.random() < 0.3:
            message["message_id"] = f"m{source.randrange(20)}"
        return message

    def answers(self, raw: bytes | None, offset: int, kafka_time: int | None) -> list[OutputRecord]:
        self._now += 37
        key, content = self._reader.read(raw, 0, offset, kafka_time)
        found = list(self._answerer.message(key, content, self._stores.setdefault(key, Pieces()), self._now))
        own = [answer for answer in found if answer.code and json.loads(answer.value)["source"]]
        assert len(own) <= 1, "a message has one error record"
        if own and own[0].code != "late":
            assert found == own, "a message that is refused changes nothing"
        if offset % 50 == 0:
            found += self._ticked(self._now)
        if offset % 199 == 0:  # as after a restart: memory is restored from the state
            self._answerer.close()
            self._answerer = StreamProcessor(self._chosen)
        return found

    def close(self) -> list[OutputRecord]:
        rest = self._ticked(self._now + 120_000) + self._ticked(self._now + 240_000)
        self._answerer.close()
        assert not any(self._stores.values()), "every stream is forgotten after its time"
        return rest

    def _ticked(self, now: int) -> list[OutputRecord]:
        return [
            answer for key, store in self._stores.items() for answer in self._answerer.tick(key, store, now)
        ]


def scaled(kind: str, **changes: Any) -> dict[str, Any]:
    return {
        "embed": None,
        "scale": {"kind": kind, "offset": [], "factor": []},
        "landmarks": None,
        "error": None,
        **changes,
    }


COMPARED = {"metric": "bottleneck", "order": None, "dimensions": [0, 1], "threshold": 0.1, "max_bars": 9}
CURVE = {"kind": "betti_curve", "dimension": 1, "range": [0.0, 1.0], "resolution": 3, "essential": "clamp"}
JOBS: dict[str, Callable[[Path], Any]] = {
    "requests and uploads": Requests,
    "time windows": lambda _: Windows(
        "streams",
        {"kind": "sliding", "size_ms": 2000, "slide_ms": 1000, "offset_ms": 0},
        windows__allowed_lateness_ms=1500,
        windows__dedup_ids=10,
        windows__out_of_orderness_ms=500,
        distance_to_previous=COMPARED,
        features=[CURVE],
    ),
    "sessions": lambda _: Windows(
        "streams",
        {"kind": "session", "gap_ms": 700},
        windows__allowed_lateness_ms=1500,
        windows__max_duration_ms=3000,
        windows__overflow="landmarks",
        preprocess=scaled("minmax", landmarks=5),
    ),
    "windowed requests": lambda _: Windows(
        "requests",
        {"kind": "count", "size": 12, "slide": 5},
        windows__overflow="landmarks",
        preprocess=scaled("zscore"),
    ),
    "embedded stream": lambda _: Windows(
        "streams",
        {"kind": "count", "size": 40, "slide": 3},
        windows__dedup_ids=3,
        preprocess=scaled("none", embed={"delay": 2, "dimension": 3, "stride": 1, "max_gap_ms": 60_000}),
    ),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


@pytest.mark.timeout(0 if MESSAGES > 1000 else 300)
@pytest.mark.parametrize("name", JOBS)
def test_each_message_is_answered_once_and_nothing_raises(name: str, folder: Path) -> None:
    print(f"\n{name}: {MESSAGES} messages from seed {SEED}", flush=True)
    job, number = JOBS[name](folder), 0
    mutations = Mutations(SEED, job.valid)
    codes: Counter[str | None] = Counter()
    resident = memory_meter()
    begun = 0
    for number in range(MESSAGES):
        raw, kafka_time = mutations.message(), mutations.kafka_time()
        try:
            answers = job.answers(raw, number, kafka_time)
            for answer in answers:
                checked(answer, codes, strictly=number % VALIDATED == 0)
        except BaseException:
            print(f"message {number} of seed {SEED} at Kafka's {kafka_time}: {raw!r:.2000}")
            raise
        if number == MESSAGES // 4:
            begun = resident()
    for answer in job.close():
        checked(answer, codes, strictly=True)
    print(
        f"{sum(codes.values())} answers:", ", ".join(f"{code} {count}" for code, count in codes.most_common())
    )
    assert codes[None] > 0
    assert len(codes) > 10
    assert resident() - begun < GROWTH_BYTES


def checked(answer: OutputRecord, codes: Counter[str | None], *, strictly: bool) -> None:
    codes[answer.code] += 1
    record = json.loads(answer.value)
    assert answer.code not in ("internal_error", "reader_crashed"), record["reason"]
    assert record.get("code") == answer.code
    if strictly:
        schema = {
            "tda_results": "tda_result_event_v1",
            "tda_stream_output": "tda_stream_result_event_v1",
            "tda_errors": "tda_error_event_v1",
            "tda_events": "tda_event_v1",
        }[answer.topic]
        if schema == "tda_result_event_v1" and record["window"] is not None:
            return  # the result of a windowed request has a request's form, and a window
        assert [error.message for error in SCHEMAS[schema].iter_errors(record)] == []
