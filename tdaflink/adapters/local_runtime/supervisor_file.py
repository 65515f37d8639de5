"""The state of an environment's supervisor: its lock and its repairs. Read without psutil."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict
from pathlib import Path

from tdaflink.adapters.runtimes import traits_of
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.paths import ensure_dir, write_atomically
from tdaflink.adapters.storage.user_files import read_own
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.environments.supervision import Repair, Supervision, wants_supervision
from tdaflink.domain.errors import ConfigError
from tdaflink.domain.saved_values import checked, from_values


class SupervisorFile:
    """The file of one environment's supervisor, and the lock that a running supervisor holds."""

    def __init__(self, folder: Path) -> None:
        self._repairs = folder / "run" / "repairs.state"
        self._lock = folder / "run" / "supervisor.lock"
        self._held: int | None = None

    def hold(self) -> bool:
        """Hold the lock until this process ends; False where another process holds it."""
        ensure_dir(self._lock.parent)
        self._held = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return _locked(self._held)

    def write(self, repairs: int, last: Repair) -> None:
        """Save the number of repairs, and the last one."""
        write_atomically(self._repairs, json.dumps({"repairs": repairs, "last": asdict(last)}) + "\n")

    def clear(self) -> None:
        """Remove the repairs of an earlier supervisor."""
        self._repairs.unlink(missing_ok=True)

    def read(self) -> Supervision:
        """Return whether a supervisor runs, and its repairs; a damaged file counts as none."""
        try:
            saved = json.loads(read_own(self._repairs, "repairs", "") or "")
            repairs = checked(int, saved["repairs"], "repairs")
            return Supervision(self._is_held(), repairs, from_values(Repair, saved["last"], "last"))
        except (ConfigError, ValueError, TypeError, KeyError, RecursionError):
            return Supervision(self._is_held())

    def _is_held(self) -> bool:
        try:
            lock = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _locked(lock)
        finally:
            os.close(lock)


def is_supervised(environment: Environment) -> bool:
    """Whether the supervisor starts components that end again; containers have an engine that does it."""
    return traits_of(environment).supports_supervision and wants_supervision(environment)


def supervision_of(environment: Environment) -> Supervision | None:
    """Return whether the supervisor runs, and its repairs; None for an environment without supervisor."""
    if not is_supervised(environment):
        return None
    return SupervisorFile(EnvironmentStore().folder(environment.name)).read()


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
