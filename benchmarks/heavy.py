"""Light requests beside one heavy one: how long they take, with the lane of heavy requests and without it.

Usage, with an environment that is up and the interpreter that tdaflink is installed in:

    python benchmarks/heavy.py [--env NAME] [--rate 20] [--seconds 15] [--points 220]

The job has one subtask. A heavy request (alpha in five dimensions) is sent, then light ones (Rips H0 and H1
of 50 points of the plane) at a steady rate. A light one's time is from its record in the input topic to its
record in the output topic, as both are stamped by their producers. The same is measured without a heavy
request, and what it costs to decide which requests are heavy is measured by itself.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from kafka_runs import Topics, job, kafka_address, topics

WARM_UP_SECONDS = 3.0
GIVEN_UP_SECONDS = 180.0


def light(name: str) -> bytes:
    """A request that takes a millisecond."""
    chosen = random.Random(name)
    points = [[chosen.random(), chosen.random()] for _ in range(50)]
    return json.dumps({"job_id": name, "point_cloud": {"points": points}}).encode()


def heavy(points: int) -> bytes:
    """A request that takes seconds."""
    chosen = random.Random(0)
    cloud = [[chosen.gauss(0, 1) for _ in range(5)] for _ in range(points)]
    return json.dumps({"job_id": "heavy", "algorithm": "alpha", "point_cloud": {"points": cloud}}).encode()


def sent_steadily(places: Topics, name: str, first: list[bytes], rate: float, seconds: float) -> int:
    """Send `first` and then light requests for so long; how many in all."""
    producer = Producer({"bootstrap.servers": places.kafka, "linger.ms": 0})
    for message in first:
        producer.produce(places.input, message)
    begin, count = time.monotonic(), 0
    while time.monotonic() - begin < seconds:
        producer.produce(places.input, light(f"{name}-{count}"))
        producer.poll(0)
        count += 1
        time.sleep(max(0.0, begin + count / rate - time.monotonic()))
    if producer.flush(60):
        raise TimeoutError("Kafka did not confirm the messages")
    return len(first) + count


def read(kafka: str, topic: str, count: int) -> dict[str, int]:
    """Epoch milliseconds of each request's record in the topic, by its id."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "bench", "enable.auto.commit": False})
    found: dict[str, int] = {}
    deadline = time.monotonic() + GIVEN_UP_SECONDS
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        while len(found) < count:
            for record in consumer.consume(1000, timeout=1.0):
                found[json.loads(record.value())["job_id"]] = record.timestamp()[1]
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}: {len(found)} of {count} came")
    finally:
        consumer.close()
    return found


def measured(args: argparse.Namespace, folder: Path, after: float | None, first: list[bytes]) -> str:
    """One row: how long light requests took."""
    with topics(kafka_address(args.env), 1) as places:
        config = {
            "job_name": places.input,
            "parallelism": 1,
            "inputs": [{"route": "requests", "topic": places.input, "output_topic": places.output}],
            "errors_topic": places.errors,
            "events_topic": places.events,
            "heavy_after": after,
        }
        with job(args.env, config, folder):
            warm = sent_steadily(places, "warm", [], args.rate, WARM_UP_SECONDS)
            read(places.kafka, places.output, warm)
            count = warm + sent_steadily(places, "light", first, args.rate, args.seconds)
            asked = read(places.kafka, places.input, count)
            answered = read(places.kafka, places.output, count)
    took = {one: answered[one] - asked[one] for one in asked}
    lights = sorted(taken for one, taken in took.items() if one.startswith("light"))
    p50, p99 = statistics.median(lights), lights[min(len(lights) - 1, int(0.99 * len(lights)))]
    other = f", the heavy one {took['heavy'] / 1000:.1f} s" if first else ""
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {lights[-1]:.0f} ms of {len(lights)}{other}"


def deciding() -> str:
    """What it costs to tell a light request from a heavy one."""
    import numpy as np
    from tdajob.topology.engine import Engine
    from tdajob.topology.values import Limits, Query

    engine = Engine(Limits(5000, 2**30, 60.0, 5))
    query, points = Query("vietoris_rips", 1, None, 0.0, 2, "auto", {}), np.zeros((50, 2))
    rounds = 100_000
    begin = time.perf_counter()
    for _ in range(rounds):
        engine.slowest_seconds(points, query, distances=False)
    return f"{(time.perf_counter() - begin) / rounds * 1e6:.2f} µs a request"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="local")
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--points", type=int, default=220)
    args = parser.parse_args()
    print(f"deciding which request is heavy: {deciding()}")
    with tempfile.TemporaryDirectory() as name:
        for label, after, first in (
            ("without the lane, beside a heavy request", None, [heavy(args.points)]),
            ("with the lane, beside a heavy request", 1.0, [heavy(args.points)]),
            ("with the lane, without a heavy request", 1.0, []),
        ):
            print(f"{label}: {measured(args, Path(name), after, first)}", flush=True)


if __name__ == "__main__":
    main()
