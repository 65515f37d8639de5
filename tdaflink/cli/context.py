"""The context of one command: its shared options, its environment, and the connections that it opens."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from tdaflink.adapters.component_logs import ComponentLogs
    from tdaflink.adapters.flink.client import FlinkRest
    from tdaflink.adapters.kafka.admin import KafkaAdmin
    from tdaflink.adapters.kafka.client import KafkaClient
    from tdaflink.adapters.kafka.offsets import OffsetReader
    from tdaflink.adapters.schema_registry import SchemaRegistry
    from tdaflink.adapters.storage.environment_store import EnvironmentStore
    from tdaflink.domain.environments.environment import Environment
    from tdaflink.domain.progress import Reporter
    from tdaflink.services.control import JobControlContext
    from tdaflink.services.jobs.builder import JobBuilder
    from tdaflink.services.observability.checks.context import HealthContext
    from tdaflink.services.observability.diagnostics import DiagnosticsSources
    from tdaflink.services.observability.snapshot_reader import DashboardSources

_REGISTRY_CREDENTIALS = "leave them out of it and set SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO=user:password"


class Output(str, Enum):
    """Format of the data on stdout."""

    table = "table"
    json = "json"
    yaml = "yaml"


class _Closable(Protocol):
    def close(self) -> None: ...


_Opened = TypeVar("_Opened", bound=_Closable)


class CommandContext:
    """Options that all commands share, and the connections and services of the environment.

    The environment is resolved once, each connection is opened when it is first used, and leaving the context
    closes them all. Modules of clients are imported where they are used: the start-up time of `list` counts.
    """

    def __init__(
        self, *, env: str | None, output: Output, verbose: bool, no_color: bool, yes: bool = False
    ) -> None:
        self.env_option = env
        self.output = output
        self.verbose = verbose
        self.no_color = no_color
        self.yes = yes
        self._opened = ExitStack()

    def __enter__(self) -> CommandContext:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def hand_over(self) -> Callable[[], None]:
        """Return the function that closes the connections; leaving the context no longer closes them."""
        return self._opened.pop_all().close

    def _closed_at_end(self, opened: _Opened) -> _Opened:
        self._opened.callback(opened.close)
        return opened

    @cached_property
    def reporter(self) -> Reporter:
        """Progress on stderr."""
        from tdaflink.display.progress import ConsoleReporter

        return ConsoleReporter()

    # -- the environment

    @cached_property
    def store(self) -> EnvironmentStore:
        """The saved environments."""
        from tdaflink.adapters.storage.environment_store import EnvironmentStore

        return EnvironmentStore()

    @cached_property
    def environment_name(self) -> str:
        """The name of the environment, whether it is saved or not."""
        return self.store.chosen_name(self.env_option)

    @cached_property
    def saved_environment(self) -> Environment | None:
        """The environment as it is saved, without this command's environment variables."""
        return self.store.find(self.environment_name)

    @cached_property
    def environment(self) -> Environment:
        """The environment, with the endpoints that environment variables of this command override.

        Raises `NotFound` if it is not saved and no variable names a cluster.
        """
        return self.store.overridden(self.saved_environment or self.store.unsaved(self.env_option))

    # -- its clients

    @cached_property
    def flink(self) -> FlinkRest:
        """The client of the environment's JobManager."""
        from tdaflink.adapters.clients import flink_of

        return self._closed_at_end(flink_of(self.environment))

    @cached_property
    def kafka(self) -> KafkaClient:
        """The client of the environment's Kafka, for records."""
        from tdaflink.adapters.clients import kafka_of

        return kafka_of(self.environment)

    @cached_property
    def kafka_admin(self) -> KafkaAdmin:
        """The client of the environment's Kafka, for topics."""
        from tdaflink.adapters.clients import kafka_admin_of

        return kafka_admin_of(self.environment)

    @cached_property
    def topic_watch(self) -> OffsetReader:
        """The offsets of the environment's topics."""
        return self._closed_at_end(self.kafka.watch())

    @property
    def logs(self) -> ComponentLogs:
        """The logs of the environment's components."""
        return self._logs_of(self.environment, self.flink)

    def _logs_of(self, environment: Environment, flink: FlinkRest) -> ComponentLogs:
        from tdaflink.adapters.component_logs import FlinkLogs, RuntimeLogs
        from tdaflink.adapters.runtimes import runtime_for

        external = not environment.is_managed
        return FlinkLogs(flink) if external else RuntimeLogs(runtime_for(environment, self.store))

    def registry(self, address: str | None, config: Path | None) -> SchemaRegistry:
        """Open the schema registry at `address`, by default that of the job config or of the environment."""
        from tdaflink.adapters.clients import registry_of
        from tdaflink.domain.addresses import web_address
        from tdaflink.services.environments.schemas import no_registry, registry_address
        from tdaflink.services.jobs.config_resolution import ConfigOverrides

        environment, auth = None, None
        if address is not None:
            address = web_address(
                address, "--registry", "http://host:port", credentials=_REGISTRY_CREDENTIALS
            )
        if address is None and config is None and self.env_option is None and not self.store.names():
            raise no_registry("no schema registry is named, and no environment is set up that could have one")
        if address is None or config is not None:
            environment = self.environment
            resolved = self.job_builder().resolve(ConfigOverrides(file=config))
            address = address or registry_address(environment, resolved)
            auth = resolved.config.schema_registry_auth
        return self._closed_at_end(registry_of(environment, address, auth))

    # -- services

    @cached_property
    def _control(self) -> JobControlContext:
        from tdaflink.services.control import open_control

        kafka = self.kafka if self.environment.endpoints.kafka else None
        return open_control(self.environment, self.flink, self.store, self.reporter, kafka)

    def control(self) -> JobControlContext:
        """Return the control of the environment's jobs."""
        return self._control

    def session_control(self) -> JobControlContext:
        """Return the control for an action that starts a job. Raises `Refused` on an application cluster."""
        from tdaflink.domain.environments.application_cluster import require_session

        require_session(self.environment)
        return self._control

    def job_builder(self) -> JobBuilder:
        """Return the builder of the environment's jobs."""
        from tdaflink.services.jobs.builder import JobBuilder

        return JobBuilder(self.environment, self.reporter.warn, self._partition_counts, lambda: self.flink)

    def _partition_counts(self, topics: Sequence[str]) -> Mapping[str, int]:
        return self.kafka.partition_counts(topics)

    def dashboard_sources(self, prometheus: str | None) -> DashboardSources:
        """Open the sources of the dashboard; its Flink client has a short timeout."""
        from tdaflink.adapters.clients import flink_of
        from tdaflink.adapters.monitoring.prometheus import Prometheus
        from tdaflink.domain.environments.application_cluster import is_application
        from tdaflink.services.observability.snapshot_reader import READ_SECONDS, DashboardSources

        environment = self.environment
        flink = self._closed_at_end(flink_of(environment, READ_SECONDS))
        topics = self.topic_watch
        url = _prometheus_address(prometheus) or environment.endpoints.prometheus
        return DashboardSources(
            environment.name,
            flink,
            topics,
            self._closed_at_end(Prometheus(url)) if url else None,
            self._logs_of(environment, flink),
            is_application(environment),
        )

    def health_context(self, prometheus: str | None = None, *, quick: bool = False) -> HealthContext:
        """Return the context of health checks, also for an environment that is not set up yet."""
        from tdaflink.adapters.clients import flink_of, kafka_admin_of
        from tdaflink.adapters.runtimes import runtime_for
        from tdaflink.adapters.storage.shipped_profiles import load_catalogue, profile_of, topic_sizing
        from tdaflink.services.observability.checks.context import HealthContext

        saved = self.saved_environment is not None
        draft = None if saved else self._draft()
        environment = draft or self.environment
        own = environment.is_managed
        return HealthContext(
            environment=environment,
            runtime=runtime_for(environment, self.store) if own else None,
            profile=profile_of(environment) if own else None,
            cluster=self.flink if draft is None else self._closed_at_end(flink_of(draft)),
            kafka=kafka_admin_of(environment),
            catalogue=load_catalogue().sized(topic_sizing(environment)),
            registry=environment.endpoints.schema_registry,
            prometheus=_prometheus_address(prometheus) or environment.endpoints.prometheus,
            saved=saved or draft is not None,
            quick=quick,
        )

    def _draft(self) -> Environment | None:
        """Return the environment that setup would create; None if this command uses another cluster."""
        from tdaflink.adapters.storage.shipped_profiles import profile_names
        from tdaflink.domain.environments.setup import SetupRequest
        from tdaflink.services.environments.draft import resolve_environment

        name = self.environment_name
        if name not in profile_names() or os.environ.get("FLINK_REST_URL"):
            return None
        return self.store.overridden(resolve_environment(SetupRequest(env=name), self.store)[0])

    def diagnosis_sources(self) -> DiagnosticsSources:
        """Open the sources of a diagnosis archive."""
        from tdaflink.adapters.clients import kafka_of
        from tdaflink.services.observability.diagnostics import DiagnosticsSources

        health = self.health_context()
        environment = health.environment
        topics = self._closed_at_end(kafka_of(environment).watch())
        folder = self.store.folder(environment.name)
        return DiagnosticsSources(health, folder, self._logs_of(environment, health.cluster), topics)


def _prometheus_address(option: str | None) -> str | None:
    from tdaflink.domain.addresses import web_address

    return None if option is None else web_address(option, "--prometheus", "http://host:9090")
