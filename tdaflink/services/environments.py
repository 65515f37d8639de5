"""The saved environments as a list."""

from __future__ import annotations

from tdaflink.adapters.environments import EnvironmentStore
from tdaflink.domain.setup import EnvironmentRow


def list_environments(store: EnvironmentStore) -> list[EnvironmentRow]:
    """Every saved environment."""
    return [_row(store, name) for name in store.names()]


def use_environment(store: EnvironmentStore, name: str) -> EnvironmentRow:
    """Make one the current one."""
    store.use(name)
    return _row(store, name)


def _row(store: EnvironmentStore, name: str) -> EnvironmentRow:
    environment = store.resolve(name)
    return EnvironmentRow(
        name=name,
        current=name == store.current(),
        profile=environment.profile,
        runtime=environment.runtime,
        rest_url=environment.endpoints.rest_url,
        kafka=environment.endpoints.kafka,
        port_offset=environment.port_offset,
    )
