"""The upload route of a real job: valid and invalid local files and objects of a real S3 service."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pyarrow import parquet
from support.command_runner import Cluster
from support.servers.s3_service import BUCKET, S3Service

from tdaflink.domain.polling import poll

pytestmark = pytest.mark.cluster

SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
PARTITIONS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("uploads")
    (found / "open").mkdir()
    (found / "open" / "square.csv").write_text("x,y\n0,0\n1,0\n1,1\n0,1\n")
    np.save(found / "open" / "square.npy", np.array(SQUARE))
    np.savez_compressed(found / "open" / "square.npz", np.array(SQUARE))
    (found / "open" / "ragged.csv").write_text("0,0\n1\n")
    (found / "secret.csv").write_text("0,0\n")
    (found / "open" / "way-out.csv").symlink_to("../secret.csv")
    return found


@pytest.fixture(scope="module")
def topics(cluster: Cluster) -> dict[str, str]:
    """Create topics for requests and uploads of one job, its results and errors."""
    stem = f"uploads-{uuid.uuid4().hex[:8]}"
    named = {kind: f"{stem}-{kind}" for kind in ("requests", "uploads", "results", "errors")}
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    for done in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in named.values()]).values():
        done.result(timeout=30)
    return named


@pytest.fixture(scope="module")
def job(cluster: Cluster, topics: dict[str, str], folder: Path, s3: S3Service) -> Iterator[str]:
    (folder / "s3-secret").write_text(f"{s3.secret_key}\n")
    config = {
        "job_name": "answers-uploads",
        "parallelism": 2,
        "inputs": [
            {"route": route, "topic": topics[route], "output_topic": topics["results"]}
            for route in ("requests", "uploads")
        ],
        "errors_topic": topics["errors"],
        "uploads": {
            "roots": [(folder / "open").as_uri(), f"s3://{BUCKET}/open/"],
            "timeout": "20s",
            "s3": {
                "endpoint": s3.endpoint,
                "access_key": s3.access_key,
                "secret_key": {"$file": str(folder / "s3-secret")},
            },
        },
    }
    (folder / "job.json").write_text(json.dumps(config))
    cluster.run("submit", "--config", str(folder / "job.json"), "-o", "json", timeout=240).json()
    yield "answers-uploads"
    cluster.run("cancel", "answers-uploads", timeout=90)


def answers(cluster: Cluster, topics: dict[str, str], count: int) -> list[tuple[str, dict[str, Any]]]:
    """Return topic and content of all records, after at least `count` and three seconds without another."""
    consumer = Consumer({"bootstrap.servers": cluster.kafka, "group.id": "u", "enable.auto.commit": False})
    found: list[tuple[str, dict[str, Any]]] = []
    try:
        places = [TopicPartition(topics[k], p, 0) for k in ("results", "errors") for p in range(PARTITIONS)]
        consumer.assign(places)
        for _ in poll(120, every=0.0):
            batch = consumer.consume(500, timeout=3.0)
            found += [(r.topic(), json.loads(r.value())) for r in batch if not r.error()]
            if not batch and len(found) >= count:
                break
    finally:
        consumer.close()
    return found


def test_uploads_and_requests_are_answered_once_each(
    cluster: Cluster, topics: dict[str, str], job: str, folder: Path, s3: S3Service
) -> None:
    buffer = pa.BufferOutputStream()
    columns = dict(zip("xy", zip(*SQUARE, strict=True), strict=True))
    parquet.write_table(pa.table({"name": list("abcd"), **columns}), buffer)
    good = [(folder / "open" / f"square.{form}").as_uri() for form in ("csv", "npy", "npz")]
    good.append(s3.put("open/square.parquet", bytes(buffer.getvalue())))
    s3.put("secret.csv", b"0,0\n")
    bad = {
        (folder / "open" / "ragged.csv").as_uri(): "ragged_points",
        (folder / "open" / "none.csv").as_uri(): "not_found",
        (folder / "secret.csv").as_uri(): "forbidden_uri",
        (folder / "open" / "way-out.csv").as_uri(): "forbidden_uri",
        f"s3://{BUCKET}/secret.csv": "forbidden_uri",
        f"s3://{BUCKET}/open/none.csv": "not_found",
        "s3://key:secret@bucket/open/a.csv": "bad_uri",
        good[-1]: "bad_file",  # a column of names is not a coordinate, and is not ignored
    }
    wanted: Counter[tuple[str, str | None]] = Counter()
    producer = Producer({"bootstrap.servers": cluster.kafka})
    for number, (uri, code) in enumerate([*((uri, None) for uri in good * 5), *bad.items()]):
        message: dict[str, Any] = {"file_id" if number % 2 else "job_id": f"u-{number}", "uri": uri}
        if uri == good[-1] and code is None:
            message["columns"] = ["x", "y"]
        producer.produce(topics["uploads"], json.dumps({**message, "parameters": {"betti_at": 1.2}}))
        wanted[f"u-{number}", code] += 1
    request = {"job_id": "r", "point_cloud": {"points": SQUARE}, "parameters": {"betti_at": 1.2}}
    producer.produce(topics["requests"], json.dumps(request))
    wanted["r", None] += 1
    assert producer.flush(60) == 0

    found = answers(cluster, topics, wanted.total())
    assert Counter((says["job_id"], says.get("code")) for _, says in found) == wanted
    assert all((topic == topics["errors"]) == ("code" in says) for topic, says in found)
    results = [says for _, says in found if "code" not in says]
    assert {json.dumps(says["tda_results"]) for says in results} == {json.dumps(results[0]["tda_results"])}
    assert results[0]["tda_results"]["betti_at"]["betti_numbers"] == {"0": [1], "1": [1]}
    assert Counter(says["input"].get("uri") for says in results) == {None: 1, **dict.fromkeys(good, 5)}
    assert cluster.run("status", job, "-o", "json").json()["restarts"] == 0


def test_a_uri_goes_out_with_send_and_its_diagram_comes_back(
    cluster: Cluster, topics: dict[str, str], job: str, folder: Path
) -> None:
    assert job
    uri = (folder / "open" / "square.npy").as_uri()
    sent = cluster.run("send", uri, "--topic", topics["uploads"], "-o", "json").json()
    (job_id,) = sent["job_ids"]
    words = ("results", "--job-id", job_id, "--topic", topics["results"], "--timeout", "60", "-o", "json")
    found = cluster.run(*words, timeout=90).json()
    assert found["input"]["uri"] == uri
    assert found["computation_info"]["num_points"] == 4
