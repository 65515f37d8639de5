"""What the benchmarks of the pipeline share: topics of their own, preloaded messages, a job, and its pace.

A pace is read off the results themselves: each one carries the clock of its making, so neither the reading
of the topic nor the time that Kafka notes is measured. The first and the last part of a run are left out.
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
EDGE = 0.1  # of a run, at its end, where workers run dry, and at its beginning, where they start


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
    """Call the command; its data. Ends the benchmark where it fails."""
    done = subprocess.run([*TDAFLINK, *words], capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        sys.exit(f"tdaflink {' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def kafka_address(env: str) -> str:
    """Where the environment's Kafka answers."""
    rows = json.loads(tdaflink("env", "list", "-o", "json"))
    found = [row["kafka"] for row in rows if row["name"] == env]
    if not found:
        sys.exit(f"no environment {env!r}: tdaflink setup --env {env}")
    return str(found[0])


@contextmanager
def topics(kafka: str, partitions: int) -> Iterator[Topics]:
    """Topics of one's own, removed afterwards."""
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
    """Write keyed messages and wait until all are confirmed; how many there were."""
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
    """The shipped job with a config, cancelled afterwards; its id."""
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
    """The shipped job in an application cluster beside `env`, removed afterwards."""
    file, name = folder / "one.json", f"bench-{uuid.uuid4().hex[:8]}"
    file.write_text(json.dumps(config))
    try:
        words = ("--application", str(file), "--beside", env, "--port-offset", "auto")
        tdaflink("setup", "--env", name, *words, "-o", "json", timeout=600)
        yield
    finally:
        tdaflink("teardown", "--env", name, "--purge", "--yes")


def read_all(kafka: str, topic: str, partitions: int, count: int, seconds: float) -> list[bytes]:
    """The values of a topic, once there are `count`; ends the benchmark where they do not come."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "bench", "enable.auto.commit": False})
    found: list[bytes] = []
    deadline = time.monotonic() + seconds
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
        while len(found) < count:
            if time.monotonic() > deadline:
                sys.exit(f"{len(found)} of {count} results came within {seconds:g} s")
            batch = consumer.consume(1000, timeout=1.0)
            found += [record.value() for record in batch if not record.error()]
    finally:
        consumer.close()
    return found


def pace(values: Sequence[bytes], weights: Sequence[float] | None = None, left_out: float = EDGE) -> float:
    """Results (or their weights) a second, without the run's end and the first part `left_out`."""
    stamps = [_seconds(json.loads(value)["timestamp"]) for value in values]
    order = sorted(range(len(stamps)), key=stamps.__getitem__)
    first, last = int(left_out * len(order)), int((1 - EDGE) * len(order)) - 1
    begin, end = stamps[order[first]], stamps[order[last]]
    amount = sum(1.0 if weights is None else weights[index] for index in order[first:last])
    return amount / max(end - begin, 1e-9)


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()
