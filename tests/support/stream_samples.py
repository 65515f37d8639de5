"""Streams on the real cluster: separate topics, a job on them, the messages sent and all records read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from support.command_runner import Cluster
from tdaflink.domain.polling import poll

PARTITIONS = 2
CHECKPOINT_SECONDS = 1.0  # with each checkpoint an exactly-once job commits its output
QUIET_SECONDS = 2 * CHECKPOINT_SECONDS


@dataclass(frozen=True)
class Streams:
    """The topics of one job."""

    cluster: Cluster
    input: str
    output: str
    errors: str
    events: str

    def send(self, messages: Sequence[dict[str, Any]], *, patience: float = 60) -> None:
        """Send messages keyed by stream, in order, each confirmed within `patience` seconds."""
        producer = Producer({"bootstrap.servers": self.cluster.kafka, "enable.idempotence": True})
        for message in messages:
            timestamp = message.pop("kafka_timestamp", 0)
            value = json.dumps(message).encode()
            producer.produce(self.input, value, message["stream_id"], timestamp=timestamp)
            producer.poll(0)
        assert producer.flush(patience) == 0

    def records(
        self,
        count: int,
        *,
        topics: Sequence[str] = (),
        seconds: float = 120,
        quiet: float = QUIET_SECONDS,
    ) -> list[dict[str, Any]]:
        """Return all committed records of the topics, once there are `count` and no more for `quiet` seconds.

        With `quiet` 0, return as soon as `count` have arrived.
        """
        wanted = [TopicPartition(topic, p, 0) for topic in topics or [self.output] for p in range(PARTITIONS)]
        consumer = Consumer(
            {
                "bootstrap.servers": self.cluster.kafka,
                "group.id": "streams",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            }
        )
        found: list[dict[str, Any]] = []
        try:
            consumer.assign(wanted)
            for _ in poll(seconds, every=0.0):
                batch = consumer.consume(500, timeout=quiet or 0.2)
                found += [json.loads(record.value()) for record in batch if not record.error()]
                if len(found) >= count and not (batch and quiet):
                    return found
        finally:
            consumer.close()
        raise AssertionError(f"{len(found)} of {count} records came within {seconds:g} s")


def make_streams(cluster: Cluster) -> Streams:
    stem = f"streams-{uuid.uuid4().hex[:8]}"
    names = [f"{stem}-{kind}" for kind in ("input", "output", "errors", "events")]
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    for done in admin.create_topics([NewTopic(name, PARTITIONS) for name in names]).values():
        done.result(timeout=30)
    return Streams(cluster, *names)


@contextmanager
def job(streams: Streams, folder: Path, window: dict[str, Any], **config: Any) -> Iterator[str]:
    """Run the shipped job on the topics alone, with one kind of window.

    One subtask by default: each is a Python process, whose start costs seconds of a core.
    """
    name = streams.input.removesuffix("-input")
    source = {
        "route": "streams",
        "topic": streams.input,
        "output_topic": streams.output,
        "window": window,
    }
    settings = {
        "job_name": name,
        "parallelism": 1,
        "inputs": [source],
        "errors_topic": streams.errors,
        "events_topic": streams.events,
        "checkpoint_interval": f"{CHECKPOINT_SECONDS:g}s",
        **config,
    }
    file = folder / "config.json"
    file.write_text(json.dumps(settings))
    cluster = streams.cluster
    cluster.run("submit", "--config", str(file), "-o", "json", timeout=240).json()
    try:
        yield name
    finally:
        cluster.run("cancel", name, timeout=90)
