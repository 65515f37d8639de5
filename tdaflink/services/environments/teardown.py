"""Teardown of an environment: stops the components that setup started, and nothing else."""

from __future__ import annotations

import time

from tdaflink.adapters.runtimes import runtime_for
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.environments.setup import TeardownResult
from tdaflink.domain.errors import NotFound
from tdaflink.domain.progress import Reporter
from tdaflink.services.environments.supervisor_process import stop_supervisor


def saved_environment(name: str | None, store: EnvironmentStore) -> Environment:
    """Return the saved environment to tear down. Raises `NotFound`."""
    environment = store.find(store.chosen_name(name))
    if environment is None:
        saved = ", ".join(store.names()) or "none"
        raise NotFound(
            f"no environment named {store.chosen_name(name)!r} was set up (saved: {saved})",
            hint="tdaflink env list",
        )
    return environment


def tear_down(
    environment: Environment, store: EnvironmentStore, reporter: Reporter, *, purge: bool
) -> TeardownResult:
    """Stop the environment; with `purge` remove it and its data."""
    began = time.monotonic()
    name = environment.name
    with store.lock(name, waiting=reporter.note):
        runtime = runtime_for(environment, store)
        reporter.note(f"environment {name}, Flink at {environment.endpoints.rest_url}")
        stop_supervisor(environment, store)
        stopped = runtime.down(reporter).stopped
        if purge:
            with reporter.step("removing its data"):
                store.forget(name)
                runtime.purge()
    seconds = round(time.monotonic() - began, 2)
    return TeardownResult(name, stopped, purge, str(store.folder(name)), seconds)


def plan_teardown(environment: Environment, store: EnvironmentStore, *, purge: bool) -> TeardownResult:
    """Return the components that `tear_down` would stop."""
    components = runtime_for(environment, store).components()
    alive = tuple(component.name for component in components if component.health != "dead")
    return TeardownResult(environment.name, alive, purge, str(store.folder(environment.name)), 0.0)
