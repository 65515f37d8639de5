"""Soak test: a steady stream with late, duplicate and invalid messages; checks counts, memory, latency.

Usage, with a running environment and the interpreter that tdaflink is installed in:

    python benchmarks/soak.py [--env NAME] [--minutes 30] [--streams 20] [--rate 2] [--batch 5]

Each stream sends `rate` messages per second with `batch` points, timestamped with the time of sending.
Windows of 10 s slide by 1 s, and each is computed. Of a hundred messages one is sent twice, one is 30 s late,
and one is not JSON. At the end every window and error record is compared with the sent messages; a difference
ends with exit code 1. Latency is from the sending of the message that closes a window to the timestamp of its
result. Memory is the sum of the TaskManagers and their Python workers, sampled during the run.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
from confluent_kafka import Producer
from kafka_runs import Topics, job, kafka_address, read_all, topics

from tdaflink.adapters.storage.environment_store import EnvironmentStore

PARTITIONS = 2
SIZE, SLIDE, DISORDER = 10_000, 1000, 5000
TIMEOUT_SECONDS = 15
LATE_MS = 30_000


@dataclass
class Sent:
    """The sent messages, as far as they determine the expected results."""

    points: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    closings: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    late: int = 0
    bad: int = 0
    messages: int = 0

    def windows(self) -> dict[tuple[str, int], int]:
        """Return the points of each window, by stream and start."""
        counts: Counter[tuple[str, int]] = Counter()
        for stream, times in self.points.items():
            for moment, count in times.items():
                last = moment - moment % SLIDE
                for start in range(last - SIZE + SLIDE, last + 1, SLIDE):
                    counts[stream, start] += count
        return dict(counts)

    def closed_at(self, stream: str, end: int) -> int | None:
        """Return when the message was sent that advanced the stream's clock to `end`; None if none did."""
        return next((moment for moment in self.closings[stream] if moment - DISORDER >= end), None)


def feed(names: Topics, streams: int, rate: float, batch: int, seconds: float) -> Sent:
    producer = Producer({"bootstrap.servers": names.kafka, "linger.ms": 1})
    numbers, sent = random.Random(7), Sent()
    started = time.time()
    turn = 0
    while (due := started + turn / (rate * streams)) < started + seconds:
        time.sleep(max(0.0, due - time.time()))
        stream = f"s{turn % streams}"
        now = int(time.time() * 1000)
        late, twice, bad = (numbers.random() < 0.01 for _ in range(3))
        # Messages cannot be late before the first window is closed.
        late = late and now - started * 1000 > 3 * LATE_MS
        moment = now - LATE_MS if late else now
        points = [[round(numbers.gauss(0, 1), 4), round(numbers.gauss(0, 1), 4)] for _ in range(batch)]
        message = {"stream_id": stream, "timestamp": moment, "points": points, "message_id": f"m{turn}"}
        value = json.dumps(message).encode()
        for _ in range(2 if twice else 1):
            producer.produce(names.input, value, stream)
        if bad:
            producer.produce(names.input, value[:-9], stream)
        producer.poll(0)
        sent.messages += 1 + twice + bad
        sent.bad += bad
        sent.late += late
        if not late:
            sent.points[stream][moment] += batch
            sent.closings[stream].append(moment)
        turn += 1
    if producer.flush(60):
        sys.exit("Kafka did not confirm all messages")
    return sent


class Memory(threading.Thread):
    """Samples the memory of an environment's TaskManagers and their Python workers, in MiB."""

    def __init__(self, env: str) -> None:
        super().__init__(daemon=True)
        self._folder = str(EnvironmentStore().folder(env))
        self.samples: list[float] = []
        self._stop_requested = threading.Event()

    def run(self) -> None:
        while not self._stop_requested.wait(5.0):
            held = 0
            for process in psutil.process_iter():
                try:
                    environ = process.environ()
                    ours = environ.get("TDAFLINK_PROCESS_OF") == self._folder
                    worker = environ.get("TDAFLINK_PROCESS_COMPONENT", "").startswith("taskmanager")
                    held += process.memory_info().rss if ours and worker else 0
                except psutil.Error:
                    continue
            self.samples.append(held / 2**20)

    def stop(self) -> None:
        self._stop_requested.set()
        self.join()


def epoch_ms(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--env", default="local")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--rate", type=float, default=2.0)
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--flink", action="append", default=[], metavar="KEY=VALUE", help="Flink setting")
    args = parser.parse_args()
    kafka = kafka_address(args.env)
    window = {"kind": "sliding", "size": "10s", "slide": "1s", "timeout": f"{TIMEOUT_SECONDS}s"}
    with topics(kafka, PARTITIONS) as names, tempfile.TemporaryDirectory() as folder:
        source = {"route": "streams", "topic": names.input, "output_topic": names.output, "window": window}
        config = {
            "job_name": names.input.replace("-input", "-soak"),
            "parallelism": 2,
            "inputs": [source],
            "errors_topic": names.errors,
            "events_topic": names.events,
            "dedup_ids": 100,
            "pairs": "top:20",
            "flink": dict(setting.split("=", 1) for setting in args.flink),
        }
        with job(args.env, config, Path(folder)):
            memory = Memory(args.env)
            memory.start()
            sent = feed(names, args.streams, args.rate, args.batch, 60 * args.minutes)
            expected = sent.windows()
            values = read_all(names.kafka, names.output, PARTITIONS, len(expected), 300)
            errors = read_all(names.kafka, names.errors, PARTITIONS, sent.late + sent.bad, 60)
            memory.stop()
    sys.exit(report(sent, expected, values, errors, memory.samples))


def report(
    sent: Sent,
    expected: dict[tuple[str, int], int],
    values: list[bytes],
    errors: list[bytes],
    samples: list[float],
) -> int:
    results = [json.loads(value) for value in values]
    received = Counter[tuple[str, int]]()
    counts, latencies = {}, []
    for result in results:
        span = result["window"]
        place = result["stream_id"], epoch_ms(span["start"])
        received[place] += 1
        counts[place] = span["num_points"]
        closing = sent.closed_at(result["stream_id"], epoch_ms(span["end"]))
        if closing is not None and span["closed_by"] != "timeout":
            latencies.append(epoch_ms(result["timestamp"]) - closing)
    codes = Counter(json.loads(error)["code"] for error in errors)
    duplicates = sum(times - 1 for times in received.values())
    wrong = sum(counts.get(place) != count for place, count in expected.items()) + len(
        received.keys() - expected.keys()
    )
    sixth = max(1, len(samples) // 6)
    before, after = statistics.median(samples[sixth : 2 * sixth]), statistics.median(samples[-sixth:])
    latencies.sort()
    print(f"messages sent                {sent.messages}")
    print(f"windows expected, received   {len(expected)}, {len(received)}")
    print(f"windows wrong, duplicate     {wrong}, {duplicates}")
    print(f"late, invalid messages sent   {sent.late}, {sent.bad}")
    print(f"error records                {dict(codes)}")
    for share in (0.5, 0.95, 0.99):
        print(f"window latency p{share * 100:<11g} {latencies[int(share * (len(latencies) - 1))]} ms")
    print(f"memory, second and last sixth {before:.0f}, {after:.0f} MiB (x{after / before:.3f})")
    exact = wrong == duplicates == 0 and codes == Counter(late=sent.late, bad_json=sent.bad)
    print("counts are exact" if exact else "COUNTS DIFFER")
    return 0 if exact else 1


if __name__ == "__main__":
    main()
