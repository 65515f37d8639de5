"""A cluster made for one job, beside the shared environment's Kafka, with Python in threads of the JVM."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from harness import Cluster, Ran, processes_of
from streaming import Streams, make_streams

pytestmark = pytest.mark.cluster

ENV = "one-job"
JOB = "in-threads"
Span = tuple[str, int, int]


@dataclass(frozen=True)
class OneJob:
    """The environment, with topics of its own."""

    cluster: Cluster
    requests: Streams
    streams: Streams
    config: Path

    def run(self, *words: str, timeout: float = 120) -> Ran:
        return self.cluster.run(*words, "--env", ENV, timeout=timeout)

    def setup(self) -> Ran:
        words = ("--application", str(self.config), "--beside", self.cluster.name, "--port-offset", "auto")
        return self.run("setup", *words, "-o", "json", timeout=420)


def config(requests: Streams, streams: Streams) -> dict[str, Any]:
    window = {"kind": "count", "size": 50, "slide": 10}
    inputs = [
        {"route": "requests", "topic": requests.input, "output_topic": requests.output},
        {"route": "streams", "topic": streams.input, "output_topic": streams.output, "window": window},
    ]
    return {
        "job_name": JOB,
        "execution_mode": "thread",
        "parallelism": 2,
        "inputs": inputs,
        "errors_topic": requests.errors,
        "events_topic": streams.events,
        "checkpoint_interval": "2s",
        "delivery": "exactly_once",
    }


@pytest.fixture
def one_job(cluster: Cluster, tmp_path: Path) -> Iterator[OneJob]:
    """The environment before its setup; torn down at the end, whatever happened."""
    made = OneJob(cluster, make_streams(cluster), make_streams(cluster), tmp_path / "one.json")
    made.config.write_text(json.dumps(config(made.requests, made.streams)))
    try:
        yield made
    finally:
        down = made.run("teardown", "--purge", "--yes")
        left = processes_of(cluster.state / "environments" / ENV)
    assert down.code == 0, down.stderr
    assert not left


def points(count: int, seed: int) -> list[list[float]]:
    numbers = random.Random(seed)
    return [[round(numbers.random(), 3), round(numbers.random(), 3)] for _ in range(count)]


def messages(first: int, last: int) -> list[dict[str, Any]]:
    """Three streams, ten points to each message."""
    return [
        {"stream_id": f"s{number}", "points": points(10, part), "timestamp": 1_700_000_000_000 + part}
        for part in range(first, last)
        for number in range(3)
    ]


def ask(one_job: OneJob, count: int) -> None:
    """Send so many requests, one of them broken."""
    producer = Producer({"bootstrap.servers": one_job.cluster.kafka})
    for number in range(count):
        cloud = {"points": points(30, number)}
        producer.produce(
            one_job.requests.input, json.dumps({"job_id": f"r{number}", "point_cloud": cloud}).encode()
        )
    producer.produce(one_job.requests.input, b"no JSON")
    assert producer.flush(60) == 0


def spans(found: list[dict[str, Any]]) -> Counter[Span]:
    return Counter((r["stream_id"], r["window"]["first_seq"], r["window"]["last_seq"]) for r in found)


def windows(last: int) -> Counter[Span]:
    return Counter((f"s{number}", end - 49, end) for number in range(3) for end in range(50, last + 1, 10))


def test_one_job_in_threads_answers_each_once_and_goes_on_after_a_stop(one_job: OneJob) -> None:
    up = one_job.setup().json()
    assert up["kafka"] == one_job.cluster.kafka
    assert sorted(up["started"]) == ["jobmanager", "taskmanager-1"]
    ask(one_job, 200)
    one_job.streams.send(messages(0, 20))
    answered = Counter(r["job_id"] for r in one_job.requests.records(200))
    assert answered == Counter(f"r{number}" for number in range(200))
    (refused,) = one_job.requests.records(1, topics=[one_job.requests.errors])
    assert refused["code"] == "bad_json"
    assert spans(one_job.streams.records(48)) == windows(200)

    (listed,) = one_job.run("list", "-o", "json").json()
    assert (listed["id"], listed["name"], listed["state"]) == (up["job_id"], JOB, "RUNNING")
    running = processes_of(one_job.cluster.state / "environments" / ENV)
    assert not [process for process in running if "pyflink.fn_execution" in " ".join(process.cmdline())]

    second = one_job.run("submit")
    assert second.code == 1
    assert "made for one job" in second.stderr

    assert one_job.run("stop", JOB).code == 0
    again = one_job.setup().json()
    assert again["job_id"] != up["job_id"]
    one_job.streams.send(messages(20, 30))
    assert spans(one_job.streams.records(78)) == windows(300)


def test_threads_are_refused_where_several_jobs_run(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "threads.json"
    file.write_text(json.dumps({"execution_mode": "thread"}))
    refused = cluster.run("submit", "--config", str(file), "--dry-run")
    assert refused.code == 2
    assert "--application" in refused.stderr
