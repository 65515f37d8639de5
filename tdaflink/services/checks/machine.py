"""This machine, as far as the environment runs on it: ports, disk, memory, Docker, JARs, components."""

from __future__ import annotations

from collections.abc import Iterator

from tdaflink.adapters.machine import memory_megabytes
from tdaflink.adapters.maven import JarCache
from tdaflink.adapters.profiles import load_lock
from tdaflink.domain.doctor import CheckResult, State
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.units import megabytes
from tdaflink.services.checks.patient import Patient

_WHY_COMPONENT = "without it jobs stand still, or have no slots to run in"
_WHY_PREFLIGHT = "setup would stop here"
_WHY_TAMPERED = "what runs is not what was tested; it may be broken or not what it says it is"


def look_at_preflight(patient: Patient) -> Iterator[CheckResult]:
    """Packages, Docker, disk, secrets and ports: what setup itself looks at before it starts anything."""
    if patient.runtime is None:
        return
    try:
        patient.runtime.preflight()
    except TdaflinkError as error:
        yield CheckResult("preflight", "problem", error.message, _WHY_PREFLIGHT, error.hint or "")
    else:
        yield CheckResult("preflight", "ok", "packages, disk, secrets and ports are as setup needs them")


def look_at_components(patient: Patient) -> Iterator[CheckResult]:
    """Each process or container."""
    if patient.runtime is None:
        return
    for one in patient.runtime.components():
        if one.health == "healthy":
            yield CheckResult("components", "ok", f"{one.name} is healthy")
            continue
        state: State = "warning" if one.health == "starting" else "problem"
        text = f"{one.name} is {one.health}" + (f": {one.detail}" if one.detail else "")
        yield CheckResult("components", state, text, _WHY_COMPONENT, patient.command("setup"))


def look_at_memory(patient: Patient) -> Iterator[CheckResult]:
    """Whether what Flink may take is there at all."""
    if patient.profile is None or patient.traits.limits_memory:
        return  # containers have limits, which the preflight adds up
    sizes = patient.profile.flink
    wanted = megabytes(sizes.get("jobmanager.memory.process.size"))
    wanted += patient.profile.taskmanagers * megabytes(sizes.get("taskmanager.memory.process.size"))
    total, _ = memory_megabytes()
    if wanted > total:
        why = "the system kills the TaskManager or the Python beside it in the midst of a computation"
        text = f"Flink may take {wanted} MB, and this machine has {total} MB"
        yield CheckResult("memory", "warning", text, why)
        return
    yield CheckResult("memory", "ok", f"{total} MB, of which Flink may take {wanted} MB")


def look_at_jars(patient: Patient) -> Iterator[CheckResult]:
    """Every locked JAR against its hash."""
    if patient.profile is None:
        return
    cache, lock = JarCache(), load_lock().only(patient.profile.jars)
    tampered = [str(jar.coordinates) for jar in lock.jars if cache.is_tampered(jar)]
    missing = [str(jar.coordinates) for jar in lock.jars if not cache.path(jar).is_file()]
    if tampered:
        text = f"{', '.join(tampered)}: the file in the cache is not the locked one"
        yield CheckResult("jars", "problem", text, _WHY_TAMPERED, "tdaflink jars fetch")
    if missing:
        text = f"{len(missing)} of {len(lock.jars)} are not in the cache, the first is {missing[0]}"
        why = "a component that starts anew would not find them"
        yield CheckResult("jars", "problem", text, why, "tdaflink jars fetch")
    if not tampered and not missing:
        yield CheckResult("jars", "ok", f"all {len(lock.jars)} are the locked ones")
