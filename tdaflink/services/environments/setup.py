"""Setup of an environment: ports, JARs, processes, topics and schemas, in this order; idempotent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from tdaflink.adapters.clients import kafka_admin_of, registry_of
from tdaflink.adapters.jars.cache import JarCache
from tdaflink.adapters.runtimes import runtime_for
from tdaflink.adapters.schema_registry import SchemaRegistry
from tdaflink.adapters.security.alert_webhook import keep_webhook, require_webhook
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.locks import PortClaims
from tdaflink.adapters.storage.shipped_profiles import load_catalogue, load_lock, load_schemas, profile_of
from tdaflink.domain.artifacts.cluster_python import PackageSources
from tdaflink.domain.artifacts.jars import JarLock
from tdaflink.domain.environments.alerts import NO_WEBHOOK, WEBHOOK
from tdaflink.domain.environments.application_cluster import is_application
from tdaflink.domain.environments.compose_stack import grafana_login
from tdaflink.domain.environments.environment import Changes, Component, Environment, Runtime
from tdaflink.domain.environments.profile import SCALE, Profile
from tdaflink.domain.environments.recreation import Replacement
from tdaflink.domain.environments.setup import SetupPlan, SetupRequest, SetupResult
from tdaflink.domain.errors import Interrupted, TdaflinkError, Unreachable
from tdaflink.domain.messages.topics import TopicSpec
from tdaflink.domain.progress import Reporter, Silent
from tdaflink.services.artifacts.jars import fetch_jars, require_cached
from tdaflink.services.environments.application_cluster import control_over, follow, prepare
from tdaflink.services.environments.draft import reserve, resolve_environment
from tdaflink.services.environments.schemas import plan_register, register_schemas
from tdaflink.services.environments.supervisor_process import start_supervisor
from tdaflink.services.environments.topics import create_topics, plan_topics
from tdaflink.services.upgrades.recovery import (
    jobs_at_risk,
    resubmit_jobs,
    stopped,
    suspend_for_recreation,
    waiting,
)


def set_up(request: SetupRequest, store: EnvironmentStore, reporter: Reporter) -> SetupResult:
    """Create or repair the environment; idempotent."""
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
        _note_previous_size(store.find(name), environment, reporter)
        python = runtime.prepare(PackageSources(request.find_links, offline=request.skip_jars), reporter)
        if python != environment.python:
            environment = replace(environment, python=python)
            runtime = runtime_for(environment, store)
        runtime.preflight()
        # Downloads may fail without a network: before any job is stopped.
        fetched = _jars(request, load_lock().only(profile.jars), JarCache(), reporter)
        _suspend_jobs(request, environment, profile, runtime, store, reporter)
        # Saved before anything starts, so that teardown can remove a partial setup.
        if store.find(name) != environment:
            store.save(environment)
        created: tuple[str, ...] = ()
        registered: tuple[str, ...] = ()
        job_id = None
        with _warn_of_stopped_jobs(environment, store, reporter):
            if is_application(environment):
                changes, job_id = _up_with_job(request, environment, runtime, store, reporter)
            else:
                changes = _up(runtime, name, reporter)
            if not (request.skip_kafka or job_id):
                catalogue = load_catalogue().sized(profile.topics)
                created = create_topics(kafka_admin_of(environment), catalogue, reporter).created
                registered = _register(environment, store, reporter)
            components = tuple(runtime.components())
            resumed, gone = _resume_jobs(request, environment, profile, components, store, reporter)
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
    """Return the changes that `set_up` would make; writes and starts nothing."""
    environment, profile = resolve_environment(request, store)
    name = environment.name
    runtime = runtime_for(environment, store)
    components = runtime.components()
    recreation = runtime.pending_recreation()
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
        replace=recreation.components,
        jobs=_jobs_at_risk(environment, recreation, store),
        unchanged=tuple(name for name in healthy if name not in recreation.components),
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
    """Start an application cluster, whose job starts with it; return the changes and the job id."""
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
            hint=f"tdaflink setup --env {name} continues, tdaflink teardown --env {name} stops it",
        ) from None


def _note_previous_size(saved: Environment | None, environment: Environment, reporter: Reporter) -> None:
    small = SCALE in environment.details
    if saved is not None and (SCALE in saved.details) != small:
        back = "--no-scale" if small else "--scale"
        reporter.note(
            f"previous size: {profile_of(saved).about}; setup --env {saved.name} {back} restores it"
        )


def _suspend_jobs(
    request: SetupRequest,
    environment: Environment,
    profile: Profile,
    runtime: Runtime,
    store: EnvironmentStore,
    reporter: Reporter,
) -> None:
    """Report the components to recreate, and stop the jobs that would be lost. Raises `Refused`."""
    recreation = runtime.pending_recreation()
    if recreation.fate != "kept":
        with control_over(environment, store, reporter) as control:
            suspend_for_recreation(
                control, recreation, profile.slots * profile.taskmanagers, resume=request.resume_jobs
            )
    if recreation.components:
        names = ", ".join(recreation.components)
        reporter.note(f"recreated because their configuration changed: {names}")


@contextmanager
def _warn_of_stopped_jobs(
    environment: Environment, store: EnvironmentStore, reporter: Reporter
) -> Iterator[None]:
    """Warn, if setup fails, of the jobs that it has stopped and that do not run again yet."""
    try:
        yield
    except TdaflinkError:
        names: list[str] = []
        with suppress(TdaflinkError), control_over(environment, store, reporter) as control:
            names = stopped(control)
        if names:
            again = f"tdaflink setup --env {environment.name} --resume-jobs"
            reporter.warn(
                f"stopped with a savepoint, not running yet: {', '.join(names)}; {again} resumes them"
            )
        raise


def _resume_jobs(
    request: SetupRequest,
    environment: Environment,
    profile: Profile,
    components: Sequence[Component],
    store: EnvironmentStore,
    reporter: Reporter,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the resumed jobs, and of the jobs that could be resumed."""
    if is_application(environment):
        return (), ()
    jobmanagers = [component for component in components if component.name.startswith("jobmanager")]
    starts = [jobmanager.started_at for jobmanager in jobmanagers if jobmanager.started_at]
    since = None if profile.keeps_jobs else max(starts, default=None)
    with control_over(environment, store, reporter) as control:
        if request.resume_jobs:
            return resubmit_jobs(control, since), ()
        gone = tuple(waiting(control, since))
    if gone:
        reporter.warn(
            f"lost with the previous JobManager: {', '.join(gone)};"
            f" tdaflink setup --env {environment.name} --resume-jobs resumes them from their latest state"
        )
    return (), gone


def _jobs_at_risk(
    environment: Environment, recreation: Replacement, store: EnvironmentStore
) -> tuple[str, ...]:
    if recreation.fate == "kept":
        return ()
    with control_over(environment, store, Silent()) as control:
        return tuple(job.name for job in jobs_at_risk(control, recreation))


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
            # A registry that this setup would start is empty.
            return tuple(schema.subject for schema in load_schemas())


@contextmanager
def _registry(environment: Environment, store: EnvironmentStore) -> Iterator[SchemaRegistry | None]:
    """Open the environment's registry, or that of this call's SCHEMA_REGISTRY_URL; None without one."""
    address = store.overridden(environment).endpoints.schema_registry
    if not address:
        yield None
        return
    registry = registry_of(environment, address)
    try:
        yield registry
    finally:
        registry.close()
