"""The clients of an environment's endpoints, with the environment's credentials and certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.flink.rest import READ_SECONDS
from tdaflink.domain.environments.environment import Environment

if TYPE_CHECKING:
    from tdaflink.adapters.kafka.admin import KafkaAdmin
    from tdaflink.adapters.kafka.client import KafkaClient
    from tdaflink.adapters.schema_registry import SchemaRegistry
    from tdaflink.domain.config.job_config import RegistryAuth


def flink_of(environment: Environment, read_seconds: float = READ_SECONDS) -> FlinkRest:
    """Return the client of its JobManager."""
    endpoints = environment.endpoints
    return FlinkRest(
        endpoints.rest_url, read_seconds, environment.security.rest, standby=endpoints.rest_standby
    )


def kafka_of(environment: Environment) -> KafkaClient:
    """Return the client of its brokers for records."""
    from tdaflink.adapters.kafka.client import KafkaClient

    return KafkaClient(environment.endpoints.kafka, environment.security.kafka)


def kafka_admin_of(environment: Environment) -> KafkaAdmin:
    """Return the client of its brokers for topics."""
    from tdaflink.adapters.kafka.admin import KafkaAdmin

    return KafkaAdmin(environment.endpoints.kafka, environment.security.kafka)


def registry_of(
    environment: Environment | None, address: str, auth: RegistryAuth | None = None
) -> SchemaRegistry:
    """Return the client of the registry at an address.

    The environment's credentials are sent to its own registry only.
    """
    from tdaflink.adapters.schema_registry import SchemaRegistry
    from tdaflink.domain.environments.security import NO_WEB_SECURITY

    own = environment is not None and address == environment.endpoints.schema_registry
    return SchemaRegistry(
        address, auth, environment.security.registry if environment and own else NO_WEB_SECURITY
    )
