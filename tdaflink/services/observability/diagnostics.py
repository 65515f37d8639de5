"""Archives for bug reports, also of a cluster that is partly running."""

from __future__ import annotations

import platform
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from tdaflink import __version__
from tdaflink.adapters.component_logs import ComponentLogs
from tdaflink.adapters.kafka.offsets import OffsetReader
from tdaflink.adapters.security.known_secrets import known_secrets, referred_secrets
from tdaflink.adapters.storage.archive import Archive, new_archive
from tdaflink.adapters.storage.ledger import Ledger
from tdaflink.adapters.storage.shipped_profiles import load_versions
from tdaflink.adapters.storage.user_files import OutputFile
from tdaflink.domain.artifacts.cluster_python import PACKAGES
from tdaflink.domain.errors import StorageFailed, TdaflinkError, UnexpectedAnswer, Unreachable
from tdaflink.domain.observability.diagnostics import SCHEMA, Lacking, Manifest
from tdaflink.domain.progress import Reporter, Silent
from tdaflink.domain.redaction import Redactor
from tdaflink.services.observability.checks.context import HealthContext
from tdaflink.services.observability.doctor import examine

LOG_LINES = 5000
ERROR_LINES = 200
JOBS = 20
_PACKAGES = ("tdaflink", *PACKAGES.values(), "confluent-kafka", "certifi", "typer", "pydantic", "docker")
_OF_THE_CLUSTER = (
    "overview",
    "config",
    "jobmanager/config",
    "jobmanager/environment",
    "taskmanagers",
    "jars",
)
_OF_A_JOB = ("", "/config", "/exceptions", "/checkpoints", "/checkpoints/config", "/plan")
_ENDINGS = (".yaml", ".yml", ".properties", ".json", ".env", ".xml")

Collected = Iterator[tuple[str, Any]]
"""Path in the archive, and text or a value for JSON; a `TdaflinkError` is the reason why it is missing."""


@dataclass(frozen=True)
class DiagnosticsSources:
    """Sources of the parts of an archive."""

    health: HealthContext
    folder: Path
    logs: ComponentLogs
    topics: OffsetReader


def default_name(environment: str) -> str:
    """Return the default name of the archive, with environment and time."""
    return f"tdaflink-{environment}-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}.zip"


def diagnose(sources: DiagnosticsSources, out: OutputFile, reporter: Reporter) -> Manifest:
    """Write the archive; its manifest lists the missing parts with the reasons."""
    ledger = Ledger(sources.folder)
    configs = [asdict(version) for version in _versions(ledger)]
    redactor = Redactor([*known_secrets(sources.folder), *referred_secrets(configs)])
    parts: Sequence[tuple[str, Callable[[DiagnosticsSources], Collected]]] = (
        ("versions", _software),
        ("doctor", _doctor),
        ("settings", _settings),
        ("Flink's REST interface", _rest),
        ("Kafka", _kafka),
        ("logs", _logs),
        ("history", lambda _: _history(ledger)),
    )
    missing: list[Lacking] = []
    with new_archive(out) as archive, reporter.step(f"diagnosing {sources.health.name}") as step:
        for number, (title, collect) in enumerate(parts):
            step.update(title)
            step.advance(number, len(parts))
            missing += _put(archive, redactor, title, collect(sources))
        manifest = Manifest(
            SCHEMA,
            sources.health.name,
            __version__,
            datetime.now(timezone.utc).isoformat(timespec="seconds"),
            tuple(archive.files),
            tuple(missing),
            redactor.count,
        )
        archive.add("manifest.json", _json(asdict(manifest)))
    return manifest


def _put(archive: Archive, redactor: Redactor, title: str, collected: Collected) -> Iterator[Lacking]:
    """Add the parts to the archive, redacted; yield the missing ones."""
    try:
        for path, content in collected:
            if isinstance(content, TdaflinkError):
                yield Lacking(path, redactor.text(content.message))
            elif isinstance(content, str):
                archive.add(path, redactor.text(content))
            else:
                archive.add(path, _json(redactor.value(content)))
    except StorageFailed:
        raise
    except TdaflinkError as error:
        yield Lacking(title, redactor.text(error.message))


def _software(_: DiagnosticsSources) -> Collected:
    yield (
        "versions.json",
        {
            "tdaflink": __version__,
            "python": sys.version,
            "platform": platform.platform(),
            "packages": {name: _version_of(name) for name in _PACKAGES},
            "wanted": load_versions().model_dump(),
        },
    )


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _doctor(sources: DiagnosticsSources) -> Collected:
    yield "doctor.json", asdict(examine(sources.health, Silent()))


