"""Checks of this machine: ports, disk, memory, Docker, JARs, and components that run on it."""

from __future__ import annotations

from collections.abc import Iterator

from tdaflink.adapters.host.machine import memory_megabytes
from tdaflink.adapters.jars.cache import JarCache
from tdaflink.adapters.storage.shipped_profiles import load_lock
from tdaflink.domain.environments.health_checks import CheckResult, State
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.units import megabytes
from tdaflink.services.observability.checks.context import HealthContext

_WHY_COMPONENT = "without it jobs stop, or have no slots to run in"
_WHY_PREFLIGHT = "setup would fail"
_WHY_TAMPERED = "the code that runs is not the tested code; it may be damaged or malicious"


def look_at_preflight(health: HealthContext) -> Iterator[CheckResult]:
    """Run the preflight checks of setup: packages, Docker, disk, secrets and ports."""
    if health.runtime is None:
        return
    try:
        health.runtime.preflight()
    except TdaflinkError as error:
        yield CheckResult("preflight", "problem", error.message, _WHY_PREFLIGHT, error.hint or "")
    else:
        yield CheckResult(
            "preflight", "ok", "packages, disk, secrets and ports meet the requirements of setup"
        )


def look_at_components(health: HealthContext) -> Iterator[CheckResult]:
    """Check the health of each process or container."""
    if health.runtime is None:
        return
    for component in health.runtime.components():
        if component.health == "healthy":
            yield CheckResult("components", "ok", f"{component.name} is healthy")
            continue
        state: State = "warning" if component.health == "starting" else "problem"
        text = f"{component.name} is {component.health}"
        text += f": {component.detail}" if component.detail else ""
        yield CheckResult("components", state, text, _WHY_COMPONENT, health.command("setup"))


def look_at_memory(health: HealthContext) -> Iterator[CheckResult]:
    """Check that the machine has the memory that Flink may use."""
    if health.profile is None or health.traits.limits_memory:
        return  # containers have limits, which the preflight adds up
    sizes = health.profile.flink
    wanted = megabytes(sizes.get("jobmanager.memory.process.size"))
    wanted += health.profile.taskmanagers * megabytes(sizes.get("taskmanager.memory.process.size"))
    total, _ = memory_megabytes()
    if wanted > total:
        why = "the system kills the TaskManager or its Python worker during a computation"
        text = f"Flink may use {wanted} MB, but this machine has {total} MB"
        yield CheckResult("memory", "warning", text, why)
        return
    yield CheckResult("memory", "ok", f"{total} MB, of which Flink may use {wanted} MB")


def look_at_jars(health: HealthContext) -> Iterator[CheckResult]:
    """Check every locked JAR against its hash."""
    if health.profile is None:
        return
    cache, lock = JarCache(), load_lock().only(health.profile.jars)
    tampered = [str(jar.coordinates) for jar in lock.jars if cache.is_tampered(jar)]
    missing = [str(jar.coordinates) for jar in lock.jars if not cache.path(jar).is_file()]
    if tampered:
        text = f"{', '.join(tampered)}: the file in the cache is not the locked one"
        yield CheckResult("jars", "problem", text, _WHY_TAMPERED, "tdaflink jars fetch")
    if missing:
        text = f"{len(missing)} of {len(lock.jars)} are not in the cache, the first is {missing[0]}"
        why = "a component that restarts would not find them"
        yield CheckResult("jars", "problem", text, why, "tdaflink jars fetch")
    if not tampered and not missing:
        yield CheckResult("jars", "ok", f"all {len(lock.jars)} are the locked ones")
