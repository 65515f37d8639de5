"""Bringing an environment up: its ports, JARs, processes, topics and schemas, in this order; idempotent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from tdaflink.adapters.clients import kafka_admin_of, registry_of
from tdaflink.adapters.environments import DEFAULT_NAME, EnvironmentStore
from tdaflink.adapters.locks import PortClaims
from tdaflink.adapters.maven import JarCache
from tdaflink.adapters.processes import port_is_free
from tdaflink.adapters.profiles import (
    load_catalogue,
    load_lock,
    load_profile,
    load_schemas,
    profile_names,
    profile_of,
)
from tdaflink.adapters.runtimes import run_by_others, runtime_for
from tdaflink.adapters.schema_registry import SchemaRegistry
from tdaflink.domain.application import is_application
from tdaflink.domain.environment import Changes, Endpoints, Environment, Runtime
from tdaflink.domain.errors import Interrupted, NotFound, Refused, Unhealthy, Unreachable, UsageError
from tdaflink.domain.external import EXTERNAL
from tdaflink.domain.jars import JarLock
from tdaflink.domain.monitoring import with_metrics
from tdaflink.domain.profile import Profile
from tdaflink.domain.progress import Reporter
from tdaflink.domain.setup import SetupPlan, SetupRequest, SetupResult
from tdaflink.domain.stack import grafana_login
from tdaflink.domain.topics import TopicSpec
from tdaflink.services.application import control_over, follow, placed, prepare
from tdaflink.services.jars import fetch_jars, require_cached
from tdaflink.services.schemas import plan_register, register_schemas
from tdaflink.services.topics import create_topics, plan_topics

_OFFSET_STEP = 100
_OFFSETS = 200


def set_up(request: SetupRequest, store: EnvironmentStore, reporter: Reporter) -> SetupResult:
    """Bring the environment up, or repair it, or find that nothing is to be done."""
    began = time.monotonic()
    name = store.chosen_name(request.env)
    with store.lock(name, waiting=reporter.note), PortClaims() as claims:
        environment, profile = _reserve(request, name, store, claims)
        runtime = runtime_for(environment, store)
        reporter.note(f"environment {name} ({profile.about}), Flink at {environment.endpoints.rest_url}")
        runtime.preflight()
        # Saved before anything starts: whatever happens now, teardown knows what to look for.
        if store.find(name) != environment:
            store.save(environment)
        fetched = _jars(request, load_lock().only(profile.jars), JarCache(), reporter)
        created: tuple[str, ...] = ()
        registered: tuple[str, ...] = ()
        job_id = None
        if is_application(environment):
            changes, job_id = _up_with_job(request, environment, runtime, store, reporter)
        else:
            changes = _up(runtime, name, reporter)
        if not (request.skip_kafka or job_id):
            catalogue = load_catalogue().sized(profile.topics)
            created = create_topics(kafka_admin_of(environment), catalogue, reporter).created
            registered = _register(environment, store, reporter)
        if name not in ("prod", store.current()) and not job_id:
            store.use(name)
    return SetupResult(
        environment=name,
        profile=profile.name,
        rest_url=environment.endpoints.rest_url,
        kafka=environment.endpoints.kafka,
        changed=bool(changes.started or fetched or created or registered),
        started=changes.started,
        unchanged=changes.unchanged,
        jars_fetched=fetched,
        topics_created=created,
        schemas_registered=registered,
        components=tuple(runtime.components()),
        seconds=round(time.monotonic() - began, 2),
        services=environment.endpoints.services,
        grafana_login=grafana_login(profile, store.folder(name)),
        current=name == store.current(),
        job_id=job_id,
    )


def draft(request: SetupRequest, store: EnvironmentStore) -> tuple[Environment, Profile]:
    """The environment as a setup would leave it; nothing is written or started."""
    name = store.chosen_name(request.env)
    profile = load_profile(_profile_name(request, name, store.find(name)))
    with PortClaims() as claims:
        return _environment(request, name, store, profile, claims), profile


def plan_setup(request: SetupRequest, store: EnvironmentStore) -> SetupPlan:
    """What `set_up` would do now; nothing is written or started."""
    environment, profile = draft(request, store)
    name = environment.name
    components = runtime_for(environment, store).components()
    healthy = tuple(c.name for c in components if c.health == "healthy")
    cache, lock = JarCache(), load_lock().only(profile.jars)
    skip = request.skip_kafka or is_application(environment)
    catalogue = () if skip else load_catalogue().sized(profile.topics)
    planned = () if skip else _missing_schemas(environment, store)
    return SetupPlan(
        environment=name,
        profile=profile.name,
        rest_url=environment.endpoints.rest_url,
        kafka=environment.endpoints.kafka,
        ports=profile.ports_at(environment.port_offset),
        start=tuple(c.name for c in components if c.name not in healthy),
        unchanged=healthy,
        jars=tuple(str(jar.coordinates) for jar in lock.jars if not cache.has(jar)),
        topics=_missing_topics(environment, catalogue, broker_up="kafka" in healthy),
        schemas=planned,
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


def _reserve(
    request: SetupRequest, name: str, store: EnvironmentStore, claims: PortClaims
) -> tuple[Environment, Profile]:
    """The environment as it will be; an offset that was chosen here is taken from the others at once."""
    with store.lock_ports():
        profile = load_profile(_profile_name(request, name, store.find(name)))
        environment = _environment(request, name, store, profile, claims)
        if request.port_offset == "auto":
            store.save(environment)
    return environment, profile


def _profile_name(request: SetupRequest, name: str, saved: Environment | None) -> str:
    if saved and saved.runtime == EXTERNAL:
        raise run_by_others(saved)
    if saved and request.profile and saved.profile != request.profile:
        raise UsageError(
            f"environment {name!r} was made from the profile {saved.profile!r}, not {request.profile!r}",
            hint=f"tdaflink teardown --env {name} --purge, or choose another name",
        )
    unsaid = DEFAULT_NAME if request.application else name
    chosen = request.profile or (saved.profile if saved else unsaid)
    if chosen not in profile_names() and not request.profile:
        raise NotFound(
            f"{name!r} is neither a saved environment nor a profile ({', '.join(profile_names())})",
            hint=f"tdaflink setup --env {name} --profile {DEFAULT_NAME} makes an environment of that name",
        )
    return chosen


def _environment(
    request: SetupRequest, name: str, store: EnvironmentStore, profile: Profile, claims: PortClaims
) -> Environment:
    saved = store.find(name)
    if saved and saved.runtime != profile.runtime:
        runtime_for(saved, store)
    draft = saved or Environment(name, profile.name, profile.runtime, Endpoints("", "", ""), "")
    draft = placed(draft, request, store)
    if request.scale:
        draft = replace(draft, details={**draft.details, "scale": "on"})
    offset = _offset(request, draft, store, profile, claims, known=saved is not None)
    python = runtime_for(draft, store).python()
    details = _details(request, draft)
    now = (offset, python, details, draft.endpoints)
    if saved and now == (saved.port_offset, saved.python, saved.details, saved.endpoints):
        return saved
    if saved and _runs(saved, store):
        if offset != saved.port_offset:
            raise Refused(
                f"{name} runs with port offset {saved.port_offset}, so it cannot move to {offset}",
                hint=f"tdaflink teardown --env {name} first; its data stays",
            )
        return replace(saved, details=details, endpoints=draft.endpoints)
    moved = replace(draft, port_offset=offset, python=python, details=details)
    return replace(moved, endpoints=runtime_for(moved, store).endpoints())


def _details(request: SetupRequest, draft: Environment) -> Mapping[str, str]:
    """What is remembered besides: the words of this call over those of earlier ones."""
    details = draft.details if request.metrics is None else with_metrics(draft.details, request.metrics)
    said = {"storage": request.storage, "s3_endpoint": request.s3_endpoint}
    if any(said.values()) and draft.runtime != "compose":
        raise UsageError(f"--storage goes with environments in containers, and {draft.name} is none")
    return {**details, **{key: value for key, value in said.items() if value}}


def _offset(
    request: SetupRequest,
    draft: Environment,
    store: EnvironmentStore,
    profile: Profile,
    claims: PortClaims,
    *,
    known: bool,
) -> int:
    if request.port_offset is None:
        return draft.port_offset
    if request.port_offset != "auto":
        return request.port_offset
    others = [store.find(name) for name in store.names() if name != draft.name]
    reserved = {port for other in others if other for port in _ports(other)}
    if known and _runs(draft, store):
        return draft.port_offset
    remembered = [draft.port_offset] if known else []
    for offset in remembered + list(range(0, _OFFSETS * _OFFSET_STEP, _OFFSET_STEP)):
        # Claimed before it is looked at: who claimed it before may have bound its ports by now.
        if claims.take(offset) and _usable(profile, offset, reserved):
            return offset
    raise Unhealthy("no port offset has all its ports free", hint="tdaflink setup --port-offset N")


def _ports(environment: Environment) -> set[int]:
    if environment.profile not in profile_names():
        return set()
    return set(profile_of(environment).ports_at(environment.port_offset).values())


def _usable(profile: Profile, offset: int, reserved: set[int]) -> bool:
    ports = profile.ports_at(offset).values()
    return reserved.isdisjoint(ports) and all(port_is_free(port) for port in ports)


def _runs(environment: Environment, store: EnvironmentStore) -> bool:
    return any(c.health != "dead" for c in runtime_for(environment, store).components())


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
