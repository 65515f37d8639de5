"""The saved environments as a list."""

from __future__ import annotations

from tdaflink.adapters.environments import EnvironmentStore
from tdaflink.domain.environment import Environment
from tdaflink.domain.setup import EnvironmentRow


def list_environments(store: EnvironmentStore) -> list[EnvironmentRow]:
    """Every environment as it was saved, whatever this call's environment variables say."""
    saved = [store.find(name) for name in store.names()]
    return [_row(store, environment) for environment in saved if environment]


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