def _settings(sources: DiagnosticsSources) -> Collected:
    """Yield the environment, its profile, and every settings file of its components."""
    yield "environment.json", asdict(sources.health.environment)
    if sources.health.profile is not None:
        yield "settings/profile.json", sources.health.profile.model_dump(mode="json")
    folder, holders = sources.folder, sources.health.traits.settings_folders
    for path in sorted(folder.glob("**/*")):
        named = path.relative_to(folder)
        if named.parts[0] not in holders or (path.suffix not in _ENDINGS and path.name not in _ENDINGS):
            continue
        if (
            path.is_symlink()
            or not path.is_file()
            or path.name == "environment.json"
            or "data" in named.parts
        ):
            continue
        try:
            yield f"settings/{named}", path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            yield f"settings/{named}", StorageFailed(f"cannot read it: {error.strerror}")


def _rest(sources: DiagnosticsSources) -> Collected:
    """Yield the REST resources of the cluster, its TaskManagers and newest jobs, and thread dumps."""
    cluster = sources.health.cluster
    for name in _OF_THE_CLUSTER:
        yield f"rest/{name.replace('/', '-')}.json", cluster.get(f"/{name}")
    yield from _each(sources, {"threads/jobmanager.txt": "/jobmanager/thread-dump"}, _threads)
    for worker_id in [worker.ident("id") for worker in cluster.taskmanagers()]:
        named = worker_id.replace(":", "_")
        yield from _each(sources, {f"rest/taskmanagers/{named}.json": f"/taskmanagers/{worker_id}"})
        dump = {f"threads/{named}.txt": f"/taskmanagers/{worker_id}/thread-dump"}
        yield from _each(sources, dump, _threads)
    overview = cluster.object("/jobs/overview")
    yield "rest/jobs.json", overview.raw
    newest = sorted(overview.children("jobs"), key=lambda job: -job.millis("start-time"))[:JOBS]
    for job_id in [job.ident("jid") for job in newest]:
        paths = {f"rest/jobs/{job_id}{part or '/job'}.json": f"/jobs/{job_id}{part}" for part in _OF_A_JOB}
        yield from _each(sources, paths)


def _each(
    sources: DiagnosticsSources, paths: Mapping[str, str], shape: Callable[[Any], Any] = lambda x: x
) -> Collected:
    """Yield several resources, some of which may be missing. Raises `Unreachable` without a JobManager."""
    for name, path in paths.items():
        try:
            yield name, shape(sources.health.cluster.get(path))
        except TdaflinkError as error:
            if isinstance(error, Unreachable) and not isinstance(error, UnexpectedAnswer):
                raise
            yield name, error


def _threads(dump: Any) -> str:
    infos = dump.get("threadInfos") if isinstance(dump, dict) else None
    if not isinstance(infos, list):
        raise UnexpectedAnswer("the thread dump does not have Flink's format")
    return "\n".join(str(info.get("stringifiedThreadInfo")) for info in infos if isinstance(info, dict))


def _kafka(sources: DiagnosticsSources) -> Collected:
    """Yield the topics with the beginning and end offsets of their partitions."""
    topics = sources.health.kafka.topics()
    yield "kafka/topics.json", {name: asdict(topic) for name, topic in topics.items()}
    watch = sources.topics
    places = watch.partitions(sorted(name for name in topics if not name.startswith("__")))
    begins, ends = watch.begins(places), watch.ends(places)
    offsets = {
        f"{topic}/{number}": [begins.get((topic, number)), end] for (topic, number), end in ends.items()
    }
    yield "kafka/offsets.json", offsets


def _logs(sources: DiagnosticsSources) -> Collected:
    """Yield the end of each component's log, and the errors of all logs in one file."""
    errors: list[str] = []
    for name in sources.logs.names():
        try:
            lines = [line.text for line in deque(sources.logs.lines(name, None, follow=False), LOG_LINES)]
        except TdaflinkError as error:
            yield f"logs/{name}.log", error
            continue
        yield f"logs/{name}.log", "\n".join(lines) + "\n"
        bad = (line for line in lines if " ERROR " in line or "Caused by:" in line)
        errors += [f"{name} | {line}" for line in deque(bad, ERROR_LINES)]
    yield "last-errors.txt", "\n".join(errors) + "\n"


def _history(ledger: Ledger) -> Collected:
    yield "history/versions.json", [asdict(version) for version in _versions(ledger)]
    yield "history/operations.json", [asdict(operation) for operation in ledger.operations()]
    yield "history/actions.json", [asdict(action) for action in ledger.actions()]


def _versions(ledger: Ledger) -> list[Any]:
    try:
        return list(ledger.versions())
    except TdaflinkError:
        return []


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"
