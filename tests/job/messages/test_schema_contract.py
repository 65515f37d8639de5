"""The shipped schemas compared with the job: its output records, and the messages it accepts and refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator
from support.job.settings_json import settings_text
from support.request_samples import BAD, mixed_requests, request
from tdajob.errors import KEPT_BYTES, KEPT_REASON, MessageError, Origin, error_record
from tdajob.messages.requests import MAX_JOB_ID, Rules, parse_request
from tdajob.messages.streams import parse_stream_message
from tdajob.processing.requests import RequestProcessor
from tdajob.settings import job as job_settings
from tdajob.timestamps import EARLIEST_MS, LATEST_MS
from tdajob.topology.validation import (
    MAX_COEFFICIENT_FIELD,
    MAX_COORDINATE,
    MAX_DIMENSION,
    check_points,
    check_query,
)
from tdajob.topology.values import ComputationError, Limits
from tdajob.uploads.message import parse_upload

from tdaflink.adapters.storage.shipped_profiles import load_schemas

KAFKA_TIME = 1_704_110_500_000
SCHEMAS = {schema.name: schema for schema in load_schemas()}
SETTINGS = job_settings.load(settings_text())
RULES = Rules(SETTINGS.query, SETTINGS.limits, {"vietoris_rips": [], "alpha": [], "witness": ["landmarks"]})
LIMITS = Limits(SETTINGS.limits.max_points, 2**40, 60.0, 5)

# Faults that a schema cannot detect: invalid JSON, and conditions on more than one value.
UNREADABLE = {
    "no value", "empty value", "not UTF-8", "broken JSON", "NaN", "Infinity", "1e400", "very deep",
}  # fmt: skip
BLIND = {
    "duplicate key", "long integer", "deep", "ragged", "wrong dimension", "time to come",
    "unknown algorithm", "misspelt parameter", "no prime", "too many points",
    "ragged matrix", "crooked matrix",
}  # fmt: skip


def accepts(name: str, message: Any) -> bool:
    """Return True if the shipped schema accepts it; its own draft and the draft of registries must agree."""
    document = SCHEMAS[name].document
    verdict: bool = Draft202012Validator(document).is_valid(message)
    assert verdict == Draft7Validator(json.loads(SCHEMAS[name].text)).is_valid(message)
    return verdict


def complaints(name: str, message: Any) -> list[str]:
    found = Draft202012Validator(SCHEMAS[name].document).iter_errors(message)
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in found]


@pytest.fixture(scope="module")
def answerer() -> Iterator[RequestProcessor]:
    made = RequestProcessor(SETTINGS)
    yield made
    made.close()


def answered(answerer: RequestProcessor, raw: bytes | None, offset: int = 17) -> tuple[str, Any]:
    answer = answerer.answer(raw, "tda_jobs", 3, offset, KAFKA_TIME)
    return answer.topic, json.loads(answer.value)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_each_schema_is_one_and_takes_its_own_examples(name: str) -> None:
    document = SCHEMAS[name].document
    Draft202012Validator.check_schema(document)
    Draft7Validator.check_schema(json.loads(SCHEMAS[name].text))
    assert document["examples"]
    for example in document["examples"]:
        assert complaints(name, example) == []


def test_every_answer_is_as_its_schema_says(answerer: RequestProcessor) -> None:
    expected = {"tda_results": "tda_result_event_v1", "tda_errors": "tda_error_event_v1"}
    met = set()
    for number, sent in enumerate(mixed_requests(2 * len(BAD), seed=11)):
        topic, record = answered(answerer, sent.value, offset=number)
        assert complaints(expected[topic], record) == [], sent.value
        met.add(record.get("code"))
    assert met == {None} | {code for code, _, _ in BAD.values()}


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_persistence": 0.5, "betti_at": 0.25, "pairs": "none"},
        {"max_dimension": 2, "homology_coeff_field": 3, "min_persistence": 0.1},
        {"max_dimension": 0, "pairs": "top:1"},
    ],
)
@pytest.mark.parametrize("algorithm", ["vietoris_rips", "alpha", "witness"])
def test_results_of_every_algorithm_are_as_the_schema_says(
    answerer: RequestProcessor, algorithm: str, parameters: dict[str, Any]
) -> None:
    asked = request("a", [[0, 0], [1, 0], [1, 1.5], [0, 1]], algorithm=algorithm, parameters=parameters)
    assert accepts("tda_job_event_v1", asked)
    topic, record = answered(answerer, json.dumps(asked).encode())
    assert (topic, complaints("tda_result_event_v1", record)) == ("tda_results", [])


def test_records_at_the_edges_are_as_the_schema_says(answerer: RequestProcessor) -> None:
    _, large = answered(answerer, b"\xff" * (KEPT_BYTES + 1))
    assert large["original"]["truncated"]
    quoting = request("j" * 1024, [[1, 2]], algorithm="a" * 5000)
    _, long = answered(answerer, json.dumps(quoting).encode())
    no_date = json.loads(answerer.answer(b"", "tda_jobs", 0, 0, 10**18).value)
    origin = Origin("requests", "tda_jobs", 0, 0, KAFKA_TIME)
    wordy = json.loads(error_record(None, origin, "bad_json", "x" * 2 * KEPT_REASON, None)[1])
    assert (len(wordy["reason"]), no_date["source"]["timestamp"]) == (KEPT_REASON, None)
    for record in (large, long, no_date, wordy):
        assert complaints("tda_error_event_v1", record) == []


def test_every_good_request_is_accepted() -> None:
    good = [json.loads(sent.value or b"") for sent in mixed_requests(200, seed=12) if sent.code is None]
    assert len(good) == 100
    for message in good:
        assert complaints("tda_job_event_v1", message) == []


def test_each_bad_request_that_a_schema_can_see_is_refused() -> None:
    seen = {}
    for name in BAD.keys() - UNREADABLE:
        raw = BAD[name][1]("the-job")
        assert raw is not None
        seen[name] = not accepts("tda_job_event_v1", json.loads(raw))
    assert {name for name, refused in seen.items() if not refused} == BLIND


def changed(message: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return the message with the value at a path, such as point_cloud.dimension, replaced."""
    new = copy.deepcopy(dict(message))
    *above, last = path.split(".")
    node = new
    for key in above:
        node = node[key]
    node[last] = value
    return new


