"""Processing of uploads without Flink: from an upload message to its output record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from support.job.settings_json import settings_text
from support.job.uploading import npy
from support.request_samples import request
from tdajob.processing.requests import OutputRecord, RequestProcessor
from tdajob.settings import job

SQUARE = "x,y\n0,0\n1,0\n1,1\n0,1\n"
ROUTES = [
    {"route": route, "topic": topic, "output_topic": "tda_results", "source_parallelism": 1, "window": None}
    for route, topic in (("requests", "tda_jobs"), ("uploads", "tda_uploads"))
]


def made(*roots: str, **changes: Any) -> RequestProcessor:
    return RequestProcessor(job.load(settings_text(inputs=ROUTES, uploads__roots=list(roots), **changes)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("uploads")
    (found / "square.csv").write_text(SQUARE)
    (found / "far.npy").write_bytes(npy(np.array([[1e200, 0.0], [0.0, 0.0]])))
    (found / "many.npy").write_bytes(npy(np.zeros((5001, 2))))
    return found


@pytest.fixture(scope="module")
def answerer(folder: Path) -> Iterator[RequestProcessor]:
    found = made(folder.as_uri())
    yield found
    found.close()


def ask(answerer: RequestProcessor, message: Any, topic: str = "tda_uploads") -> OutputRecord:
    raw = message if isinstance(message, bytes) or message is None else json.dumps(message).encode()
    return answerer.answer(raw, topic, 1, 9, 1_704_110_500_000)


def test_a_file_is_answered_as_its_points_would_be(answerer: RequestProcessor, folder: Path) -> None:
    uri = (folder / "square.csv").as_uri()
    answer = ask(answerer, {"job_id": "square", "uri": uri, "parameters": {"max_dimension": 1}})
    result = json.loads(answer.value)
    assert (answer.topic, answer.key, result["job_id"]) == ("tda_results", b"square", "square")
    assert result["input"] == {
        "timestamp": "2024-01-01T12:01:40.000Z",
        "timestamp_source": "kafka",
        "uri": uri,
        "format": "csv",
        "bytes": len(SQUARE),
        "columns": ["x", "y"],
    }
    points = [[0, 0], [1, 0], [1, 1], [0, 1]]
    asked = request("square", points, parameters={"max_dimension": 1})
    same = json.loads(ask(answerer, asked, "tda_jobs").value)
    assert result["tda_results"] == same["tda_results"]
    assert result["id"] != same["id"]
    assert answer.done is not None
    assert answer.done.points == 4


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("none.csv", {}, "not_found"),
        ("../square.csv", {}, "forbidden_uri"),
        ("many.npy", {}, "too_many_points"),
        ("far.npy", {}, "non_finite"),
        ("square.csv", {"format": "npy"}, "bad_file"),
        ("square.csv", {"algorithm": "witness", "parameters": {"landmarks": -1}}, "bad_parameter"),
        ("square.csv", {"parameters": {"max_dimension": -1}}, "bad_parameter"),
    ],
)
def test_what_is_wrong_is_one_error_record_of_the_job(
    answerer: RequestProcessor, folder: Path, name: str, fields: dict[str, Any], code: str
) -> None:
    answer = ask(answerer, {"job_id": "wrong", "uri": f"file://{folder}/{name}", **fields})
    record = json.loads(answer.value)
    assert (answer.topic, answer.key, answer.done) == ("tda_errors", b"wrong", None)
    assert (record["code"], record["job_id"], record["route"]) == (code, "wrong", "uploads"), record["reason"]


def test_by_default_nothing_may_be_read(folder: Path) -> None:
    """The check starts no process."""
    closed = made()
    before = psutil.Process().children()
    try:
        for uri in ((folder / "square.csv").as_uri(), "s3://bucket/a.csv"):
            record = json.loads(ask(closed, {"file_id": "f", "uri": uri}).value)
            assert (record["code"], record["job_id"]) == ("forbidden_uri", "f")
            assert "uploads.roots" in record["reason"]
        assert psutil.Process().children() == before
    finally:
        closed.close()


def test_no_process_is_left_when_the_job_ends(folder: Path) -> None:
    before = set(psutil.Process().children())
    open_ = made(folder.as_uri())
    ask(open_, {"job_id": "a", "uri": (folder / "square.csv").as_uri()})
    assert len(set(psutil.Process().children()) - before) == 1
    open_.close()
    assert set(psutil.Process().children()) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"uploads__roots": ["/data"]}, "uploads.roots: '/data': is no URI"),
        ({"uploads__roots": ["file:///"]}, "uploads.roots: 'file:///': is the whole machine"),
        (
            {"uploads__s3__access_key": "a", "uploads__s3__secret_key": {"$env": "TDA_NOT_SET"}},
            "uploads.s3.secret_key: the environment variable TDA_NOT_SET is not set",
        ),
    ],
)
def test_settings_by_which_nothing_could_be_read_stop_the_job_at_its_start(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(job.SettingsError) as caught:
        RequestProcessor(job.load(settings_text(inputs=ROUTES, **changes)))
    assert words in str(caught.value)
