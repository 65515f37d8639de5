"""Environments of clusters that somebody else runs: looked at, saved, shown, removed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from tdaflink.adapters.clients import flink_of, kafka_admin_of, registry_of
from tdaflink.adapters.credentials import Credentials
from tdaflink.adapters.environments import EnvironmentStore
from tdaflink.adapters.profiles import load_catalogue, load_schemas, load_versions, topic_sizing
from tdaflink.domain.alerts import WEBHOOK
from tdaflink.domain.doctor import minor
from tdaflink.domain.environment import Environment
from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.domain.external import (
    ASK,
    SECRETS,
    Check,
    EnvironmentView,
    Options,
    asked_without_cluster,
    external_environment,
    option,
    options_of,
)
from tdaflink.domain.progress import Reporter
from tdaflink.services.checks.flink import OUTSIDE
from tdaflink.services.schemas import list_schemas
from tdaflink.services.topics import plan_topics

Ask = Callable[[str], str]


def add_environment(
    name: str, options: Options, store: EnvironmentStore, reporter: Reporter, ask: Ask, *, check: bool
) -> EnvironmentView:
    """Save an environment, after a look at what answers there unless `check` is false.

    `ask` gets each secret that is to be typed in; it is kept in a file of mode 0600. Nothing stays where
    the cluster cannot be reached or does not let us in.
    """
    with store.lock(name, waiting=reporter.note):
        _require_new(name, store)
        if asked_without_cluster(options):
            raise UsageError(
                "--kafka-password ask keeps the password on this machine, where the job does not run",
                hint="--kafka-password-cluster env:NAME or file:PATH says where the cluster finds it",
            )
        credentials = Credentials(store.folder(name))
        meant = {**options, **{each: f"file:{credentials.path(each)}" for each in _asked(options)}}
        env = external_environment(name, meant)
        try:
            for each in _asked(options):
                credentials.keep(each, ask(option(each)))
            checks = check_environment(env, reporter) if check else ()
            store.save(env)
        except BaseException:
            credentials.forget()
            raise
    return _view(env, store, checks)


def check_environment(env: Environment, reporter: Reporter) -> tuple[Check, ...]:
    """What is there and what is missing. Raises what stands in the way of every further command."""
    with reporter.step(f"Flink at {env.endpoints.rest_url}"):
        flink = _check_flink(env)
    with reporter.step(f"Kafka at {env.endpoints.kafka}"):
        topics = _check_topics(env)
    schemas = _check_schemas(env)
    python = Check(
        "Python",
        "unchecked",
        f"jobs run with {env.python} of the cluster; the first submit shows whether it does",
    )
    return (*flink, topics, *schemas, python)


def show_environment(name: str | None, store: EnvironmentStore) -> EnvironmentView:
    """A saved environment in full."""
    return _view(_saved(store.chosen_name(name), store), store, ())


def removable(name: str, store: EnvironmentStore) -> Environment:
    """The environment of that name; `UsageError` for one that tdaflink itself runs."""
    env = _saved(name, store)
    if env.is_managed:
        raise UsageError(
            f"the environment {name!r} is one that tdaflink itself runs",
            hint=f"tdaflink teardown --env {name} --purge stops and removes it",
        )
    return env


def remove_environment(name: str, store: EnvironmentStore, reporter: Reporter) -> EnvironmentView:
    """Forget an environment with its secrets and its history; its cluster is left alone."""
    with store.lock(name, waiting=reporter.note):
        view = _view(removable(name, store), store, ())
        store.remove(name)
    return view


def _asked(options: Options) -> list[str]:
    return [name for name in SECRETS if options.get(name) == ASK]


def _require_new(name: str, store: EnvironmentStore) -> None:
    if (known := store.find(name)) is None:
        return
    command = f"teardown --env {name} --purge" if known.is_managed else f"env remove {name}"
    raise UsageError(
        f"there is an environment {name!r} already, at {known.endpoints.rest_url}",
        hint=f"choose another name, or tdaflink {command} first",
    )


def _saved(name: str, store: EnvironmentStore) -> Environment:
    env = store.find(name)
    if env is None:
        saved = ", ".join(store.names()) or "none"
        raise NotFound(f"no environment named {name!r} (saved: {saved})", hint="tdaflink env list")
    return env


def _check_flink(env: Environment) -> tuple[Check, ...]:
    with closing(flink_of(env)) as cluster:
        overview = cluster.overview()
    found, ours = overview.flink_version, load_versions().flink
    version = Check("Flink", "ok", f"version {found}")
    if found != ours:
        known = minor(found) == minor(load_versions().next_flink)
        outside = OUTSIDE.format(ours) if known else f"this tdaflink was made for {ours}"
        version = Check("Flink", "differs", f"version {found}; {outside}")
    free, total = overview.slots_available, overview.slots_total
    slots = Check("slots", "ok" if total else "missing", f"{free} of {total} are free")
    return version, slots


def _check_topics(env: Environment) -> Check:
    admin = kafka_admin_of(env)
    catalogue = load_catalogue().sized(topic_sizing(env))
    missing = plan_topics(admin, catalogue).created
    if not missing:
        return Check("topics", "ok", f"all {len(catalogue)} are there")
    create = f"tdaflink topics create --env {env.name}"
    return Check("topics", "missing", f"not there: {', '.join(missing)}", create)


def _check_schemas(env: Environment) -> tuple[Check, ...]:
    if env.endpoints.schema_registry is None:
        return ()
    with closing(registry_of(env, env.endpoints.schema_registry)) as registry:
        statuses = list_schemas(registry, load_schemas())
    missing = [status.schema.subject for status in statuses if status.registered is None]
    if not missing:
        return (Check("schemas", "ok", f"all {len(statuses)} are registered"),)
    register = f"tdaflink schemas register --env {env.name}"
    return (Check("schemas", "missing", f"not registered: {', '.join(missing)}", register),)


def _view(env: Environment, store: EnvironmentStore, checks: tuple[Check, ...]) -> EnvironmentView:
    return EnvironmentView(
        name=env.name,
        current=env.name == store.current(),
        profile=env.profile,
        runtime=env.runtime,
        port_offset=env.port_offset,
        options=options_of(env),
        checks=checks,
        alerts=env.details.get(WEBHOOK),
    )
