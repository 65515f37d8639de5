"""The messages that `send` builds from its arguments, shown by --dry-run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tdaflink.domain.errors import UsageError
from tdaflink.domain.messages.shapes import find, sample
from tdaflink.services.data.send import SendRequest, prepare

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


STREAMED = {
    "stream_id": "s",
    "message_id": "m1",
    "timestamp": "2024-01-01T00:00:00Z",
    "points": [[1, 2], {"coordinates": [3, 4], "timestamp": 1704067200000}],
}


@pytest.mark.parametrize("words", [[], ["--stream", "s"]])
def test_a_message_of_a_stream_keeps_its_times_and_ids(
    run_tdaflink: Run, tmp_path: Path, words: list[str]
) -> None:
    lines = [STREAMED, {"stream_id": "s", "points": [[1, 2]], "timestamps": [5]}]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert messages(run_tdaflink("send", "m.jsonl", *words, "--dry-run")) == lines
    done = run_tdaflink("send", "m.jsonl", "--stream", "other", "--dry-run")
    assert (done.code, done.stdout) == (2, "")
    assert "its stream_id is 's', but --stream is 'other'" in done.stderr


def test_points_with_times_keep_them_in_requests_and_streams(run_tdaflink: Run, tmp_path: Path) -> None:
    timed = [{"coordinates": [1, 2], "timestamp": 5}, {"coordinates": [3, 4], "timestamp": 6}]
    (tmp_path / "p.json").write_text(json.dumps({"points": timed}))
    (request,) = messages(run_tdaflink("send", "p.json", "--dry-run"))
    assert request["point_cloud"] == {"points": timed, "dimension": 2}
    (message,) = messages(run_tdaflink("send", "p.json", "--stream", "s", "--dry-run"))
    assert message["points"] == timed
    (tmp_path / "t.json").write_text(json.dumps({"points": [[1, 2]], "timestamps": [5]}))
    done = run_tdaflink("send", "t.json", "--dry-run")
    assert (done.code, "has timestamps of a stream, but no stream_id" in done.stderr) == (2, True)
    (message,) = messages(run_tdaflink("send", "t.json", "--stream", "s", "--dry-run"))
    assert message == {"stream_id": "s", "points": [[1, 2]], "timestamps": [5]}


def test_distances_are_sent_as_they_are_documented(run_tdaflink: Run, tmp_path: Path) -> None:
    cloud = {"distances": [[0, 3, 4], [3, 0, 5], [4, 5, 0]]}
    whole = {"job_id": "three-sites", "timestamp": 1704110400000, "point_cloud": cloud}
    (tmp_path / "d.json").write_text(json.dumps(whole))
    assert messages(run_tdaflink("send", "d.json", "--dry-run")) == [whole]
    (tmp_path / "e.json").write_text(json.dumps(cloud))
    (request,) = messages(run_tdaflink("send", "e.json", "--dry-run"))
    assert request["point_cloud"] == cloud


SENSORS = (
    "time,x,sensor,y\n2024-01-01T00:00:00Z,1,a,2\n2024-01-01T00:00:01Z,3,b,4\n2024-01-01T00:00:02Z,5,a,6\n"
)


def test_a_table_of_sensors_becomes_streams_with_times(run_tdaflink: Run, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(SENSORS)
    done = run_tdaflink("send", "s.csv", "--time", "time", "--by", "sensor", "--dry-run")
    first, second = (f"2024-01-01T00:00:0{second}Z" for second in (0, 2))
    assert messages(done) == [
        {"stream_id": "a", "points": [[1, 2], [5, 6]], "timestamps": [first, second]},
        {"stream_id": "b", "points": [[3, 4]], "timestamps": ["2024-01-01T00:00:01Z"]},
    ]
    one = run_tdaflink(
        "send", "s.csv", "--time", "time", "--stream", "q", "--columns", "y,x", "--batch", "2", "--dry-run"
    )
    assert [message["points"] for message in messages(one)] == [[[2, 1], [4, 3]], [[6, 5]]]
    (tmp_path / "e.csv").write_text("t,x\n1704110400.5,1\n")
    words = ("send", "e.csv", "--time", "t", "--stream", "q", "--dry-run")
    assert "--time-unit s" in run_tdaflink(*words).stderr
    (message,) = messages(run_tdaflink(*words, "--time-unit", "s"))
    assert message["timestamps"] == [1704110400500]


def test_parquet_is_read_where_pyarrow_is(run_tdaflink: Run, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"x": [1.5], "kind": ["a"], "y": [2]}), tmp_path / "c.parquet")
    done = run_tdaflink("send", "c.parquet", "--dry-run")
    assert (done.code, "column 'kind' is of string" in done.stderr) == (2, True)
    assert "--columns x,y" in done.stderr
    (message,) = messages(run_tdaflink("send", "c.parquet", "--columns", "x,y", "--dry-run"))
    assert message["point_cloud"]["points"] == [[1.5, 2.0]]


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
        (["ftp://host/a.csv"], 2, "the job reads file:///", "a local file"),
        (["s3://bucket/a.csv", "--format", "json"], 2, "--format json", "csv, npy, npz, parquet"),
        (["s3://b/a.csv", "--points", "3"], 2, "a file is analysed unchanged", ""),
        (["circle", "--set", "max_persistence"], 2, "--set max_persistence: is not key=value", "=0.6"),
        (["circle", "--algorithm", "rips"], 2, "'rips' is not known; did you mean", "--own-algorithm"),
        (["circle", "--set", "max_dim=2"], 2, "did you mean max_dimension?", ""),
        (["circle", "--set", "max_dimension=11"], 2, "parameters.max_dimension: is 11", ""),
        (["circle", "--set", "max_persistence=NaN"], 2, "NaN is not a finite number", ""),
        (["circle", "--set", "max_persistence=1e999"], 2, "1e999 is not a finite number", ""),
        (["circle", "--set", "max_persistence=1_000"], 2, "is '1_000': give a number", ""),
        (["circle", "--set", "max_dimension=1", "--set", "max_dimension=2"], 2, "is given twice", ""),
        (["circle", "--job-id", ""], 2, "job_id: is blank", ""),
        (["circle", "--job-id", "x" * 2000], 2, "job_id: has 2000 characters", ""),
        (["circle", "--stream", "x" * 2000], 2, "stream_id: has 2000 characters", ""),
        (["circle", "--algorithm", "alpha", "--set", "landmarks=5"], 2, "is not a parameter of alpha", ""),
        (["circle", "--time", "t"], 2, "--time is for streams", "--by COLUMN"),
        (["s3://bucket/a.csv", "--columns", "x,x"], 2, "names one of them twice", ""),
        (["s3://bucket/a.npz", "--columns", "x"], 2, "columns: belongs to csv and parquet", ""),
        (["s3://bucket/../a.csv"], 2, "has an empty part, a . or a .. in its key", ""),
    ],
)  # fmt: skip
def test_wrong_words(run_tdaflink: Run, words: list[str], code: int, error: str, hint: str) -> None:
    done = run_tdaflink("send", *words, "--dry-run")
    assert (done.code, done.stdout) == (code, "")
    assert error in done.stderr
    assert hint in done.stderr


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('{"job_id": null, "point_cloud": {"points": [[1]]}}', "job_id: is null"),
        ('{"job_id": "a", "note": 1, "point_cloud": {"points": [[1]]}}', "note: is no field of a request"),
        ('{"job_id": "a", "algoritm": "alpha", "point_cloud": {"points": [[1]]}}', "did you mean algorithm?"),
        ('{"job_id": "a", "point_cloud": {"points": [[1]], "units": "m"}}', "point_cloud.units: is no field"),
        ('{"job_id": "a", "job_id": "b", "point_cloud": {"points": [[1]]}}', "the key job_id is given twice"),
        ('{"job_id": "a", "algorithm": "rips", "point_cloud": {"points": [[1]]}}', "'rips' is not known"),
        ('{"job_id": "a", "parameters": {"max_dim": 2}, "point_cloud": {"points": [[1]]}}', "max_dimension?"),
        ('{"job_id": "a", "point_cloud": {"points": [[9007199254740993]]}}', "beyond 2^53"),
        ('{"job_id": "\\ud800", "point_cloud": {"points": [[1]]}}', "half of a surrogate pair"),
        ('{"job_id": "a", "timestamp": 1704110400, "point_cloud": {"points": [[1]]}}', "looks like seconds"),
        ('{"stream_id": "a", "points": [[1], [2]], "timestamps": [1]}', "has 1 entries for 2 points"),
        ('{"stream_id": "a", "points": [[1]], "algorithm": "alpha"}', "algorithm: is no field of a message"),
        ('{"uri": "file:///a.csv", "colums": ["x"]}', "did you mean columns?"),
        ('{"stream_id": "a", "points": [[1]]}\n{"uri": "file:///a.csv"}', "messages of several kinds"),
        ("[" * 100_000, "nested too deep"),
    ],
)  # fmt: skip
def test_what_the_job_would_refuse_is_not_sent(tmp_path: Path, message: str, words: str) -> None:
    (tmp_path / "m.json").write_text(message)
    with pytest.raises(UsageError) as caught:
        prepare(str(tmp_path / "m.json"), SendRequest())
    assert words in caught.value.message


def test_points_of_a_file_cannot_be_chosen(run_tdaflink: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2\n")
    done = run_tdaflink("send", "a.csv", "--points", "3", "--dry-run")
    assert done.code == 2
    assert "a file is sent unchanged" in done.stderr


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
        (["--from", "now"], "--from now shows nothing unless"),
        (["--count", "0"], "--count 0"),
        (["--job-id", "a", "--timeout", "0"], "--timeout 0"),
        (["--plot", "a.bmp"], "extension '.bmp' is not supported"),
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
