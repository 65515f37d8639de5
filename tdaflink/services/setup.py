"""Bringing an environment up: its ports, JARs, processes, topics and schemas, in this order; idempotent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from tdaflink.adapters.alert_webhook import keep_webhook, require_webhook
from tdaflink.adapters.clients import kafka_admin_of, registry_of
from tdaflink.adapters.environments import EnvironmentStore
from tdaflink.adapters.locks import PortClaims
from tdaflink.adapters.maven import JarCache
from tdaflink.adapters.profiles import load_catalogue, load_lock, load_schemas, profile_of
from tdaflink.adapters.runtimes import runtime_for
from tdaflink.adapters.schema_registry import SchemaRegistry
from tdaflink.domain.alerts import NO_WEBHOOK, WEBHOOK
from tdaflink.domain.application import is_application
from tdaflink.domain.cluster_python import PackageSources
from tdaflink.domain.environment import Changes, Component, Environment, Runtime
from tdaflink.domain.errors import Interrupted, TdaflinkError, Unreachable
from tdaflink.domain.jars import JarLock
from tdaflink.domain.profile import SCALE, Profile
from tdaflink.domain.progress import Reporter, Silent
from tdaflink.domain.replacement import Replacement
from tdaflink.domain.setup import SetupPlan, SetupRequest, SetupResult
from tdaflink.domain.stack import grafana_login
from tdaflink.domain.topics import TopicSpec
from tdaflink.services.application import control_over, follow, prepare
from tdaflink.services.drafting import draft, reserve
from tdaflink.services.jars import fetch_jars, require_cached
from tdaflink.services.resuming import bring_back, endangered, set_aside, stopped, waiting
from tdaflink.services.schemas import plan_register, register_schemas
from tdaflink.services.supervisor_process import start_supervisor
from tdaflink.services.topics import create_topics, plan_topics


def set_up(request: SetupRequest, store: EnvironmentStore, reporter: Reporter) -> SetupResult:
    """Bring the environment up, or repair it, or find that nothing is to be done."""
    began = time.monotonic()
    name = store.chosen_name(request.env)
    with store.lock(name, waiting=reporter.note), PortClaims() as claims:
        environment, profile = reserve(request, name, store, claims)
        if request.webhook is not None:
            address = None if request.webhook == NO_WEBHOOK else request.webhook.strip()
            keep_webhook(store.folder(name), address)
        require_webhook(environment.details, store.folder(name))
        runtime = runtime_for(environment, store)
        reporter.note(f"environment {name} ({profile.about}), Flink at {environment.endpoints.rest_url}")
        _tell_of_size(store.find(name), environment, reporter)
        python = runtime.prepare(PackageSources(request.find_links, offline=request.skip_jars), reporter)
        if python != environment.python:
            environment = replace(environment, python=python)
            runtime = runtime_for(environment, store)
        runtime.preflight()
        # Before any job is stopped: what may fail for want of a network.
        fetched = _jars(request, load_lock().only(profile.jars), JarCache(), reporter)
        _set_aside(request, environment, profile, runtime, store, reporter)
        # Saved before anything starts: whatever happens now, teardown knows what to look for.
        if store.find(name) != environment:
            store.save(environment)
        created: tuple[str, ...] = ()
        registered: tuple[str, ...] = ()
        job_id = None
        with _telling_what_waits(environment, store, reporter):
            if is_application(environment):
                changes, job_id = _up_with_job(request, environment, runtime, store, reporter)
            else:
                changes = _up(runtime, name, reporter)
            if not (request.skip_kafka or job_id):
                catalogue = load_catalogue().sized(profile.topics)
                created = create_topics(kafka_admin_of(environment), catalogue, reporter).created
                registered = _register(environment, store, reporter)
            components = tuple(runtime.components())
            resumed, gone = _jobs_again(request, environment, profile, components, store, reporter)
        start_supervisor(environment, store)
        if name not in ("prod", store.current()) and not (job_id or request.unattended):
            store.use(name)
    return SetupResult(
        environment=name,
        profile=profile.name,
        rest_url=environment.endpoints.rest_url,
        kafka=environment.endpoints.kafka,
        changed=bool(changes.started or fetched or created or registered or resumed),
        started=changes.started,
        unchanged=changes.unchanged,
        jars_fetched=fetched,
        topics_created=created,
        schemas_registered=registered,
        components=components,
        seconds=round(time.monotonic() - began, 2),
        services=environment.endpoints.services,
        alerts=environment.details.get(WEBHOOK),
        grafana_login=grafana_login(profile, store.folder(name)),
        current=name == store.current(),
        job_id=job_id,
        jobs_resumed=resumed,
        jobs_gone=gone,
    )


def plan_setup(request: SetupRequest, store: EnvironmentStore) -> SetupPlan:
    """What `set_up` would do now; nothing is written or started."""
    environment, profile = draft(request, store)
    name = environment.name
    runtime = runtime_for(environment, store)
    components = runtime.components()
    anew = runtime.replaced()
    healthy = tuple(c.name for c in components if c.health == "healthy")
    cache, lock = JarCache(), load_lock().only(profile.jars)
    skip = request.skip_kafka or is_application(environment)
    catalogue = () if skip else load_catalogue().sized(profile.topics)
    planned = () if skip else _missing_schemas(environment, store)
    return SetupPlan(
        environment=name,
        profile=profile.name,
        about=profile.about,
        rest_url=environment.endpoints.rest_url,
        kafka=environment.endpoints.kafka,
        ports=profile.ports_at(environment.port_offset),
        start=tuple(c.name for c in components if c.name not in healthy),
        replace=anew.components,
        jobs=_names_of_endangered(environment, anew, store),
        unchanged=tuple(one for one in healthy if one not in anew.components),
        jars=tuple(str(jar.coordinates) for jar in lock.jars if not cache.has(jar)),
        topics=_missing_topics(environment, catalogue, broker_up="kafka" in healthy),
        schemas=planned,
        python=runtime.python_plan().described,
        alerts=environment.details.get(WEBHOOK),
    )


def _up_with_job(
    request: SetupRequest,
    environment: Environment,
    runtime: Runtime,
    store: EnvironmentStore,
    reporter: Reporter,
) -> tuple[Changes, str]:
    """An application cluster, whose job starts with it."""
    with control_over(environment, store, reporter) as control:
        job_id = prepare(request, control, store.folder(environment.name), runtime)
        changes = _up(runtime, environment.name, reporter)
        follow(job_id, control)
    return changes, job_id


def _up(runtime: Runtime, name: str, reporter: Reporter) -> Changes:
    try:
        return runtime.up(reporter)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; what was started of {name} keeps running",
            hint=f"tdaflink setup --env {name} goes on, tdaflink teardown --env {name} stops it",
        ) from None


def _tell_of_size(saved: Environment | None, environment: Environment, reporter: Reporter) -> None:
    small = SCALE in environment.details
    if saved is not None and (SCALE in saved.details) != small:
        back = "--no-scale" if small else "--scale"
        reporter.note(f"until now: {profile_of(saved).about}; setup --env {saved.name} {back} goes back")


def _set_aside(
    request: SetupRequest,
    environment: Environment,
    profile: Profile,
    runtime: Runtime,
    store: EnvironmentStore,
    reporter: Reporter,
) -> None:
    """Say what is made anew, and let no job be lost by it unsaid."""
    anew = runtime.replaced()
    if anew.fate != "kept":
        with control_over(environment, store, reporter) as control:
            set_aside(control, anew, profile.slots * profile.taskmanagers, resume=request.resume_jobs)
    if anew.components:
        reporter.note(f"no longer as their settings say, so made anew: {', '.join(anew.components)}")


@contextmanager
def _telling_what_waits(env: Environment, store: EnvironmentStore, reporter: Reporter) -> Iterator[None]:
    """Where setup fails half-way: which jobs it has stopped that do not run again yet."""
    try:
        yield
    except TdaflinkError:
        names: list[str] = []
        with suppress(TdaflinkError), control_over(env, store, reporter) as control:
            names = stopped(control)
        if names:
            again = f"tdaflink setup --env {env.name} --resume-jobs"
            reporter.warn(f"stopped with a savepoint, not running yet: {', '.join(names)}; {again} goes on")
        raise


def _jobs_again(
    request: SetupRequest,
    environment: Environment,
    profile: Profile,
    components: Sequence[Component],
    store: EnvironmentStore,
    reporter: Reporter,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the jobs that were brought back, and of those that could be."""
    if is_application(environment):
        return (), ()
    managers = [one.started_at for one in components if one.name.startswith("jobmanager") and one.started_at]
    since = None if profile.keeps_jobs else max(managers, default=None)
    with control_over(environment, store, reporter) as control:
        if request.resume_jobs:
            return bring_back(control, since), ()
        gone = tuple(waiting(control, since))
    if gone:
        reporter.warn(
            f"gone with the JobManager that ran before: {', '.join(gone)};"
            f" tdaflink setup --env {environment.name} --resume-jobs goes on from their newest state"
        )
    return (), gone


