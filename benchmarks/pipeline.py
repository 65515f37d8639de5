"""The job against a bare confluent-kafka loop with the same computation and codec: messages a second.

Usage, with an environment that is up and the interpreter that tdaflink is installed in:

    python benchmarks/pipeline.py [--env NAME] [--points 50,200] [--parallelism 1,2] [--bundle N,…]
        [--mode process,thread] [--rounds N]

Both sides read the same preloaded messages and write full results. The loop is one process that reads,
answers by the job's own code (`tdajob.answers`), and writes; no checkpoints, no restarts, no second worker.
The broker and Flink run on the same machine and share its processors with both. The first half of a run is
left out on both sides. A machine's pace changes from minute to minute, so the loop runs before and after each
run of the job, and its ratio is to the mean of the two; what is shown are medians over the rounds.
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
LOOP_SECONDS, JOB_SECONDS = 10.0, 40.0  # so long a run shall take on the bare loop
WARM_UP = 0.5  # of a run is left out: the JVM compiles for some fifteen seconds, and a job runs for years
SLOWEST = 900.0
Side = tuple[str, int, int]  # mode, records of a bundle, parallelism


def clouds(points: int, count: int) -> Iterator[tuple[str, bytes]]:
    numbers = random.Random(points)
    made = [
        [[round(numbers.gauss(0, 1), 6), round(numbers.gauss(0, 1), 6)] for _ in range(points)]
        for _ in range(min(count, 200))
    ]
    for number in range(count):
        message = {"job_id": f"j{number}", "point_cloud": {"points": made[number % len(made)]}}
        yield f"j{number}", json.dumps(message).encode()


def answerer(env: str) -> object:
    """The job's own answering, as the shipped defaults configure it."""
    from tdajob.answers import Answerer
    from tdajob.settings import load

    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.domain.config import JobConfig
    from tdaflink.services.jobsettings import job_settings

    config = JobConfig(input_topic="tda_jobs", output_topic="tda_results")
    found = job_settings(config, EnvironmentStore().resolve(env), {"tda_jobs": 1})
    return Answerer(load(json.dumps(found)))


def bare_loop(names: Topics, count: int, env: str) -> float:
    """Messages a second of the loop, by the clock in its results."""
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
    return pace(values, left_out=WARM_UP)


def job_pace(
    names: Topics, count: int, parallelism: int, bundle: int, mode: str, env: str, folder: Path
) -> float:
    """Messages a second of the shipped job, which for threads has a cluster of its own."""
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
    return pace(values, left_out=WARM_UP)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--env", default="local")
    parser.add_argument("--points", default="50,200")
    parser.add_argument("--parallelism", default="1,2")
    parser.add_argument("--bundle", default="300", help="records of a bundle, at most")
    parser.add_argument("--mode", default="process,thread", help="where the job's Python runs")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    kafka = kafka_address(chosen.env)
    print(f"{'points':>7} {'side':<26} {'ratio to the loop':>18} {'messages/s':>11}  each round's ratio")
    modes, bundles, subtasks = (text.split(",") for text in (chosen.mode, chosen.bundle, chosen.parallelism))
    sides = list(product(modes, map(int, bundles), map(int, subtasks)))
    for points in map(int, chosen.points.split(",")):
        measure(points, sides, chosen.rounds, kafka, chosen.env)


def measure(points: int, sides: Sequence[Side], rounds: int, kafka: str, env: str) -> None:
    """The rows of one size of cloud. The loop runs before and after each run of the job."""

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
            found = job_pace(names, long, parallelism, bundle, mode, env, Path(folder))
        after = loop(short)
        print(f"{side}: {found:.0f}/s, the loop {before:.0f} and {after:.0f}", file=sys.stderr, flush=True)
        paces[side].append(found)
        ratios[side].append(2 * found / (before + after))
        loops.append(after)
        before = after
    print(f"{points:>7} {'bare loop':<26} {1:>18.2f} {statistics.median(loops):>11.0f}")
    for side in sides:
        name = f"{side[0]} p={side[2]}, bundle {side[1]}"
        each = " ".join(f"{one:.2f}" for one in ratios[side])
        middle, pace_ = statistics.median(ratios[side]), statistics.median(paces[side])
        print(f"{points:>7} {name:<26} {middle:>18.2f} {pace_:>11.0f}  {each}", flush=True)


if __name__ == "__main__":
    main()
