"""Upgrades, rescaling, rollback and stop under a steady stream: every message is processed exactly once.

The tests share one job and run in order: each changes the job that the previous one leaves running.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from jsonschema import Draft202012Validator
from support.command_runner import Cluster, runner
from support.faults.steady_job import FATAL, MENDED, Steady, interrupt, steady_job

from tdaflink.adapters.storage.shipped_profiles import load_schemas
from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.cluster, pytest.mark.group("breaking")]


@pytest.fixture(scope="module")
def steady(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steady]:
    with steady_job(cluster, tmp_path_factory.mktemp("upgrades")) as job:
        yield job


def control_events(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    """Return the control events of a job from the events topic, in order of time."""
    consumer = Consumer({"bootstrap.servers": cluster.kafka, "group.id": "x", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics("tda_events", timeout=10).topics["tda_events"].partitions
        consumer.assign([TopicPartition("tda_events", partition, 0) for partition in partitions])
        found = [json.loads(record.value()) for record in consumer.consume(10_000, timeout=3)]
    finally:
        consumer.close()
    mine = [one for one in found if one["kind"] == "control" and one["job"]["name"] == name]
    return sorted(mine, key=lambda one: str(one["timestamp"]))


def test_a_changed_config_is_taken_over_while_messages_come(steady: Steady, tmp_path: Path) -> None:
    run, name = steady.cluster.run, steady.name
    (old,) = steady.running()
    with steady.feed("a") as sent:
        plan = run("upgrade", name, "--set", "max_dimension=0", "--dry-run", "-o", "json").json()
        changed = {one["key"]: (one["old"], one["new"]) for one in plan["differences"]}
        assert changed == {"query.max_dimension": (1, 0)}
        again = run("submit", "--config", str(steady.folder / "config.json"), timeout=120)
        assert (again.code, "already running" in again.stderr) == (1, True)
        done = run("upgrade", name, "--set", "max_dimension=0", "-o", "json", timeout=240).json()
    (new,) = steady.running()
    assert (done["previous_id"], done["id"], done["outcome"]) == (old["id"], new["id"], "done")
    assert done["downtime_seconds"] > 0
    answers = steady.check("a", sent)
    assert {one["computation_info"]["max_dimension"] for one in answers} == {0, 1}

    nothing = run("upgrade", name, "-o", "json", timeout=120)
    assert (nothing.code, "nothing changes" in nothing.stderr) == (0, True)
    told = control_events(steady.cluster, name)
    assert [(one["action"], one["outcome"]) for one in told] == [("submit", "done"), ("upgrade", "done")]
    assert told[1]["detail"]["downtime_seconds"] == done["downtime_seconds"]
    (schema,) = [schema for schema in load_schemas() if schema.name == "tda_event_v1"]
    assert [list(Draft202012Validator(schema.document).iter_errors(one)) for one in told] == [[], []]

    asked = {
        "_TDAFLINK_COMPLETE": "complete_bash",
        "COMP_WORDS": f"tdaflink stop {name[:12]}",
        "COMP_CWORD": "2",
    }
    assert run(environ=asked).stdout.split() == [name]

    elsewhere = {"FLINK_REST_URL": steady.cluster.rest_url, "KAFKA_BOOTSTRAP_SERVERS": steady.cluster.kafka}
    known = runner(tmp_path)("history", name, "-o", "json", environ=elsewhere).json()
    (version,) = known["versions"]
    assert (version["job_id"], version["spec"]["settings"]["query"]["max_dimension"]) == (new["id"], 0)


def test_a_version_that_raises_at_start_is_rolled_back(steady: Steady) -> None:
    steady.upgrade_to_what_raises("b")
    history = steady.cluster.run("history", steady.name, "-o", "json").json()
    assert history["operations"][0]["outcome"] == "rolled_back"
    states = {one["job_id"]: one["state"] for one in history["versions"]}
    assert states[history["operations"][0]["new_job_id"]] in ("failed", "refused")


def test_a_version_that_fails_after_it_has_answered_leaves_nothing_doubled(steady: Steady) -> None:
    """The previous version resumes from the failed one's checkpoint, which contains all that it committed."""
    with steady.feed("later") as sent:
        done = steady.upgrade_to_what_soon_dies()
    assert (done.code, "was rolled back" in done.stderr) == (5, True), done.stderr
    steady.check("later", sent)
    history = steady.cluster.run("history", steady.name, "-o", "json").json()
    operation = history["operations"][0]
    started_from = {one["job_id"]: one["savepoint"] for one in history["versions"]}
    assert operation["new_job_id"] in started_from[operation["back_job_id"]]


