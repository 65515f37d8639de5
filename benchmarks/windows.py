"""Benchmark of sliding windows (10 s by 1 s) on a cluster: the job's panes against Flink's own windows.

Usage, with a running environment and the interpreter that tdaflink is installed in:

    python benchmarks/windows.py [--env NAME] [--streams 8] [--seconds 250] [--rate 100] [--batch 10]

Both sides read the same preloaded messages and compute the same windows; the counts are compared. A second
row of the job computes Vietoris-Rips H0 and H1 in each window. Each point is in ten windows, so the points
per second are the windows' points per second / 10.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kafka_runs import Topics, job, kafka_address, pace, preload, read_all, tdaflink, topics

HERE = Path(__file__).resolve().parent / "jobs"
PARTITIONS = 2
SLOWEST = 900.0
START = 1_704_110_400_000
OVERLAP = 10
WINDOW = {"kind": "sliding", "size": "10s", "slide": "1s", "timeout": None}


def messages(streams: int, seconds: int, rate: int, batch: int) -> Iterator[tuple[str, bytes]]:
    """Yield `rate` points per second of event time in each stream, `batch` points per message."""
    numbers = random.Random(1)
    for first in range(0, seconds * rate, batch):
        for stream in range(streams):
            times = [START + 1000 * (first + index) // rate for index in range(batch)]
            points = [[round(numbers.random(), 4), round(numbers.random(), 4)] for _ in range(batch)]
            message = {"stream_id": f"s{stream}", "timestamps": times, "points": points}
            yield f"s{stream}", json.dumps(message).encode()


def counts(values: list[bytes]) -> dict[tuple[str, str], int]:
    """Return the points of each window, by stream and start in epoch seconds."""
    points = {}
    for value in values:
        result = json.loads(value)
        start = result["window"]["start"]
        begin = start // 1000 if isinstance(start, int) else _epoch(start)
        points[result["stream_id"], begin] = result["window"]["num_points"]
    return points


def _epoch(text: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def measured(values: list[bytes]) -> float:
    weights = [json.loads(value)["window"]["num_points"] / OVERLAP for value in values]
    return pace(values, weights)


def shipped(names: Topics, env: str, parallelism: int, folder: Path, count: int, *words: str) -> list[bytes]:
    source = {
        "route": "streams",
        "topic": names.input,
        "output_topic": names.output,
        "window": WINDOW,
    }
    config = {
        "job_name": f"bench-windows-{int(time.time())}",
        "parallelism": parallelism,
        "inputs": [source],
        "errors_topic": names.errors,
        "events_topic": names.events,
        "start_from": "earliest",
        "pairs": "none",
    }
    with job(env, config, folder, "--no-wait", *words):
        return read_all(names.kafka, names.output, names.partitions, count, SLOWEST)


def own(names: Topics, env: str, parallelism: int, how: str, count: int) -> list[bytes]:
    words = ["--kafka", names.kafka, "--input", names.input, "--output", names.output, "--how", how]
    script = str(HERE / "own_windows.py")
    submit = (
        "submit",
        "--env",
        env,
        "--from",
        "none",
        "--job",
        script,
        "--parallelism",
        str(parallelism),
        "--no-wait",
    )
    job_id = json.loads(tdaflink(*submit, "-o", "json", "--", *words))["id"]
    try:
        return read_all(names.kafka, names.output, names.partitions, count, SLOWEST)
    finally:
        tdaflink("cancel", "--env", env, job_id)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--env", default="local")
    for name, default in (("streams", 8), ("seconds", 250), ("rate", 100), ("batch", 10), ("parallelism", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    kafka = kafka_address(args.env)
    preloaded = list(messages(args.streams, args.seconds, args.rate, args.batch))
    # Windows that the clock closes: it ends five seconds and a point before the end of the last second.
    count = args.streams * (args.seconds - 6)
    include = ("--include", str(HERE / "counting.py"), "--set", "algorithm=counting")
    sides = {
        "own, points kept": lambda n, _: own(n, args.env, args.parallelism, "process", count),
        "own, running count": lambda n, _: own(n, args.env, args.parallelism, "aggregate", count),
        "job, counting": lambda n, f: shipped(n, args.env, args.parallelism, f, count, *include),
        "job, H0 and H1": lambda n, f: shipped(n, args.env, args.parallelism, f, count),
    }
    paces: dict[str, float] = {}
    seen: dict[str, dict[tuple[str, str], int]] = {}
    print(f"{'side':<20} {'ratio to own, points kept':>26} {'points/s':>10}")
    for name, side in sides.items():
        with topics(kafka, PARTITIONS) as names, tempfile.TemporaryDirectory() as folder:
            preload(kafka, names.input, preloaded)
            values = side(names, Path(folder))
        paces[name], seen[name] = measured(values), counts(values)
        ratio = paces[name] / paces["own, points kept"]
        print(f"{name:<20} {ratio:>26.2f} {paces[name]:>10.0f}", flush=True)
    reference = seen["own, points kept"]
    for name, points in seen.items():
        differing = sum(points[window] != reference[window] for window in points.keys() & reference.keys())
        print(f"{name}: {len(points)} windows, {differing} with another count than Flink's own")


if __name__ == "__main__":
    main()
