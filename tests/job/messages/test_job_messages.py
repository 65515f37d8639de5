from __future__ import annotations

import json
import random
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.job.settings_json import settings_text
from support.request_samples import BAD, circle, request
from tdajob.errors import MessageError, Origin
from tdajob.messages import strict_json
from tdajob.messages.requests import Request, Rules, parse_request, predicted_memory
from tdajob.settings import job

KAFKA_TIME = 1_704_110_500_000
ORIGIN = Origin("requests", "tda_jobs", 3, 17, KAFKA_TIME)
OWN = {"vietoris_rips": ["landmarks"], "alpha": [], "witness": ["landmarks", "strong"]}


def rules(**changes: Any) -> Rules:
    chosen = job.load(settings_text(**changes))
    return Rules(chosen.query, chosen.limits, OWN)


def read(message: Any, origin: Origin = ORIGIN, **changes: Any) -> Request:
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    return parse_request(raw, origin, rules(**changes))


def refused(message: Any, origin: Origin = ORIGIN, **changes: Any) -> MessageError:
    with pytest.raises(MessageError) as caught:
        read(message, origin, **changes)
    return caught.value


def test_the_seeds_own_message() -> None:
    found = read(
        b"""{
          "job_id": "uuid",
          "timestamp": "2024-01-01T12:00:00Z",
          "algorithm": "vietoris_rips",
          "point_cloud": {"points": [[0.1, 0.2], [0.3, 0.4]], "dimension": 2},
          "parameters": {"max_dimension": 2, "max_persistence": 1.0}
        }"""
    )
    assert found.job_id == "uuid"
    assert found.points.tolist() == [[0.1, 0.2], [0.3, 0.4]]
    assert found.timestamp_ms == 1_704_110_400_000
    assert found.own_timestamp
    assert found.question.query.max_dimension == 2
    assert found.question.query.max_persistence == 1.0


BY_ITS_TEXT_ALONE = BAD.keys() - {"too far", "no prime", "too many points", "crooked matrix"}


@pytest.mark.parametrize("name", sorted(BY_ITS_TEXT_ALONE))
def test_each_bad_message_gets_its_code(name: str) -> None:
    code, make, known = BAD[name]
    with pytest.raises(MessageError) as caught:
        parse_request(make("the-job"), ORIGIN, rules())
    assert caught.value.code == code
    assert caught.value.key == ("the-job" if known else None)


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (b"   \n", "empty", "has no value"),
        (b"\x00\x00\x00\x00\x07", "empty", "has no value"),
        (b"{} {}", "bad_json", "Extra data"),
        (b'{"a": "\\ud800"}', "bad_json", "surrogate"),
        (b"\xef\xbb\xbf{}", "bad_json", "BOM"),
        (b"[01]", "bad_json", "not JSON"),
        (b"17", "not_an_object", "not a number"),
        (b'{"job_id": 7}', "bad_job_id", "must be a text, not a number"),
        (b'{"job_id": "a", "job_id": "a"}', "missing_field", "point_cloud"),
        (request("j" * 1025, [[1]]), "bad_job_id", "1025 characters"),
        (request("a", [[1]], point_cloud=[]), "bad_field", "point_cloud: must be an object, not a list"),
        (request("a", [[1]], point_cloud={"points": "x"}), "bad_points", "must be a list, not a text"),
        (request("a", [[]]), "bad_points", r"points\[0\]: has no coordinates"),
        (request("a", [[[1]]]), "bad_number", r"points\[0\]\[0\]: must be a number, not a list"),
        (request("a", [[1, 2], [3, "4"]]), "bad_number", r"points\[1\]\[1\]: must be a number, not a text"),
        (request("a", [[1, 2], {"coordinates": [1]}]), "ragged_points", r"points\[1\]"),
        (request("a", [{"coordinate": [1]}]), "bad_points", r"points\[0\]\.coordinates"),
        (request("a", [{"coordinates": [1], "timestamp": "x"}]), "bad_timestamp", r"points\[0\]\.timestamp"),
        (request("a", [[1]], point_cloud={"points": [[1]], "dimension": True}), "bad_number", "dimension"),
        (request("a", [[1]], point_cloud={"points": [[1]], "dimension": 1.0}), "bad_number", "dimension"),
        (request("a", [[1]], algorithm=3), "bad_field", "algorithm: must be a text"),
        (request("a", [[1]], algorithm="witnes"), "unknown_algorithm", "did you mean witness"),
        (request("a", [[1]], parameters=[]), "bad_field", "parameters: must be an object"),
        (request("a", [[1]], parameters={"max_dim": 1}), "unknown_parameter", "did you mean max_dimension"),
        (request("a", [[1]], algorithm="alpha", parameters={"landmarks": 1}), "unknown_parameter", "alpha"),
        (request("a", [[1]], parameters={"max_dimension": 1.5}), "bad_parameter", "max_dimension"),
        (request("a", [[1]], parameters={"max_persistence": "1"}), "bad_parameter", "max_persistence"),
        (request("a", [[1]], parameters={"max_persistence": True}), "bad_parameter", "max_persistence"),
        (request("a", [[1]], parameters={"min_persistence": None}), "bad_parameter", "min_persistence"),
        (request("a", [[1]], parameters={"pairs": "most"}), "bad_parameter", "all, none or top:K"),
        (request("a", [[1]], parameters={"pairs": 3}), "bad_parameter", "pairs: must be a text"),
        (request("a", [[1]], extra={"deep": [2**60]}), "integer_too_large", "beyond 2"),
        (request("a", [[2**70, 0.5]]), "integer_too_large", "beyond 2"),
    ],
)  # fmt: skip
def test_refuses(message: Any, code: str, reason: str) -> None:
    error = refused(message)
    assert (error.code, error.code in error.args[0]) == (code, True)
    with pytest.raises(MessageError, match=reason):
        read(message)


