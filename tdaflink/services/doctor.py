"""Everything that can be wrong with an environment, looked at all at once, each by a check of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

from tdaflink.domain.doctor import CheckResult, Report
from tdaflink.domain.errors import TdaflinkError, Unreachable
from tdaflink.domain.progress import Reporter
from tdaflink.services.checks import around, flink, machine, parts
from tdaflink.services.checks.patient import Patient

_PARALLEL = 8


@dataclass(frozen=True)
class Check:
    """`needs` names the checks without whose success this one has nothing to look at."""

    name: str
    look: Callable[[Patient], Iterable[CheckResult]]
    needs: tuple[str, ...] = ()
    why: str = ""


CHECKS: Sequence[Check] = (
    Check("preflight", machine.look_at_preflight),
    Check("components", machine.look_at_components),
    Check("platform", parts.look_at_platform),
    Check("memory", machine.look_at_memory),
    Check("jars", machine.look_at_jars),
    Check("flink", flink.look_at_flink, why="nothing can be submitted, watched or stopped"),
    Check("kafka", around.look_at_kafka, why="no message can be sent, read or answered"),
    Check("registry", around.look_at_registry),
    Check("metrics", around.look_at_prometheus),
    Check("java", flink.look_at_java, needs=("flink",)),
    Check("python", flink.look_at_python, needs=("flink",)),
    Check("clocks", flink.look_at_clocks, needs=("flink",)),
    Check("storage", flink.look_at_storage, needs=("flink",)),
    Check("kafka from the cluster", around.look_at_kafka_from_cluster, needs=("flink", "kafka")),
    Check("topics", around.look_at_topics, needs=("kafka",)),
    Check("end of life", parts.look_at_end_of_life),
)


# What a few questions to the JobManager tell.
QUICK = tuple(check for check in CHECKS if check.name in ("flink", "java", "clocks"))


def look_before(patient: Patient, warn: Callable[[str], None]) -> None:
    """Warn of what a job that is about to be submitted would stumble over. Raises `Unreachable`."""
    for check in QUICK:
        try:
            found = list(check.look(patient))
        except Unreachable:
            raise
        except TdaflinkError:
            continue  # a cluster that does not let this be asked may take the job all the same
        for result in found:
            if result.state == "problem":
                warn(f"{result.text}: {result.why}; {result.fix}")


def examine(patient: Patient, reporter: Reporter, checks: Sequence[Check] = CHECKS) -> Report:
    """Look at everything; a check that cannot look says why."""
    found: dict[str, list[CheckResult]] = {}
    with reporter.step(f"examining {patient.name}") as step, ThreadPoolExecutor(_PARALLEL) as pool:
        for wave in _waves(checks):
            looked = list(pool.map(_looked, wave, repeat(patient), repeat(found)))
            found |= zip((check.name for check in wave), looked, strict=True)
            step.advance(len(found), len(checks))
    results = tuple(result for check in checks for result in found[check.name])
    healthy = not any(result.state == "problem" for result in results)
    return Report(patient.name, healthy, results)


def _waves(checks: Sequence[Check]) -> list[list[Check]]:
    first = [check for check in checks if not check.needs]
    return [first, [check for check in checks if check.needs]]


def _looked(check: Check, patient: Patient, found: Mapping[str, Sequence[CheckResult]]) -> list[CheckResult]:
    lacking = [name for name in check.needs if not any(r.state == "ok" for r in found.get(name, []))]
    if lacking:
        return [
            CheckResult(check.name, "unknown", f"not looked at, as {' and '.join(lacking)} does not answer")
        ]
    try:
        return list(check.look(patient))
    except TdaflinkError as error:
        fix = patient.command("setup") if patient.runtime is not None else error.hint or ""
        return [CheckResult(check.name, "problem", error.message, check.why, fix)]
