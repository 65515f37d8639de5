"""What is asked of setup and teardown, and what they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tdaflink.domain.environment import Component, DiskUsage


@dataclass(frozen=True)
class SetupRequest:
    """What was asked for. `port_offset` None means: the remembered one, else 0; `metrics` None: as before.

    `scale` None means: as before, else full size. `storage`, `s3_endpoint` and `s3_role` are remembered,
    too.
    `resume_jobs` lets jobs be stopped that would be lost, and brings back those that were.
    `application` is the config of an application cluster's one job, `beside` the environment with its Kafka,
    `settings` further keys of that config and `include` files of algorithms. `python` names the interpreter
    of a local cluster, or `auto`, and is remembered; `find_links` is a folder of wheels. `supervise` switches
    the supervisor of a local environment on or off, None means: as before. `webhook` is where alerts
    go from now on, or `none`. `unattended` is the supervisor's
    own request, which leaves alone what commands without --env mean.
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
    beside: str | None = None
    settings: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    python: str | None = None
    find_links: Path | None = None
    supervise: bool | None = None
    webhook: str | None = None
    unattended: bool = False


@dataclass(frozen=True)
class SetupResult:
    """What is up now, and what had to be done for it.

    `services` is what answers besides Flink and Kafka: name -> address. `grafana_login` says how Grafana is
    entered. `current` tells whether commands without --env mean this environment. `job_id` is the job of an
    application cluster, `jobs_gone` are those that died with their JobManager and could be brought back.
    `alerts` is where alerts are sent, without what may be a secret in it.
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
    """What a setup would do.

    `python` says what it would install for the cluster's Python, `replace` is what runs and would be
    recreated, `jobs` what would end by that.
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
    """What was stopped (or would be), and whether the data is gone too."""

    environment: str
    stopped: tuple[str, ...]
    purged: bool
    folder: str
    seconds: float


@dataclass(frozen=True)
class EnvironmentRow:
    """One line of `env list`; `disk` only where it was asked for, because it takes a look at every file.

    `error` says what is wrong where the environment's file is damaged; all else is then unknown.
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