@pytest.mark.parametrize("digits", ["9" * 18, "9" * 5000, "-" + "9" * 400, str(2**53 + 1)])
def test_long_integers_are_refused_anywhere(digits: str) -> None:
    for text in (
        f'{{"job_id": "a", "point_cloud": {{"points": [[{digits}]]}}}}',
        f'{{"job_id": "a", "point_cloud": {{"points": [[{digits}, 0.5]]}}}}',
        f'{{"job_id": "a", "point_cloud": {{"points": [[1]]}}, "note": {digits}}}',
    ):
        assert refused(text.encode()).code in ("integer_too_large", "non_finite")


def test_large_floats_and_the_largest_exact_integer_are_fine() -> None:
    assert read(request("a", [[1e100, 2**53], [-1e20, -(2**53)]])).points[0, 1] == 2**53


@pytest.mark.parametrize(
    "dropped", ['"a:b": 1', '"a": {"b": "c:d:e"}', '"timestamp": "2024-01-01T12:00:00Z"', '"a": []']
)
def test_duplicate_keys_are_found_wherever_they_are(dropped: str) -> None:
    cloud = '"point_cloud": {"points": [[1, 2]]}'
    for text in (f"{{{dropped}, {dropped}, {cloud}}}", f'{{"deep": [{{{dropped}, {dropped}}}], {cloud}}}'):
        raw = text.replace("{", '{"job_id": "j", ', 1).encode()
        assert refused(raw).code == "duplicate_key"


def test_an_escaped_colon_does_not_hide_a_duplicate_key() -> None:
    text = '{"job_id": "j", "x": 1, "x": 2, "y": "\\u003a", "point_cloud": {"points": [[1]]}}'
    assert refused(text.encode()).code == "duplicate_key"


def test_colons_and_escapes_alone_are_fine() -> None:
    assert read(request("a:b\\u003a\n", [[1, 2]], **{"x:y": {"z:": ["::", "\\"]}})).job_id == "a:b\\u003a\n"


def test_a_confluent_frame_is_taken_off() -> None:
    framed = b"\x00\x00\x00\x00\x2a" + json.dumps(request("framed", [[1, 2]])).encode()
    assert read(framed).job_id == "framed"


