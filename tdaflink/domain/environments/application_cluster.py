"""Application clusters: a Flink cluster for one job, which uses the Kafka of another environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tdaflink.domain.environments.command_hints import Commands
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import Refused

BESIDE = "beside"  # detail of an environment: the name of the environment whose Kafka it uses
_MODE = "python.execution-mode"


@dataclass(frozen=True)
class Application:
    """The job in the form in which the JobManager starts it; `savepoint` is its initial state."""

    job_id: str
    entry_class: str
    arguments: tuple[str, ...]
    flink_config: Mapping[str, str]
    savepoint: str | None = None

    def __post_init__(self) -> None:
        # JSON stores a tuple as a list.
        object.__setattr__(self, "arguments", tuple(self.arguments))

    @property
    def mode(self) -> str:
        """Return `thread` (Python runs in each TaskManager) or `process` (in processes of its own)."""
        return mode_of(self.flink_config)


def mode_of(flink_config: Mapping[str, str]) -> str:
    """Return the execution mode in a job's Flink settings."""
    return flink_config.get(_MODE, "process")


def is_application(environment: Environment) -> bool:
    """Return whether the environment is an application cluster."""
    return BESIDE in environment.details


def commands_of(environment: Environment) -> Commands:
    """Return the command lines that change the jobs of an environment."""
    return Commands(environment.name, is_application(environment))


def require_session(environment: Environment) -> None:
    """Raise `Refused` for an application cluster, which accepts no further job."""
    if is_application(environment):
        raise Refused(
            f"{environment.name} is an application cluster: it runs one job and accepts no other",
            hint=f"tdaflink stop JOB, then tdaflink setup --env {environment.name} --application CONFIG"
            " resumes the job from its savepoint with a changed config",
        )
