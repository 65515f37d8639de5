"""Benchmark of light requests during a heavy one, with and without the lane of heavy requests.

Usage, with the interpreter that tdaflink is installed in; with --env on a running environment:

    python benchmarks/heavy.py [--rate 20] [--seconds 15] [--points 220] [--env NAME]

A heavy request (alpha in five dimensions) is sent first, then light ones (Rips H0 and H1 of 50 points in the
plane) at a steady rate, all to one subtask. Without --env there is no Flink: the two operators of requests
run in two threads of one process, as in a Python worker, and the time of a light request is from its due time
to its result. With --env it is from its record in the input topic to its record in the output topic, by the
producers' timestamps. The same is measured without a heavy request, and separately the cost of deciding which
requests are heavy.
"""

from __future__ import annotations

import argparse
import json
import queue
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka_runs import Topics, job, kafka_address, topics

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "jobs"))

from tdajob.lane.scheduler import HeavyAnswerer
from tdajob.processing.requests import RequestProcessor
from tdajob.settings.job import Settings, load
from tdajob.topology.engine import Engine
from tdajob.topology.values import Limits, Query

from tdaflink.domain.config.job_config import InputRoute, JobConfig
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.services.jobs.settings_writer import job_settings

WARM_UP_SECONDS = 3.0
TIMEOUT_SECONDS = 180.0
TOPIC = "tda_jobs"


def light(name: str) -> bytes:
    """Return a request that takes about a millisecond."""
    numbers = random.Random(name)
    points = [[numbers.random(), numbers.random()] for _ in range(50)]
    return json.dumps({"job_id": name, "point_cloud": {"points": points}}).encode()


def heavy(points: int) -> bytes:
    """Return a request that takes seconds."""
    numbers = random.Random(0)
    cloud = [[numbers.gauss(0, 1) for _ in range(5)] for _ in range(points)]
    return json.dumps({"job_id": "heavy", "algorithm": "alpha", "point_cloud": {"points": cloud}}).encode()


def row(lights: list[float], heavy_seconds: float | None) -> str:
    """Format a row of the table; times of light requests in milliseconds."""
    lights = sorted(lights)
    p50, p99 = statistics.median(lights), lights[min(len(lights) - 1, int(0.99 * len(lights)))]
    other = "" if heavy_seconds is None else f", the heavy one {heavy_seconds:.1f} s"
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {lights[-1]:.1f} ms of {len(lights)}{other}"


# -- without Flink


def settings(after: float | None) -> Settings:
    """Return the resolved settings of a job of requests with one subtask."""
    here = Environment("here", "local", "process", Endpoints("-", "-", "-"), "python")
    config = JobConfig(
        heavy_after=after, inputs=[InputRoute(route="requests", topic=TOPIC, output_topic="out")]
    )
    return load(json.dumps(job_settings(config, here, {TOPIC: 1})))


def in_process(args: argparse.Namespace, after: float | None, first: list[bytes]) -> str:
    """Measure one row with two threads."""
    chosen = settings(after)
    answerer = RequestProcessor(chosen)
    answerer.start()
    passed_on: queue.Queue[bytes | None] = queue.Queue()
    done: list[float] = []
    lane = threading.Thread(target=_compute_heavy, args=(HeavyAnswerer(chosen), passed_on, done))
    lane.start()
    requests = [*first, *(light(f"light-{n}") for n in range(int(args.rate * args.seconds)))]
    took = []
    answerer.answer(light("warm-up"), TOPIC, 0, 0, _now_ms())
    begin = time.perf_counter()
    for number, request in enumerate(requests):
        due = begin + max(0, number - len(first)) / args.rate
        time.sleep(max(0.0, due - time.perf_counter()))
        answer = answerer.answer_light(request, TOPIC, 0, number, _now_ms())
        if isinstance(answer, bytes):
            passed_on.put(answer)
            continue
        if answer.code is not None:
            sys.exit(f"{answer.value!r}")
        if number < len(first):
            done.append(time.perf_counter())
        else:
            took.append((time.perf_counter() - due) * 1000)
    passed_on.put(None)
    lane.join()
    answerer.close()
    return row(took, done[0] - begin if first else None)