def test_more_subtasks(steady: Steady) -> None:
    run, name = steady.cluster.run, steady.name
    for count, says in ((1000, "max parallelism 720"), (500, "needs 500 slots (parallelism 500)")):
        refused = run("rescale", name, str(count))
        assert (refused.code, says in refused.stderr) == (1, True), refused.stderr
    with steady.feed("c") as sent:
        up = run("rescale", name, "3", "-o", "json", timeout=240)
        assert [job["parallelism"] for job in steady.running()] == [3]
    assert f"{steady.requests} has 2 partitions: 2 subtasks read it, and all 3 compute" in up.stderr
    assert up.json()["downtime_seconds"] > 0
    steady.check("c", sent)


def test_an_upgrade_that_was_killed_goes_on(steady: Steady) -> None:
    run, name, cluster = steady.cluster.run, steady.name, steady.cluster
    words = ("upgrade", name, "--set", "max_dimension=1", "--parallelism", "1")
    with steady.feed("d") as sent:
        # During main() of the new version, which the JobManager continues without the command.
        code = interrupt(cluster, name, words, signal.SIGKILL, lambda one: one.new_job_id is not None)
        assert code == -9
        refused = run(*words, timeout=120)
        assert (refused.code, "is not finished" in refused.stderr) in ((1, True), (4, False)), refused.stderr
        resume = ("upgrade", "--resume")
        code = interrupt(cluster, name, resume, signal.SIGINT, lambda one: one.step == "verifying")
        assert code == 130
        done = run(*resume, "-o", "json", timeout=240).json()
    assert [(job["id"], job["parallelism"]) for job in steady.running()] == [(done["id"], 1)]
    steady.check("d", sent)
    assert run(*resume).code == 4


def test_a_job_that_keeps_crashing_is_mended_from_its_last_checkpoint(steady: Steady) -> None:
    run, name = steady.cluster.run, steady.name
    (old,) = steady.running()
    with steady.feed("e") as sent:
        steady.send_request("e-fatal", [[0.0, 0.0], FATAL])
        sent.requests.append("e-fatal")
        for _ in poll(60, every=0.2):
            found = httpx.get(f"{steady.cluster.rest_url}/jobs/{old['id']}/exceptions").json()
            if len(found["exceptionHistory"]["entries"]) >= 2:
                break
        mended = ("upgrade", name, "--include", steady.version(MENDED))
        refused = run(*mended, timeout=240)
        assert (refused.code, "--state last-state" in refused.stderr) == (5, True), refused.stderr
        assert [job["id"] for job in steady.running()] == [old["id"]]
        done = run(*mended, "--state", "last-state", "-o", "json", timeout=240)
    assert re.search(
        rf"are read again \(\d+ of {steady.requests}, \d+ of {steady.streams.input}\)", done.stderr
    )
    assert [job["id"] for job in steady.running()] == [done.json()["id"]]
    steady.check("e", sent)


def test_the_version_before_comes_back_and_the_job_goes_on_after_a_stop(steady: Steady) -> None:
    run, name = steady.cluster.run, steady.name
    config = str(steady.folder / "config.json")
    with steady.feed("f") as sent:
        back = run("rollback", name, "--to", "1", "-o", "json", timeout=240).json()
        no_kafka = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
        saved = run("savepoint", name, environ=no_kafka, timeout=120)
        unsent = "no event was sent to tda_events: no Kafka broker"
        assert (saved.code, unsent in saved.stderr) == (0, True), saved.stderr
        stopped = run("stop", name, "-o", "json", timeout=120).json()
        assert (stopped["id"], stopped["state"], steady.running()) == (back["id"], "FINISHED", [])
        listed = run("savepoints", "list", name, "-o", "json").json()
        assert (listed[0]["path"], listed[0]["kind"]) == (stopped["savepoint"], "savepoint")
        # The running version has the algorithm's first file; a new submission brings its own.
        submit = ("submit", "--config", config, "--include", steady.version(MENDED))
        unsaid = run(*submit, timeout=120)
        assert (unsaid.code, "there is state of an earlier job" in unsaid.stderr) == (2, True), unsaid.stderr
        again = run(*submit, "--from", "latest", "-o", "json", timeout=240)
        assert stopped["savepoint"] in again.stderr
    steady.check("f", sent)
    count = len([one for one in listed if one["kind"] == "savepoint"])
    planned = run("savepoints", "prune", name, "--keep", "1", "--dry-run", "-o", "json").json()
    pruned = run("savepoints", "prune", name, "--keep", "1", "--yes", "-o", "json").json()
    assert [one["path"] for one in pruned["removed"]] == [one["path"] for one in planned["removed"]]
    left = run("savepoints", "list", name, "-o", "json").json()
    assert [one["path"] for one in left if one["kind"] == "savepoint"] == [stopped["savepoint"]]
    assert len(pruned["removed"]) == count - 1 > 1
