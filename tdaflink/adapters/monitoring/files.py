"""The files of Prometheus, Alertmanager and Grafana for one environment."""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tdaflink.adapters.storage.paths import ensure_dir, write_atomically
from tdaflink.adapters.storage.shipped_profiles import read_yaml
from tdaflink.domain.environments.profile import Scalar
from tdaflink.domain.environments.scrape_targets import Addresses, Monitored
from tdaflink.resources import profiles_folder


def monitoring_files(monitored: Monitored) -> dict[str, str]:
    """Return the text of each file by its path below the environment's monitoring folder.

    | path | path in its container |
    |---|---|
    | prometheus/ | /etc/prometheus (prometheus.yml, rules/*.yml) |
    | alertmanager/alertmanager.yml | /etc/alertmanager/alertmanager.yml |
    | grafana/datasources/, grafana/providers/ | /etc/grafana/provisioning/datasources, …/dashboards |
    | grafana/dashboards/ | /var/lib/grafana/dashboards |
    | kafka/kafka-jmx.yaml | the configuration of each broker's JMX exporter |

    alertmanager.yml contains the webhook's address, which may be a secret.
    """
    folder = profiles_folder() / "monitoring"
    files = {
        "prometheus/prometheus.yml": _yaml(_prometheus(monitored)),
        "prometheus/rules/expected.yml": _yaml(_expected(monitored.taskmanagers_expected)),
        "alertmanager/alertmanager.yml": _yaml(_alertmanager(monitored.webhook)),
        "kafka/kafka-jmx.yaml": _text(folder / "kafka-jmx.yaml"),
    }
    for path in sorted(folder.glob("rules/*.yml")):
        files[f"prometheus/rules/{path.name}"] = _text(path)
    for path in sorted(folder.glob("grafana/*/*")):
        files[str(path.relative_to(folder))] = _text(path)
    source = string.Template(files["grafana/datasources/prometheus.yaml"])
    files["grafana/datasources/prometheus.yaml"] = source.substitute(prometheus=monitored.prometheus_url)
    return files


def reporter_settings() -> dict[str, Scalar]:
    """Return the settings of Flink's configuration by which each process exposes its metrics."""
    return read_yaml(profiles_folder() / "monitoring" / "flink.yaml")


def kafka_exporter_config() -> Path:
    """Return the path of the shipped configuration of the brokers' JMX exporter."""
    return profiles_folder() / "monitoring" / "kafka-jmx.yaml"


def write_monitoring_files(folder: Path, monitored: Monitored) -> None:
    """Write an environment's files below `folder`, and remove files that no longer belong to it.

    Containers read them as other users, so all users may read them; only the owner may enter `folder` itself,
    since alertmanager.yml may contain a secret.
    """
    files = monitoring_files(monitored)
    ensure_dir(folder).chmod(0o700)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if str(path.relative_to(folder)) not in files:
            path.unlink()
    for name, text in files.items():
        write_atomically(folder / name, text)
        (folder / name).chmod(0o644)
        for parent in (folder / name).relative_to(folder).parents:
            if parent.name:
                (folder / parent).chmod(0o755)


def _prometheus(monitored: Monitored) -> dict[str, Any]:
    config = read_yaml(profiles_folder() / "monitoring" / "prometheus.yml")
    places = {
        "prometheus": monitored.prometheus,
        "alertmanager": monitored.alertmanager,
        "flink-jobmanager": monitored.jobmanagers,
        "flink-taskmanager": monitored.taskmanagers,
        "kafka": monitored.kafka,
    }
    config["global"]["external_labels"] = {"environment": monitored.environment}
    config["scrape_configs"] = [
        {**job, **discovery}
        for job in config["scrape_configs"]
        if (discovery := _discovery(places[job["job_name"]]))
    ]
    alertmanager = _discovery(monitored.alertmanager)
    if alertmanager:
        config["alerting"]["alertmanagers"][0].update(alertmanager)
    else:
        del config["alerting"]
    return config


def _discovery(addresses: Addresses) -> dict[str, Any]:
    discovery: dict[str, Any] = {}
    if addresses.static:
        discovery["static_configs"] = [{"targets": list(addresses.static)}]
    if addresses.dns:
        names = {"names": list(addresses.dns), "type": "A", "port": addresses.port, "refresh_interval": "5s"}
        discovery["dns_sd_configs"] = [names]
    return discovery


def _expected(taskmanagers: int) -> dict[str, Any]:
    rule = {"record": "tdaflink_taskmanagers_expected", "expr": f"vector({taskmanagers})"}
    return {"groups": [{"name": "expected", "rules": [rule]}]}


def _alertmanager(webhook: str | None) -> dict[str, Any]:
    config = read_yaml(profiles_folder() / "monitoring" / "alertmanager.yml")
    if webhook:
        receiver = {"name": "webhook", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
        config["receivers"].append(receiver)
        config["route"]["receiver"] = "webhook"
    return config


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=110)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