def _compute_heavy(answerer: HeavyAnswerer, passed_on: queue.Queue[bytes | None], done: list[float]) -> None:
    """Run the operator of heavy requests: its records, and a timer while requests are pending."""
    store, ended, name = _Store(), False, "lane"
    while not (ended and not store):
        try:
            content = passed_on.get(timeout=_until_due(answerer, name))
            ended = ended or content is None
            answers = [] if content is None else list(answerer.add(name, content, store, _now_ms()))
        except queue.Empty:
            answers = list(answerer.tick(name, store, _now_ms()))
        done += [time.perf_counter() for answer in answers if answer.code is None]
    answerer.close()


def _until_due(answerer: HeavyAnswerer, lane: str) -> float:
    due = answerer.timer_to_set(lane, _now_ms())
    return 0.02 if due is None else max(0.001, (due - _now_ms()) / 1000)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class _Store(dict[int, bytes]):
    """A stand-in for Flink's state."""

    def pieces(self) -> dict[int, bytes]:
        return dict(self)

    def put(self, number: int, content: bytes) -> None:
        self[number] = content

    def drop(self, number: int) -> None:
        del self[number]


# -- by a job


def sent_steadily(places: Topics, name: str, first: list[bytes], rate: float, seconds: float) -> int:
    """Send `first` and then light requests for `seconds`; return the number of all requests."""
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
    """Return the timestamp, in epoch milliseconds, of each request's record in the topic, by its id."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "bench", "enable.auto.commit": False})
    timestamps: dict[str, int] = {}
    deadline = time.monotonic() + TIMEOUT_SECONDS
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        while len(timestamps) < count:
            for record in consumer.consume(1000, timeout=1.0):
                timestamps[json.loads(record.value())["job_id"]] = record.timestamp()[1]
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}: {len(timestamps)} of {count} records arrived")
    finally:
        consumer.close()
    return timestamps


def by_job(args: argparse.Namespace, after: float | None, first: list[bytes]) -> str:
    """Measure one row with a job."""
    with tempfile.TemporaryDirectory() as folder, topics(kafka_address(args.env), 1) as places:
        config = {
            "job_name": places.input,
            "parallelism": 1,
            "inputs": [{"route": "requests", "topic": places.input, "output_topic": places.output}],
            "errors_topic": places.errors,
            "events_topic": places.events,
            "heavy_after": after,
        }
        with job(args.env, config, Path(folder)):
            warm = sent_steadily(places, "warm", [], args.rate, WARM_UP_SECONDS)
            read(places.kafka, places.output, warm)
            count = warm + sent_steadily(places, "light", first, args.rate, args.seconds)
            sent = read(places.kafka, places.input, count)
            answered = read(places.kafka, places.output, count)
    latencies = {request: float(answered[request] - sent[request]) for request in sent}
    lights = [latency for request, latency in latencies.items() if request.startswith("light")]
    return row(lights, latencies["heavy"] / 1000 if first else None)


def deciding() -> str:
    """Measure the cost of deciding whether a request is heavy."""
    engine = Engine(Limits(5000, 2**30, 60.0, 5))
    query, points = Query("vietoris_rips", 1, None, 0.0, 2, "auto", {}), np.zeros((50, 2))
    rounds, best = 20_000, float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(rounds):
            engine.slowest_seconds(points, query, distances=False)
        best = min(best, (time.perf_counter() - begin) / rounds)
    return f"{best * 1e6:.1f} µs a request"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env")
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--points", type=int, default=220)
    args = parser.parse_args()
    measured = in_process if args.env is None else by_job
    print(f"deciding which request is heavy: {deciding()}")
    for label, after, first in (
        ("without the lane, with a heavy request", None, [heavy(args.points)]),
        ("with the lane, with a heavy request", 1.0, [heavy(args.points)]),
        ("with the lane, without a heavy request", 1.0, []),
    ):
        print(f"{label}: {measured(args, after, first)}", flush=True)


if __name__ == "__main__":
    main()
