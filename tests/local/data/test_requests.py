"""The request route with valid and invalid messages: one result or error record for each, none is lost."""

from __future__ import annotations

import json
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from support.command_runner import Cluster
from support.request_samples import Expected, circle, mixed_requests
from support.request_samples import request as asked

from tdaflink.domain.polling import poll

pytestmark = pytest.mark.cluster

COUNT = 1000
PARTITIONS = 3
OTHERS = 20


class Answer(NamedTuple):
    topic: str
    key: str
    says: dict[str, Any]
    written: int  # timestamp of the record in epoch milliseconds


@pytest.fixture
def topics(cluster: Cluster) -> dict[str, str]:
    """Create topics for requests, results and errors of one test."""
    stem = f"mixed-{uuid.uuid4().hex[:8]}"
    named = {kind: f"{stem}-{kind}" for kind in ("input", "output", "errors")}
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    wanted = [
        NewTopic(name, PARTITIONS, 1, config={"max.message.bytes": "16777216"}) for name in named.values()
    ]
    for done in admin.create_topics(wanted).values():
        done.result(timeout=30)
    return named


@pytest.fixture
def job(cluster: Cluster, topics: dict[str, str], request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a job; parameters of the fixture are further options."""
    # The name is new, too: submit requires --from if there is state of an earlier job of that name.
    name = topics["input"].removesuffix("-input")
    chosen = [f"--set={kind}_topic={topic}" for kind, topic in topics.items()]
    chosen += getattr(request, "param", [])
    words = ("submit", "--job-name", name, "--parallelism", "2", *chosen, "-o", "json")
    cluster.run(*words, timeout=240).json()
    yield name
    cluster.run("cancel", name, timeout=90)


def answers(cluster: Cluster, topics: dict[str, str], count: int) -> list[Answer]:
    """Return all records of the two topics, after at least `count` and three seconds without another."""
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.kafka,
            "group.id": "mixed",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    found: list[Answer] = []
    try:
        consumer.assign(
            [TopicPartition(topics[kind], p, 0) for kind in ("output", "errors") for p in range(PARTITIONS)]
        )
        for _ in poll(120, every=0.0):
            batch = consumer.consume(500, timeout=3.0)
            found += [
                Answer(r.topic(), r.key().decode(), json.loads(r.value()), r.timestamp()[1])
                for r in batch
                if not r.error()
            ]
            if not batch and len(found) >= count:
                break
    finally:
        consumer.close()
    return found


def test_each_of_a_thousand_mixed_requests_is_answered_once(
    cluster: Cluster, topics: dict[str, str], job: str
) -> None:
    producer = Producer({"bootstrap.servers": cluster.kafka, "message.max.bytes": 16777216})
    expected = mixed_requests(COUNT, seed=11)
    places: dict[str, Expected] = {}

    def note(message: Expected) -> Any:
        def delivered(error: Any, record: Any) -> None:
            assert error is None
            places[f"{record.topic()}-{record.partition()}-{record.offset()}"] = message

        return delivered

    for message in expected:
        producer.produce(topics["input"], message.value, on_delivery=note(message))
        producer.poll(0)
    assert producer.flush(60) == 0
    assert len(places) == COUNT

    found = answers(cluster, topics, COUNT)
    wanted = Counter((message.key or place, message.code) for place, message in places.items())
    assert Counter((one.key, one.says.get("code")) for one in found) == wanted
    assert all((one.topic == topics["errors"]) == ("code" in one.says) for one in found)
    status = cluster.run("status", job, "-o", "json").json()
    assert status["restarts"] == 0


@pytest.mark.parametrize("job", [["--set=compute_timeout=3"]], indirect=True)
def test_a_computation_that_runs_away_is_one_error_and_holds_nobody_up(
    cluster: Cluster, topics: dict[str, str], job: str
) -> None:
    """H2 of a sphere without a cut times out; the other worker computes meanwhile, this one afterwards."""
    producer = Producer({"bootstrap.servers": cluster.kafka})
    directions = np.random.default_rng(0).normal(size=(500, 3))
    sphere = directions / np.linalg.norm(directions, axis=1)[:, None]
    endless = asked("endless", sphere.tolist(), parameters={"max_dimension": 2})
    others = [asked(f"other-{number}", circle(20, random.Random(number))) for number in range(OTHERS)]
    for one in (endless, *others):
        producer.produce(topics["input"], json.dumps(one).encode(), partition=0)
    assert producer.flush(60) == 0

    found = {one.key: one for one in answers(cluster, topics, OTHERS + 1)}
    given_up = found.pop("endless")
    assert (given_up.topic, given_up.says["code"]) == (topics["errors"], "timeout")
    assert "compute_timeout 3 s" in given_up.says["reason"]
    assert found.keys() == {f"other-{number}" for number in range(OTHERS)}
    assert {one.topic for one in found.values()} == {topics["output"]}
    # The two workers receive the messages alternately.
    assert sum(one.written < given_up.written for one in found.values()) >= OTHERS // 2
    assert cluster.run("status", job, "-o", "json").json()["restarts"] == 0


def heavy_requests(count: int) -> list[dict[str, Any]]:
    """Return requests that take seconds each, and whose predicted cost is high."""
    numbers = np.random.default_rng(0)
    return [
        asked(f"heavy-{number}", numbers.normal(size=(200, 5)).tolist(), algorithm="alpha")
        for number in range(count)
    ]


def send(cluster: Cluster, topics: dict[str, str], requests: list[dict[str, Any]]) -> None:
    """Send requests to one partition, in their order."""
    producer = Producer({"bootstrap.servers": cluster.kafka})
    for one in requests:
        producer.produce(topics["input"], json.dumps(one).encode(), partition=0)
    assert producer.flush(60) == 0


@pytest.mark.parametrize("job", [["--parallelism=1"]], indirect=True)
def test_light_requests_pass_heavy_ones(cluster: Cluster, topics: dict[str, str], job: str) -> None:
    heavy = heavy_requests(3)
    light = [asked(f"light-{number}", circle(20, random.Random(number))) for number in range(OTHERS)]
    send(cluster, topics, [*heavy, *light])

    found = answers(cluster, topics, len(heavy) + len(light))
    assert Counter(one.key for one in found) == Counter(one["job_id"] for one in (*heavy, *light))
    assert {one.topic for one in found} == {topics["output"]}
    first = min(one.written for one in found if one.key.startswith("heavy"))
    assert all(one.written < first for one in found if one.key.startswith("light"))
    assert cluster.run("status", job, "-o", "json").json()["restarts"] == 0


@pytest.mark.parametrize(
    "job", [["--set=delivery=exactly_once", "--set=checkpoint_interval=1s"]], indirect=True
)
def test_heavy_requests_of_a_stopped_job_are_answered_once_when_it_continues(
    cluster: Cluster, topics: dict[str, str], job: str
) -> None:
    heavy = heavy_requests(6)
    send(cluster, topics, heavy)
    # A result for a later request in the same partition shows that the job has read the heavy ones.
    send(cluster, topics, [asked("light", circle(20, random.Random(0)))])
    before = answers(cluster, topics, 1)
    assert len({one.key for one in before}) < len(heavy)
    cluster.run("stop", job, timeout=120)
    cluster.run("resume", job, "-o", "json", timeout=240).json()

    found = answers(cluster, topics, len(heavy) + 1)
    assert Counter(one.key for one in found) == Counter(["light", *(one["job_id"] for one in heavy)])
    assert {one.topic for one in found} == {topics["output"]}
