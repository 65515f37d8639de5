"""Messages of the stream route: which are accepted or refused, and the content that reaches the stream."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from support.job.settings_json import settings_document
from tdajob.errors import MessageError, Origin
from tdajob.messages.streams import StreamMessage, parse_stream_message
from tdajob.processing.envelope import Envelope, PackedError, packed, unpacked
from tdajob.processing.stream_reader import StreamReader
from tdajob.settings import job

KAFKA_TIME = 1_704_110_400_000  # 2024-01-01T12:00:00Z
ORIGIN = Origin("streams", "tda_stream_input", 3, 14, KAFKA_TIME)
LIMITS = job.load(json.dumps(settings_document())).limits


def message(**fields: Any) -> bytes:
    return json.dumps({"stream_id": "s", "points": [[0, 1], [2, 3]], **fields}).encode()


def parsed(**fields: Any) -> StreamMessage:
    return parse_stream_message(message(**fields), ORIGIN, LIMITS)


def test_points_take_the_time_of_their_message() -> None:
    found = parsed(timestamp="2024-01-01T11:59:59.250Z")
    assert found.key == "s"
    assert found.points.tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert found.times.tolist() == [KAFKA_TIME - 750] * 2
    assert found.own_times


def test_without_a_time_kafka_s_stands_in() -> None:
    found = parsed()
    assert found.times.tolist() == [KAFKA_TIME] * 2
    assert not found.own_times


def test_each_point_s_own_time_comes_first() -> None:
    listed = parsed(timestamp=KAFKA_TIME, timestamps=[KAFKA_TIME - 5, "2024-01-01T12:00:00.007Z"])
    assert listed.times.tolist() == [KAFKA_TIME - 5, KAFKA_TIME + 7]
    points = [{"coordinates": [0, 1], "timestamp": KAFKA_TIME - 9}, {"coordinates": [2, 3]}]
    inside = parsed(timestamps=[KAFKA_TIME - 1, KAFKA_TIME - 2], points=points)
    assert inside.times.tolist() == [KAFKA_TIME - 9, KAFKA_TIME - 2]
    assert inside.points.tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_points_with_and_without_a_time_may_stand_in_any_order() -> None:
    timed, bare = {"coordinates": [2, 3], "timestamp": KAFKA_TIME - 9}, {"coordinates": [0, 1]}
    for first in (bare, [0, 1], {**bare, "timestamp": None}):
        found = parsed(points=[first, timed], timestamp=KAFKA_TIME - 100)
        assert found.times.tolist() == [KAFKA_TIME - 100, KAFKA_TIME - 9]
        assert found.points.tolist() == [[0.0, 1.0], [2.0, 3.0]]
        assert parsed(points=[first, timed]).times.tolist() == [KAFKA_TIME, KAFKA_TIME - 9]
    late_error = [[0, 1], {"coordinates": [2, 3], "timestamp": "soon"}]
    with pytest.raises(MessageError, match=r"points\[1\].timestamp"):
        parsed(points=late_error)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"stream_id": None}, "missing_field", "stream_id: is missing"),
        ({"stream_id": " "}, "bad_stream_id", "stream_id: is blank"),
        ({"points": None}, "missing_field", "points: is missing"),
        ({"points": []}, "empty_cloud", "points: holds no point"),
        ({"points": [[0, 1], [2]]}, "ragged_points", "points[1]: has 1 coordinates"),
        ({"points": [[0, "1"]]}, "bad_number", "points[0][1]: must be a number"),
        ({"points": [[0, 1e200]]}, "non_finite", "points[0][1]: is 1e+200"),
        ({"points": [[0]] * 5001}, "too_many_points", "5001 points are more than max_points 5000"),
        ({"dimension": 3}, "wrong_dimension", "is 3, but the points have 2"),
        ({"algorithm": "alpha"}, "parameters_not_allowed", "computed with the job's config"),
        ({"parameters": {"max_dimension": 1}}, "parameters_not_allowed", "computed with the job's config"),
        ({"timestamps": [KAFKA_TIME]}, "bad_timestamp", "has 1 entries for 2 points"),
        ({"timestamps": "now"}, "bad_timestamp", "timestamps: must be a list"),
        ({"timestamps": [KAFKA_TIME, "noon"]}, "bad_timestamp", "timestamps[1]: is not RFC 3339"),
        (
            {"timestamps": [0, KAFKA_TIME + 300_001]},
            "future_timestamp",
            "the time of point 1: is 300 s ahead",
        ),
        ({"timestamp": KAFKA_TIME + 300_001}, "future_timestamp", "timestamp: is 300 s ahead"),
        ({"message_id": 7}, "bad_field", "message_id: must be a text"),
        ({"message_id": "x" * 5000}, "bad_field", "message_id: is longer"),
    ],
)
def test_what_cannot_be_used_is_refused_whole(fields: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(MessageError) as caught:
        parsed(**fields)
    assert caught.value.code == code
    assert words in caught.value.reason


def test_five_minutes_ahead_is_not_too_far() -> None:
    assert parsed(timestamp=KAFKA_TIME + 300_000).times.max() == KAFKA_TIME + 300_000


def test_the_points_of_a_job_are_read_from_its_cloud() -> None:
    raw = json.dumps({"job_id": "j", "point_cloud": {"points": [[1, 2]], "dimension": 2}}).encode()
    found = parse_stream_message(raw, Origin("requests", "tda_jobs", 0, 0, KAFKA_TIME), LIMITS)
    assert (found.key, found.points.tolist()) == ("j", [[1.0, 2.0]])
    flat = json.dumps({"job_id": "j", "points": [[1, 2]]}).encode()
    with pytest.raises(MessageError, match="point_cloud: is missing"):
        parse_stream_message(flat, Origin("requests", "tda_jobs", 0, 0, KAFKA_TIME), LIMITS)


@pytest.mark.parametrize("message_id", [None, "m-1", "ü" * 300])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (5000, 2)])
def test_nothing_changes_on_the_way_to_the_stream(shape: tuple[int, int], message_id: str | None) -> None:
    points = np.random.default_rng(1).normal(size=shape)
    times = np.arange(shape[0], dtype=np.int64) - 5
    sent = Envelope(1, ORIGIN, StreamMessage("s", points, times, True, message_id), b"\xff raw \x00")
    found = unpacked(packed(sent), "s", [("requests", "tda_jobs"), ("streams", "tda_stream_input")])
    assert isinstance(found, Envelope)
    assert (found.input, found.origin, found.raw) == (1, ORIGIN, sent.raw)
    assert found.message.points.tobytes() == points.tobytes()
    assert found.message.times.tobytes() == times.tobytes()
    assert (found.message.message_id, found.message.own_times) == (message_id, True)


def reader() -> StreamReader:
    stream = {"route": "streams", "topic": "tda_stream_input", "output_topic": "tda_stream_output"}
    window = {"kind": "count", "size": 4, "slide": 2, "timeout_ms": None, "state_ttl_ms": 1000}
    document = settings_document(inputs=[{**stream, "source_parallelism": 1, "window": window}])
    return StreamReader(job.load(json.dumps(document)), 0)


def test_what_is_refused_goes_on_as_a_finished_record() -> None:
    key, content = reader().read(b'{"stream_id": "s"}', 3, 14, KAFKA_TIME)
    assert key == "tda_stream_input-3-14"
    refusal = unpacked(content, key, [])
    assert isinstance(refusal, PackedError)
    assert (refusal.code, refusal.key) == ("missing_field", b"s")
    record = json.loads(refusal.value)
    assert (record["stream_id"], record["job_id"], record["code"]) == ("s", None, "missing_field")
    assert record["source"]["offset"] == 14


def test_a_stream_and_a_job_of_one_name_are_kept_apart() -> None:
    key, content = reader().read(message(stream_id="tda/1"), 0, 0, KAFKA_TIME)
    assert key == "streams/tda/1"
    assert isinstance(unpacked(content, "tda/1", [("streams", "tda_stream_input")]), Envelope)