REQUEST = SCHEMAS["tda_job_event_v1"].document["examples"][0]
STREAM = SCHEMAS["tda_stream_event_v1"].document["examples"][0]
TIMES = st.sampled_from(
    [
        "2024-01-01T12:00:00Z", "2024-01-01t12:00:00z", "2024-01-01 12:00:00", "2024-01-01T13:30:00+01:30",
        "2024-01-01T12:00:00.1234567891Z", "2016-12-31T23:59:60Z", "2024-13-01T00:00:00Z", "2024-01-01",
        "2024-01-01T24:00:00Z", "2024-01-01T12:00Z", "2024-01-01T12:00:00.Z", "2024-01-01T12:00:00+24:00",
        "٢٠٢٤-01-01T12:00:00Z", "", 0, -1, 1.5, 10**15, -(10**15), True, None,
    ]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.sampled_from([2.5, -0.5, 1e151, 1e149, 46337, 46339])
    | st.sampled_from(["", " ", "all", "top:3", "top:x", "auto", "gudhi", "alpha", "csv", "x" * 1025])
)
VALUES = st.recursive(
    SCALARS | TIMES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(st.lists(st.integers(0, 3) | st.floats(-2, 2), min_size=1, max_size=2), max_size=4)
        | st.dictionaries(st.sampled_from(["points", "coordinates", "timestamp", "pairs"]), inner)
    ),
    max_leaves=8,
)
REQUEST_PATHS = (
    ["job_id", "timestamp", "algorithm", "point_cloud", "parameters", "further"]
    + [f"point_cloud.{key}" for key in ("points", "dimension", "further")]
    + [
        f"parameters.{key}"
        for key in (
            "max_dimension", "max_persistence", "min_persistence", "betti_at", "homology_coeff_field",
            "engine", "pairs", "further",
        )
    ]
)  # fmt: skip
UPLOAD = SCHEMAS["tda_upload_event_v1"].document["examples"][0]
UPLOADED = Origin("uploads", "tda_uploads", 0, 0, KAFKA_TIME)
UPLOAD_PATHS = [*UPLOAD, "timestamp", "algorithm", "columns", "key", "delimiter", "file_id", "further"]
UPLOAD_VALUES = [
    "FILE:///a/b.csv",
    "s3://bucket/a.parquet",
    "file:///a/b",
    ["x", "y"],
    ["x", "x"],
    ";",
    "\t",
    "é",
]
STREAM_PATHS = [*STREAM, "dimension", "algorithm", "parameters", "further"]


