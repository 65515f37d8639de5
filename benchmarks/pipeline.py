"""Benchmark of the job against a plain confluent-kafka loop with the same computation: messages per second.

Usage, with a running environment and the interpreter that tdaflink is installed in:

    python benchmarks/pipeline.py [--env NAME] [--points 50,200] [--parallelism 1,2] [--bundle N,…]
        [--mode process,thread] [--rounds N]

Both sides read the same preloaded messages and write full results. The loop is one process that reads,
computes with the job's own code (`tdajob.processing.requests`), and writes; no checkpoints, no restarts, no
second worker. The broker and Flink run on the same machine and share its processors with both sides. The
first half of a run is omitted on both sides. A machine's speed changes within minutes, so the loop runs
before and after each run of the job, whose ratio is to the mean of the two. The table has medians of rounds.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "jobs"))

from confluent_kafka import Consumer, Producer, TopicPartition
from kafka_runs import Topics, job, kafka_address, one_job, pace, preload, read_all, topics

PARTITIONS = 2
LOOP_SECONDS, JOB_SECONDS = 10.0, 40.0  # approximate duration of a run, at the loop's speed
WARM_UP = 0.5  # omitted share of a run: the JVM compiles for about 15 s, and a job runs for years
SLOWEST = 900.0
Side = tuple[str, int, int]  # mode, records of a bundle, parallelism


def clouds(points: int, count: int) -> Iterator[tuple[str, bytes]]:
    numbers = random.Random(points)
    samples = [
        [[round(numbers.gauss(0, 1), 6), round(numbers.gauss(0, 1), 6)] for _ in range(points)]
        for _ in range(min(count, 200))
    ]
    for number in range(count):
        message = {"job_id": f"j{number}", "point_cloud": {"points": samples[number % len(samples)]}}
        yield f"j{number}", json.dumps(message).encode()


def answerer(env: str) -> object:
    """Return the job's request processor with the shipped defaults."""
    from tdajob.processing.requests import RequestProcessor
    from tdajob.settings.job import load

    from tdaflink.adapters.storage.environment_store import EnvironmentStore
    from tdaflink.domain.config.job_config import JobConfig
    from tdaflink.services.jobs.settings_writer import job_settings

    config = JobConfig(input_topic="tda_jobs", output_topic="tda_results")
    settings = job_settings(config, EnvironmentStore().resolve(env), {"tda_jobs": 1})
    return RequestProcessor(load(json.dumps(settings)))


def bare_loop(names: Topics, count: int, env: str) -> float:
    """Return the loop's messages per second, by the timestamps in its results."""
    consumer = Consumer({"bootstrap.servers": names.kafka, "group.id": "loop", "enable.auto.commit": False})
    consumer.assign([TopicPartition(names.input, partition, 0) for partition in range(names.partitions)])
    producer = Producer({"bootstrap.servers": names.kafka, "compression.type": "zstd"})
    answering, done = answerer(env), 0
    values = []
    while done < count:
        for record in consumer.consume(100, timeout=1.0):
            answer = answering.answer(  # type: ignore[attr-defined]
                record.value(), "tda_jobs", record.partition(), record.offset(), record.timestamp()[1]
            )
            producer.produce(names.output, answer.value, answer.key)
            producer.poll(0)
            values.append(answer.value)
            done += 1
    producer.flush(60)
    consumer.close()
    answering.close()  # type: ignore[attr-defined]
    return pace(values, warm_up=WARM_UP)


def job_pace(
    names: Topics, count: int, parallelism: int, bundle: int, mode: str, env: str, folder: Path
) -> float:
    """Return the shipped job's messages per second; in thread mode it has its own cluster."""
    config = {
        "job_name": f"bench-{parallelism}-{int(time.time())}",
        "parallelism": parallelism,
        "input_topic": names.input,
        "output_topic": names.output,
        "errors_topic": names.errors,
        "start_from": "earliest",
        "execution_mode": mode,
        "flink": {"python.fn-execution.bundle.size": bundle},
    }
    running = one_job(env, config, folder) if mode == "thread" else job(env, config, folder, "--no-wait")
    with running:
        values = read_all(names.kafka, names.output, names.partitions, count, SLOWEST)
    return pace(values, warm_up=WARM_UP)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--env", default="local")
    parser.add_argument("--points", default="50,200")
    parser.add_argument("--parallelism", default="1,2")
    parser.add_argument("--bundle", default="300", help="maximum records per bundle")
    parser.add_argument("--mode", default="process,thread", help="execution mode of the job's Python")
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    kafka = kafka_address(args.env)
    print(f"{'points':>7} {'side':<26} {'ratio to the loop':>18} {'messages/s':>11}  each round's ratio")
    modes, bundles, subtasks = (text.split(",") for text in (args.mode, args.bundle, args.parallelism))
    sides = list(product(modes, map(int, bundles), map(int, subtasks)))
    for points in map(int, args.points.split(",")):
        measure(points, sides, args.rounds, kafka, args.env)


def measure(points: int, sides: Sequence[Side], rounds: int, kafka: str, env: str) -> None:
    """Measure the rows of one cloud size. The loop runs before and after each run of the job."""

    def loop(count: int) -> float:
        with topics(kafka, PARTITIONS) as names:
            preload(kafka, names.input, clouds(points, count))
            return bare_loop(names, count, env)

    rate = loop(300)
    short, long = (max(500, int(rate * seconds)) for seconds in (LOOP_SECONDS, JOB_SECONDS))
    before, loops = loop(short), list[float]()
    paces: dict[Side, list[float]] = {side: [] for side in sides}
    ratios: dict[Side, list[float]] = {side: [] for side in sides}
    for side in [side for _ in range(rounds) for side in sides]:
        mode, bundle, parallelism = side
        with topics(kafka, PARTITIONS) as names, tempfile.TemporaryDirectory() as folder:
            preload(kafka, names.input, clouds(points, long))
            rate_of_job = job_pace(names, long, parallelism, bundle, mode, env, Path(folder))
        after = loop(short)
        print(
            f"{side}: {rate_of_job:.0f}/s, the loop {before:.0f} and {after:.0f}", file=sys.stderr, flush=True
        )
        paces[side].append(rate_of_job)
        ratios[side].append(2 * rate_of_job / (before + after))
        loops.append(after)
        before = after
    print(f"{points:>7} {'bare loop':<26} {1:>18.2f} {statistics.median(loops):>11.0f}")
    for side in sides:
        name = f"{side[0]} p={side[2]}, bundle {side[1]}"
        each = " ".join(f"{value:.2f}" for value in ratios[side])
        middle, pace_ = statistics.median(ratios[side]), statistics.median(paces[side])
        print(f"{points:>7} {name:<26} {middle:>18.2f} {pace_:>11.0f}  {each}", flush=True)


if __name__ == "__main__":
    main()
