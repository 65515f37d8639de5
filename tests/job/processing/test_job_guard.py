"""Unexpected exceptions: one error record each, the state is unchanged, and the job continues."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from support.job.settings_json import settings_document, settings_text
from support.job.stream_job import COUNT, KAFKA_TIME, NONE, TUMBLING, Job, Pieces, cloud
from tdajob.errors import Origin
from tdajob.limits import MAX_POINT_DIMENSION
from tdajob.messages.streams import MAX_MESSAGE_ID_BYTES
from tdajob.processing.envelope import Envelope, packed, unpacked
from tdajob.processing.guard import StateAccessError
from tdajob.processing.requests import RequestProcessor
from tdajob.processing.streams import RETRY_MS
from tdajob.settings import job as settings
from tdajob.topology import registry
from tdajob.topology.registry import Algorithm
from tdajob.topology.values import Diagram, FloatArray, Query
from tdajob.windows.state.codec import packed_rows, unpacked_rows
from tdajob.windows.state.rows import Rows

from tdaflink.adapters.storage.shipped_profiles import load_schemas

ERRORS = Draft202012Validator(
    next(schema.document for schema in load_schemas() if schema.name == "tda_error_event_v1")
)


class Fails(Algorithm):
    """A user's algorithm that fails outside of the computation: while its costs are predicted."""

    name = "fails"

    def needs_isolation(self, n: int, dim: int, query: Query) -> bool:  # noqa: ARG002 -- signature of the base class
        return False

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:  # noqa: ARG002 -- signature of the base class
        if n == 3:
            raise ZeroDivisionError("three points \udcff")
        return 0

    def compute(self, points: FloatArray, query: Query) -> Diagram:  # noqa: ARG002 -- signature of the base class
        bars = tuple(np.empty((0, 2)) for _ in range(query.max_dimension + 1))
        return Diagram(bars, "none", query.max_persistence, 0.0)


@pytest.fixture(autouse=True)
def fails() -> None:
    registry.register(Fails)


@pytest.fixture
def jobs() -> Iterator[Any]:
    made: list[Job] = []

    def make(window: dict[str, Any], **changes: Any) -> Job:
        made.append(Job(window, **changes))
        return made[-1]

    yield make
    for job in made:
        job.answerer.close()


class Broken(Pieces):
    """A state backend whose accesses fail."""

    def pieces(self) -> dict[int, bytes]:
        raise StateAccessError("no answer")


def valid(record: Mapping[str, Any]) -> Mapping[str, Any]:
    whole = {"timestamp": "2024-01-01T12:00:00.000Z", **{k: v for k, v in record.items() if k != "topic"}}
    assert [error.message for error in ERRORS.iter_errors(whole)] == []
    return record


def message(points: Any, **fields: Any) -> bytes:
    return json.dumps({"stream_id": "s", "timestamp": KAFKA_TIME, "points": points, **fields}).encode()


