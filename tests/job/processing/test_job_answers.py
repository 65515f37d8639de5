"""Processing of requests without Flink: from the bytes of a message to its output record."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.job.settings_json import settings_text
from support.request_samples import BAD, MAX_POINTS, circle, mixed_requests, request
from tdajob.errors import KEPT_BYTES, Origin
from tdajob.messages.requests import Rules, parse_request
from tdajob.processing.requests import ComputationStats, OutputRecord, RequestProcessor
from tdajob.processing.result_record import ComputationCost, ResultSubject, result_record
from tdajob.settings import job
from tdajob.topology.values import ComputationError, Diagram

KAFKA_TIME = 1_704_110_500_000
SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]


def strict(raw: bytes) -> Any:
    """Parse strict JSON: no NaN, no Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in JSON")

    return json.loads(raw, parse_constant=refuse)


@pytest.fixture(scope="module")
def answerer() -> Iterator[RequestProcessor]:
    made = RequestProcessor(job.load(settings_text()))
    yield made
    made.close()


def ask(answerer: RequestProcessor, message: Any, offset: int = 17) -> OutputRecord:
    raw = message if isinstance(message, bytes) or message is None else json.dumps(message).encode()
    return answerer.answer(raw, "tda_jobs", 3, offset, KAFKA_TIME)


def test_a_square_is_answered_in_the_seeds_form(answerer: RequestProcessor) -> None:
    asked = request("square", SQUARE, parameters={"max_dimension": 1, "betti_at": 1.2})
    answer = ask(answerer, asked)
    result = strict(answer.value)
    assert (answer.topic, answer.key) == ("tda_results", b"square")
    assert result["job_id"] == "square"
    assert result["algorithm"] == "vietoris_rips"
    assert result["computation_info"]["num_points"] == 4
    assert result["computation_info"]["success"] is True
    assert result["computation_info"]["memory_usage"] > 1_000_000
    assert result["computation_info"]["homology_coeff_field"] == 2
    found = result["tda_results"]
    assert found["betti_numbers"] == {"0": [1], "1": [0]}
    assert found["betti_at"] == {"t": 1.2, "betti_numbers": {"0": [1], "1": [1]}}
    assert found["persistence_pairs"] == [
        {"dimension": 0, "birth": 0.0, "death": 1.0},
        {"dimension": 0, "birth": 0.0, "death": 1.0},
        {"dimension": 0, "birth": 0.0, "death": 1.0},
        {"dimension": 0, "birth": 0.0, "death": "inf"},
        {"dimension": 1, "birth": 1.0, "death": 2**0.5},
    ]
    assert [group["num_features"] for group in found["homology_groups"]] == [4, 1]
    assert answer.done is not None
    assert (answer.done.points, answer.done.pairs) == (4, 5)


def test_a_missing_time_is_marked(answerer: RequestProcessor) -> None:
    message = request("a", SQUARE)
    own = strict(ask(answerer, message).value)["input"]
    assert own == {"timestamp": "2024-01-01T12:00:00.000Z", "timestamp_source": "message"}
    del message["timestamp"]
    lent = strict(ask(answerer, message).value)["input"]
    assert lent == {"timestamp": "2024-01-01T12:01:40.000Z", "timestamp_source": "kafka"}


def test_the_id_depends_on_where_the_message_lies_alone(answerer: RequestProcessor) -> None:
    first, again = (strict(ask(answerer, request("a", SQUARE)).value)["id"] for _ in range(2))
    other_job = strict(ask(answerer, request("b", SQUARE)).value)["id"]
    other_place = strict(ask(answerer, request("a", SQUARE), offset=18).value)["id"]
    content = b'["requests","a","tda_jobs",3,17]'
    assert first == again == hashlib.sha256(content).hexdigest()
    assert len({first, other_job, other_place}) == 3


def test_only_time_and_effort_change_when_a_message_is_answered_again(answerer: RequestProcessor) -> None:
    message = request("a", circle(40, random.Random(2)))
    first, again = (strict(ask(answerer, message).value) for _ in range(2))
    for result in (first, again):
        del result["timestamp"], result["computation_info"]
    assert first == again


def test_every_message_has_exactly_its_answer(answerer: RequestProcessor) -> None:
    for number, expected in enumerate(mixed_requests(2 * len(BAD), seed=5)):
        answer = ask(answerer, expected.value, offset=number)
        record = strict(answer.value)
        assert answer.key.decode() == (expected.key or f"tda_jobs-3-{number}")
        assert answer.topic == ("tda_results" if expected.code is None else "tda_errors")
        assert record.get("code") == expected.code, record.get("reason")
        assert (answer.done is None) == (expected.code is not None)


