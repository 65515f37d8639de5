"""The runtimes by name, and how the one of an environment is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.domain.environments.environment import Environment, Runtime, RuntimeTraits
from tdaflink.domain.errors import ConfigError, UsageError
from tdaflink.domain.jobs.state_snapshots import Storage


class OpenRuntime(Protocol):
    """What opens a runtime for one environment; `folder` is the environment's."""

    def __call__(self, environment: Environment, folder: Path) -> Runtime: ...


@dataclass(frozen=True)
class RegisteredRuntime:
    """A runtime; `opener` is its `OpenRuntime` as module:function, which is imported when it is used."""

    opener: str
    traits: RuntimeTraits = field(default_factory=RuntimeTraits)

    def open(self, environment: Environment, folder: Path) -> Runtime:
        """Return the runtime of an environment."""
        module, _, function = self.opener.partition(":")
        return cast(OpenRuntime, getattr(import_module(module), function))(environment, folder)


# By the name in profiles and saved environments. Another runtime is a package, a profile, and an entry here.
RUNTIMES: dict[str, RegisteredRuntime] = {
    "process": RegisteredRuntime(
        "tdaflink.adapters.local_runtime.runtime:open_runtime",
        RuntimeTraits(
            supports_application_mode=True,
            supports_supervision=True,
            uses_host_python=True,
            metrics_on_request=True,
            python_lock="local",
            settings_folders=("flink", "kafka", "monitoring"),
        ),
    ),
    "compose": RegisteredRuntime(
        "tdaflink.adapters.compose_runtime.runtime:open_runtime",
        RuntimeTraits(
            has_storage_options=True,
            limits_memory=True,
            runs_images=True,
            python_lock="image",
            settings_folders=("compose",),
        ),
    ),
}


def traits_named(runtime: str) -> RuntimeTraits:
    """Return what the runtime of that name supports: nothing, for external clusters and unknown names."""
    registered = RUNTIMES.get(runtime)
    return registered.traits if registered else RuntimeTraits()


def traits_of(environment: Environment) -> RuntimeTraits:
    """Return what the runtime of an environment supports."""
    return traits_named(environment.runtime)


def runtime_for(environment: Environment, store: EnvironmentStore) -> Runtime:
    """Return the runtime of an environment's cluster.

    Raises `UsageError` for an external cluster, and `ConfigError` for a runtime that is not registered.
    """
    if not environment.is_managed:
        raise not_managed_error(environment)
    registered = RUNTIMES.get(environment.runtime)
    if registered is None:
        raise ConfigError(
            f"environment {environment.name!r} has the runtime {environment.runtime!r};"
            f" the runtimes of this version are {', '.join(RUNTIMES)}",
            hint="use the version of tdaflink that created it",
        )
    return registered.open(environment, store.folder(environment.name))


def storage_of(environment: Environment, store: EnvironmentStore) -> Storage:
    """Return what opens the storage of the environment's checkpoints and savepoints."""
    if not environment.is_managed:
        from tdaflink.adapters.storage.state_storage import state_files

        return state_files
    return runtime_for(environment, store).state_files


def not_managed_error(environment: Environment) -> UsageError:
    """Return the error of a command that would start or stop an external cluster."""
    return UsageError(
        f"the cluster of environment {environment.name!r} is external: setup and teardown do not apply to it",
        hint="its own tools start and stop it; tdaflink env remove removes the environment",
    )
