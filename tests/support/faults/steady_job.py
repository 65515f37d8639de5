"""A job with a custom algorithm under a steady stream, which is changed while messages arrive."""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka.admin import AdminClient, NewTopic

from support.command_runner import Cluster, Ran, command_environ, command_line
from support.stream_samples import CHECKPOINT_SECONDS, PARTITIONS, Streams, make_streams
from tdaflink.adapters.storage.ledger import Ledger
from tdaflink.domain.jobs.history import Operation
from tdaflink.domain.polling import poll

SIZE, SLIDE = 20, 5
STREAMS = 4
FATAL = [-77.0, -77.0]
WORKS = """\
import os, signal
import gudhi
from tdajob.topology.diagrams.bars import finished_bars
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import Diagram


@register
class Brittle(Algorithm):
    name = "brittle"

    def needs_isolation(self, n, dim, query):
        return False

    def predicted_bytes(self, n, dim, query):
        return 0

    def compute(self, points, query):
        if [-77.0, -77.0] in points.tolist():
            os.kill(os.getpid(), signal.SIGKILL)
        tree = gudhi.RipsComplex(points=points).create_simplex_tree(max_dimension=query.max_dimension + 1)
        tree.compute_persistence(homology_coeff_field=2, min_persistence=0)
        raw = [tree.persistence_intervals_in_dimension(d) for d in range(query.max_dimension + 1)]
        cut = query.max_persistence
        return Diagram(finished_bars(raw, query, cut), "brittle", cut, 0.0)
"""
MENDED = WORKS.replace("os.kill(os.getpid(), signal.SIGKILL)", "pass")
# Emits results until the test creates the file `go`; its process then dies, also after each restart.
_SOON_DIES = WORKS.replace(
    "import os, signal",
    """\
import os, pathlib, signal, threading, time

def die():
    while not pathlib.Path("FOLDER/go").exists():
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)

end = threading.Thread(target=die, daemon=True)""",
).replace(
    """\
        if [-77.0, -77.0] in points.tolist():
            os.kill(os.getpid(), signal.SIGKILL)""",
    """\
        if not end.is_alive():
            pathlib.Path("FOLDER/answered").touch()
            end.start()""",
)
RAISES = 'raise RuntimeError("no such sensor: 42")\n'


@dataclass
class Sent:
    """The messages that a feed has sent: the number of points of each stream, and the requests."""

    points: Counter[str] = field(default_factory=Counter)
    requests: list[str] = field(default_factory=list)

    def spans(self) -> set[tuple[str, int, int]]:
        """Return stream, first and last number of each window that must have fired."""
        return {
            (name, last - SIZE + 1, last)
            for name, count in self.points.items()
            for last in range(SIZE, count + 1, SLIDE)
        }


@dataclass
class Steady:
    """A job, its topics, and the number of results for all messages that were sent."""

    name: str
    streams: Streams
    requests: str
    results: str
    folder: Path
    answers: int = 0
    patience: float = 60
    """Seconds that a message may take to be confirmed."""

    @property
    def cluster(self) -> Cluster:
        return self.streams.cluster

    def version(self, text: str) -> str:
        """Write the algorithm with that text; return the path of its file."""
        file = self.folder / uuid.uuid4().hex / "brittle.py"
        file.parent.mkdir()
        file.write_text(text)
        return str(file)

    def running(self) -> list[dict[str, Any]]:
        found = self.cluster.run("list", "-o", "json").json()
        return [job for job in found if job["name"] == self.name]

    def step(self, sent: Sent, tag: str, number: int) -> None:
        """Send one round of messages: a request, and four points of each stream."""
        numbers = random.Random(f"{tag}{number}")
        clouds = [
            [[round(numbers.random(), 3), round(numbers.random(), 3)] for _ in range(4)]
            for _ in range(STREAMS + 1)
        ]
        names = [f"{tag}-s{stream}" for stream in range(STREAMS)]
        self.streams.send(
            [{"stream_id": n, "points": cloud} for n, cloud in zip(names, clouds[1:], strict=True)],
            patience=self.patience,
        )
        sent.points.update(dict.fromkeys(names, 4))
        job_id = f"{tag}-r{number}"
        self.send_request(job_id, clouds[0])
        sent.requests.append(job_id)

    def send_request(self, job_id: str, points: list[list[float]]) -> None:
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.cluster.kafka, "enable.idempotence": True})
        message = {"job_id": job_id, "point_cloud": {"points": points}}
        producer.produce(self.requests, json.dumps(message).encode(), job_id)
        assert producer.flush(self.patience) == 0

    @contextmanager
    def feed(self, tag: str) -> Iterator[Sent]:
        """Send messages before, during and after the block."""
        sent, enough = Sent(), threading.Event()

        def run() -> None:
            number = 0
            while not enough.is_set():
                self.step(sent, tag, number)
                number += 1
                time.sleep(0.05)

        feeder = threading.Thread(target=run)
        feeder.start()
        try:
            self.wait_for_more(sent)
            yield sent
            self.wait_for_more(sent)
        finally:
            enough.set()
            feeder.join()
        self.answers += len(sent.requests) + len(sent.spans())

    @staticmethod
    def wait_for_more(sent: Sent) -> None:
        """Wait until a feed has sent ten more rounds, enough for windows of every stream."""
        before = len(sent.requests)
        for _ in poll(30, every=0.05):
            if len(sent.requests) >= before + 10:
                return
        raise AssertionError("the feed has stopped")

    def check(self, tag: str, sent: Sent) -> list[dict[str, Any]]:
        """Check that every message of the feed has exactly one result; return the results."""
        found = self.streams.records(
            self.answers,
            topics=[self.streams.output, self.results, self.streams.errors],
        )
        mine = [one for one in found if str(one["job_id"] or one["stream_id"]).startswith(f"{tag}-")]
        assert [one for one in mine if "code" in one] == []
        spans = Counter(
            (one["stream_id"], one["window"]["first_seq"], one["window"]["last_seq"])
            for one in mine
            if one["stream_id"]
        )
        assert spans == dict.fromkeys(sent.spans(), 1)
        assert Counter(one["job_id"] for one in mine if one["job_id"]) == dict.fromkeys(sent.requests, 1)
        return mine

    def upgrade_to_what_soon_dies(self) -> Ran:
        """Upgrade to a version that emits results, completes a checkpoint, then dies after each restart."""
        (old,) = self.running()
        mark = self.folder / uuid.uuid4().hex
        mark.mkdir()
        words = ("upgrade", self.name, "--include", self.version(_SOON_DIES.replace("FOLDER", str(mark))))
        with ThreadPoolExecutor(1) as pool:
            upgrade = pool.submit(self.cluster.run, *words, timeout=240)
            for _ in poll(180, every=0.1):
                if upgrade.done() or ((mark / "answered").exists() and self._has_checkpoint(old["id"])):
                    break
            (mark / "go").touch()
            return upgrade.result()

    def _has_checkpoint(self, old: str) -> bool:
        """Return whether the version after `old` has completed a checkpoint."""
        url = self.cluster.rest_url
        jobs = httpx.get(f"{url}/jobs/overview").json()["jobs"]
        new = [one["jid"] for one in jobs if one["name"] == self.name and one["state"] == "RUNNING"]
        return any(
            httpx.get(f"{url}/jobs/{one}/checkpoints").json()["counts"]["completed"] >= 1
            for one in new
            if one != old
        )

    def upgrade_to_what_raises(self, tag: str) -> None:
        """Upgrade, under load, to a version that raises at its start; check the rollback and all results."""
        (old,) = self.running()
        with self.feed(tag) as sent:
            words = ("upgrade", self.name, "--include", self.version(RAISES))
            done = self.cluster.run(*words, timeout=240)
        assert done.code == 5, done.stderr
        assert "RuntimeError: no such sensor: 42" in done.stderr
        assert "was rolled back" in done.stderr
        (back,) = self.running()
        assert back["state"] == "RUNNING"
        assert back["id"] != old["id"]
        self.check(tag, sent)


