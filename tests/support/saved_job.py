"""A small job with every route, for a savepoint that is kept: topics, config, and messages in two parts.

    python tests/support/saved_job.py ENV FOLDER

creates a savepoint: in a running environment, it runs the job on the first part and stores the contents of a
savepoint in FOLDER. A kept savepoint is never replaced: a release that changes state adds another one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tdaflink.domain.polling import poll

NAME = "kept-savepoint"
# One partition each: a savepoint has offsets, which are equal wherever the same messages were sent.
INPUTS = {"requests": f"{NAME}-requests", "uploads": f"{NAME}-uploads", "streams": f"{NAME}-streams"}
RESULTS, WINDOWS, ERRORS, EVENTS = (f"{NAME}-{kind}" for kind in ("results", "windows", "errors", "events"))
STREAMS = ("left", "right")
SIZE, SLIDE = 4, 2
FIRST, ALL = 5, 8  # points of each stream in the first part, and in both


def config(folder: Path) -> dict[str, Any]:
    """Return the job's config; uploads are stored in `folder`."""
    window = {"kind": "count", "size": SIZE, "slide": SLIDE, "timeout": None}
    outputs = {"requests": RESULTS, "uploads": RESULTS, "streams": WINDOWS}
    return {
        "job_name": NAME,
        "parallelism": 2,
        "inputs": [
            {"route": route, "topic": topic, "output_topic": outputs[route]}
            for route, topic in INPUTS.items()
        ],
        "window": window,
        "errors_topic": ERRORS,
        "events_topic": EVENTS,
        "uploads": {"roots": [folder.as_uri() + "/"]},
        "dedup_ids": 10,
        "distance_to_previous": {"metric": "bottleneck"},
        "start_from": "earliest",
    }


def topics() -> list[str]:
    return [*INPUTS.values(), RESULTS, WINDOWS, ERRORS, EVENTS]


def make_topics(kafka: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    for done in admin.create_topics([NewTopic(name, 1, 1) for name in topics()]).values():
        done.result(timeout=30)


def send(kafka: str, folder: Path, part: int) -> None:
    """Send the messages of part 1 or 2: a request, an upload, points of each stream, a malformed message."""
    cloud = folder / "cloud.csv"
    cloud.write_text("0,0\n1,0\n1,1\n0,1\n")
    numbers = range(FIRST) if part == 1 else range(FIRST - 1, ALL)  # the second part repeats one message
    request = {"job_id": f"asked-{part}", "point_cloud": {"points": [[0, 0], [1, 0], [0, 1]]}}
    upload = {"job_id": f"uploaded-{part}", "uri": cloud.as_uri()}
    points = [
        {"stream_id": stream, "message_id": f"{stream}-{number}", "points": [[number, number * number % 7]]}
        for number in numbers
        for stream in STREAMS
    ]
    producer = Producer({"bootstrap.servers": kafka, "enable.idempotence": True})
    for topic, messages in zip(INPUTS.values(), ([request], [upload], points), strict=True):
        for message in messages:
            producer.produce(topic, json.dumps(message).encode(), next(iter(message.values())))
    producer.produce(INPUTS["requests"], b"broken", f"broken-{part}")
    if producer.flush(60):
        raise TimeoutError("Kafka did not confirm the messages")


def records(kafka: str, topic: str, count: int, quiet: float = 3.0) -> list[dict[str, Any]]:
    """Return all records of a topic, once there are `count` and `quiet` seconds bring no more."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": NAME, "enable.auto.commit": False})
    found: list[dict[str, Any]] = []
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        for _ in poll(90, every=0.0):
            batch = consumer.consume(100, timeout=quiet)
            found += [json.loads(record.value()) for record in batch if not record.error()]
            if not batch and len(found) >= count:
                return found
    finally:
        consumer.close()
    raise TimeoutError(f"{topic}: {len(found)} of {count} records came")


def _command(env: str, *words: str) -> Any:
    whole = [str(Path(sys.executable).parent / "tdaflink"), *words, "--env", env, "-o", "json"]
    return json.loads(subprocess.run(whole, check=True, capture_output=True, text=True, timeout=300).stdout)


def _main(arguments: Sequence[str]) -> None:
    env, kept = arguments[0], Path(arguments[1])
    (kafka,) = [row["kafka"] for row in _command(env, "env", "list") if row["name"] == env]
    make_topics(kafka)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        send(kafka, folder, 1)
        file = folder / "config.json"
        file.write_text(json.dumps(config(folder)))
        _command(env, "submit", "--config", str(file), "--from", "none")
        records(kafka, RESULTS, 2)
        records(kafka, WINDOWS, len(STREAMS))
        records(kafka, ERRORS, 1)
        # A savepoint contains its path, so the path is one without information about this machine.
        made = _command(env, "savepoint", NAME, "--directory", folder.as_uri())["savepoint"]
        _command(env, "cancel", NAME)
        shutil.copytree(made.removeprefix("file://"), kept)
    print(f"{kept}: {', '.join(sorted(one.name for one in kept.iterdir()))}")


if __name__ == "__main__":
    _main(sys.argv[1:])