@settings(max_examples=600)
@given(st.sampled_from(REQUEST_PATHS), VALUES)
def test_what_the_job_accepts_the_schema_accepts(path: str, value: Any) -> None:
    message = changed(REQUEST, path, value)
    try:
        asked = parse_request(
            json.dumps(message).encode(), Origin("requests", "tda_jobs", 0, 0, KAFKA_TIME), RULES
        )
        check_query(asked.question.query)
        check_points(asked.points, LIMITS)
    except (MessageError, ComputationError):
        return
    assert complaints("tda_job_event_v1", message) == []
    assert accepts("tda_job_event_v1", message)


@settings(max_examples=400)
@given(st.sampled_from(STREAM_PATHS), VALUES)
def test_what_the_job_accepts_of_a_stream_the_schema_accepts(path: str, value: Any) -> None:
    message = changed(STREAM, path, value)
    origin = Origin("streams", "tda_stream_input", 0, 0, KAFKA_TIME)
    try:
        parse_stream_message(json.dumps(message).encode(), origin, SETTINGS.limits)
    except MessageError:
        return
    assert complaints("tda_stream_event_v1", message) == []
    assert accepts("tda_stream_event_v1", message)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("job_id", "j" * MAX_JOB_ID), ("timestamp", EARLIEST_MS), ("timestamp", KAFKA_TIME + 300_000),
        ("point_cloud", {"points": [[MAX_COORDINATE], [-MAX_COORDINATE]]}),
        ("parameters.max_dimension", MAX_DIMENSION), ("parameters.max_dimension", 0),
        ("parameters.homology_coeff_field", MAX_COEFFICIENT_FIELD),
        ("parameters.homology_coeff_field", 2), ("parameters.pairs", "top:999999999"),
        ("parameters.min_persistence", 0), ("parameters.max_persistence", 0), ("parameters.betti_at", 0),
    ],
)  # fmt: skip
def test_the_schema_s_limits_are_the_job_s(path: str, value: Any) -> None:
    message = changed(REQUEST, path, value)
    origin = Origin("requests", "tda_jobs", 0, 0, KAFKA_TIME)
    asked = parse_request(json.dumps(message).encode(), origin, RULES)
    check_query(asked.question.query)
    check_points(asked.points, LIMITS)
    assert accepts("tda_job_event_v1", message)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("job_id", 7), ("job_id", None), ("job_id", "\t "), ("job_id", "j" * 1025), ("timestamp", 1.5),
        ("timestamp", "2024-13-01T00:00:00Z"), ("timestamp", "2024-01-01T12:00:00+24:00"),
        ("timestamp", EARLIEST_MS - 1), ("timestamp", LATEST_MS + 1), ("algorithm", 3),
        ("parameters", []), ("point_cloud", [[1, 2]]),
        ("point_cloud.dimension", True), ("point_cloud.dimension", 0), ("point_cloud.points", [[]]),
        ("point_cloud.points", [{"coordinate": [1]}]), ("point_cloud.points", [[1, [2]]]),
        ("point_cloud.points", [{"coordinates": [1], "timestamp": "x"}]),
        ("point_cloud.points", [[1e151, 0]]),
        ("parameters.max_dimension", MAX_DIMENSION + 1), ("parameters.max_dimension", 1.5),
        ("parameters.min_persistence", None), ("parameters.max_persistence", "1"),
        ("parameters.betti_at", -1), ("parameters.homology_coeff_field", 1),
        ("parameters.homology_coeff_field", MAX_COEFFICIENT_FIELD + 2),
        ("parameters.pairs", "top:" + "9" * 10),
        ("parameters.engine", ""),
        ("parameters.pairs", "most"), ("parameters.pairs", "top:"),
    ],
)  # fmt: skip
def test_job_and_schema_refuse_the_same(answerer: RequestProcessor, path: str, value: Any) -> None:
    message = changed(REQUEST, path, value)
    assert not accepts("tda_job_event_v1", message)
    assert answered(answerer, json.dumps(message).encode())[0] == "tda_errors"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("stream_id", ""), ("points", None), ("points", []), ("points", [["1"]]), ("timestamps", "x"),
        ("timestamps", [None, None, None, None]), ("message_id", ""), ("message_id", 7),
        ("message_id", "m" * 4097), ("algorithm", "alpha"), ("parameters", {}), ("dimension", 1.5),
    ],
)  # fmt: skip
def test_job_and_schema_refuse_the_same_of_a_stream(path: str, value: Any) -> None:
    message = changed(STREAM, path, value)
    assert not accepts("tda_stream_event_v1", message)
    origin = Origin("streams", "tda_stream_input", 0, 0, KAFKA_TIME)
    with pytest.raises(MessageError):
        parse_stream_message(json.dumps(message).encode(), origin, SETTINGS.limits)


