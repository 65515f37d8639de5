"""List and selection of saved environments."""

from __future__ import annotations

from dataclasses import replace

from tdaflink.adapters.storage.disk_usage import disk_usage
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.domain.environments.setup import EnvironmentRow
from tdaflink.domain.errors import ConfigError


def list_environments(store: EnvironmentStore, *, disk: bool = False) -> list[EnvironmentRow]:
    """Return every environment as saved, without the overrides of this call's environment variables.

    With `disk`, each row has the environment's disk usage on this machine.
    """
    current = store.current()
    rows = [row for name in store.names() if (row := _row(store, name, current))]
    return [replace(row, disk=disk_usage(store.folder(row.name))) for row in rows] if disk else rows


def use_environment(store: EnvironmentStore, name: str) -> EnvironmentRow:
    """Make an environment the current one."""
    store.use(name)
    return next(row for row in list_environments(store) if row.name == name)


def _row(store: EnvironmentStore, name: str, current: str | None) -> EnvironmentRow | None:
    try:
        environment = store.find(name)
    except ConfigError as error:
        # A damaged environment does not hide the others.
        return EnvironmentRow(name, name == current, "", "", "", "", 0, error=error.message)
    if environment is None:
        return None
    return EnvironmentRow(
        name=environment.name,
        current=environment.name == current,
        profile=environment.profile,
        runtime=environment.runtime,
        rest_url=environment.endpoints.rest_url,
        kafka=environment.endpoints.kafka,
        port_offset=environment.port_offset,
    )
