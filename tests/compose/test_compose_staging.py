"""The profile staging: the commands, state in S3, metrics, alerts, and upgrades without loss.

The tests share one environment and run in order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer
from pyarrow import fs
from stacks import UP_SECONDS, Stack, stack
from support.command_runner import LISTED
from support.faults.steady_job import Steady, steady_job
from support.texts.dashboards import panels, wait_for_data

from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.docker, pytest.mark.timeout(UP_SECONDS + 120)]

REQUESTS, BROKEN, POINTS = 20, 3, 40
STREAMS, SECONDS = 3, 60
SIZE, SLIDE = 20, 10
# Includes the window that begins before the first second: [-10, 10), [0, 20) … [50, 70).
WINDOWS = STREAMS * (SECONDS // SLIDE + 1)
STREAM_POINTS = STREAMS * SECONDS * SIZE // SLIDE
JOB = {
    "job_name": "shipped",
    "parallelism": 2,
    "window": {"kind": "sliding", "size": f"{SIZE}s", "slide": f"{SLIDE}s", "timeout": "3s"},
    "checkpoint_interval": "2s",
}


@dataclass(frozen=True)
class Load:
    """The shipped job on the topics of the catalogue, and the results of all requests and windows."""

    id: str
    requests: list[dict[str, Any]]
    windows: list[dict[str, Any]]


@pytest.fixture(scope="module")
def staging(stand_in_images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ARG001
    with stack("staging", tmp_path_factory.mktemp("staging")) as up:
        yield up


@pytest.fixture(scope="module")
def load(staging: Stack, tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Send 20 requests of 40 points, 3 that are not JSON, and three streams of 60 points, one per second."""
    file = tmp_path_factory.mktemp("shipped") / "config.json"
    file.write_text(json.dumps(JOB))
    run = staging.run
    submitted = run("submit", "--config", str(file), "-o", "json", timeout=300).json()
    send = ("send", "circle", "--points", str(POINTS), "--count", str(REQUESTS), "--job-id", "r")
    assert run(*send, "-o", "json").json()["sent"] == REQUESTS
    producer = Producer({"bootstrap.servers": staging.kafka, "enable.idempotence": True})
    for _ in range(BROKEN):
        producer.produce("tda_jobs", b'{"broken')
    for second in range(SECONDS):
        for number in range(STREAMS):
            producer.produce("tda_stream_input", stream_message(f"pump-{number}", second), f"pump-{number}")
    assert producer.flush(60) == 0
    streams = [word for number in range(STREAMS) for word in ("--stream", f"pump-{number}")]
    return Load(submitted["id"], staging.results(REQUESTS), staging.results(WINDOWS, *streams))


def stream_message(stream_id: str, second: int) -> bytes:
    point = [round(second % 7 + second / 100, 3), round(second % 11 - second / 70, 3)]
    message = {"stream_id": stream_id, "timestamp": 1_700_000_040_000 + second * 1000, "points": [point]}
    return json.dumps(message).encode()


def test_a_second_setup_changes_nothing(staging: Stack) -> None:
    before = staging.containers()
    again = staging.run("setup", "-o", "json", timeout=180).json()
    assert staging.containers() == before
    assert (again["changed"], again["started"]) == (False, [])
    assert set(again["unchanged"]) == set(before)
    assert {one["health"] for one in again["components"]} == {"healthy"}


def test_the_shipped_job_answers_each_request_and_each_window_once(load: Load) -> None:
    assert sorted(one["job_id"] for one in load.requests) == sorted(f"r-{n + 1}" for n in range(REQUESTS))
    spans = sorted((one["stream_id"], one["window"]["start"], one["window"]["end"]) for one in load.windows)
    assert len(set(spans)) == len(spans) == WINDOWS
    assert {one["computation_info"]["num_points"] for one in load.requests} == {POINTS}
    assert sum(one["computation_info"]["num_points"] for one in load.windows) == STREAM_POINTS


def test_a_job_is_listed_as_on_local_and_every_container_has_a_log(staging: Stack, load: Load) -> None:
    (listed,) = staging.run("list", "-o", "json").json()
    assert set(listed) == LISTED
    assert (listed["id"], listed["state"], listed["env"]) == (load.id, "RUNNING", "staging")
    assert listed["tasks_running"] == listed["tasks_total"] > 0
    logs = staging.run("logs", "jobmanager", "--grep", f"Completed checkpoint .* {load.id}")
    assert logs.code == 0
    assert "Completed checkpoint 1 for job" in logs.stdout
    everything = staging.run("logs", "-n", "1").stdout
    assert [name for name in staging.containers() if name not in everything] == []


def test_a_completed_checkpoint_lies_in_s3(staging: Stack, load: Load) -> None:
    """The newest checkpoint is in the bucket; Flink removes older ones while the test runs."""
    keys = staging.secrets()
    bucket = fs.S3FileSystem(
        access_key=keys["AWS_ACCESS_KEY_ID"], secret_key=keys["AWS_SECRET_ACCESS_KEY"],
        endpoint_override=f"127.0.0.1:{staging.ports['s3']}", scheme="http", region="us-east-1",
    )  # fmt: skip
    for _ in poll(60, every=0.5):
        told = httpx.get(f"{staging.rest_url}/jobs/{load.id}/checkpoints").json()
        newest = told["latest"]["completed"]["external_path"]
        assert newest.startswith(f"s3://tdaflink/checkpoints/{load.id}/chk-")
        found = bucket.get_file_info(newest.removeprefix("s3://") + "/_metadata")
        if found.is_file:
            assert found.size > 0
            return
    raise AssertionError(f"there is no _metadata below {newest}")


