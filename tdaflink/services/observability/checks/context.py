"""Environment under test, with results shared by several checks cached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import RLock
from urllib.parse import unquote, urlsplit

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.kafka.admin import KafkaAdmin
from tdaflink.adapters.python.probe import RunsPython, ask_python
from tdaflink.adapters.runtimes import traits_of
from tdaflink.domain.environments.environment import Environment, Runtime, RuntimeTraits
from tdaflink.domain.environments.health_checks import PythonAnswer
from tdaflink.domain.environments.profile import Profile
from tdaflink.domain.messages.topics import TopicSpec

STORAGE = "execution.checkpointing.dir"


@dataclass
class HealthContext:
    """Environment under test. `runtime` and `profile` are None for an external cluster.

    `saved` is false if --env cannot name the environment. With `quick`, no Python is run on components.
    """

    environment: Environment
    runtime: Runtime | None
    profile: Profile | None
    cluster: FlinkRest
    kafka: KafkaAdmin
    catalogue: Sequence[TopicSpec]
    registry: str | None
    prometheus: str | None
    saved: bool = True
    quick: bool = False

    def __post_init__(self) -> None:
        self._lock = RLock()

    @property
    def name(self) -> str:
        return self.environment.name

    def command(self, words: str) -> str:
        """Return a command line for this environment."""
        return f"tdaflink {words}" + (f" --env {self.name}" if self.saved else "")

    def repair(self, by_others: str) -> str:
        """Return the fix: setup, or `by_others` for an external cluster."""
        return self.command("setup") if self.runtime is not None else by_others

    @property
    def traits(self) -> RuntimeTraits:
        """What the environment's runtime supports."""
        return traits_of(self.environment)

    @cached_property
    def flink_config(self) -> Mapping[str, str]:
        """The JobManager's configuration."""
        return self.cluster.jobmanager_config()

    def local_storage(self) -> list[str]:
        """Return the folders of checkpoints and savepoints, if they are local folders."""
        uris = (self.flink_config.get(key, "") for key in (STORAGE, "execution.checkpointing.savepoint-dir"))
        return [unquote(urlsplit(uri).path) for uri in uris if uri.startswith("file:")]

    @property
    def answers(self) -> Sequence[PythonAnswer]:
        """Results of the probe in the cluster's Python; empty if it cannot be run."""
        with self._lock:
            return self._answers

    @cached_property
    def _answers(self) -> Sequence[PythonAnswer]:
        runtime = self.runtime
        if self.quick or not isinstance(runtime, RunsPython):
            return ()
        kafka = self.environment.endpoints.kafka_cluster.split(",")
        folders = self.local_storage()
        return [ask_python(runtime, place, kafka, folders) for place in runtime.python_places()]
