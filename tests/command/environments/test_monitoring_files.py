"""The files of an environment's Prometheus, Alertmanager and Grafana."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tdaflink.adapters.monitoring.files import monitoring_files, reporter_settings, write_monitoring_files
from tdaflink.adapters.security.alert_webhook import alert_webhook
from tdaflink.domain.environments.scrape_targets import FLINK_PORT, Addresses, Monitored, with_metrics
from tdaflink.domain.errors import ConfigError

COMPOSE = Monitored(
    environment="staging",
    jobmanagers=Addresses(dns=("jobmanager",), port=FLINK_PORT),
    taskmanagers=Addresses(dns=("taskmanager",), port=FLINK_PORT),
    taskmanagers_expected=2,
    kafka=Addresses(static=("kafka-1:7071", "kafka-2:7071")),
    alertmanager=Addresses(static=("alertmanager:9093",)),
    webhook="https://alerts.example/hook",
)
LOCAL = Monitored(
    environment="local",
    jobmanagers=Addresses(static=("127.0.0.1:9249",)),
    taskmanagers=Addresses(static=("127.0.0.1:9250",)),
    taskmanagers_expected=1,
)


def document(monitored: Monitored, path: str) -> Any:
    return yaml.safe_load(monitoring_files(monitored)[path])


def test_prometheus_finds_processes_by_name_or_by_address() -> None:
    jobs = {j["job_name"]: j for j in document(COMPOSE, "prometheus/prometheus.yml")["scrape_configs"]}
    assert list(jobs) == ["prometheus", "alertmanager", "flink-jobmanager", "flink-taskmanager", "kafka"]
    (found,) = jobs["flink-taskmanager"]["dns_sd_configs"]
    assert (found["names"], found["port"], found["type"]) == (["taskmanager"], 9249, "A")
    assert jobs["kafka"]["static_configs"] == [{"targets": ["kafka-1:7071", "kafka-2:7071"]}]


def test_what_an_environment_does_not_have_is_neither_scraped_nor_alerted() -> None:
    config = document(LOCAL, "prometheus/prometheus.yml")
    assert [job["job_name"] for job in config["scrape_configs"]] == [
        *("prometheus", "flink-jobmanager", "flink-taskmanager")
    ]
    assert "alerting" not in config
    assert config["global"]["external_labels"] == {"environment": "local"}


def test_alerts_go_to_the_webhook_where_there_is_one() -> None:
    config = document(COMPOSE, "alertmanager/alertmanager.yml")
    assert config["route"]["receiver"] == "webhook"
    (webhook,) = [one for one in config["receivers"] if one["name"] == "webhook"]
    assert webhook["webhook_configs"] == [{"url": "https://alerts.example/hook", "send_resolved": True}]
    without = document(LOCAL, "alertmanager/alertmanager.yml")
    assert without["route"]["receiver"] == "shown"
    assert without["receivers"] == [{"name": "shown"}]


def test_the_rules_know_how_many_taskmanagers_there_should_be() -> None:
    (group,) = document(COMPOSE, "prometheus/rules/expected.yml")["groups"]
    assert group["rules"] == [{"record": "tdaflink_taskmanagers_expected", "expr": "vector(2)"}]


def test_grafana_reads_from_the_environments_prometheus() -> None:
    (source,) = document(COMPOSE, "grafana/datasources/prometheus.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"


def test_flinks_reporter_listens_where_prometheus_looks() -> None:
    assert reporter_settings()["metrics.reporter.prom.port"] == FLINK_PORT


def test_whether_an_environment_is_scraped_is_one_of_its_details() -> None:
    details = with_metrics({"other": "kept"}, True)
    assert details == {"other": "kept", "metrics": "on"}
    assert with_metrics(details, False) == {"other": "kept"}


def test_the_webhook_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TDAFLINK_ALERT_WEBHOOK", raising=False)
    assert alert_webhook() is None
    monkeypatch.setenv("TDAFLINK_ALERT_WEBHOOK", "https://alerts.example/secret")
    assert alert_webhook() == "https://alerts.example/secret"


@pytest.mark.parametrize("address", ["alerts.example/secret", "ftp://alerts.example/secret", "https://"])
def test_a_webhook_that_is_no_address_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("TDAFLINK_ALERT_WEBHOOK", address)
    with pytest.raises(ConfigError, match="TDAFLINK_ALERT_WEBHOOK is not a valid address") as caught:
        alert_webhook()
    assert "secret" not in str(caught.value)


def test_containers_may_read_the_files_and_other_people_of_the_machine_may_not(tmp_path: Path) -> None:
    folder = tmp_path / "monitoring"
    write_monitoring_files(folder, COMPOSE)
    (folder / "prometheus" / "rules" / "old.yml").write_text("no longer wanted")
    write_monitoring_files(folder, COMPOSE)
    assert folder.stat().st_mode & 0o777 == 0o700
    below = list(folder.rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in below if path.is_file()} == {0o644}
    assert {path.stat().st_mode & 0o777 for path in below if path.is_dir()} == {0o755}
    written = {str(path.relative_to(folder)) for path in below if path.is_file()}
    assert written == set(monitoring_files(COMPOSE))
