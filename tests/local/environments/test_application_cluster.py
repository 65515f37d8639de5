"""Application clusters, each for one job, with the Kafka of the shared environment."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from support.command_runner import Cluster, Ran, processes_of
from support.faults.steady_job import WORKS, Steady, steady_config, steady_on
from support.stream_samples import Streams, make_streams

pytestmark = [pytest.mark.cluster, pytest.mark.group("breaking")]

JOB = "in-threads"
Span = tuple[str, int, int]


@dataclass(frozen=True)
class OneJob:
    """An application cluster: the shared cluster with Kafka, the environment's name, the job's config."""

    cluster: Cluster
    env: str
    config: Path

    def run(self, *words: str, **how: Any) -> Ran:
        return self.cluster.run(*words, "--env", self.env, **{"timeout": 120, **how})

    def setup(self, *more: str) -> Ran:
        words = ("--application", str(self.config), "--kafka-env", self.cluster.name, "--port-offset", "auto")
        return self.run("setup", *words, *more, "-o", "json", timeout=420)

    def inside(self, rest_url: str) -> Cluster:
        return Cluster(self.env, rest_url, self.cluster.kafka, self.cluster.state, self.run)


@contextmanager
def torn_down(made: OneJob) -> Iterator[None]:
    """Tear the environment down at the end, also after an error, and check that no process is left."""
    try:
        yield
    finally:
        down = made.run("teardown", "--purge", "--yes")
        left = processes_of(made.cluster.state / "environments" / made.env)
    assert down.code == 0, down.stderr
    assert not left


@pytest.fixture(scope="module")
def steady(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steady]:
    """Set up a cluster with the adaptive scheduler and a job with a custom algorithm."""
    made = OneJob(cluster, "adaptive", tmp_path_factory.mktemp("adaptive") / "config.json")
    steady = steady_on(made.inside(""), made.config.parent)
    steady_config(steady, flink={"jobmanager.scheduler": "adaptive"})
    with torn_down(made):
        more = ("--set", "algorithm=brittle", "--include", steady.version(WORKS))
        rest_url = made.setup(*more).json()["rest_url"]
        steady.streams = replace(steady.streams, cluster=made.inside(rest_url))
        yield steady


def config(requests: Streams, streams: Streams) -> dict[str, Any]:
    window = {"kind": "count", "size": 50, "slide": 10}
    inputs = [
        {"route": "requests", "topic": requests.input, "output_topic": requests.output},
        {"route": "streams", "topic": streams.input, "output_topic": streams.output, "window": window},
    ]
    return {
        "job_name": JOB,
        "execution_mode": "thread",
        "parallelism": 2,
        "inputs": inputs,
        "errors_topic": requests.errors,
        "events_topic": streams.events,
        "checkpoint_interval": "1s",
        "delivery": "exactly_once",
    }


def points(count: int, seed: int) -> list[list[float]]:
    numbers = random.Random(seed)
    return [[round(numbers.random(), 3), round(numbers.random(), 3)] for _ in range(count)]


def messages(first: int, last: int) -> list[dict[str, Any]]:
    """Return messages of three streams with ten points each."""
    return [
        {"stream_id": f"s{number}", "points": points(10, part), "timestamp": 1_700_000_000_000 + part}
        for part in range(first, last)
        for number in range(3)
    ]


def ask(requests: Streams, count: int) -> None:
    """Send `count` requests and one message that is not JSON."""
    producer = Producer({"bootstrap.servers": requests.cluster.kafka})
    for number in range(count):
        cloud = {"points": points(30, number)}
        producer.produce(requests.input, json.dumps({"job_id": f"r{number}", "point_cloud": cloud}).encode())
    producer.produce(requests.input, b"no JSON")
    assert producer.flush(60) == 0


def spans(found: list[dict[str, Any]]) -> Counter[Span]:
    return Counter((r["stream_id"], r["window"]["first_seq"], r["window"]["last_seq"]) for r in found)


def windows(last: int) -> Counter[Span]:
    return Counter((f"s{number}", end - 49, end) for number in range(3) for end in range(50, last + 1, 10))


def test_one_job_in_threads_answers_each_once_and_goes_on_after_a_stop(
    cluster: Cluster, tmp_path: Path
) -> None:
    one_job = OneJob(cluster, "one-job", tmp_path / "one.json")
    requests, streams = make_streams(cluster), make_streams(cluster)
    one_job.config.write_text(json.dumps(config(requests, streams)))
    with torn_down(one_job):
        up = one_job.setup().json()
        assert up["kafka"] == cluster.kafka
        assert sorted(up["started"]) == ["jobmanager", "taskmanager-1"]
        ask(requests, 200)
        streams.send(messages(0, 20))
        answered = Counter(r["job_id"] for r in requests.records(200))
        assert answered == Counter(f"r{number}" for number in range(200))
        (refused,) = requests.records(1, topics=[requests.errors])
        assert refused["code"] == "bad_json"
        assert spans(streams.records(48)) == windows(200)

        (listed,) = one_job.run("list", "-o", "json").json()
        assert (listed["id"], listed["name"], listed["state"]) == (up["job_id"], JOB, "RUNNING")
        running = processes_of(cluster.state / "environments" / one_job.env)
        assert not [process for process in running if "pyflink.fn_execution" in " ".join(process.cmdline())]

        for words in (("submit",), ("rescale", JOB, "1")):
            refusal = one_job.run(*words)
            assert (refusal.code, "accepts no other" in refusal.stderr) == (1, True), refusal.stderr

        assert one_job.run("stop", JOB).code == 0
        again = one_job.setup().json()
        assert again["job_id"] != up["job_id"]
        streams.send(messages(20, 30))
        assert spans(streams.records(78)) == windows(300)


def test_a_job_is_rescaled_live_where_the_scheduler_is_adaptive(steady: Steady) -> None:
    run, name = steady.cluster.run, steady.name
    (before,) = steady.running()
    refused = run("rescale", name, "9")
    assert (refused.code, "needs 9 slots (parallelism 9)" in refused.stderr) == (1, True), refused.stderr
    with steady.feed("live") as sent:
        for count in (3, 1):
            asked = time.monotonic()
            done = run("rescale", name, str(count), "-o", "json", timeout=240).json()
            assert (done["id"], done["outcome"], done["parallelism"]) == (before["id"], "done", count)
            assert 0 < done["downtime_seconds"] <= time.monotonic() - asked
            (now,) = steady.running()
            assert (now["id"], now["parallelism"]) == (before["id"], count)
            steady.wait_for_more(sent)
    steady.check("live", sent)
    again = run("rescale", name, "1", "-o", "json").json()
    assert (again["outcome"], again["downtime_seconds"]) == ("unchanged", None)


def test_what_is_told_of_it_can_be_typed(steady: Steady) -> None:
    run, name = steady.cluster.run, steady.name
    once = run("watch", "--once")
    assert (once.code, name[:12] in once.stdout) == (0, True), once.stderr
    (seen,) = run("watch", "--once", "-o", "json").json()["jobs"]
    assert seen["job"]["name"] == name
    logs = run("logs", "jobmanager", "--grep", "RUNNING")
    assert (logs.code, name in logs.stdout) == (0, True), logs.stderr
    stopped = run("stop", name)
    assert stopped.code == 0, stopped.stderr
    assert f"Next: tdaflink setup --env {steady.cluster.name}" in stopped.stderr
    assert f"tdaflink setup --env {steady.cluster.name} starts one" in " ".join(run("list").stderr.split())
    ended = run("savepoint", name)
    assert (ended.code, f"tdaflink setup --env {steady.cluster.name} starts it again" in ended.stderr) == (
        4,
        True,
    )


def test_it_goes_on_after_a_stop_with_a_changed_config_and_after_a_cancel(steady: Steady) -> None:
    """setup resumes the job that the previous test stopped; without --include the algorithm's file stays."""
    run, name = steady.cluster.run, steady.name
    with steady.feed("changed") as sent:
        run("setup", "--set", "max_dimension=0", "-o", "json", timeout=240).json()
        steady.wait_for_more(sent)
        assert run("cancel", name).code == 0
        run("setup", "-o", "json", timeout=240).json()
    answers = steady.check("changed", sent)
    told = {(one["algorithm"], one["computation_info"]["max_dimension"]) for one in answers}
    assert told == {("brittle", 0)}


@pytest.mark.parametrize("component", ["taskmanager-1", "jobmanager"])
def test_nothing_is_lost_or_doubled_when_a_part_of_it_is_killed(steady: Steady, component: str) -> None:
    with steady.feed(component) as sent:
        steady.cluster.processes()[component].kill()
        steady.wait_for_more(sent)
        up = steady.cluster.run("setup", "-o", "json", timeout=240).json()
        assert component in up["started"]
    steady.check(component, sent)
    (job,) = steady.running()
    assert (job["id"], job["state"]) == (up["job_id"], "RUNNING")


def test_threads_are_refused_where_several_jobs_run(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "threads.json"
    file.write_text(json.dumps({"execution_mode": "thread"}))
    refused = cluster.run("submit", "--config", str(file), "--dry-run")
    assert refused.code == 2
    assert "--application" in refused.stderr
