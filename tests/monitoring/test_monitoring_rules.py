"""The shipped configuration, checked by Prometheus, Alertmanager and the generator of the dashboards."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.servers.prometheus_process import Programs

from tdaflink.adapters.monitoring.files import write_monitoring_files
from tdaflink.adapters.storage.shipped_profiles import load_versions
from tdaflink.domain.environments.scrape_targets import FLINK_PORT, Addresses, Monitored

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "profiles" / "monitoring" / "rules"
RULE_TESTS = sorted(Path(__file__).parent.glob("*.test.yaml"))
SEED_ALERTS = {
    "TDAComputationTimeHigh": {
        "alert": "TDAComputationTimeHigh",
        "expr": "tda_computation_time > 60",
        "labels": {"severity": "warning"},
        "annotations": {"summary": "TDA computation taking too long"},
    },
    "FlinkMemoryUsageHigh": {
        "alert": "FlinkMemoryUsageHigh",
        "expr": "flink_taskmanager_Status_JVM_Memory_Heap_Used"
        " / flink_taskmanager_Status_JVM_Memory_Heap_Max > 0.9",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "Flink TaskManager memory usage critical"},
    },
}  # fmt: skip


def alerts() -> dict[str, dict[str, Any]]:
    document = yaml.safe_load((RULES / "alerts.yml").read_text(encoding="utf-8"))
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


@pytest.mark.parametrize(
    ("tool", "image"), [("promtool", "prometheus"), ("prometheus-alertmanager", "alertmanager")]
)
def test_the_files_are_tried_by_the_major_version_that_the_image_has(
    programs: Programs, tool: str, image: str
) -> None:
    tag: str = getattr(load_versions().images, image)
    major = tag.rpartition(":v")[2].partition(".")[0]
    assert re.search(rf"version {major}\.", programs.run(tool, "--version"))


@pytest.mark.parametrize("webhook", [None, "http://127.0.0.1:1/hook"])
def test_prometheus_and_alertmanager_accept_their_files(
    programs: Programs, tmp_path: Path, webhook: str | None
) -> None:
    monitored = Monitored(
        "staging",
        jobmanagers=Addresses(dns=("jobmanager",), port=FLINK_PORT),
        taskmanagers=Addresses(dns=("taskmanager",), port=FLINK_PORT),
        taskmanagers_expected=2,
        kafka=Addresses(static=("kafka-1:7071",)),
        alertmanager=Addresses(static=("alertmanager:9093",)),
        webhook=webhook,
    )
    write_monitoring_files(tmp_path, monitored)
    checked = programs.run("promtool", "check", "config", str(tmp_path / "prometheus" / "prometheus.yml"))
    assert "3 rule files found" in checked
    programs.run("amtool", "check-config", str(tmp_path / "alertmanager" / "alertmanager.yml"))


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.name)
def test_alerts_fire_and_clear(programs: Programs, path: Path) -> None:
    programs.run("promtool", "test", "rules", path.name, cwd=path.parent)


def test_every_alert_is_shown_to_fire_and_to_be_silent() -> None:
    tried = [
        one
        for path in RULE_TESTS
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for one in test.get("alert_rule_test", [])
    ]
    fires = {one["alertname"] for one in tried if one["exp_alerts"]}
    silent = {one["alertname"] for one in tried if not one["exp_alerts"]}
    assert fires == silent == set(alerts())


def test_the_two_alerts_of_old_are_word_for_word_what_they_were() -> None:
    assert {name: alerts()[name] for name in SEED_ALERTS} == SEED_ALERTS


def test_the_page_tells_of_every_alert_and_every_recorded_series() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    recording = yaml.safe_load((RULES / "recording.yml").read_text(encoding="utf-8"))
    recorded = [rule["record"] for group in recording["groups"] for rule in group["rules"]]
    told = set(re.findall(r"`(\w+)`", page))
    assert [name for name in [*recorded, *alerts()] if name not in told] == []


@pytest.mark.skipif(
    find_spec("grafana_foundation_sdk") is None, reason="what makes the dashboards needs Python 3.11"
)
def test_the_dashboards_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "dashboards.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
