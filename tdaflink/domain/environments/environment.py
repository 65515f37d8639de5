"""Environments, their endpoints and components, and the protocol of runtimes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from tdaflink.domain.environments.security import Security

if TYPE_CHECKING:
    from tdaflink.domain.artifacts.cluster_python import PackageSources, PythonPlan
    from tdaflink.domain.environments.recreation import Replacement
    from tdaflink.domain.jobs.state_snapshots import StateFiles
    from tdaflink.domain.progress import Reporter

Health = Literal["healthy", "starting", "unhealthy", "dead"]
EXTERNAL = "external"  # in place of a runtime: the cluster of another operator


@dataclass(frozen=True)
class Endpoints:
    """Addresses as the command sees them; `kafka_cluster` is the broker list as the job sees it.

    `rest_standby` are the addresses of standby JobManagers, which respond for the leader.
    """

    rest_url: str
    kafka: str
    kafka_cluster: str
    schema_registry: str | None = None
    rest_standby: tuple[str, ...] = ()
    prometheus: str | None = None
    alertmanager: str | None = None
    grafana: str | None = None

    def __post_init__(self) -> None:
        # JSON stores a tuple as a list.
        object.__setattr__(self, "rest_standby", tuple(self.rest_standby))

    @property
    def services(self) -> dict[str, str]:
        """The services in addition to Flink and Kafka: name -> address."""
        known = {
            "schema_registry": self.schema_registry,
            "prometheus": self.prometheus,
            "alertmanager": self.alertmanager,
            "grafana": self.grafana,
        }
        return {name: address for name, address in known.items() if address}


@dataclass(frozen=True)
class Environment:
    """A saved environment.

    `python` is the interpreter that the cluster runs jobs with; `port_offset` was added to every
    first-choice port; `profile` names the folder under profiles/ that it was created from; `security` is the
    authentication at its endpoints.
    """

    name: str
    profile: str
    runtime: str
    endpoints: Endpoints
    python: str
    port_offset: int = 0
    details: Mapping[str, str] = field(default_factory=dict)
    security: Security = field(default_factory=Security)

    @property
    def is_managed(self) -> bool:
        """Whether setup and teardown start and stop the cluster; False for an external one."""
        return self.runtime != EXTERNAL


@dataclass(frozen=True)
class RuntimeTraits:
    """What a runtime supports; by default nothing beyond the protocol `Runtime`.

    - `supports_application_mode`: `setup --application` creates a cluster for one job;
    - `supports_supervision`: components that end are restarted by the supervisor, which posts alerts;
    - `has_storage_options`: `--storage`, `--s3-endpoint` and `--s3-role` choose where state is stored;
    - `uses_host_python`: jobs run with an interpreter of this machine, which `--python` and `--find-links`
      choose and into which packages can be installed;
    - `limits_memory`: each component has a memory limit, which `preflight` adds up;
    - `metrics_on_request`: Flink's metrics are exposed only with `setup --metrics`;
    - `runs_images`: the components run in the images of `profiles/versions.yaml`;
    - `python_lock`: the lock under `profiles/python` of the packages that jobs run with;
    - `settings_folders`: the folders of an environment with the settings of its components.
    """

    supports_application_mode: bool = False
    supports_supervision: bool = False
    has_storage_options: bool = False
    uses_host_python: bool = False
    limits_memory: bool = False
    metrics_on_request: bool = False
    runs_images: bool = False
    python_lock: str | None = None
    settings_folders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Component:
    """A process or container of an environment with its health; `started_at` is in epoch seconds."""

    name: str
    health: Health
    detail: str = ""
    pid: int | None = None
    log: Path | None = None
    started_at: float | None = None


@dataclass(frozen=True)
class DiskUsage:
    """Disk space that an environment uses on this machine: in total, and by purpose.

    `state_bytes` are checkpoints and savepoints. Volumes of containers are not counted.
    """

    folder: str
    bytes: int
    state_bytes: int
    kafka_bytes: int
    logs_bytes: int
    temporary_bytes: int
    other_bytes: int


@dataclass(frozen=True)
class LogLine:
    """One line of a component's log; `time`, if the log has one, always has a zone."""

    LINES: ClassVar[tuple[str, ...]] = ("text",)  # tabs are replaced by blanks

    text: str
    time: datetime | None = None


@dataclass(frozen=True)
class Changes:
    """Changes by starting or stopping an environment: names of components, in order."""

    started: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class Runtime(Protocol):
    """The runtime of an environment's cluster. Every method is idempotent and has deadlines of its own."""

    def preflight(self) -> None:
        """Raise the first problem that would make `up` fail: missing parts, ports in use, a full disk."""

    def pending_recreation(self) -> Replacement:
        """Return the healthy components that `up` would recreate."""

    def up(self, reporter: Reporter) -> Changes:
        """Start missing components, repair damaged ones, and return when all are ready."""

    def down(self, reporter: Reporter) -> Changes:
        """Stop only what was started here; data is kept."""

    def purge(self) -> None:
        """Remove the data of an environment that is down."""

    def endpoints(self) -> Endpoints:
        """Return the addresses of the environment."""

    def state_files(self, address: str, flink: Mapping[str, str]) -> StateFiles:
        """Return the reader for the storage of an address; `flink` is the JobManager's configuration."""

    def python_plan(self) -> PythonPlan:
        """Return the cluster's interpreter for jobs, by the cluster's path, and the work of `prepare`."""

    def prepare(self, sources: PackageSources, reporter: Reporter) -> str:
        """Install the missing packages of the cluster's Python; return its interpreter."""

    def is_running(self) -> bool:
        """Return whether any component runs."""

    def ended(self) -> list[str]:
        """Return the components whose processes have ended and that nothing else restarts."""

    def components(self) -> list[Component]:
        """Return each component with its current health."""

    def logs(
        self, component: str, *, since: datetime | None = None, follow: bool = False
    ) -> Iterator[LogLine]:
        """Yield a component's log, oldest line first, as far back as it is kept.

        `since` (with a zone) omits older lines; a line without a time belongs to the one before it. With
        `follow` the iterator continues with new lines, across rotations and restarts, until it is closed.
        Raises `NotFound` for a component that the environment does not have.
        """
