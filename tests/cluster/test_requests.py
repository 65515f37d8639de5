"""The request route under a mix of good and bad messages: every one is answered once, and none is lost."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from harness import Cluster
from mixed import Expected, mixed_requests

from tdaflink.domain.waiting import poll

pytestmark = pytest.mark.cluster

COUNT = 1000
PARTITIONS = 3
Answer = tuple[str, str, dict[str, Any]]  # topic, key, what it says


@pytest.fixture
def topics(cluster: Cluster) -> dict[str, str]:
    """Topics of one's own for requests, results and errors."""
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
def job(cluster: Cluster, topics: dict[str, str]) -> Iterator[str]:
    name = "answers-a-mix"
    places = [f"--set={kind}_topic={topic}" for kind, topic in topics.items()]
    words = ("submit", "--job-name", name, "--parallelism", "2", *places, "-o", "json")
    cluster.run(*words, timeout=240).json()
    yield name
    cluster.run("cancel", name, timeout=90)


def answers(cluster: Cluster, topics: dict[str, str], count: int) -> list[Answer]:
    """Everything in the two topics, once `count` are there and three seconds bring no more."""
    consumer = Consumer(
        {"bootstrap.servers": cluster.kafka, "group.id": "mixed", "enable.auto.commit": False}
    )
    found: list[Answer] = []
    try:
        consumer.assign(
            [TopicPartition(topics[kind], p, 0) for kind in ("output", "errors") for p in range(PARTITIONS)]
        )
        for _ in poll(120, every=0.0):
            batch = consumer.consume(500, timeout=3.0)
            found += [(r.topic(), r.key().decode(), json.loads(r.value())) for r in batch if not r.error()]
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
    assert Counter((key, says.get("code")) for _, key, says in found) == wanted
    assert all((topic == topics["errors"]) == ("code" in says) for topic, _, says in found)
    status = cluster.run("status", job, "-o", "json").json()
    assert status["restarts"] == 0
