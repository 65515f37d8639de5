"""Builds the adapters that commands hand to services."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tdaflink.adapters.environments import EnvironmentStore

if TYPE_CHECKING:
    from tdaflink.adapters.flink import FlinkRest
    from tdaflink.adapters.kafka import KafkaClient
    from tdaflink.cli.common import Session
    from tdaflink.domain.environment import Environment
    from tdaflink.domain.layers import Resolved
    from tdaflink.services.configuration import Asked
    from tdaflink.services.preparation import Wanted
    from tdaflink.services.submission import Job


@contextmanager
def cluster_of(session: Session) -> Iterator[tuple[Environment, FlinkRest]]:
    """The environment that the call means, and its JobManager."""
    from tdaflink.adapters.flink import FlinkRest

    env = EnvironmentStore().resolve(session.env)
    cluster = FlinkRest(env.endpoints.rest_url)
    try:
        yield env, cluster
    finally:
        cluster.close()


def kafka_of(session: Session) -> tuple[Environment, KafkaClient]:
    """The environment that the call means, and its Kafka."""
    from tdaflink.adapters.kafka import KafkaClient

    env = EnvironmentStore().resolve(session.env)
    return env, KafkaClient(env.endpoints.kafka)


def announce(env: Environment) -> None:
    """Say which environment a changing command is about to change."""
    from tdaflink.display.console import err

    err().print(f"Environment {env.name} at {env.endpoints.rest_url}", markup=False)


def resolved_config(session: Session, asked: Asked) -> tuple[Environment, Resolved]:
    """The config of a call, merged and validated, with the environment that it is for."""
    from tdaflink.adapters.profiles import load_profile
    from tdaflink.services.configuration import configure

    env = EnvironmentStore().resolve(session.env)
    job = load_profile(env.profile).job if env.runtime != "external" else {}
    return env, configure(asked, env, job, session.reporter().warn)


def prepared_job(session: Session, asked: Asked, wanted: Wanted) -> tuple[Environment, Job]:
    """The job that a call of `submit` means."""
    from tdaflink.adapters.kafka import KafkaClient
    from tdaflink.services.preparation import script_job, shipped_job

    env, resolved = resolved_config(session, asked)
    if wanted.script is not None:
        return env, script_job(resolved, wanted)
    partitions = KafkaClient(env.endpoints.kafka).partition_counts
    return env, shipped_job(resolved, env, wanted, partitions, session.reporter().warn)
