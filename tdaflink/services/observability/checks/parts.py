"""Checks of the platform, the Python versions, and the end of life of the parts in use."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from tdaflink.adapters.python.locks import load_platforms
from tdaflink.adapters.storage.shipped_profiles import load_end_of_life, load_python_settings, load_versions
from tdaflink.domain.artifacts.end_of_life import PartInUse, endings
from tdaflink.domain.artifacts.platforms import PARTS, platform_named
from tdaflink.domain.environments.health_checks import CheckResult, PythonAnswer, java_major
from tdaflink.domain.errors import TdaflinkError
from tdaflink.services.observability.checks.context import HealthContext

_WHY_ENDED = "security vulnerabilities of this version are no longer fixed"
# Images of versions.yaml that are parts in the table.
_IMAGES = ("kafka", "zookeeper", "prometheus", "alertmanager", "grafana")


def look_at_platform(health: HealthContext) -> Iterator[CheckResult]:
    """Show the system and Python versions of command and cluster, and the supported features."""
    pythons = f"Python {platform.python_version()} runs the command"
    for answer in _answers(health):
        if answer.version:
            pythons += f", Python {answer.version} the jobs on {answer.component}"
    settings = load_python_settings()
    here = platform_named(settings.platforms, platform.system(), platform.machine())
    if here is None:
        text = f"{platform.system()} on {platform.machine()} is not a supported platform; {pythons}"
        yield CheckResult("platform", "unknown", text)
        return
    support = next(row for row in load_platforms() if row.platform == here.name)
    works = "; ".join(f"{PARTS[part]}: {words}" for part, words in support.cells().items())
    if health.traits.uses_host_python and not support.local.works:
        why = f"there is no wheel of {', '.join(support.local.missing)} for it"
        fix = (
            "tdaflink setup --env dev, which runs in containers; or tdaflink env add for a cluster elsewhere"
        )
        text = f"local clusters do not run on {here.name}; {pythons}"
        yield CheckResult("platform", "problem", text, why, fix)
        return
    yield CheckResult("platform", "ok", f"{here.name}; {pythons}; {works}")


def look_at_end_of_life(health: HealthContext) -> Iterator[CheckResult]:
    """Warn of parts in use that are past their end of life, or near it."""
    table, today = load_end_of_life(), datetime.now(tz=timezone.utc).date()
    ended = endings(table, _parts_in_use(health), today)
    for ending in ended:
        why = f"{_WHY_ENDED} (according to {ending.source}, {table.checked.isoformat()})"
        yield CheckResult("end of life", "warning", ending.text(today), why, "update tdaflink or that part")
    if not ended:
        text = f"every part in use is maintained (as of {table.checked.isoformat()})"
        yield CheckResult("end of life", "ok", text)


def _parts_in_use(health: HealthContext) -> Iterator[PartInUse]:
    versions = load_versions()
    yield PartInUse("python", platform.python_version(), "the command")
    for answer in _answers(health):
        if answer.version:
            yield PartInUse("python", answer.version, "jobs")
    try:
        yield PartInUse("flink", health.cluster.overview().flink_version)
        if java := java_major(health.cluster.jvm()[0]):
            yield PartInUse("java", java)
    except TdaflinkError:
        pass  # the check of Flink reports that it does not respond
    if health.profile is None:
        return
    if "kafka/libs" in health.profile.jars:
        yield PartInUse("kafka", versions.kafka)
    if not health.traits.runs_images:
        return
    images = versions.images.model_dump()
    for name in _IMAGES:
        yield PartInUse(name, images[name].rpartition(":")[2])


def _answers(health: HealthContext) -> Sequence[PythonAnswer]:
    try:
        return health.answers
    except TdaflinkError:
        return ()