class WorkersLog(logging.Handler):
    """Accepts text that a protobuf message can contain, and fails otherwise, as Beam's handler does."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[bytes] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.taken.append(self.format(record).encode("utf-8"))
        raise BrokenPipeError("the log's connection is gone")


@pytest.fixture(autouse=True)
def workers_log() -> Iterator[WorkersLog]:
    handler = WorkersLog()
    logging.getLogger("tdajob").addHandler(handler)
    yield handler
    logging.getLogger("tdajob").removeHandler(handler)


def test_a_request_at_which_the_job_fails_is_one_record_with_type_and_place(
    workers_log: WorkersLog,
) -> None:
    answerer = RequestProcessor(settings.load(settings_text()))
    raw = json.dumps({"job_id": "j", "algorithm": "fails", "point_cloud": {"points": [[0]] * 3}}).encode()
    try:
        answer = answerer.answer(raw, "tda_jobs", 3, 17, KAFKA_TIME)
        after = answerer.answer(raw.replace(b"[0], [0], [0]", b"[0]"), "tda_jobs", 3, 18, KAFKA_TIME)
    finally:
        answerer.close()
    record = valid(json.loads(answer.value))
    assert (answer.topic, answer.code, record["job_id"]) == ("tda_errors", "internal_error", "j")
    assert record["exception"]["type"] == "ZeroDivisionError"
    assert record["exception"]["place"].startswith("tdajob.topology.engine:")
    assert record["reason"].startswith("ZeroDivisionError at tdajob.topology.engine:")
    assert ", in test_job_guard:" in record["reason"]
    assert record["reason"].endswith("three points \\udcff")
    assert base64.b64decode(record["original"]["bytes_base64"]) == raw
    assert after.topic == "tda_results"
    (logged,) = workers_log.taken
    assert logged.rstrip().endswith(rb"ZeroDivisionError: three points \udcff")


def test_a_window_at_which_the_job_fails_is_one_record_and_the_next_is_answered(jobs: Any) -> None:
    job = jobs(NONE, query__algorithm="fails")
    (record,) = job.send([[0], [1], [2]])
    assert (valid(record)["code"], record["exception"]["type"]) == ("internal_error", "ZeroDivisionError")
    assert record["window"]["num_points"] == 3
    (result,) = job.send([[3]])
    assert result["topic"] == "tda_stream_output"


@pytest.mark.parametrize("at", ["message", "timer"])
def test_damaged_state_of_one_stream_stops_neither_the_job_nor_other_streams(jobs: Any, at: str) -> None:
    job = jobs(COUNT)
    job.send(cloud(3, 0), "bad")
    job.send(cloud(3, 0), "good")
    store = job.stores["streams/bad"]
    number = next(number for number in store if number >= 0)
    store[number] = store[number][:-1]
    before = dict(store)
    job.fresh()
    for attempt in range(3):
        (record,) = job.send(cloud(1, 1), "bad") if at == "message" else job.tick(1000, "bad")
        assert (valid(record)["code"], record["stream_id"]) == ("internal_error", "bad")
        assert record["exception"]["place"].startswith("tdajob.windows.state.codec:")
        assert (record["original"] is None) == (at == "timer")
        assert store == before
        if at == "timer":
            assert job.answerer.timer_to_set("streams/bad") == 1000 + RETRY_MS * 2**attempt
    (window,) = job.send(cloud(5, 2), "good")
    assert window["topic"] == "tda_stream_output"


def test_a_state_backend_that_fails_is_not_an_error_of_the_message(jobs: Any) -> None:
    job = jobs(COUNT)
    key, content = job.reader.read(message([[0]]), 0, 0, KAFKA_TIME)
    with pytest.raises(StateAccessError):
        list(job.answerer.message(key, content, Broken(), 0))
    with pytest.raises(StateAccessError):
        list(job.answerer.tick(key, Broken({0: b"x"}), 0))


@pytest.mark.parametrize(
    "window", [COUNT, TUMBLING, NONE, {"kind": "session", "gap_ms": 10, "timeout_ms": None}]
)
@pytest.mark.parametrize("over", [0, 1])
def test_a_point_of_a_stream_has_as_many_coordinates_as_its_state_can_hold(
    jobs: Any, window: dict[str, Any], over: int
) -> None:
    """An image of 256 x 256 in one row has one coordinate more than the limit."""
    job = jobs({"state_ttl_ms": 60_000, **window})
    answers = job.send([[0.5] * (MAX_POINT_DIMENSION + over)])
    if not over:
        assert [record["topic"] for record in answers if record["topic"] == "tda_errors"] == []
        job.fresh()
        assert all(record["topic"] == "tda_stream_output" for record in job.tick(60_000))
        return
    (record,) = answers
    assert valid(record)["code"] == "dimension_too_large"
    assert record["reason"].startswith("points: point dimension 65536 is above 65535")


@pytest.mark.parametrize("over", [0, 1])
def test_a_point_of_a_request_has_no_more_coordinates_than_one_of_a_stream(over: int) -> None:
    answerer = RequestProcessor(settings.load(settings_text()))
    points = [[0.5] * (MAX_POINT_DIMENSION + over)] * 2
    try:
        answer = answerer.answer(
            json.dumps({"job_id": "j", "point_cloud": {"points": points}}).encode(),
            "tda_jobs",
            0,
            0,
            KAFKA_TIME,
        )
    finally:
        answerer.close()
    assert answer.code == ("dimension_too_large" if over else None)


@pytest.mark.parametrize("time", [None, -1, -(2**63), 2**63 - 1, 10**18, 1_704_110_400, 0, KAFKA_TIME])
def test_no_time_of_kafka_stops_a_reader(jobs: Any, time: int | None) -> None:
    job = jobs(NONE)
    for own in (True, False):
        raw = message([[0.0], [1.0]]) if own else message([[0.0], [1.0]], timestamp=None)
        key, content = job.reader.read(raw, 0, int(own), time)
        (answer,) = job.answerer.message(key, content, Pieces(), 0)
        expected = None if own or time in (0, KAFKA_TIME) else "bad_timestamp"
        if time == 0 and own:
            expected = "future_timestamp"
        assert answer.code == expected, (own, json.loads(answer.value))


def test_what_travels_to_the_windows_holds_the_greatest_values_of_its_form() -> None:
    name = "é" * (MAX_MESSAGE_ID_BYTES // 2)
    job = Job(NONE)
    raw = message([[0.5] * MAX_POINT_DIMENSION], message_id=name)
    try:
        key, content = job.reader.read(raw, 2**31 - 1, 2**63 - 1, 253_402_300_799_999)
        found = unpacked(content, "s", [("streams", "tda_stream_input")])
    finally:
        job.answerer.close()
    assert isinstance(found, Envelope)
    assert (found.message.message_id, found.message.points.shape) == (name, (1, MAX_POINT_DIMENSION))
    assert found.origin == Origin("streams", "tda_stream_input", 2**31 - 1, 2**63 - 1, 253_402_300_799_999)
    assert packed(found) == content
    assert key == "streams/s"


def test_stored_points_hold_the_greatest_dimension() -> None:
    rows = Rows(np.array([1]), np.array([2]), np.full((1, MAX_POINT_DIMENSION), 0.5))
    bin_id, found = unpacked_rows(packed_rows(-(2**63), rows))
    assert (bin_id, found.coordinates.shape) == (-(2**63), (1, MAX_POINT_DIMENSION))


def test_a_record_that_the_settings_name_is_passed_over_and_kept() -> None:
    document = settings_document(skip=["tda_jobs/3/17", "tda_stream_input/0/2"])
    answerer = RequestProcessor(settings.load(json.dumps(document)))
    raw = json.dumps({"job_id": "j", "point_cloud": {"points": [[0]]}}).encode()
    try:
        codes = [
            answerer.answer(raw, "tda_jobs", partition, offset, KAFKA_TIME).code
            for partition, offset in ((3, 16), (3, 17), (2, 17))
        ]
        answer = answerer.answer(b"\xff", "tda_jobs", 3, 17, None)
    finally:
        answerer.close()
    assert codes == [None, "skipped", None]
    record = valid(json.loads(answer.value))
    assert (record["code"], record["source"]["offset"], answer.key) == ("skipped", 17, b"tda_jobs-3-17")
    assert base64.b64decode(record["original"]["bytes_base64"]) == b"\xff"


def test_a_stream_goes_on_without_the_record_that_is_passed_over(jobs: Any) -> None:
    job = jobs(COUNT, skip=["tda_stream_input/0/1"])
    answers = [answer for number in range(3) for answer in job.send(cloud(4, number))]
    assert [answer.get("code") for answer in answers] == ["skipped", None]
    assert answers[1]["window"]["num_points"] == 8


@pytest.mark.parametrize(
    "wrong", ["tda_jobs", "tda_jobs/0", "tda_jobs/0/-1", "a b/0/1", "tda_jobs/0/1/2", "t/x/1"]
)
def test_a_place_that_is_none_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(settings.SettingsError, match="is not TOPIC/PARTITION/OFFSET"):
        settings.load(settings_text(skip=[wrong]))
