"""Common parts of the pipeline benchmarks: separate topics, preloaded messages, a job, and its throughput.

Throughput is computed from the timestamps in the results, so neither the reading of the topic nor Kafka's
timestamps affect it. The first and the last part of a run are omitted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

INSTALLED = Path(sys.executable).parent / "tdaflink"
TDAFLINK = [str(INSTALLED)] if INSTALLED.exists() else [sys.executable, "-m", "tdaflink"]
EDGE = 0.1  # share of a run: omitted at its end, where workers run dry, and at its start


@dataclass(frozen=True)
class Topics:
    """The topics of one run."""

    kafka: str
    partitions: int
    input: str
    output: str
    errors: str
    events: str


def tdaflink(*words: str, timeout: float = 300) -> str:
    """Run the command and return its stdout. Ends the benchmark if it fails."""
    done = subprocess.run([*TDAFLINK, *words], capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        sys.exit(f"tdaflink {' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def kafka_address(env: str) -> str:
    """Return the address of the environment's Kafka."""
    rows = json.loads(tdaflink("env", "list", "-o", "json"))
    addresses = [row["kafka"] for row in rows if row["name"] == env]
    if not addresses:
        sys.exit(f"no environment {env!r}: tdaflink setup --env {env}")
    return str(addresses[0])


@contextmanager
def topics(kafka: str, partitions: int) -> Iterator[Topics]:
    """Create separate topics, and remove them afterwards."""
    stem = f"bench-{uuid.uuid4().hex[:8]}"
    names = [f"{stem}-{kind}" for kind in ("input", "output", "errors", "events")]
    admin = AdminClient({"bootstrap.servers": kafka})
    for done in admin.create_topics([NewTopic(name, partitions, 1) for name in names]).values():
        done.result(timeout=30)
    try:
        yield Topics(kafka, partitions, *names)
    finally:
        for done in admin.delete_topics(names).values():
            done.result(timeout=30)


def preload(kafka: str, topic: str, messages: Iterable[tuple[str, bytes]]) -> int:
    """Write keyed messages, wait until all are confirmed, and return their number."""
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 20, "compression.type": "zstd"})
    count = 0
    for key, value in messages:
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        count += 1
    if producer.flush(120):
        sys.exit(f"Kafka did not confirm all messages of {topic}")
    return count


@contextmanager
def job(env: str, config: Mapping[str, Any], folder: Path, *words: str) -> Iterator[str]:
    """Submit the shipped job with a config, yield its id, and cancel it afterwards."""
    file = folder / f"{config['job_name']}.json"
    file.write_text(json.dumps(config))
    job_id = json.loads(
        tdaflink("submit", "--env", env, "--from", "none", "--config", str(file), *words, "-o", "json")
    )["id"]
    try:
        yield job_id
    finally:
        tdaflink("cancel", "--env", env, job_id)


@contextmanager
def one_job(env: str, config: Mapping[str, Any], folder: Path) -> Iterator[None]:
    """Run the shipped job in an application cluster that uses the Kafka of `env`; remove it afterwards."""
    file, name = folder / "one.json", f"bench-{uuid.uuid4().hex[:8]}"
    file.write_text(json.dumps(config))
    try:
        words = ("--application", str(file), "--kafka-env", env, "--port-offset", "auto")
        tdaflink("setup", "--env", name, *words, "-o", "json", timeout=600)
        yield
    finally:
        tdaflink("teardown", "--env", name, "--purge", "--yes")


def read_all(kafka: str, topic: str, partitions: int, count: int, seconds: float) -> list[bytes]:
    """Wait for `count` records and return the topic's values; ends the benchmark after `seconds`."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "bench", "enable.auto.commit": False})
    values: list[bytes] = []
    deadline = time.monotonic() + seconds
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
        while len(values) < count:
            if time.monotonic() > deadline:
                sys.exit(f"{len(values)} of {count} results arrived within {seconds:g} s")
            batch = consumer.consume(1000, timeout=1.0)
            values += [record.value() for record in batch if not record.error()]
    finally:
        consumer.close()
    return values


def pace(values: Sequence[bytes], weights: Sequence[float] | None = None, warm_up: float = EDGE) -> float:
    """Return results (or their weights) per second, without the run's end and its first share `warm_up`."""
    stamps = [_seconds(json.loads(value)["timestamp"]) for value in values]
    order = sorted(range(len(stamps)), key=stamps.__getitem__)
    first, last = int(warm_up * len(order)), int((1 - EDGE) * len(order)) - 1
    begin, end = stamps[order[first]], stamps[order[last]]
    amount = sum(1.0 if weights is None else weights[index] for index in order[first:last])
    return amount / max(end - begin, 1e-9)


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()