def steady_on(cluster: Cluster, folder: Path) -> Steady:
    """Create the topics of a job that is not yet started."""
    streams = make_streams(cluster)
    name = streams.input.removesuffix("-input")
    requests, results = f"{name}-requests", f"{name}-results"
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    wanted = [NewTopic(topic, PARTITIONS) for topic in (requests, results)]
    for done in admin.create_topics(wanted).values():
        done.result(timeout=30)
    return Steady(name, streams, requests, results, folder)


def steady_config(steady: Steady, **more: Any) -> str:
    """Write a config for those topics, with exactly-once delivery; return the path of its file."""
    window = {"kind": "count", "size": SIZE, "slide": SLIDE, "timeout": None}
    streams = steady.streams
    inputs = [
        {"route": "requests", "topic": steady.requests, "output_topic": steady.results},
        {"route": "streams", "topic": streams.input, "output_topic": streams.output, "window": window},
    ]
    config = {
        "job_name": steady.name,
        "parallelism": 1,
        "inputs": inputs,
        "errors_topic": streams.errors,
        "events_topic": streams.events,
        "checkpoint_interval": f"{CHECKPOINT_SECONDS:g}s",
        "delivery": "exactly_once",
        **more,
    }
    file = steady.folder / "config.json"
    file.write_text(json.dumps(config))
    return str(file)


@contextmanager
def steady_job(cluster: Cluster, folder: Path, *, parallelism: int = 1) -> Iterator[Steady]:
    """Run the shipped job with the algorithm."""
    steady = steady_on(cluster, folder)
    flink = {"restart-strategy.exponential-delay.max-backoff": "2s"}
    file = steady_config(steady, algorithm="brittle", flink=flink, parallelism=parallelism)
    try:
        include = ("--include", steady.version(WORKS))
        cluster.run("submit", "--config", file, *include, "-o", "json", timeout=240).json()
        yield steady
    finally:
        alive = [job["id"] for job in steady.running()]
        if alive:
            cluster.run("cancel", *alive, timeout=90)


def interrupt(
    cluster: Cluster, name: str, words: tuple[str, ...], how: int, when: Callable[[Operation], bool]
) -> int:
    """Start a command that changes the job, send it a signal at a step, and return its exit code."""
    with subprocess.Popen(
        command_line(*words), env=command_environ(cluster.state), stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(cluster, name, when)
            os.kill(process.pid, how)
            return process.wait(60)
        finally:
            process.kill()


def _wait_for(cluster: Cluster, name: str, reached: Callable[[Operation], bool]) -> None:
    """Wait until the ledger shows that the operation under way has reached the step."""
    ledger = Ledger(cluster.folder)
    for _ in poll(120, every=0.02):
        under_way = ledger.operations(name, under_way=True)
        if under_way and reached(under_way[-1]):
            return
    raise AssertionError("the operation did not come so far")
