"""Checks of Kafka and its topics, the schema registry and Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from tdaflink.adapters.clients import registry_of
from tdaflink.adapters.monitoring.prometheus import Prometheus
from tdaflink.adapters.storage.shipped_profiles import load_schemas
from tdaflink.domain.environments.health_checks import CheckResult
from tdaflink.domain.environments.scrape_targets import shows_metrics
from tdaflink.domain.errors import AccessDenied, Incompatible, NotFound, Refused, TdaflinkError
from tdaflink.domain.messages.topics import TopicStatus, compare
from tdaflink.services.environments.schemas import plan_register
from tdaflink.services.observability.checks.context import HealthContext

_WHY_REGISTRY = "producers and consumers that fetch schemas from it cannot read or write messages"
_WHY_METRICS = "dashboards are empty, and no alert fires"


def look_at_kafka(health: HealthContext) -> Iterator[CheckResult]:
    """Check that a broker responds at the command's address."""
    health.kafka.check()
    yield CheckResult("kafka", "ok", f"a broker responds at {health.kafka.bootstrap}")


def look_at_kafka_from_cluster(health: HealthContext) -> Iterator[CheckResult]:
    """Check that the TaskManagers reach the brokers at the addresses that jobs use."""
    for answer in health.answers:
        for place, reason in answer.unreachable.items():
            text = f"{answer.component} does not reach Kafka at {place}: {reason}"
            why = "jobs use these addresses; KAFKA_BOOTSTRAP_SERVERS_CLUSTER sets others"
            fix = health.repair(f"advertise an address of {place} that the TaskManagers reach")
            yield CheckResult("kafka", "problem", text, why, fix)
    if health.answers and not any(answer.unreachable for answer in health.answers):
        reached = health.environment.endpoints.kafka_cluster
        yield CheckResult("kafka", "ok", f"the TaskManagers reach {reached}")


def look_at_topics(health: HealthContext) -> Iterator[CheckResult]:
    """Compare the topics of the catalogue with the broker's."""
    rows = compare(health.catalogue, health.kafka.topics())
    wrong = [result for row in rows if (result := _topic(health, row))]
    yield from wrong
    if not any(result.state == "problem" for result in wrong):
        yield CheckResult("topics", "ok", f"all {len(health.catalogue)} topics of the catalogue exist")


def _topic(health: HealthContext, row: TopicStatus) -> CheckResult | None:
    create = health.command(f"topics create {row.name}")
    if row.state == "missing":
        why = "jobs that read or write it do not start; tdaflink's brokers do not create topics automatically"
        return CheckResult("topics", "problem", f"{row.name} is missing", why, create)
    if row.state == "fewer_partitions" and row.found and row.wanted:
        text = f"{row.name} has {len(row.found.partitions)} of {row.wanted.partitions} partitions"
        why = "at most one subtask per partition reads it; adding partitions moves keys to other partitions"
        return CheckResult("topics", "problem", text, why, f"{create} --grow")
    leaderless = [p.number for p in row.found.partitions if p.leader < 0] if row.found else []
    if leaderless:
        text = f"{row.name}: partition {', '.join(map(str, leaderless))} has no leader"
        why = "nothing can be written to or read from it"
        return CheckResult("topics", "problem", text, why, health.repair("start the broker that led it"))
    if row.state == "other_settings":
        why = "large or old messages may be handled differently than the job expects"
        described = health.command(f"topics describe {row.name}")
        return CheckResult("topics", "warning", f"{row.name} {row.advice}", why, described)
    return None


def look_at_registry(health: HealthContext) -> Iterator[CheckResult]:
    """Check that the registry responds, accepts our credentials, and has the shipped schemas."""
    if not health.registry:
        return
    try:
        with closing(registry_of(health.environment, health.registry)) as registry:
            missing = plan_register(registry, load_schemas()).registered
    except Incompatible as error:
        fix = health.command("schemas list")
        yield CheckResult("registry", "problem", error.message, _WHY_REGISTRY, fix)
    except TdaflinkError as error:
        # The error of refused credentials names the variable to set.
        named = isinstance(error, AccessDenied | Refused | NotFound) or health.runtime is None
        hint = error.hint or ""
        fix = hint if named else f"{health.command('setup')}; or {hint}"
        yield CheckResult("registry", "problem", error.message, _WHY_REGISTRY, fix)
    else:
        if missing:
            text = f"{len(missing)} shipped schemas are not registered at {health.registry}: "
            fix = health.command(f"schemas register --registry {health.registry}")
            yield CheckResult("registry", "problem", text + ", ".join(missing), _WHY_REGISTRY, fix)
        else:
            yield CheckResult("registry", "ok", f"all schemas are registered at {health.registry}")


def look_at_prometheus(health: HealthContext) -> Iterator[CheckResult]:
    """Check that Prometheus has Flink's metrics."""
    if not health.prometheus:
        if health.runtime is not None and not shows_metrics(health.environment):
            text = "no Prometheus scrapes this environment, and it exposes no metrics"
            yield CheckResult("metrics", "ok", text)
        else:
            text = "no Prometheus is configured, so it is not known whether it has metrics"
            yield CheckResult("metrics", "unknown", text, fix=health.command("doctor --prometheus URL"))
        return
    try:
        with closing(Prometheus(health.prometheus)) as prometheus:
            yield from _arriving(health, prometheus)
    except TdaflinkError as error:
        own = health.environment.endpoints.prometheus == health.prometheus
        fix = health.command("setup") if own else "start it, or give another one with --prometheus URL"
        yield CheckResult("metrics", "problem", error.message, _WHY_METRICS, fix)


def _arriving(health: HealthContext, prometheus: Prometheus) -> Iterator[CheckResult]:
    down = [target for target in prometheus.targets() if target[1] == "down"]
    for url, _, error in down:
        text = f"Prometheus does not reach {url}: {error}"
        yield CheckResult("metrics", "problem", text, _WHY_METRICS, _show_metrics(health))
    if down:
        return
    if prometheus.has_series("flink_jobmanager_numRegisteredTaskManagers"):
        yield CheckResult("metrics", "ok", f"{prometheus.url} has Flink's metrics")
    else:
        text = f"{prometheus.url} has no metrics of Flink"
        yield CheckResult("metrics", "problem", text, _WHY_METRICS, _show_metrics(health))


def _show_metrics(health: HealthContext) -> str:
    if health.traits.metrics_on_request and not shows_metrics(health.environment):
        name = health.name
        return f"tdaflink teardown --env {name} && tdaflink setup --env {name} --metrics"
    return health.repair("configure Prometheus to scrape Flink's Prometheus reporter")
