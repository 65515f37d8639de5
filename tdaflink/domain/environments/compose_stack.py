"""Containers of an environment on Docker Compose, and their requirements on a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tdaflink.domain.environments.profile import ComposeParts, Profile
from tdaflink.domain.errors import ConfigError, Unhealthy

JOBMANAGER, TASKMANAGER, KAFKA, CONTROLLER = "jobmanager", "taskmanager", "kafka", "controller"
ZOOKEEPER, REGISTRY, S3 = "zookeeper", "schema-registry", "s3"
PROMETHEUS, ALERTMANAGER, GRAFANA = "prometheus", "alertmanager", "grafana"
_TITLES = {
    JOBMANAGER: "Flink JobManager",
    TASKMANAGER: "Flink TaskManager",
    KAFKA: "Kafka broker",
    CONTROLLER: "Kafka controller",
    ZOOKEEPER: "ZooKeeper",
    REGISTRY: "Schema registry",
    S3: "S3 service",
    PROMETHEUS: "Prometheus",
    ALERTMANAGER: "Alertmanager",
    GRAFANA: "Grafana",
}
# For the engine, the system and the page cache, in MB.
_RESERVE_MB = 512


@dataclass(frozen=True)
class Service:
    """One container: `port` is its port on 127.0.0.1, `memory_mb` its memory limit."""

    name: str
    kind: str
    number: int
    title: str
    memory_mb: int
    port: int | None = None


@dataclass(frozen=True)
class Exported:
    """An exported compose file: `variables` are the secrets that it requires."""

    file: str
    project: str
    services: tuple[str, ...]
    variables: tuple[str, ...]


def compose_parts(profile: Profile) -> ComposeParts:
    """Return the profile's containers. Raises `ConfigError` for a profile of another runtime."""
    if profile.compose is None:
        raise ConfigError(f"the profile {profile.name} does not run on Docker Compose")
    return profile.compose


def grafana_login(profile: Profile, folder: Path) -> str:
    """Describe user and password of Grafana, if there is one; `folder` is the environment's."""
    if profile.compose is None:
        return ""
    if profile.compose.default_passwords:
        return "admin, password admin"
    return f"admin, password GRAFANA_ADMIN_PASSWORD in {folder / 'compose' / '.env'}"


def services_of(profile: Profile, ports: Mapping[str, int]) -> tuple[Service, ...]:
    """Return all containers, in the order of their dependencies."""
    parts = compose_parts(profile)
    counts = {
        ZOOKEEPER: parts.zookeepers,
        S3: int(parts.storage == "bundled_s3"),
        CONTROLLER: parts.controllers,
        KAFKA: parts.brokers,
        REGISTRY: 1,
        JOBMANAGER: parts.jobmanagers,
        TASKMANAGER: profile.taskmanagers,
        PROMETHEUS: 1,
        ALERTMANAGER: int(parts.alerting),
        GRAFANA: 1,
    }
    return tuple(_services(profile, parts, ports, counts))


def _services(
    profile: Profile, parts: ComposeParts, ports: Mapping[str, int], counts: Mapping[str, int]
) -> Iterator[Service]:
    for kind, count in counts.items():
        for number in range(1, count + 1):
            # TaskManagers are numbered even if there is only one, as in every runtime.
            several = count > 1 or kind == TASKMANAGER
            yield Service(
                name=f"{kind}-{number}" if several else kind,
                kind=kind,
                number=number,
                title=f"{_TITLES[kind]} {number}" if several else _TITLES[kind],
                memory_mb=_memory(profile, parts, kind),
                port=_port(kind, number, ports),
            )


def _memory(profile: Profile, parts: ComposeParts, kind: str) -> int:
    if kind == TASKMANAGER:
        jvm = profile.megabytes("taskmanager.memory.process.size")
        return jvm + profile.slots * parts.python_mb_per_slot
    if kind == JOBMANAGER:
        return profile.megabytes("jobmanager.memory.process.size") + parts.python_mb_per_main
    return parts.memory_mb[kind]


def _port(kind: str, number: int, ports: Mapping[str, int]) -> int | None:
    purpose = {JOBMANAGER: "rest"}.get(kind, kind.replace("-", "_"))
    return ports.get(purpose if number == 1 else f"{purpose}_{number}")


def require_capacity(profile: Profile, memory_mb: int, cores: int) -> None:
    """Raise `Unhealthy` if the machine is too small for the profile; memory in MB."""
    parts = compose_parts(profile)
    needed = sum(service.memory_mb for service in services_of(profile, profile.ports.root)) + _RESERVE_MB
    if memory_mb >= needed and cores >= parts.min_cores:
        return
    raise Unhealthy(
        f"the profile {profile.name} needs {needed / 1024:.1f} GB of memory and {parts.min_cores} cores;"
        f" the Docker engine has {memory_mb / 1024:.1f} GB and {cores}",
        hint="--scale reduces the profile for a trial"
        if profile.scalable and parts.storage != "bundled_s3"
        else "give the Docker engine more resources, or choose a smaller profile",
    )
