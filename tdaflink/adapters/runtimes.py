"""The runtimes by name: adding one is a module of its own and a line here."""

from __future__ import annotations

from tdaflink.adapters.environments import EnvironmentStore
from tdaflink.adapters.process_runtime import ProcessRuntime
from tdaflink.adapters.profiles import load_profile
from tdaflink.domain.environment import Environment, Runtime
from tdaflink.domain.errors import UsageError

_RUNTIMES = {"process": ProcessRuntime}


def runtime_for(environment: Environment, store: EnvironmentStore) -> Runtime:
    """The runtime that an environment's cluster runs in."""
    if environment.runtime not in _RUNTIMES:
        raise UsageError(
            f"the cluster of environment {environment.name!r} is run by somebody else "
            f"(runtime {environment.runtime})",
            hint="setup and teardown concern environments that tdaflink itself runs",
        )
    profile = load_profile(environment.profile)
    return _RUNTIMES[environment.runtime](environment, profile, store.folder(environment.name))