def test_points_may_be_objects() -> None:
    points = [{"coordinates": [1, 2], "timestamp": 5}, {"coordinates": [3, 4.5], "label": "x"}, [5, 6]]
    assert read(request("a", points)).points.tolist() == [[1, 2], [3, 4.5], [5, 6]]


def test_a_boolean_elsewhere_does_not_disturb_the_points() -> None:
    found = read(request("a", [[1, 2]], algorithm="witness", parameters={"strong": True}))
    assert found.question.query.params == {"strong": True}
    assert refused(request("a", [[1, 2], [True, 0]], parameters={})).code == "bad_number"


def test_a_message_over_the_limit_is_not_parsed() -> None:
    error = refused(b"[" * 5000, limits__max_message_bytes=4096)
    assert error.code == "message_too_large"
    assert "5000 bytes, more than max_message_bytes = 4096" in error.reason


def test_time_comes_from_kafka_where_the_message_has_none() -> None:
    for missing in ({}, {"timestamp": None}):
        message = {**request("a", [[1]]), **missing}
        if not missing:
            del message["timestamp"]
        found = read(message)
        assert (found.timestamp_ms, found.own_timestamp) == (KAFKA_TIME, False)


def test_the_future_is_measured_by_kafkas_time() -> None:
    at_the_limit = request("a", [[1]], timestamp=KAFKA_TIME + 300_000)
    assert read(at_the_limit).timestamp_ms == KAFKA_TIME + 300_000
    assert refused({**at_the_limit, "timestamp": KAFKA_TIME + 300_001}).code == "future_timestamp"


def test_a_kafka_time_that_is_no_date_is_no_accident() -> None:
    nanoseconds = Origin("requests", "tda_jobs", 0, 0, 1_704_110_500_000_000_000)
    assert read(request("a", [[1]]), nanoseconds).own_timestamp
    message = request("a", [[1]])
    del message["timestamp"]
    assert refused(message, nanoseconds).code == "bad_timestamp"


def test_a_message_overrides_the_config() -> None:
    config = {
        "query__max_persistence": 2.0,
        "query__engine": "collapse",
        "query__algorithm_params": {"landmarks": 5},
        "query__pairs": "none",
    }
    silent = read({"job_id": "a", "point_cloud": {"points": [[1]]}}, **config).question
    assert (silent.query.max_persistence, silent.query.engine) == (2.0, "collapse")
    assert silent.query.params == {"landmarks": 5}
    assert silent.pairs == "none"
    asked = {
        "max_persistence": None, "min_persistence": 0.1, "betti_at": 0.5, "homology_coeff_field": 3,
        "pairs": "top:7", "engine": "full", "landmarks": 9,
    }  # fmt: skip
    loud = read(request("a", [[1]], parameters=asked), **config).question
    assert (loud.query.max_persistence, loud.query.min_persistence, loud.betti_at) == (None, 0.1, 0.5)
    assert (loud.query.homology_coeff_field, loud.query.engine) == (3, "full")
    assert loud.query.params == {"landmarks": 9}
    assert loud.pairs == "top:7"
    other = read(request("a", [[1]], algorithm="alpha"), **config).question.query
    assert (other.engine, other.params) == ("auto", {}), "what belongs to another algorithm is not taken over"


def test_the_array_is_exact() -> None:
    points = circle(200, random.Random(1))
    assert read(request("a", points)).points.tolist() == points


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_whatever_is_sent_is_a_request_or_an_error(value: Any) -> None:
    for message in (
        value,
        request("a", value),
        request("a", [[1]], parameters=value),
        request("a", [[1]], x=value),
    ):
        try:
            found = read(message)
        except MessageError:
            continue
        assert found.points.ndim == 2
        assert np.isfinite(found.points).all()


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_and_no_accident(raw: bytes) -> None:
    with pytest.raises(MessageError):
        parse_request(raw, ORIGIN, rules())


