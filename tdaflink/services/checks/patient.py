"""The environment that is looked at, and what several checks ask of it, asked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import RLock
from urllib.parse import unquote, urlsplit

from tdaflink.adapters.flink import FlinkRest
from tdaflink.adapters.kafka_admin import KafkaAdmin
from tdaflink.adapters.probe import RunsPython, ask_python
from tdaflink.adapters.runtimes import traits_of
from tdaflink.domain.doctor import PythonAnswer
from tdaflink.domain.environment import Environment, Runtime, RuntimeTraits
from tdaflink.domain.profile import Profile
from tdaflink.domain.topics import TopicSpec

STORAGE = "execution.checkpointing.dir"


@dataclass
class Patient:
    """`runtime` and `profile` are None for a cluster that somebody else runs.

    `saved`: whether --env can name the environment. In a `quick` look no component is asked to run Python.
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
        """A command of ours that means this environment."""
        return f"tdaflink {words}" + (f" --env {self.name}" if self.saved else "")

    def repair(self, by_others: str) -> str:
        """What mends a part that setup has made; in somebody else's cluster, what has to be done there."""
        return self.command("setup") if self.runtime is not None else by_others

    @property
    def traits(self) -> RuntimeTraits:
        """What the environment's runtime supports."""
        return traits_of(self.environment)

    @cached_property
    def flink_config(self) -> Mapping[str, str]:
        """The JobManager's settings."""
        return self.cluster.jobmanager_config()

    def local_storage(self) -> list[str]:
        """The folders that checkpoints and savepoints go to, where they are folders of a machine."""
        named = (self.flink_config.get(key, "") for key in (STORAGE, "execution.checkpointing.savepoint-dir"))
        return [unquote(urlsplit(uri).path) for uri in named if uri.startswith("file:")]

    @property
    def answers(self) -> Sequence[PythonAnswer]:
        """What the cluster's own Python says; empty where it cannot be asked."""
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
