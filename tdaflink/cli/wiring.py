"""Builds the adapters that commands hand to services."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tdaflink.adapters.environments import EnvironmentStore
from tdaflink.domain.addresses import web_address

if TYPE_CHECKING:
    from tdaflink.adapters.component_logs import ComponentLogs
    from tdaflink.adapters.flink import FlinkRest
    from tdaflink.adapters.kafka import KafkaClient
    from tdaflink.adapters.kafka_watch import TopicWatch
    from tdaflink.adapters.schema_registry import SchemaRegistry
    from tdaflink.cli.common import Session
    from tdaflink.domain.environment import Environment
    from tdaflink.domain.layers import Layer, Resolved
    from tdaflink.domain.ledger import Version
    from tdaflink.services.checks.patient import Patient
    from tdaflink.services.configuration import Asked
    from tdaflink.services.control import Control
    from tdaflink.services.diagnosis import Sources as DiagnosisSources
    from tdaflink.services.jobrun import Job
    from tdaflink.services.preparation import Wanted
    from tdaflink.services.restarting import Restart
    from tdaflink.services.watching import Sources

_REGISTRY_CREDENTIALS = "leave them out of it and set SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO=user:password"


@contextmanager
def cluster_of(session: Session) -> Iterator[tuple[Environment, FlinkRest]]:
    """The environment that the call means, and its JobManager."""
    from tdaflink.adapters.clients import flink_of

    env = EnvironmentStore().resolve(session.env)
    cluster = flink_of(env)
    try:
        yield env, cluster
    finally:
        cluster.close()


@contextmanager
def control_of(session: Session) -> Iterator[Control]:
    """What actions on the cluster of the environment that the call means need."""
    from tdaflink.adapters import clients
    from tdaflink.adapters.ledger import Ledger
    from tdaflink.adapters.runtimes import storage_of
    from tdaflink.services.control import Control

    with cluster_of(session) as (env, cluster):
        kafka = clients.kafka_of(env) if env.endpoints.kafka else None
        store = EnvironmentStore()
        ledger = Ledger(store.folder(env.name))
        yield Control(env, cluster, ledger, session.reporter(), storage_of(env, store), kafka)


@contextmanager
def session_control_of(session: Session) -> Iterator[Control]:
    """The same for an action that starts a job. Raises `Refused` for a cluster that is made for one."""
    from tdaflink.domain.application import require_session

    require_session(EnvironmentStore().resolve(session.env))
    with control_of(session) as control:
        yield control


def kafka_of(session: Session) -> tuple[Environment, KafkaClient]:
    """The environment that the call means, and its Kafka."""
    from tdaflink.adapters import clients

    env = EnvironmentStore().resolve(session.env)
    return env, clients.kafka_of(env)


@contextmanager
def topics_of(session: Session) -> Iterator[TopicWatch]:
    """The topics of the environment that the call means, to be looked at."""
    _, client = kafka_of(session)
    topics = client.watch()
    try:
        yield topics
    finally:
        topics.close()


def watch_sources(session: Session, prometheus: str | None) -> tuple[Sources, Callable[[], None]]:
    """What the dashboard reads of the environment that the call means, and how that is closed."""
    from tdaflink.adapters.clients import flink_of
    from tdaflink.adapters.prometheus import Prometheus
    from tdaflink.domain.application import is_application
    from tdaflink.services.watching import READ_SECONDS, Sources

    env, client = kafka_of(session)
    cluster = flink_of(env, READ_SECONDS)
    kafka = client.watch()
    url = _prometheus_address(prometheus) or env.endpoints.prometheus
    alerts = Prometheus(url) if url else None

    def close() -> None:
        for source in (cluster, kafka, alerts):
            if source is not None:
                source.close()

    logs = _logs(env, cluster)
    return Sources(env.name, cluster, kafka, alerts, logs, is_application(env)), close


def _prometheus_address(option: str | None) -> str | None:
    return None if option is None else web_address(option, "--prometheus", "http://host:9090")


@contextmanager
def logs_of(session: Session) -> Iterator[ComponentLogs]:
    """The logs of the environment that the call means."""
    with cluster_of(session) as (env, cluster):
        yield _logs(env, cluster)


def _logs(env: Environment, cluster: FlinkRest) -> ComponentLogs:
    from tdaflink.adapters.component_logs import FlinkLogs, RuntimeLogs
    from tdaflink.adapters.runtimes import runtime_for

    external = env.runtime == "external"
    return FlinkLogs(cluster) if external else RuntimeLogs(runtime_for(env, EnvironmentStore()))


@contextmanager
def patient_of(session: Session, prometheus: str | None, *, quick: bool = False) -> Iterator[Patient]:
    """The environment that the call means, to be examined, also one that is still to be set up."""
    from tdaflink.adapters.clients import flink_of, kafka_admin_of
    from tdaflink.adapters.profiles import load_catalogue, profile_names, profile_of, topic_sizing
    from tdaflink.adapters.runtimes import runtime_for
    from tdaflink.domain.setup import SetupRequest
    from tdaflink.services.checks.patient import Patient
    from tdaflink.services.drafting import draft

    store = EnvironmentStore()
    name = store.chosen_name(session.env)
    fresh = store.find(name) is None and name in profile_names() and not os.environ.get("FLINK_REST_URL")
    env = draft(SetupRequest(env=name), store)[0] if fresh else store.resolve(session.env)
    env = store.overridden(env)
    own = env.runtime != "external"
    cluster = flink_of(env)
    try:
        yield Patient(
            environment=env,
            runtime=runtime_for(env, store) if own else None,
            profile=profile_of(env) if own else None,
            cluster=cluster,
            kafka=kafka_admin_of(env),
            catalogue=load_catalogue().sized(topic_sizing(env)),
            registry=env.endpoints.schema_registry,
            prometheus=_prometheus_address(prometheus) or env.endpoints.prometheus,
            saved=fresh or store.find(name) is not None,
            quick=quick,
        )
    finally:
        cluster.close()


@contextmanager
def diagnosis_sources(session: Session) -> Iterator[DiagnosisSources]:
    """Where a diagnosis of the environment that the call means gets its parts."""
    from tdaflink.adapters import clients
    from tdaflink.services.diagnosis import Sources

    with patient_of(session, None) as patient:
        env = patient.environment
        topics = clients.kafka_of(env).watch()
        try:
            folder = EnvironmentStore().folder(env.name)
            yield Sources(patient, folder, _logs(env, patient.cluster), topics)
        finally:
            topics.close()


@contextmanager
def registry_of(session: Session, address: str | None, config: Path | None) -> Iterator[SchemaRegistry]:
    """The schema registry at `address`, else that of the config or of the environment that the call means."""
    from tdaflink.adapters import clients
    from tdaflink.services.configuration import Asked
    from tdaflink.services.schemas import no_registry, registry_address

    env, auth = None, None
    if address is not None:
        address = web_address(address, "--registry", "http://host:port", credentials=_REGISTRY_CREDENTIALS)
    if address is None and config is None and session.env is None and not EnvironmentStore().names():
        raise no_registry("no schema registry is named, and no environment is set up that could have one")
    if address is None or config is not None:
        env, resolved = resolved_config(session, Asked(file=config))
        address = address or registry_address(env, resolved)
        auth = resolved.config.schema_registry_auth
    registry = clients.registry_of(env, address, auth)
    try:
        yield registry
    finally:
        registry.close()


def announce(session: Session, env: Environment) -> None:
    """Say which environment a changing command is about to change; ask if it is prod."""
    from tdaflink.cli.common import confirm_production
    from tdaflink.display.console import err

    err().print(f"Environment {env.name} at {env.endpoints.rest_url}", markup=False)
    confirm_production(session, env.name, env.profile)


def confirm_chosen(session: Session) -> None:
    """Ask before what the call means is changed, if that is prod, whether it is saved or named alone."""
    from tdaflink.cli.common import confirm_production

    store = EnvironmentStore()
    name = store.chosen_name(session.env)
    saved = store.find(name)
    confirm_production(session, name, saved.profile if saved else "")


def resolved_config(
    session: Session, asked: Asked, below: Layer | None = None
) -> tuple[Environment, Resolved]:
    """The config of a call, merged and validated, with the environment that it is for."""
    from tdaflink.adapters.profiles import load_profile
    from tdaflink.services.configuration import configure

    env = EnvironmentStore().resolve(session.env)
    job = load_profile(env.profile).job if env.runtime != "external" else {}
    return env, configure(asked, env, job, session.reporter().warn, below)


def upgraded_job(
    session: Session,
    asked: Asked,
    wanted: Wanted,
    control: Control,
    version: Version,
    *,
    renamed: bool = False,
) -> Job:
    """The job that a call means for a version that runs or has run; `renamed` where its name may change."""
    from tdaflink.services.preparation import script_again, script_job, shipped_job
    from tdaflink.services.upgrades import base_layer, check_kept
    from tdaflink.services.versions import included_in, job_from

    env, resolved = resolved_config(session, asked, base_layer(version, asked))
    spec = check_kept(version, resolved, script=wanted.script is not None, renamed=renamed)
    if wanted.script is not None:
        return script_job(resolved, wanted)
    if spec.settings is None:
        return script_again(resolved, job_from(spec, resolved.config.job_name, control), wanted.arguments)
    carried = {} if wanted.include else included_in(spec, control)
    kafka = kafka_of(session)[1]
    return shipped_job(
        resolved, env, replace(wanted, carried=carried), kafka.partition_counts, session.reporter().warn
    )


def restarted_job(
    session: Session, asked: Asked, wanted: Wanted, control: Control, restart: Restart, *, fresh: bool
) -> Job:
    """The job that goes on from the state of `restart`: as its last version, changed by what the call says.

    With `fresh` it has the defaults, changed likewise.
    """
    from tdaflink.display.lifecycle import show_restart_plan
    from tdaflink.services.configuration import Asked
    from tdaflink.services.restarting import as_before, plan_of, require_bundle, require_known

    asked = replace(asked, job_name=restart.name)
    changes = asked != Asked(job_name=restart.name) or wanted != type(wanted)()
    version = require_known(restart, said=fresh or changes)
    job: Job | None = None
    if version is None or fresh:
        job = prepared_job(session, asked, wanted)[1]
    elif not changes and restart.name == version.name:
        job = as_before(control, version)
    if job is None and version is not None:
        require_bundle(control, version, included=bool(wanted.include or wanted.script))
        job = upgraded_job(session, asked, wanted, control, version, renamed=restart.name != version.name)
    assert job is not None  # noqa: S101 - one of the three
    job = replace(job, savepoint=restart.savepoint)
    if version is not None and (plan := plan_of(version, job)) is not None:
        show_restart_plan(plan)
    return job


def job_named(session: Session, asked: Asked, script: Path | None) -> tuple[str, bool]:
    """The name of the job that a call means, and whether the call itself says it."""
    from tdaflink.adapters.profiles import load_profile
    from tdaflink.services.configuration import named_job

    env = EnvironmentStore().resolve(session.env)
    name, said = named_job(asked, env, load_profile(env.profile).job if env.runtime != "external" else {})
    return (script.stem, True) if script is not None and not said else (name, said)


def prepared_job(session: Session, asked: Asked, wanted: Wanted) -> tuple[Environment, Job]:
    """The job that a call of `submit` means."""
    from tdaflink.adapters.clients import kafka_of
    from tdaflink.services.preparation import script_job, shipped_job

    env, resolved = resolved_config(session, asked)
    if wanted.script is not None:
        return env, script_job(resolved, wanted)
    partitions = kafka_of(env).partition_counts
    free = None if "parallelism" in resolved.config.model_fields_set else _free_slots(env)
    return env, shipped_job(resolved, env, wanted, partitions, session.reporter().warn, free)


def _free_slots(env: Environment) -> int:
    """Those of the cluster, 0 while it does not answer: a plan is made without it."""
    from tdaflink.adapters.clients import flink_of
    from tdaflink.domain.errors import TdaflinkError

    try:
        with closing(flink_of(env)) as cluster:
            return cluster.slots()[0]
    except TdaflinkError:
        return 0
