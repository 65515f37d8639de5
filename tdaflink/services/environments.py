"""The saved environments as a list."""

from __future__ import annotations

from dataclasses import replace

from tdaflink.adapters.disk_usage import disk_usage
from tdaflink.adapters.environments import EnvironmentStore
from tdaflink.domain.environment import Environment
from tdaflink.domain.setup import EnvironmentRow


def list_environments(store: EnvironmentStore, *, disk: bool = False) -> list[EnvironmentRow]:
    """Every environment as it was saved, whatever this call's environment variables say.

    With `disk` each row says what the environment occupies on this machine.
    """
    saved = [store.find(name) for name in store.names()]
    rows = [_row(store, environment) for environment in saved if environment]
    return [replace(row, disk=disk_usage(store.folder(row.name))) for row in rows] if disk else rows


def use_environment(store: EnvironmentStore, name: str) -> EnvironmentRow:
    """Make one the current one."""
    store.use(name)
    return next(row for row in list_environments(store) if row.name == name)


def _row(store: EnvironmentStore, environment: Environment) -> EnvironmentRow:
    return EnvironmentRow(
        name=environment.name,
        current=environment.name == store.current(),
        profile=environment.profile,
        runtime=environment.runtime,
        rest_url=environment.endpoints.rest_url,
        kafka=environment.endpoints.kafka,
        port_offset=environment.port_offset,
    )
