"""The runtimes by name: a new one is a module of its own and a line here."""

from __future__ import annotations

from tdaflink.adapters.environments import EnvironmentStore
from tdaflink.adapters.profiles import profile_of
from tdaflink.adapters.state_files import state_files
from tdaflink.domain.environment import Environment, Runtime
from tdaflink.domain.errors import UsageError
from tdaflink.domain.external import EXTERNAL
from tdaflink.domain.snapshots import Storage


def runtime_for(environment: Environment, store: EnvironmentStore) -> Runtime:
    """Return the runtime of an environment's cluster."""
    folder = store.folder(environment.name)
    if environment.runtime == "process":
        from tdaflink.adapters.process_runtime import ProcessRuntime

        return ProcessRuntime(environment, profile_of(environment), folder)
    if environment.runtime == "compose":
        from tdaflink.adapters.compose_runtime import ComposeRuntime

        return ComposeRuntime(environment, profile_of(environment), folder)
    raise run_by_others(environment)


def storage_of(environment: Environment, store: EnvironmentStore) -> Storage:
    """Return the function that opens the storage of the environment's checkpoints and savepoints."""
    if environment.runtime == EXTERNAL:
        return state_files
    return runtime_for(environment, store).state_files


def run_by_others(environment: Environment) -> UsageError:
    """Return the error of a call that would start or stop an external cluster."""
    return UsageError(
        f"the cluster of environment {environment.name!r} is run by somebody else "
        f"(runtime {environment.runtime})",
        hint="tdaflink env remove forgets it; setup and teardown are for those that tdaflink itself runs",
    )
