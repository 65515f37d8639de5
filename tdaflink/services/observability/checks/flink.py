"""Checks of Flink: versions, Java, connector, Python, clocks and checkpoint storage."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from tdaflink.adapters.host.machine import clock_setters, is_root
from tdaflink.adapters.python.cluster_python import install_command
from tdaflink.adapters.python.probe import IMPORTED, requirement
from tdaflink.adapters.storage.shipped_profiles import load_versions
from tdaflink.domain.environments.health_checks import (
    OLDEST_JAVA,
    SKEW_SECONDS,
    CheckResult,
    PythonAnswer,
    clock_fix,
    clock_off,
    connector_of,
    java_major,
    minor,
)
from tdaflink.services.observability.checks.context import STORAGE, HealthContext

_RESTART = "tdaflink teardown --env {name} && tdaflink setup --env {name}"
OUTSIDE = "the cluster can be controlled from here, but jobs are tested with {} only"
_NOT_CHECKED = "the cluster's Python cannot be checked from here"
_WHY_CLOCK = "times in results are wrong, points count as too early or too late, tokens and certificates fail"


def look_at_flink(health: HealthContext) -> Iterator[CheckResult]:
    """Check that Flink responds, has TaskManagers, and has a supported version."""
    overview = health.cluster.overview()
    version, wanted = overview.flink_version, load_versions().flink
    if minor(version) == minor(load_versions().next_flink):
        yield CheckResult("flink", "warning", f"Flink is {version}: {OUTSIDE.format(wanted)}")
    elif minor(version) != minor(wanted):
        why = "job and cluster must have the same version of the protocol"
        fix = f"pip install a tdaflink for Flink {minor(version)}, or run Flink {wanted}"
        yield CheckResult("flink", "problem", f"Flink is {version}, this release requires {wanted}", why, fix)
    elif version != wanted:
        yield CheckResult("flink", "warning", f"Flink is {version}, tested is {wanted}")
    if not overview.taskmanagers:
        why = "no job can run without slots"
        fix = health.repair("start Flink's TaskManagers")
        yield CheckResult("flink", "problem", "no TaskManager is registered", why, fix)
        return
    slots = f"{overview.slots_available} of {overview.slots_total} slots free"
    yield CheckResult(
        "flink", "ok", f"Flink {version} responds, {overview.taskmanagers} TaskManagers, {slots}"
    )


def look_at_java(health: HealthContext) -> Iterator[CheckResult]:
    """Check the JobManager's Java and its Kafka connector."""
    jvm, classpath = health.cluster.jvm()
    major = java_major(jvm)
    if major is not None and int(major) < OLDEST_JAVA:
        why = "the connector's classes do not load in an older Java"
        fix = f"run Flink on Java {load_versions().java}"
        text = f"Flink runs on Java {major}; at least {OLDEST_JAVA} is required"
        yield CheckResult("java", "problem", text, why, fix)
    else:
        yield CheckResult("java", "ok", f"Java {major or jvm}")
    yield _connector(health, classpath)


def _connector(health: HealthContext, classpath: Sequence[str]) -> CheckResult:
    connector = connector_of(classpath)
    flink = minor(health.cluster.overview().flink_version)
    wanted = load_versions().cluster.kafka_connector
    own = health.runtime is not None
    fix = (
        _RESTART.format(name=health.name)
        if own
        else f"put flink-sql-connector-kafka-{wanted}.jar as the only connector into Flink's lib folder on"
        " every node (tdaflink jars fetch downloads it), and restart Flink"
    )
    why = "jobs fail when they start, with NoSuchMethodError or ClassNotFoundException"
    if connector is None:
        return CheckResult("connector", "problem", "no Kafka connector in Flink's lib folder", why, fix)
    version, made_for = connector
    if version == wanted and flink == minor(load_versions().next_flink) != made_for:
        text = f"the Kafka connector is {version}, built for Flink {made_for}; there is none for {flink} yet"
        return CheckResult("connector", "warning", text)
    if made_for != flink:
        text = f"the Kafka connector is {version}, built for Flink {made_for}; the cluster is {flink}"
        return CheckResult("connector", "problem", text, why, fix)
    if version != wanted:
        return CheckResult("connector", "warning", f"the Kafka connector is {version}, tested is {wanted}")
    return CheckResult("connector", "ok", f"the Kafka connector is {version}")


def look_at_python(health: HealthContext) -> Iterator[CheckResult]:
    """Check interpreter, engines and PyFlink on the TaskManagers."""
    if not health.answers:
        text = f"{_NOT_CHECKED}; a submitted job fails immediately if gudhi is missing"
        yield CheckResult("python", "unknown", text, fix=health.command("submit --wait"))
    for answer in health.answers:
        yield from _python_of(health, answer)
    versions = {minor(answer.version) for answer in health.answers if answer.version}
    if len(versions) > 1:
        text = f"the components run different Pythons: {', '.join(sorted(versions))}"
        yield CheckResult("python", "problem", text, "code pickled by one does not load in another", "")