def test_an_error_record_tells_all(answerer: RequestProcessor) -> None:
    raw = b'{"job_id": "broken", "point_cloud": {"points": []}, "note": "\xc3\xa9"}'
    answer = ask(answerer, raw)
    record = strict(answer.value)
    assert (answer.topic, answer.key, record["job_id"]) == ("tda_errors", b"broken", "broken")
    assert (record["code"], record["route"], record["version"]) == ("empty_cloud", "requests", 1)
    assert record["source"] == {
        "topic": "tda_jobs",
        "partition": 3,
        "offset": 17,
        "timestamp": "2024-01-01T12:01:40.000Z",
    }
    assert base64.b64decode(record["original"]["bytes_base64"]) == raw
    assert record["original"]["sha256"] == hashlib.sha256(raw).hexdigest()
    assert record["original"]["length"] == len(raw)
    assert record["original"]["truncated"] is False


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00\x80", b"{", b"\x00\x01\x02\x03\x04{", b""])
def test_bytes_are_kept_exactly(answerer: RequestProcessor, raw: bytes) -> None:
    answer = ask(answerer, raw)
    assert base64.b64decode(strict(answer.value)["original"]["bytes_base64"]) == raw
    assert answer.key == b"tda_jobs-3-17"


def test_no_value_is_an_error_without_bytes(answerer: RequestProcessor) -> None:
    record = strict(ask(answerer, None).value)
    assert (record["code"], record["original"]) == ("empty", None)


def test_a_large_original_is_cut(answerer: RequestProcessor) -> None:
    raw = bytes(random.Random(3).randbytes(3 * KEPT_BYTES))
    original = strict(ask(answerer, raw).value)["original"]
    assert base64.b64decode(original["bytes_base64"]) == raw[:KEPT_BYTES]
    assert (original["length"], original["truncated"]) == (3 * KEPT_BYTES, True)
    assert original["sha256"] == hashlib.sha256(raw).hexdigest()


def test_too_many_points_are_refused_before_any_computation(answerer: RequestProcessor) -> None:
    record = strict(ask(answerer, request("a", [[i, i] for i in range(MAX_POINTS + 1)])).value)
    assert record["code"] == "too_many_points"
    assert str(MAX_POINTS) in record["reason"]


def test_a_result_over_the_limit_keeps_its_longest_pairs() -> None:
    limit = 4096
    small = RequestProcessor(job.load(settings_text(limits__max_message_bytes=limit)))
    try:
        answer = ask(small, request("a", circle(60, random.Random(4))))
    finally:
        small.close()
    found = strict(answer.value)["tda_results"]
    assert len(answer.value) <= limit
    assert found["pairs_truncated"] is True
    assert found["homology_groups"][0]["num_features"] == 60
    kept = [pair["death"] for pair in found["persistence_pairs"]]
    assert 10 < len(kept) < 60
    assert "inf" in kept
    assert answer.done is not None
    assert answer.done.pairs >= 60, "all pairs are counted, also those that were left out"


def made_result(diagram: Diagram, max_bytes: int, **parameters: Any) -> Any:
    chosen = job.load(settings_text())
    origin = Origin("requests", "tda_jobs", 0, 0, KAFKA_TIME)
    raw = json.dumps(request("a", SQUARE, parameters=parameters)).encode()
    asked = parse_request(raw, origin, Rules(chosen.query, chosen.limits, {"vietoris_rips": []}))
    subject = ResultSubject("id", asked.job_id, False, len(asked.points), None, None)
    return strict(result_record(subject, asked.question, diagram, ComputationCost(0.1, 1), max_bytes)[1])[
        "tda_results"
    ]


def diagram_of(lengths: list[float]) -> Diagram:
    bars = np.array([[float(i), i + length] for i, length in enumerate(lengths)])
    return Diagram((bars, np.empty((0, 2))), "test", None, 0.0)


def test_the_pairs_that_are_left_out_are_the_shortest() -> None:
    lengths = [float(length) for length in random.Random(6).sample(range(1, 1000), 200)]
    lengths[57] = np.inf
    whole = made_result(diagram_of(lengths), 100_000)
    assert (len(whole["persistence_pairs"]), whole["pairs_truncated"]) == (200, False)
    cut = made_result(diagram_of(lengths), 5000)
    births = [pair["birth"] for pair in cut["persistence_pairs"]]
    assert births == sorted(births)
    kept = sorted((lengths[int(birth)] for birth in births), reverse=True)
    assert kept == sorted(lengths, reverse=True)[: len(kept)]
    assert 20 < len(kept) < 200


@pytest.mark.parametrize(("pairs", "kept"), [("all", 5), ("none", 0), ("top:2", 2), ("top:9", 5)])
def test_the_pairs_policy(pairs: str, kept: int) -> None:
    found = made_result(diagram_of([3.0, 1.0, np.inf, 2.0, 5.0]), 100_000, pairs=pairs)
    assert len(found["persistence_pairs"]) == kept
    assert found["pairs_truncated"] is False
    assert found["homology_groups"][0]["num_features"] == 5


def test_a_result_that_cannot_fit_is_an_error() -> None:
    tiny = RequestProcessor(job.load(settings_text(limits__max_message_bytes=1024)))
    try:
        record = strict(ask(tiny, request("a", [[0.0], [1.0]])).value)
    finally:
        tiny.close()
    assert (record["code"], record["job_id"]) == ("result_too_large", "a")


def test_the_metrics_count_results_only(answerer: RequestProcessor) -> None:
    assert isinstance(ask(answerer, request("a", SQUARE)).done, ComputationStats)
    assert ask(answerer, b"").done is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"query__algorithm": "vietoris_ripz"}, "vietoris_rips"),
        ({"query__algorithm_params": {"landmark": 3}}, "landmark"),
        ({"query__engine": "steam"}, "steam"),
        ({"query__homology_coeff_field": 4}, "homology_coeff_field"),
    ],
)
def test_a_config_that_can_answer_nothing_stops_the_job_at_its_start(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ComputationError, match=reason):
        RequestProcessor(job.load(settings_text(**changes)))
