"""Environments, where they answer, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from tdaflink.domain.security import Security

if TYPE_CHECKING:
    from tdaflink.domain.cluster_python import PackageSources, PythonPlan
    from tdaflink.domain.progress import Reporter
    from tdaflink.domain.replacement import Replacement
    from tdaflink.domain.snapshots import StateFiles

Health = Literal["healthy", "starting", "unhealthy", "dead"]
EXTERNAL = "external"  # in place of a runtime: the cluster of another operator


@dataclass(frozen=True)
class Endpoints:
    """Addresses as the command sees them; `kafka_cluster` is the broker list as the job sees it.

    `rest_standby` are those of further JobManagers, which answer for the one that leads.
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
        # A saved one comes back as a list.
        object.__setattr__(self, "rest_standby", tuple(self.rest_standby))

    @property
    def services(self) -> dict[str, str]:
        """What answers besides Flink and Kafka: name -> address."""
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
    first-choice port; `profile` names the folder under profiles/ that it was made from; `security` is how
    its endpoints are entered.
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
        """Whether tdaflink starts and stops the cluster; False for an external one."""
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
    """One process or container of an environment, how it is, and when it was started, in epoch seconds."""

    name: str
    health: Health
    detail: str = ""
    pid: int | None = None
    log: Path | None = None
    started_at: float | None = None


@dataclass(frozen=True)
class DiskUsage:
    """What an environment occupies on this machine's disk: in all, and by what the files are for.

    `state_bytes` are checkpoints and savepoints. What containers keep in volumes is not counted.
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
    """One line of a component's log, and when it was written where the log says so (always with a zone)."""

    LINES: ClassVar[tuple[str, ...]] = ("text",)  # with blanks for its tabs

    text: str
    time: datetime | None = None


@dataclass(frozen=True)
class Changes:
    """What bringing an environment up or down did: names of components, in order."""

    started: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class Runtime(Protocol):
    """Where an environment's cluster runs. Every method is idempotent and has deadlines of its own."""

    def preflight(self) -> None:
        """Raise the first thing that would stop `up`: missing parts, taken ports, a full disk."""

    def replaced(self) -> Replacement:
        """What runs and would be made anew by `up` although it is well."""

    def up(self, reporter: Reporter) -> Changes:
        """Start what is not running, repair what is half dead, return when all is ready."""

    def down(self, reporter: Reporter) -> Changes:
        """Stop exactly what was started here; data stays."""

    def purge(self) -> None:
        """Remove the data of an environment that is down."""

    def endpoints(self) -> Endpoints:
        """Where the environment answers."""

    def state_files(self, address: str, flink: Mapping[str, str]) -> StateFiles:
        """What reads the storage of an address; `flink` is the JobManager's configuration."""

    def python_plan(self) -> PythonPlan:
        """The interpreter that the cluster runs jobs with, as it names it, and what `prepare` would do."""

    def prepare(self, sources: PackageSources, reporter: Reporter) -> str:
        """Install what the cluster's Python needs, where it is not installed; return its interpreter."""

    def is_running(self) -> bool:
        """Whether anything of it is alive."""

    def ended(self) -> list[str]:
        """The components whose processes are gone and that nothing else starts again."""

    def components(self) -> list[Component]:
        """Each component with its health as seen now."""

    def logs(
        self, component: str, *, since: datetime | None = None, follow: bool = False
    ) -> Iterator[LogLine]:
        """A component's log, oldest line first, as far back as it is kept.

        `since` (with a zone) leaves out what is older; a line without a time belongs to the one before it.
        With `follow` it goes on with what is written from now on, over rotations and restarts, until it is
        closed. Raises `NotFound` for a component that the environment does not have.
        """
