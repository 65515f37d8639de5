"""What `send` makes of its words, seen through --dry-run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tdaflink.domain.shapes import find, sample

Run = Callable[..., Any]


def messages(done: Any) -> list[dict[str, Any]]:
    assert done.code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_shape_becomes_the_request_message(run_tdaflink: Run) -> None:
    (message,) = messages(
        run_tdaflink(
            "send", "circle", "--points", "20", "--noise", "0.05", "--seed", "3", "--job-id", "c",
            "--algorithm", "alpha", "--set", "max_persistence=0.4", "--set", "pairs=top:5", "--dry-run",
        )
    )  # fmt: skip
    timestamp = message.pop("timestamp")
    assert timestamp.endswith("Z")
    assert "T" in timestamp
    assert message == {
        "job_id": "c",
        "algorithm": "alpha",
        "point_cloud": {"points": sample(find("circle"), 20, noise=0.05, seed=3), "dimension": 2},
        "parameters": {"max_persistence": 0.4, "pairs": "top:5"},
    }


def test_several_messages_are_several_clouds_with_ids_of_their_own(run_tdaflink: Run) -> None:
    sent = messages(run_tdaflink("send", "sphere", "--points", "5", "--count", "3", "--dry-run"))
    assert [m["point_cloud"]["points"] for m in sent] == [
        sample(find("sphere"), 5, seed=s) for s in (0, 1, 2)
    ]
    assert len({m["job_id"] for m in sent}) == 3
    named = messages(run_tdaflink("send", "disk", "--count", "2", "--job-id", "d", "--dry-run"))
    assert [m["job_id"] for m in named] == ["d-1", "d-2"]


def test_whole_messages_stay_what_they_are_unless_a_flag_says_otherwise(
    run_tdaflink: Run, tmp_path: Path
) -> None:
    whole = {
        "job_id": "mine",
        "timestamp": 1704110400000,
        "note": "kept",
        "point_cloud": {"points": [[1, 2]]},
        "parameters": {"max_dimension": 0, "betti_at": 1},
    }
    (tmp_path / "messages.jsonl").write_text(json.dumps(whole) + "\n[[3, 4]]\n")
    first, second = messages(run_tdaflink("send", "messages.jsonl", "--dry-run"))
    assert first == whole
    assert second["point_cloud"] == {"points": [[3.0, 4.0]], "dimension": 2}
    changed = messages(
        run_tdaflink(
            "send", "messages.jsonl", "--count", "1", "--job-id", "x", "--algorithm", "witness",
            "--set", "max_dimension=2", "--dry-run",
        )
    )  # fmt: skip
    assert changed == [
        {
            **whole,
            "job_id": "x",
            "algorithm": "witness",
            "parameters": {"max_dimension": 2, "betti_at": 1},
        }
    ]


def test_stdin_is_a_file_too(run_tdaflink: Run) -> None:
    (message,) = messages(run_tdaflink("send", "-", "--dry-run", stdin="x;y\n1;2\n"))
    assert message["point_cloud"]["points"] == [[1.0, 2.0]]
    assert message["job_id"].startswith("stdin-")


def test_a_uri_becomes_the_upload_message(run_tdaflink: Run) -> None:
    (message,) = messages(
        run_tdaflink(
            "send", "s3://clouds/a b/scan.dat", "--job-id", "u", "--format", "csv", "--delimiter", ";",
            "--algorithm", "alpha", "--set", "max_dimension=1", "--dry-run",
        )
    )  # fmt: skip
    assert message.pop("timestamp").endswith("Z")
    assert message == {
        "job_id": "u",
        "uri": "s3://clouds/a b/scan.dat",
        "format": "csv",
        "delimiter": ";",
        "algorithm": "alpha",
        "parameters": {"max_dimension": 1},
    }
    bare, _ = messages(run_tdaflink("send", "file:///data/scan.npz", "--count", "2", "--dry-run"))
    assert bare["job_id"].startswith("scan-")
    assert set(bare) == {"job_id", "timestamp", "uri"}


@pytest.mark.parametrize(
    ("words", "code", "error", "hint"),
    [
        (["tours"], 4, "tours is neither a file nor a shape", "did you mean torus?"),
        (["circle", "--points", "0"], 2, "0 points", "--points 500"),
        (["circle", "--count", "0"], 2, "--count 0", "--count 1"),
        (["ftp://host/a.csv"], 2, "the job reads file:///", "a file of yours"),
        (["s3://b/a.csv", "--format", "json"], 2, "--format json", "csv, npy, npz, parquet"),
        (["s3://b/a.csv", "--points", "3"], 2, "a file is analysed as it is", ""),
        (["circle", "--set", "max_persistence"], 2, "--set max_persistence: not of the form", "=0.6"),
    ],
)  # fmt: skip
def test_wrong_words(run_tdaflink: Run, words: list[str], code: int, error: str, hint: str) -> None:
    done = run_tdaflink("send", *words, "--dry-run")
    assert (done.code, done.stdout) == (code, "")
    assert error in done.stderr
    assert hint in done.stderr


def test_points_of_a_file_cannot_be_chosen(run_tdaflink: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2\n")
    done = run_tdaflink("send", "a.csv", "--points", "3", "--dry-run")
    assert done.code == 2
    assert "a file is sent as it is" in done.stderr


@pytest.mark.parametrize("words", [["send", "circle"], ["results"], ["results", "--job-id", "a"]])
def test_a_dead_broker_is_reported(run_tdaflink: Run, tmp_path: Path, words: list[str]) -> None:
    save_environment(tmp_path, kafka="127.0.0.1:9")
    done = run_tdaflink(*words, "-o", "json")
    assert done.code == 3
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert error["message"] == "no Kafka broker answers at 127.0.0.1:9"
    assert "tdaflink setup" in error["hint"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--from", "now"], "--from now without anything to wait for"),
        (["--count", "0"], "--count 0"),
        (["--job-id", "a", "--timeout", "0"], "--timeout 0"),
        (["--plot", "a.bmp"], "'.bmp' is no picture's"),
    ],
)
def test_what_results_cannot_mean(run_tdaflink: Run, tmp_path: Path, words: list[str], error: str) -> None:
    save_environment(tmp_path, kafka="127.0.0.1:9")
    done = run_tdaflink("results", *words)
    assert done.code == 2
    assert error in done.stderr


def save_environment(state: Path, *, kafka: str) -> None:
    folder = state / "environments" / "local"
    folder.mkdir(parents=True)
    endpoints = {"rest_url": "http://127.0.0.1:9", "kafka": kafka, "kafka_cluster": kafka}
    values = {
        "name": "local",
        "profile": "local",
        "runtime": "process",
        "endpoints": endpoints,
        "python": "-",
    }
    (folder / "environment.json").write_text(json.dumps(values))