def _python_of(health: HealthContext, answer: PythonAnswer) -> Iterator[CheckResult]:
    at = f"{answer.component} ({health.environment.python})"
    if answer.error:
        why = "every Python task runs in this interpreter"
        fix = health.repair(f"install {health.environment.python} there")
        yield CheckResult("python", "problem", f"{at}: {answer.error}", why, fix)
        return
    for module, reason in answer.broken.items():
        package = requirement(IMPORTED[module])
        yield CheckResult(
            "python",
            "problem",
            f"{at} cannot import {module}: {reason}",
            "a job restarts forever, since each of its tasks fails at this import",
            _install(health, package),
        )
    pythons = load_versions().python
    if minor(answer.version) not in pythons.pyflink:
        text = f"{at} is Python {answer.version}; PyFlink has wheels for {', '.join(pythons.pyflink)}"
        yield CheckResult("python", "problem", text, "PyFlink's wheels do not load", "")
    elif minor(answer.version) not in pythons.cluster:
        text = f"{at} is Python {answer.version}; jobs are tested on {' and '.join(pythons.cluster)}"
        yield CheckResult("python", "warning", text)
    elif not answer.broken:
        named = ", ".join(f"{name} {version}" for name, version in answer.modules.items())
        yield CheckResult("python", "ok", f"{at}: Python {answer.version}, {named}")
    yield from _pyflink(health, answer, at)


def _pyflink(health: HealthContext, answer: PythonAnswer, at: str) -> Iterator[CheckResult]:
    pyflink, flink = answer.modules.get("pyflink"), health.cluster.overview().flink_version
    if pyflink and pyflink != flink:
        why = "Python tasks and Flink must have the same version of the protocol"
        text = f"{at} has PyFlink {pyflink}, the cluster is Flink {flink}"
        yield CheckResult("python", "problem", text, why, _install(health, f"apache-flink=={flink}"))


def _install(health: HealthContext, package: str) -> str:
    if health.traits.uses_host_python:
        return install_command(health.environment.python, package, health.name)
    # A recreated container has the packages of its image, whatever was changed in the previous container.
    return _RESTART.format(name=health.name)


def look_at_clocks(health: HealthContext) -> Iterator[CheckResult]:
    """Compare this machine's clock with the JobManager's and those of the TaskManagers' Python."""
    before = time.time()
    jobmanager = health.cluster.clock()
    clocks = {"the JobManager": ((before, time.time()), jobmanager)} if jobmanager else {}
    for answer in health.answers:
        if answer.clock:
            moment, sent_at, received_at = answer.clock
            clocks[answer.component] = ((sent_at, received_at), (moment, moment))
    if not clocks:
        yield CheckResult("clocks", "unknown", "no clock of the cluster can be read", fix="")
        return
    off = {name: clock_off(ours, theirs) for name, (ours, theirs) in clocks.items()}
    wrong = {name: seconds for name, seconds in off.items() if abs(seconds) > SKEW_SECONDS}
    fix = clock_fix(clock_setters(), root=is_root())
    for name, seconds in wrong.items():
        side = "ahead of" if seconds > 0 else "behind"
        text = f"the clock of {name} is {abs(seconds):.0f} s {side} this machine's; one of them is wrong"
        yield CheckResult("clocks", "problem", text, _WHY_CLOCK, fix)
    if not wrong:
        yield CheckResult("clocks", "ok", f"those of {', '.join(clocks)} agree with this machine's")


def look_at_storage(health: HealthContext) -> Iterator[CheckResult]:
    """Check that the cluster can write to its checkpoint storage."""
    target = health.flink_config.get(STORAGE)
    why = "without checkpoints a failed job restarts from the beginning, or not at all"
    if not target:
        yield CheckResult("storage", "problem", f"the cluster has no {STORAGE}", why, f"set {STORAGE}")
        return
    wrong = [*_unwritable(health), *_failing_checkpoints(health)]
    yield from (CheckResult("storage", "problem", text, why, fix) for text, fix in wrong)
    if wrong:
        return
    if any(answer.folders for answer in health.answers):
        yield CheckResult("storage", "ok", f"the cluster can write to {target}")
    elif any(job.state == "RUNNING" for job in health.cluster.jobs(health.name, ended=False)):
        yield CheckResult("storage", "ok", f"the latest checkpoint of each job to {target} succeeded")
    else:
        text = f"the first checkpoint of a job will show whether the cluster can write to {target}"
        yield CheckResult("storage", "unknown", text, fix=health.command("submit"))


def _unwritable(health: HealthContext) -> Iterator[tuple[str, str]]:
    for answer in health.answers:
        for folder, reason in answer.folders.items():
            if reason:
                text = f"{answer.component} cannot write checkpoints to {folder}: {reason};"
                prune = health.command("savepoints prune --keep 1")
                yield f"{text} {prune} removes old savepoints", f"du -ah {folder} | sort -h | tail"


def _failing_checkpoints(health: HealthContext) -> Iterator[tuple[str, str]]:
    for job in health.cluster.jobs(health.name, ended=False):
        if health.cluster.newest_checkpoint_failed(job.id):
            yield f"the latest checkpoint of {job.name} failed", health.command(f"status {job.name}")