def test_state_in_s3_is_listed_and_removed_with_the_keys_that_the_environment_keeps(
    staging: Stack, load: Load
) -> None:
    taken = staging.run("savepoint", load.id, "-o", "json", timeout=320).json()["savepoint"]
    listed = staging.run("savepoints", "list", "shipped", "-o", "json").json()
    assert taken in [one["path"] for one in listed if one["kind"] == "savepoint"]
    checkpoints = [one["path"] for one in listed if one["kind"] == "checkpoint"]
    assert checkpoints
    assert all(path.startswith(f"s3://tdaflink/checkpoints/{load.id}/chk-") for path in checkpoints)
    removed = staging.run("savepoints", "prune", "shipped", "--keep", "0", "-o", "json").json()["removed"]
    assert [one["path"] for one in removed] == [taken]
    left = staging.run("savepoints", "list", "shipped", "-o", "json").json()
    assert {one["kind"] for one in left} == {"checkpoint"}


def test_prometheus_has_the_names_of_old_and_agrees_with_what_was_sent(staging: Stack, load: Load) -> None:
    answered = [*load.requests, *load.windows]
    pairs = sum(len(one["tda_results"]["persistence_pairs"]) for one in answered)
    wanted = {
        "tda_points_processed": REQUESTS * POINTS + STREAM_POINTS,
        "tda_persistence_pairs": pairs,
        "tda_errors": BROKEN,
        "tda_windows": WINDOWS,
        "tda_stream_messages": STREAMS * SECONDS,
        "tda_window_slide": SLIDE,
        "sum(tda_records_lag)": 0,
        "flink_taskmanager_numAvailableTaskSlots": 8 - 2,
    }
    for query, value in wanted.items():
        staging.prometheus.wait_for(query, query, value)
    slowest = max(one["computation_info"]["computation_time"] for one in answered)
    p99 = staging.prometheus.value("max(tda_computation_time_p99)")
    assert p99 == pytest.approx(slowest, abs=2e-6)
    memory = staging.prometheus.value("tda_memory_usage")
    assert memory is not None
    assert 5e7 < memory < 4e9


def test_every_panel_of_the_dashboards_has_data(staging: Stack, load: Load) -> None:
    """All panels have data, including those that require containers or time windows."""
    assert load
    wait_for_data(staging.prometheus, panels(), "shipped")


def test_alerts_reach_alertmanager_and_setup_mends_a_killed_container(staging: Stack, load: Load) -> None:
    """The shipped alerts reach Alertmanager, that of the computation time without its sixty seconds."""
    rules = staging.folder / "compose" / "monitoring" / "prometheus" / "rules" / "alerts.yml"
    shipped = rules.read_text(encoding="utf-8")
    assert "tda_computation_time > 60\n" in shipped
    rules.write_text(shipped.replace("tda_computation_time > 60\n", "tda_computation_time > 0.00001\n"))
    staging.tell("prometheus", "kill", "--signal", "HUP")
    wait_for_alerts(staging, {"TDAComputationTimeHigh"})
    staging.tell("taskmanager-2", "kill")
    wait_for_alerts(staging, {"TaskManagerLost"})
    mended = staging.run("setup", "-o", "json", timeout=180).json()
    assert mended["started"] == ["taskmanager-2"]
    staging.prometheus.wait_for_alert("TaskManagerLost", firing=False)
    sent = staging.run("send", "disk", "--points", "30", "--job-id", "after", "-o", "json").json()
    assert sent["sent"] == 1
    found = staging.run("results", "--job-id", "after", "--timeout", "120", "-o", "json", timeout=150)
    assert found.json()["computation_info"]["num_points"] == 30
    (listed,) = staging.run("list", "-o", "json").json()
    assert (listed["id"], listed["state"]) == (load.id, "RUNNING")
    assert staging.run("cancel", "shipped", timeout=120).code == 0


def wait_for_alerts(staging: Stack, wanted: set[str]) -> None:
    """Wait until Alertmanager has all these alerts."""
    told: set[str] = set()
    for _ in poll(150, every=1.0):
        alerts = httpx.get(f"{staging.url('alertmanager')}/api/v2/alerts", timeout=10).json()
        told = {one["labels"]["alertname"] for one in alerts}
        if wanted <= told:
            return
    raise AssertionError(f"{wanted - told} did not reach Alertmanager, which has {told}")


@pytest.fixture(scope="module")
def steady(staging: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steady]:
    with steady_job(staging, tmp_path_factory.mktemp("upgrades")) as job:
        yield job


def test_a_changed_config_is_taken_over_while_messages_come(steady: Steady) -> None:
    (old,) = steady.running()
    with steady.feed("a") as sent:
        done = steady.cluster.run("upgrade", steady.name, "--set", "max_dimension=0", timeout=240)
    assert done.code == 0, done.stderr
    assert re.search(r"downtime \d+(\.\d+)? s", done.stdout), done.stdout
    (new,) = steady.running()
    assert (new["id"] == old["id"], new["state"]) == (False, "RUNNING")
    answers = steady.check("a", sent)
    assert {one["computation_info"]["max_dimension"] for one in answers} == {0, 1}


def test_a_version_that_raises_at_start_is_rolled_back(steady: Steady) -> None:
    steady.upgrade_to_what_raises("b")
