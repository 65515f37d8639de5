"""Requests, plans and results of setup and teardown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tdaflink.domain.environments.environment import Component, DiskUsage


@dataclass(frozen=True)
class SetupRequest:
    """The options of a setup.

    `port_offset`, `metrics`, `scale`, `storage`, `s3_endpoint`, `s3_role`, `python`, `supervise` and
    `webhook` are saved with the environment; None means: unchanged, initially no offset and full size.
    `resume_jobs` permits stopping jobs that would be lost, and resumes those that were stopped or lost.
    `application` is the config of an application cluster's job, `kafka_env` the environment with its Kafka,
    `settings` are further keys of that config and `include` files of algorithms. `python` is the interpreter
    of a local cluster, or `auto`; `find_links` is a folder of wheels. `supervise` switches the supervisor of
    a local environment on or off. `webhook` is the address for alerts, or `none`. `unattended` marks a
    request of the supervisor, which does not change the current environment.
    """

    env: str | None = None
    profile: str | None = None
    port_offset: int | Literal["auto"] | None = None
    skip_kafka: bool = False
    skip_jars: bool = False
    mirror: str | None = None
    metrics: bool | None = None
    scale: bool | None = None
    storage: str | None = None
    s3_endpoint: str | None = None
    s3_role: bool | None = None
    resume_jobs: bool = False
    application: Path | None = None
    kafka_env: str | None = None
    settings: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    python: str | None = None
    find_links: Path | None = None
    supervise: bool | None = None
    webhook: str | None = None
    unattended: bool = False


@dataclass(frozen=True)
class SetupResult:
    """The running environment, and the changes that were made.

    `services` maps the services in addition to Flink and Kafka to their addresses; `grafana_login` is user
    and password of Grafana. `current` is true if commands without --env use this environment. `job_id` is
    the job of an application cluster; `jobs_gone` were lost with their JobManager and can be resumed.
    `alerts` is the address for alerts, without its secret parts.
    """

    environment: str
    profile: str
    rest_url: str
    kafka: str
    changed: bool
    started: tuple[str, ...]
    unchanged: tuple[str, ...]
    jars_fetched: tuple[str, ...]
    topics_created: tuple[str, ...]
    schemas_registered: tuple[str, ...]
    components: tuple[Component, ...]
    seconds: float
    services: Mapping[str, str]
    grafana_login: str
    current: bool
    job_id: str | None = None
    jobs_resumed: tuple[str, ...] = ()
    jobs_gone: tuple[str, ...] = ()
    alerts: str | None = None


@dataclass(frozen=True)
class SetupPlan:
    """The plan of a setup.

    `python` describes the work on the cluster's Python, `replace` are running components that would be
    recreated, `jobs` those that would end by that.
    """

    environment: str
    profile: str
    about: str
    rest_url: str
    kafka: str
    ports: Mapping[str, int]
    start: tuple[str, ...]
    replace: tuple[str, ...]
    jobs: tuple[str, ...]
    unchanged: tuple[str, ...]
    jars: tuple[str, ...]
    topics: tuple[str, ...]
    schemas: tuple[str, ...]
    python: str = ""
    alerts: str | None = None


@dataclass(frozen=True)
class TeardownResult:
    """The stopped components (or those that would be); `purged` is true if the data was removed, too."""

    environment: str
    stopped: tuple[str, ...]
    purged: bool
    folder: str
    seconds: float


@dataclass(frozen=True)
class EnvironmentRow:
    """One line of `env list`; `disk` only on request, because it reads the size of every file.

    `error` is the problem of a damaged environment file; all other fields are then unknown.
    """

    name: str
    current: bool
    profile: str
    runtime: str
    rest_url: str
    kafka: str
    port_offset: int
    disk: DiskUsage | None = None
    error: str = ""
