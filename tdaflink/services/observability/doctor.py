"""Health checks of an environment, run in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

from tdaflink.domain.environments.health_checks import CheckResult, Report
from tdaflink.domain.errors import TdaflinkError, Unreachable
from tdaflink.domain.progress import Reporter
from tdaflink.services.observability.checks import endpoints, flink, host, parts
from tdaflink.services.observability.checks.context import HealthContext

_PARALLEL = 8


@dataclass(frozen=True)
class HealthCheck:
    """A health check. `needs` names the checks that must succeed before it can run."""

    name: str
    look: Callable[[HealthContext], Iterable[CheckResult]]
    needs: tuple[str, ...] = ()
    why: str = ""


CHECKS: Sequence[HealthCheck] = (
    HealthCheck("preflight", host.look_at_preflight),
    HealthCheck("components", host.look_at_components),
    HealthCheck("platform", parts.look_at_platform),
    HealthCheck("memory", host.look_at_memory),
    HealthCheck("jars", host.look_at_jars),
    HealthCheck("flink", flink.look_at_flink, why="jobs cannot be submitted, monitored or stopped"),
    HealthCheck("kafka", endpoints.look_at_kafka, why="messages cannot be sent, read or processed"),
    HealthCheck("registry", endpoints.look_at_registry),
    HealthCheck("metrics", endpoints.look_at_prometheus),
    HealthCheck("java", flink.look_at_java, needs=("flink",)),
    HealthCheck("python", flink.look_at_python, needs=("flink",)),
    HealthCheck("clocks", flink.look_at_clocks, needs=("flink",)),
    HealthCheck("storage", flink.look_at_storage, needs=("flink",)),
    HealthCheck("kafka from the cluster", endpoints.look_at_kafka_from_cluster, needs=("flink", "kafka")),
    HealthCheck("topics", endpoints.look_at_topics, needs=("kafka",)),
    HealthCheck("end of life", parts.look_at_end_of_life),
)


# Checks that take a few requests to the JobManager only.
QUICK = tuple(check for check in CHECKS if check.name in ("flink", "java", "clocks"))


def preflight_submit(health: HealthContext, warn: Callable[[str], None]) -> None:
    """Warn of problems that would make a submitted job fail. Raises `Unreachable`."""
    for check in QUICK:
        try:
            results = list(check.look(health))
        except Unreachable:
            raise
        except TdaflinkError:
            continue  # a cluster that refuses these requests may still accept the job
        for result in results:
            if result.state == "problem":
                warn(f"{result.text}: {result.why}; {result.fix}")


def examine(health: HealthContext, reporter: Reporter, checks: Sequence[HealthCheck] = CHECKS) -> Report:
    """Run all checks; a check that cannot run reports the reason."""
    results: dict[str, list[CheckResult]] = {}
    with reporter.step(f"checking {health.name}") as step, ThreadPoolExecutor(_PARALLEL) as pool:
        for stage in _stages(checks):
            stage_results = list(pool.map(_run, stage, repeat(health), repeat(results)))
            results |= zip((check.name for check in stage), stage_results, strict=True)
            step.advance(len(results), len(checks))
    in_order = tuple(result for check in checks for result in results[check.name])
    healthy = not any(result.state == "problem" for result in in_order)
    return Report(health.name, healthy, in_order)


def _stages(checks: Sequence[HealthCheck]) -> list[list[HealthCheck]]:
    first = [check for check in checks if not check.needs]
    return [first, [check for check in checks if check.needs]]


def _run(
    check: HealthCheck, health: HealthContext, earlier: Mapping[str, Sequence[CheckResult]]
) -> list[CheckResult]:
    failed = [name for name in check.needs if not any(r.state == "ok" for r in earlier.get(name, []))]
    if failed:
        return [
            CheckResult(
                check.name, "unknown", f"not checked, because {' and '.join(failed)} does not respond"
            )
        ]
    try:
        return list(check.look(health))
    except TdaflinkError as error:
        fix = health.command("setup") if health.runtime is not None else error.hint or ""
        return [CheckResult(check.name, "problem", error.message, check.why, fix)]
