"""Start and stop of the supervisor process of a local environment."""

from __future__ import annotations

import os
import sys

from tdaflink import __version__
from tdaflink.adapters.local_runtime.process_table import Launch, ProcessTable
from tdaflink.adapters.local_runtime.supervisor_file import SupervisorFile, is_supervised
from tdaflink.adapters.runtimes import traits_of
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.environments.supervision import SUPERVISOR

_STOP_SECONDS = 5.0


def start_supervisor(environment: Environment, store: EnvironmentStore) -> None:
    """Start the environment's supervisor unless this version of it runs; stop it if it is disabled."""
    if not traits_of(environment).supports_supervision:
        return
    folder = store.folder(environment.name)
    processes = ProcessTable(folder)
    running = processes.find(SUPERVISOR)
    if running is not None and is_supervised(environment) and running.settings == __version__:
        return
    processes.stop([SUPERVISOR], _STOP_SECONDS)
    SupervisorFile(folder).clear()
    if not is_supervised(environment):
        return
    module = (sys.executable, "-m", "tdaflink.services.environments.supervision", environment.name)
    log = folder / "logs" / SUPERVISOR / f"{SUPERVISOR}.log"
    launch = Launch(SUPERVISOR, (*module, *processes.markers(SUPERVISOR)), os.environ, log, __version__)
    processes.start(launch)


def stop_supervisor(environment: Environment, store: EnvironmentStore) -> None:
    """Stop the environment's supervisor; called before its processes are stopped."""
    if traits_of(environment).supports_supervision:
        ProcessTable(store.folder(environment.name)).stop([SUPERVISOR], _STOP_SECONDS)