@given(json_values)
def test_proper_json_passes_the_strict_reader(value: Any) -> None:
    raw = json.dumps(value).encode()
    try:
        strict_json.check(raw, strict_json.loads(raw))
    except MessageError as error:
        # Python's json.dumps writes lone surrogates and has no limit of depth; the job refuses both.
        assert error.code in ("too_deep", "bad_json")  # noqa: PT017


def test_memory_does_not_grow_with_the_square_of_a_message() -> None:
    """With one long string, numpy would allocate its size for each of many short ones: 2 GB for 145 kB."""
    mixed = json.dumps({"job_id": "a", "point_cloud": {"points": ["a" * 20_000] + ["b"] * 25_000}}).encode()
    flat = json.dumps(
        {"job_id": "a", "point_cloud": {"points": [["a" * 20_000] * 2] + [["b"] * 2] * 12_500}}
    ).encode()
    rows = json.dumps({"job_id": "a", "point_cloud": {"distances": ["a" * 20_000] + ["b"] * 25_000}}).encode()
    rule = rules()
    for raw, code in ((mixed, "bad_points"), (flat, "bad_number"), (rows, "bad_matrix")):
        tracemalloc.start()
        with pytest.raises(MessageError) as caught:
            parse_request(raw, ORIGIN, rule)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert caught.value.code == code
        assert peak < 100 * len(raw)


def test_a_long_unknown_name_is_compared_in_little_memory() -> None:
    tracemalloc.start()
    assert refused(request("a", [[1]], algorithm="x" * 2_000_000)).code == "unknown_algorithm"
    assert refused(request("a", [[1]], parameters={"y" * 2_000_000: 1})).code == "unknown_parameter"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000_000


@pytest.mark.parametrize(
    "points",
    ["[" + "[]," * 400_000 + "[]]", "[" + "{}," * 400_000 + "{}]", "[[" + "0," * 700_000 + "0]]"],
)
def test_what_reading_takes_is_predicted_before_it_is_taken(points: str) -> None:
    raw = f'{{"job_id": "a", "point_cloud": {{"points": {points}}}}}'.encode()
    tracemalloc.start()
    with pytest.raises(MessageError):
        read(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    predicted = predicted_memory(raw)
    assert peak < predicted
    assert refused(raw, limits__max_predicted_bytes=predicted - 1).code == "predicted_memory"
    assert refused(raw, limits__max_predicted_bytes=predicted).code != "predicted_memory"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (
            1_704_110_400,
            "looks like seconds (2024-01-01T12:00:00.000Z); in milliseconds it would be 1970-01-20",
        ),
        (10**8, "looks like seconds (1973-03-03"),
        (10**11 - 1, "looks like seconds (5138-11-16"),
        (-(10**8), "looks like seconds (1966-10-31"),
        (1_704_110_400_000_000, "looks like epoch microseconds"),
        (1_704_110_400_000_000_000, "looks like epoch nanoseconds"),
    ],
)
def test_a_time_in_another_unit_is_refused_by_its_name(sent: int, words: str) -> None:
    error = refused(request("a", [[1]], timestamp=sent))
    # Above 2^53 the integer itself is refused first.
    assert error.code == ("bad_timestamp" if sent <= 2**53 else "integer_too_large")
    assert words in error.reason or sent > 2**53


@pytest.mark.parametrize("sent", [0, 10**8 - 1, -(10**8) + 1, 10**11, "1970-01-20T17:21:50.400Z"])
def test_times_that_count_from_zero_and_texts_of_those_years_are_taken(sent: Any) -> None:
    assert read(request("a", [[1]], timestamp=sent)).own_timestamp


def test_the_unit_of_kafka_s_own_time_is_looked_at_where_it_is_needed() -> None:
    seconds = Origin("requests", "tda_jobs", 0, 0, 1_704_110_400)
    message = request("a", [[1]])
    assert read(message, seconds).own_timestamp
    del message["timestamp"]
    error = refused(message, seconds)
    assert (error.code, "looks like epoch seconds" in error.reason) == ("bad_timestamp", True)
