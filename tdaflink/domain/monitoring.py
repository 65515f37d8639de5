"""Where the parts of an environment show their metrics, as Prometheus reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tdaflink.domain.environment import Environment

FLINK_PORT = 9249
KAFKA_PORT = 7071
PROMETHEUS_PORT = 9090
ALERTMANAGER_PORT = 9093


@dataclass(frozen=True)
class Addresses:
    """The processes of one kind: `static` as host:port, or `dns` names behind each address of which one
    listens on `port`."""

    static: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    port: int = 0


@dataclass(frozen=True)
class Monitored:
    """What Prometheus watches in one environment; `taskmanagers_expected` is how many there should be."""

    environment: str
    jobmanagers: Addresses
    taskmanagers: Addresses
    taskmanagers_expected: int
    kafka: Addresses = Addresses()
    alertmanager: Addresses = Addresses()
    prometheus: Addresses = Addresses(static=(f"localhost:{PROMETHEUS_PORT}",))
    prometheus_url: str = f"http://prometheus:{PROMETHEUS_PORT}"
    webhook: str | None = None
    """Where Alertmanager sends alerts; without one they are shown alone."""


def shows_metrics(environment: Environment) -> bool:
    """Whether a local environment was asked to let Prometheus scrape it."""
    return environment.details.get("metrics") == "on"


def with_metrics(details: Mapping[str, str], wanted: bool) -> dict[str, str]:
    """The details of an environment that is, or is not, to be scraped."""
    others = {name: value for name, value in details.items() if name != "metrics"}
    return {**others, "metrics": "on"} if wanted else others
