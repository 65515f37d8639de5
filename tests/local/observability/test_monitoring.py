"""A real Prometheus on a real cluster: values under the former names, data of dashboards, alerts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from support.command_runner import Cluster
from support.servers.alert_receiver import alert_receiver
from support.servers.prometheus_process import (
    Programs,
    Prometheus,
    free_address,
    running_alertmanager,
    running_prometheus,
)
from support.stream_samples import Streams, make_streams
from support.texts.dashboards import panels, wait_for_data

from tdaflink.adapters.monitoring.files import write_monitoring_files
from tdaflink.domain.environments.scrape_targets import Addresses, Monitored

pytestmark = pytest.mark.cluster

REQUESTS, BROKEN, POINTS = 20, 3, 40
STREAM_POINTS, SIZE, SLIDE = 120, 20, 10
# Only containers have a limit: the Compose tests check these panels.
NEEDS_CONTAINER = {"Container memory"}
# Count windows have no slide in seconds; the panel also shows the computation time, which has data.
NEEDS_TIME_WINDOWS = {'tda_window_slide{job_name=~"$job"}'}


@dataclass(frozen=True)
class Load:
    """A job that has processed a known load, and its results."""

    name: str
    results: list[dict[str, Any]]

    @property
    def pairs(self) -> int:
        return sum(len(one["tda_results"]["persistence_pairs"]) for one in self.results)


def ring(count: int) -> list[list[float]]:
    """Return points of a circle in general position."""
    import math

    angles = [2 * math.pi * (number + 0.3 * math.sin(number)) / count for number in range(count)]
    return [[round(math.cos(angle), 6), round(math.sin(angle), 6)] for angle in angles]


def config(streams: Streams, requests: str, **more: Any) -> dict[str, Any]:
    window = {"kind": "count", "size": SIZE, "slide": SLIDE, "timeout": None}
    return {
        "job_name": requests,
        "parallelism": 2,
        "inputs": [
            {"route": "requests", "topic": requests, "output_topic": streams.output},
            {
                "route": "streams", "topic": streams.input, "output_topic": streams.output, "window": window,
            },
        ],
        "errors_topic": streams.errors,
        "events_topic": streams.events,
        "checkpoint_interval": "2s",
        **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def load(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    """Run a job with 20 requests of 40 points, 3 messages that are not JSON, and a stream of 120 points."""
    streams = make_streams(cluster)
    requests = f"watched-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    for done in admin.create_topics([NewTopic(requests, 2, 1)]).values():
        done.result(timeout=30)
    file = tmp_path_factory.mktemp("watched") / "config.json"
    file.write_text(json.dumps(config(streams, requests)))
    cluster.run("submit", "--config", str(file), "-o", "json", timeout=240).json()
    try:
        send_requests(cluster, requests)
        cloud = ring(STREAM_POINTS)
        streams.send(
            [
                {
                    "stream_id": "pump",
                    "points": cloud[start : start + 5],
                    "timestamp": 1_700_000_000_000 + start,
                }
                for start in range(0, STREAM_POINTS, 5)
            ]
        )
        windows = (STREAM_POINTS - SIZE) // SLIDE + 1
        yield Load(requests, streams.records(REQUESTS + windows))
    finally:
        cluster.run("cancel", requests, timeout=90)


def send_requests(cluster: Cluster, topic: str) -> None:
    producer = Producer({"bootstrap.servers": cluster.kafka})
    for number in range(REQUESTS):
        message = {
            "job_id": f"r{number}",
            "timestamp": "2024-01-01T12:00:00Z",
            "algorithm": "vietoris_rips",
            "point_cloud": {"points": ring(POINTS), "dimension": 2},
            "parameters": {"max_dimension": 1},
        }
        producer.produce(topic, json.dumps(message))
    for _ in range(BROKEN):
        producer.produce(topic, b'{"broken')
    assert producer.flush(60) == 0


def test_the_names_of_old_have_the_right_numbers(prometheus: Prometheus, load: Load) -> None:
    job = f'{{job_name="{load.name}"}}'
    windows = len(load.results) - REQUESTS
    points = REQUESTS * POINTS + windows * SIZE
    prometheus.wait_for("points", f"tda_points_processed{job}", points)
    prometheus.wait_for("pairs", f"tda_persistence_pairs{job}", load.pairs)
    prometheus.wait_for("results", f"sum(tda_results{job})", len(load.results))
    prometheus.wait_for("windows", f"tda_windows{job}", windows)
    prometheus.wait_for("answered", f"tda_window_results{job}", windows)
    prometheus.wait_for("messages", f"tda_stream_messages{job}", STREAM_POINTS / 5)
    prometheus.wait_for("the one stream's points", f"tda_pending_panes{job}", 1)
    prometheus.wait_for("errors", f"tda_errors{job}", BROKEN)
    prometheus.wait_for("codes", f'tda_errors_by_code{{job_name="{load.name}",code="bad_json"}}', BROKEN)
    prometheus.wait_for("lag", f"sum(tda_records_lag{job})", 0)
    prometheus.wait_for("interval", f"tda_checkpoint_interval{job}", 2)


def test_times_and_memory_are_in_seconds_and_bytes(prometheus: Prometheus, load: Load) -> None:
    """With so few results the 99th percentile is the slowest computation, to the microsecond."""
    job = f'{{job_name="{load.name}"}}'
    told = [one["computation_info"] for one in load.results]
    slowest = max(one["computation_time"] for one in told)
    assert prometheus.value(f"max(tda_computation_time_p99{job})") == pytest.approx(slowest, abs=2e-6)
    memory = prometheus.value(f"tda_memory_usage{job}")
    assert memory is not None
    assert memory == pytest.approx(max(one["memory_usage"] for one in told), rel=0.5)
    assert 5e7 < memory < 4e9
    free = prometheus.value("flink_taskmanager_numAvailableTaskSlots")
    assert free == prometheus.value("max(flink_jobmanager_taskSlotsTotal)") - used_slots(prometheus)


def used_slots(prometheus: Prometheus) -> float:
    """Return the used slots; with slot sharing a job uses as many as its widest operator has subtasks."""
    widest = (
        "sum(max by (job_id) (count by (job_id, operator_name)"
        " (flink_taskmanager_job_task_operator_numRecordsIn)))"
    )
    return prometheus.value(widest) or 0.0


def test_every_panel_has_data(prometheus: Prometheus, load: Load) -> None:
    wanted = [
        panel
        for panel in panels()
        if panel.title not in NEEDS_CONTAINER and panel.query not in NEEDS_TIME_WINDOWS
    ]
    assert len(wanted) > 40
    wait_for_data(prometheus, wanted, load.name)


def test_a_computation_that_takes_too_long_reaches_the_webhook(
    programs: Programs, cluster: Cluster, load: Load, tmp_path: Path
) -> None:
    """The shipped alert reaches the webhook, without its threshold of sixty seconds, which promtool tests."""
    address = free_address()
    with alert_receiver() as (url, posted):
        ports = cluster.run("setup", "--dry-run", "-o", "json").json()["ports"]
        write_monitoring_files(tmp_path, monitored(ports, address, f"{url}/alerts"))
        alerts = tmp_path / "prometheus" / "rules" / "alerts.yml"
        shipped = alerts.read_text(encoding="utf-8")
        assert "tda_computation_time > 60\n" in shipped
        alerts.write_text(shipped.replace("tda_computation_time > 60\n", "tda_computation_time > 0.00001\n"))
        config = tmp_path / "alertmanager" / "alertmanager.yml"
        with (
            running_alertmanager(programs, config, address, tmp_path),
            running_prometheus(programs, tmp_path / "prometheus", tmp_path) as prometheus,
        ):
            prometheus.wait_for_alert("TDAComputationTimeHigh")
            sent = posted.get(timeout=60)
    assert sent["receiver"] == "webhook"
    assert {one["labels"]["alertname"] for one in sent["alerts"]} == {"TDAComputationTimeHigh"}
    assert {one["status"] for one in sent["alerts"]} == {"firing"}
    common = sent["commonLabels"]
    assert (common["environment"], common["job_name"], common["severity"]) == ("trial", load.name, "warning")


def monitored(ports: dict[str, int], alertmanager: str, url: str) -> Monitored:
    def at(purpose: str) -> Addresses:
        return Addresses(static=(f"127.0.0.1:{ports[purpose]}",))

    return Monitored(
        "trial",
        jobmanagers=at("jobmanager_metrics"),
        taskmanagers=at("taskmanager_metrics"),
        taskmanagers_expected=1,
        kafka=at("kafka_metrics"),
        alertmanager=Addresses(static=(alertmanager,)),
        webhook=url,
    )


@pytest.mark.breaks_cluster
def test_a_lost_taskmanager_is_alerted_until_it_is_back(cluster: Cluster, prometheus: Prometheus) -> None:
    prometheus.wait_for("TaskManagers", 'count(up{job="flink-taskmanager"} == 1)', 1)
    assert "TaskManagerLost" not in prometheus.firing()
    cluster.processes()["taskmanager-1"].kill()
    prometheus.wait_for_alert("TaskManagerLost")
    cluster.run("setup", "--env", "local", "-o", "json", timeout=180).json()
    prometheus.wait_for_alert("TaskManagerLost", firing=False)
