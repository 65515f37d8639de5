"""Addresses at which Prometheus scrapes the metrics of an environment's components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tdaflink.domain.environments.environment import Environment

FLINK_PORT = 9249
KAFKA_PORT = 7071
PROMETHEUS_PORT = 9090
ALERTMANAGER_PORT = 9093


@dataclass(frozen=True)
class Addresses:
    """The processes of one kind: `static` addresses (host:port), or `dns` names.

    A process listens on `port` at every address that a DNS name resolves to.
    """

    static: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    port: int = 0


@dataclass(frozen=True)
class Monitored:
    """The scrape targets of one environment; `taskmanagers_expected` is their configured number."""

    environment: str
    jobmanagers: Addresses
    taskmanagers: Addresses
    taskmanagers_expected: int
    kafka: Addresses = Addresses()
    alertmanager: Addresses = Addresses()
    prometheus: Addresses = Addresses(static=(f"localhost:{PROMETHEUS_PORT}",))
    prometheus_url: str = f"http://prometheus:{PROMETHEUS_PORT}"
    webhook: str | None = None
    """Address that Alertmanager sends alerts to; without one they are only shown."""


def shows_metrics(environment: Environment) -> bool:
    """Return whether Prometheus may scrape a local environment."""
    return environment.details.get("metrics") == "on"


def with_metrics(details: Mapping[str, str], wanted: bool) -> dict[str, str]:
    """Return the details of an environment with scraping switched on or off."""
    others = {name: value for name, value in details.items() if name != "metrics"}
    return {**others, "metrics": "on"} if wanted else others