def test_the_example_request_gets_the_example_result(answerer: RequestProcessor) -> None:
    topic, result = answered(answerer, json.dumps(REQUEST).encode())
    shown = copy.deepcopy(SCHEMAS["tda_result_event_v1"].document["examples"][0])
    for message in (result, shown):
        del message["timestamp"]
        del message["computation_info"]["computation_time"], message["computation_info"]["memory_usage"]
    assert (topic, result) == ("tda_results", shown)


def test_the_example_error_is_one_of_the_job() -> None:
    shown = copy.deepcopy(SCHEMAS["tda_error_event_v1"].document["examples"][0])
    made = RequestProcessor(SETTINGS)
    try:
        answer = made.answer(
            b'{"job_id": "scan-18", "point_cloud": {"points": []}}', "tda_jobs", 3, 17, 1_704_110_401_000
        )
    finally:
        made.close()
    record = json.loads(answer.value)
    del record["timestamp"], shown["timestamp"]
    assert record == shown


@pytest.mark.parametrize(
    ("point_cloud", "good"),
    [
        ({"distances": [[0, 3], [3, 0]]}, True),
        ({"distances": [[0.0]], "note": "x"}, True),
        ({"points": [[1]], "distances": [[0]]}, False),
        ({"distances": [[0]], "points": None, "dimension": None}, True),
        ({"distances": [[0]], "dimension": 1}, False),
        ({"distances": [[0, -1], [-1, 0]]}, False),
        ({"distances": []}, False),
        ({"distances": [[0, "inf"]]}, False),
    ],
)
def test_a_request_may_bring_distances_instead_of_points(point_cloud: Any, good: bool) -> None:
    assert accepts("tda_job_event_v1", {"job_id": "a", "point_cloud": point_cloud}) is good


