"""Environments of external clusters: check, save, show, remove."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from tdaflink.adapters.clients import flink_of, kafka_admin_of, registry_of
from tdaflink.adapters.security.credential_store import Credentials
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.shipped_profiles import (
    load_catalogue,
    load_schemas,
    load_versions,
    topic_sizing,
)
from tdaflink.domain.environments.alerts import WEBHOOK
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.environments.external import (
    ASK,
    SECRETS,
    EndpointCheck,
    EnvironmentView,
    Options,
    asked_without_cluster,
    external_environment,
    option,
    options_of,
)
from tdaflink.domain.environments.health_checks import minor
from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.domain.progress import Reporter
from tdaflink.services.environments.schemas import list_schemas
from tdaflink.services.environments.topics import plan_topics
from tdaflink.services.observability.checks.flink import OUTSIDE

Ask = Callable[[str], str]


def add_environment(
    name: str, options: Options, store: EnvironmentStore, reporter: Reporter, ask: Ask, *, check: bool
) -> EnvironmentView:
    """Save an environment, after a check of its endpoints unless `check` is false.

    `ask` prompts for each secret with the reference ask; it is stored in a file with mode 0600. Nothing is
    saved if the cluster cannot be reached or denies access.
    """
    with store.lock(name, waiting=reporter.note):
        _require_new(name, store)
        if asked_without_cluster(options):
            raise UsageError(
                "--kafka-password ask stores the password on this machine, which the job does not run on",
                hint="give its reference on the cluster: --kafka-password-cluster env:NAME or file:PATH",
            )
        credentials = Credentials(store.folder(name))
        references = {**options, **{secret: f"file:{credentials.path(secret)}" for secret in _asked(options)}}
        env = external_environment(name, references)
        try:
            for secret in _asked(options):
                credentials.keep(secret, ask(option(secret)))
            checks = check_environment(env, reporter) if check else ()
            store.save(env)
        except BaseException:
            credentials.forget()
            raise
    return _view(env, store, checks)


def check_environment(environment: Environment, reporter: Reporter) -> tuple[EndpointCheck, ...]:
    """Check an environment's endpoints. Raises the errors that would make every further command fail."""
    with reporter.step(f"Flink at {environment.endpoints.rest_url}"):
        flink = _check_flink(environment)
    with reporter.step(f"Kafka at {environment.endpoints.kafka}"):
        topics = _check_topics(environment)
    schemas = _check_schemas(environment)
    python = EndpointCheck(
        "Python",
        "unchecked",
        f"jobs run with {environment.python} of the cluster; the first submit will check it",
    )
    return (*flink, topics, *schemas, python)


def show_environment(name: str | None, store: EnvironmentStore) -> EnvironmentView:
    """Return a saved environment with all of its options."""
    return _view(_saved(store.chosen_name(name), store), store, ())


def removable(name: str, store: EnvironmentStore) -> Environment:
    """Return an external environment by name. Raises `UsageError` for a managed one."""
    env = _saved(name, store)
    if env.is_managed:
        raise UsageError(
            f"the environment {name!r} is managed by tdaflink",
            hint=f"tdaflink teardown --env {name} --purge stops and removes it",
        )
    return env


def remove_environment(name: str, store: EnvironmentStore, reporter: Reporter) -> EnvironmentView:
    """Remove an environment with its secrets and its history; the cluster is not touched."""
    with store.lock(name, waiting=reporter.note):
        view = _view(removable(name, store), store, ())
        store.remove(name)
    return view


def _asked(options: Options) -> list[str]:
    return [name for name in SECRETS if options.get(name) == ASK]


def _require_new(name: str, store: EnvironmentStore) -> None:
    if (saved := store.find(name)) is None:
        return
    command = f"teardown --env {name} --purge" if saved.is_managed else f"env remove {name}"
    raise UsageError(
        f"there is already an environment {name!r}, at {saved.endpoints.rest_url}",
        hint=f"choose another name, or tdaflink {command} first",
    )


def _saved(name: str, store: EnvironmentStore) -> Environment:
    env = store.find(name)
    if env is None:
        saved = ", ".join(store.names()) or "none"
        raise NotFound(f"no environment named {name!r} (saved: {saved})", hint="tdaflink env list")
    return env


def _check_flink(environment: Environment) -> tuple[EndpointCheck, ...]:
    with closing(flink_of(environment)) as cluster:
        overview = cluster.overview()
    actual, supported = overview.flink_version, load_versions().flink
    version = EndpointCheck("Flink", "ok", f"version {actual}")
    if actual != supported:
        is_next = minor(actual) == minor(load_versions().next_flink)
        limits = OUTSIDE.format(supported) if is_next else f"this release requires {supported}"
        version = EndpointCheck("Flink", "differs", f"version {actual}; {limits}")
    free, total = overview.slots_available, overview.slots_total
    slots = EndpointCheck("slots", "ok" if total else "missing", f"{free} of {total} are free")
    return version, slots


def _check_topics(environment: Environment) -> EndpointCheck:
    admin = kafka_admin_of(environment)
    catalogue = load_catalogue().sized(topic_sizing(environment))
    missing = plan_topics(admin, catalogue).created
    if not missing:
        return EndpointCheck("topics", "ok", f"all {len(catalogue)} exist")
    create = f"tdaflink topics create --env {environment.name}"
    return EndpointCheck("topics", "missing", f"missing: {', '.join(missing)}", create)


def _check_schemas(environment: Environment) -> tuple[EndpointCheck, ...]:
    if environment.endpoints.schema_registry is None:
        return ()
    with closing(registry_of(environment, environment.endpoints.schema_registry)) as registry:
        statuses = list_schemas(registry, load_schemas())
    missing = [status.schema.subject for status in statuses if status.registered is None]
    if not missing:
        return (EndpointCheck("schemas", "ok", f"all {len(statuses)} are registered"),)
    register = f"tdaflink schemas register --env {environment.name}"
    return (EndpointCheck("schemas", "missing", f"not registered: {', '.join(missing)}", register),)


def _view(
    environment: Environment, store: EnvironmentStore, checks: tuple[EndpointCheck, ...]
) -> EnvironmentView:
    return EnvironmentView(
        name=environment.name,
        current=environment.name == store.current(),
        profile=environment.profile,
        runtime=environment.runtime,
        port_offset=environment.port_offset,
        options=options_of(environment),
        checks=checks,
        alerts=environment.details.get(WEBHOOK),
    )
