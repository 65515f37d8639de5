"""Virtual environments of local clusters in the cache: list, and removal of unused ones."""

from __future__ import annotations

import os
from pathlib import Path

from tdaflink.adapters.local_runtime.process_table import processes_below
from tdaflink.adapters.python.cluster_python import (
    environment_bytes,
    environment_record,
    environments,
    is_current,
    remove_environment,
)
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.domain.artifacts.cluster_python import PruneResult, PythonRow
from tdaflink.domain.progress import Reporter


def list_pythons(store: EnvironmentStore) -> list[PythonRow]:
    """Return every virtual environment in the cache, with the environments and processes that use it."""
    users = _users(store)
    return [_row(folder, users) for folder in environments()]


def prune_pythons(store: EnvironmentStore, reporter: Reporter, *, dry_run: bool) -> PruneResult:
    """Remove the environments that no saved environment and no process uses."""
    rows = list_pythons(store)
    removed = []
    for row in rows:
        if not row.unused:
            continue
        if not dry_run:
            with reporter.step(f"removing {row.path}") as step:
                if not remove_environment(row.path):
                    step.unchanged("another process is using it")
                    continue
        removed.append(row)
    return PruneResult(
        removed=tuple(removed),
        kept=tuple(row for row in rows if row not in removed),
        freed_bytes=sum(row.size_bytes for row in removed),
        dry_run=dry_run,
    )


def _row(folder: Path, users: dict[str, list[str]]) -> PythonRow:
    record = environment_record(folder)
    return PythonRow(
        path=folder,
        version=record["interpreter"]["version"] if record else "",
        size_bytes=environment_bytes(folder),
        complete=record is not None,
        current=record is not None and is_current(record),
        used_by=tuple(users.get(str(folder), ())),
        processes=tuple(processes_below(folder)),
    )


def _users(store: EnvironmentStore) -> dict[str, list[str]]:
    """Return folder -> the saved environments whose interpreter is in it."""
    users: dict[str, list[str]] = {}
    for name in store.names():
        environment = store.find(name)
        if environment and os.path.isabs(environment.python):
            users.setdefault(str(Path(environment.python).parents[1]), []).append(name)
    return users