def _names_of_endangered(
    environment: Environment, anew: Replacement, store: EnvironmentStore
) -> tuple[str, ...]:
    if anew.fate == "kept":
        return ()
    with control_over(environment, store, Silent()) as control:
        return tuple(job.name for job in endangered(control, anew))


def _jars(request: SetupRequest, lock: JarLock, cache: JarCache, reporter: Reporter) -> tuple[str, ...]:
    if request.skip_jars:
        require_cached(lock, cache)
        return ()
    return fetch_jars(lock, cache, reporter, mirror=request.mirror).fetched


def _missing_topics(
    environment: Environment, catalogue: tuple[TopicSpec, ...], *, broker_up: bool
) -> tuple[str, ...]:
    if broker_up and catalogue:
        return plan_topics(kafka_admin_of(environment), catalogue).created
    return tuple(spec.name for spec in catalogue)


def _register(environment: Environment, store: EnvironmentStore, reporter: Reporter) -> tuple[str, ...]:
    with _registry(environment, store) as registry:
        return register_schemas(registry, load_schemas(), reporter).registered if registry else ()


def _missing_schemas(environment: Environment, store: EnvironmentStore) -> tuple[str, ...]:
    with _registry(environment, store) as registry:
        if registry is None:
            return ()
        try:
            return plan_register(registry, load_schemas()).registered
        except Unreachable:
            # A registry that this setup would start has nothing yet.
            return tuple(schema.subject for schema in load_schemas())


@contextmanager
def _registry(environment: Environment, store: EnvironmentStore) -> Iterator[SchemaRegistry | None]:
    """The environment's registry, or the one that this call's SCHEMA_REGISTRY_URL names, if there is one."""
    address = store.overridden(environment).endpoints.schema_registry
    if not address:
        yield None
        return
    registry = registry_of(environment, address)
    try:
        yield registry
    finally:
        registry.close()
