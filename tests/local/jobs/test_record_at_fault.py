"""A record that kills the job's workers: `status` names it, and its hint skips the record."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from support.command_runner import Cluster
from support.stream_samples import Streams, make_streams

from tdaflink.domain.polling import poll

DEADLY = Path(__file__).parent / "scripts" / "deadly.py"
NAMING_SECONDS = 120  # three restarts

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]


def test_a_record_that_kills_workers_is_named_and_the_hint_brings_the_job_past_it(cluster: Cluster) -> None:
    topics = make_streams(cluster)
    places = {"input": topics.input, "output": topics.output, "errors": topics.errors}
    words = [f"--set={kind}_topic={topic}" for kind, topic in places.items()]
    ship = (
        "--include",
        str(DEADLY),
        "--set",
        "algorithm=deadly",
        "--set",
        "checkpoint_interval=1s",
        "--set",
        "delivery=exactly_once",
    )
    cluster.run("submit", "--job-name", "at-fault", *ship, *words, "-o", "json", timeout=240).json()
    try:
        place = sent(cluster, topics)
        status = named(cluster)
        topic, partition, offset = place
        record = status["record"]
        assert (record["topic"], record["partition"], record["offset"]) == place
        assert json.loads(record["beginning"])["job_id"] == "b"
        shown = cluster.run("status", "at-fault", timeout=60)
        assert f"topic {topic}, partition {partition}, offset {offset}" in shown.stdout
        (hint,) = [one["command"] for one in status["findings"] if one["kind"] == "record"]
        assert f"--skip {topic}/{partition}/{offset}" in hint
        done = cluster.run(*shlex.split(hint)[1:], timeout=240)
        assert done.code == 0, done.stderr
        answered = topics.records(2, topics=[topics.output], quiet=0)
        assert sorted(one["job_id"] for one in answered) == ["a", "c"]
        (refused,) = topics.records(1, topics=[topics.errors], quiet=0)
        assert refused["code"] == "skipped"
        assert cluster.run("status", "at-fault", "-o", "json", timeout=60).json()["record"] is None
    finally:
        cluster.run("cancel", "at-fault", timeout=90)


def sent(cluster: Cluster, topics: Streams) -> tuple[str, int, int]:
    """Send three records and return topic, partition and offset of the second one, which kills workers."""
    where: list[tuple[str, int, int]] = []
    producer = Producer({"bootstrap.servers": cluster.kafka})
    for name, count in (("a", 2), ("b", 3), ("c", 4)):
        points = [[float(number), 0.0] for number in range(count)]
        message = {"job_id": name, "timestamp": "2026-01-01T00:00:00Z", "point_cloud": {"points": points}}
        producer.produce(
            topics.input,
            json.dumps(message),
            partition=1,
            on_delivery=lambda _, sent: where.append((sent.topic(), sent.partition(), sent.offset())),
        )
    assert producer.flush(60) == 0
    return where[1]


def named(cluster: Cluster) -> dict[str, Any]:
    """Return the job's status as soon as it names the record."""
    status: dict[str, Any] = {}
    for _ in poll(NAMING_SECONDS, every=1.0):
        status = cluster.run("status", "at-fault", "-o", "json", timeout=60).json()
        if status["record"] is not None:
            break
    assert status["record"] is not None, [one["cause"] for one in status["exceptions"]]
    return status
