"""An application cluster: a Flink cluster for one job, beside an environment whose Kafka it uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tdaflink.domain.commands import Commands
from tdaflink.domain.environment import Environment
from tdaflink.domain.errors import Refused

BESIDE = "beside"  # the detail of an environment that names the one with the Kafka
_MODE = "python.execution-mode"


@dataclass(frozen=True)
class Application:
    """The one job, as the JobManager is told to start it; `savepoint` is the state that it begins with."""

    job_id: str
    entry_class: str
    arguments: tuple[str, ...]
    flink_config: Mapping[str, str]
    savepoint: str | None = None

    def __post_init__(self) -> None:
        # A saved one comes back as a list.
        object.__setattr__(self, "arguments", tuple(self.arguments))

    @property
    def mode(self) -> str:
        """Whether Python runs in a `thread` of each TaskManager, or in a `process` beside it."""
        return mode_of(self.flink_config)


def mode_of(flink_config: Mapping[str, str]) -> str:
    """The execution mode that a job's Flink settings name."""
    return flink_config.get(_MODE, "process")


def is_application(environment: Environment) -> bool:
    """Whether an environment's cluster is made for one job."""
    return BESIDE in environment.details


def commands_of(environment: Environment) -> Commands:
    """What to type to change the jobs of an environment."""
    return Commands(environment.name, is_application(environment))


def require_session(environment: Environment) -> None:
    """Raise `Refused` for a cluster that takes no further job."""
    if is_application(environment):
        raise Refused(
            f"the cluster of {environment.name} is made for one job, and takes no other",
            hint=f"tdaflink stop JOB, then tdaflink setup --env {environment.name} --application CONFIG"
            " goes on from its savepoint with a changed config",
        )