@settings(max_examples=400)
@given(st.sampled_from(UPLOAD_PATHS), VALUES | st.sampled_from(UPLOAD_VALUES), st.booleans())
def test_what_the_job_accepts_of_an_upload_the_schema_accepts(path: str, value: Any, by_file: bool) -> None:
    message = changed(UPLOAD, path, value)
    if by_file:
        message["file_id"] = message.pop("job_id", None)
    try:
        asked = parse_upload(json.dumps(message).encode(), UPLOADED, RULES)
        check_query(asked.question.query)
    except (MessageError, ComputationError):
        return
    assert complaints("tda_upload_event_v1", message) == []
    assert accepts("tda_upload_event_v1", message)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("job_id", None), ("job_id", " "), ("uri", None), ("uri", "/data/a.npy"), ("uri", "http://a/b.npy"),
        ("uri", "file:///" + "a" * 2048), ("format", "xlsx"), ("format", 3), ("columns", []),
        ("columns", ["x", "x"]), ("columns", ["x", 1]), ("key", ""), ("delimiter", "::"), ("delimiter", '"'),
        ("delimiter", "\n"), ("delimiter", "é"), ("timestamp", "soon"), ("parameters.max_dimension", -1),
    ],
)  # fmt: skip
def test_job_and_schema_refuse_the_same_of_an_upload(path: str, value: Any) -> None:
    message = changed({**UPLOAD, "format": "csv"}, path, value)
    assert not accepts("tda_upload_event_v1", message)
    with pytest.raises((MessageError, ComputationError)):
        check_query(parse_upload(json.dumps(message).encode(), UPLOADED, RULES).question.query)


def test_an_upload_is_named_by_its_job_or_its_file() -> None:
    unnamed = {key: value for key, value in UPLOAD.items() if key != "job_id"}
    for names, good in (
        ({"file_id": "f"}, True), ({"job_id": None, "file_id": "f"}, True),
        ({"job_id": "j", "file_id": 7}, True), ({"job_id": 7, "file_id": "f"}, False),
        ({}, False), ({"file_id": 7}, False), ({"file_id": " "}, False),
    ):  # fmt: skip
        assert accepts("tda_upload_event_v1", {**unnamed, **names}) is good
        if good:
            parse_upload(json.dumps({**unnamed, **names}).encode(), UPLOADED, RULES)
        else:
            with pytest.raises(MessageError):
                parse_upload(json.dumps({**unnamed, **names}).encode(), UPLOADED, RULES)


def test_answers_to_uploads_are_as_the_schemas_say(tmp_path: Path) -> None:
    (tmp_path / "square.csv").write_text("0,0\n1,0\n1,1\n0,1\n")
    source = {"route": "uploads", "topic": "tda_uploads", "output_topic": "tda_results"}
    inputs = [{**source, "source_parallelism": 1, "window": None}]
    text = settings_text(inputs=inputs, uploads__roots=[tmp_path.as_uri()])
    made = RequestProcessor(job_settings.load(text))
    try:
        for name, topic, schema in (
            ("square.csv", "tda_results", "tda_result_event_v1"),
            ("none.csv", "tda_errors", "tda_error_event_v1"),
        ):
            sent = json.dumps({"file_id": "f", "uri": (tmp_path / name).as_uri()}).encode()
            answer = made.answer(sent, "tda_uploads", 0, 0, KAFKA_TIME)
            assert (answer.topic, complaints(schema, json.loads(answer.value))) == (topic, [])
    finally:
        made.close()


@pytest.mark.parametrize("name", ["tda_result_event_v1", "tda_stream_result_event_v1"])
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("further", 1), ("tda_results.further", 1), ("version", 2), ("computation_info.success", False),
        ("tda_results.betti_numbers", {"0": 1}), ("tda_results.betti_numbers", {"x": [1]}),
        ("tda_results.persistence_pairs", [{"dimension": 0, "birth": 0.0, "death": "Infinity"}]),
        ("timestamp", "2024-01-01T12:00:00Z"), ("id", "x"),
    ],
)  # fmt: skip
def test_a_result_schema_is_as_strict_as_the_job_is_exact(name: str, path: str, value: Any) -> None:
    assert not accepts(name, changed(SCHEMAS[name].document["examples"][0], path, value))
