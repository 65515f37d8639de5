"""Readers of topics: running jobs with the same input, and records that a new job will read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from tdaflink.adapters.clients import flink_of
from tdaflink.adapters.kafka.offsets import TopicPartition
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import ConfigError, NotFound, Refused, TdaflinkError, Unreachable
from tdaflink.domain.job_contract import SPEC_PARAMETER, JobSettings
from tdaflink.domain.jobs.job import Job
from tdaflink.domain.progress import Reporter
from tdaflink.services.control import JobControlContext, open_control
from tdaflink.services.jobs.run_request import JobPackage

_NAMED = 3  # partitions listed in a message


@dataclass(frozen=True)
class PlannedRead:
    """Existing records of a topic that a job will read, and the start offset of each partition."""

    topic: str
    records: int
    offsets: Mapping[int, int]

    def __str__(self) -> str:
        starts = set(self.offsets.values())
        if len(starts) == 1:
            return f"{self.records} of {self.topic} (from offset {starts.pop()})"
        named = [f"{offset} in partition {number}" for number, offset in sorted(self.offsets.items())]
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        return f"{self.records} of {self.topic} (from offset {', '.join(named[:_NAMED])}{more})"


def topics_read(settings: Mapping[str, Any] | None) -> list[str]:
    """Return the input topics of a shipped job; those of a script are not known."""
    return JobSettings(settings or {}).topics


def refuse_second_reader(job: JobPackage, control: JobControlContext, *, by_topics: bool) -> None:
    """Raise `Refused` if a running job has the new job's name or, `by_topics`, reads one of its topics."""
    wanted = set(topics_read(job.settings)) if by_topics else set()
    commands = control.commands
    for other in control.cluster.jobs(control.env.name, ended=False):
        if other.name == job.name:
            raise Refused(
                f"a job named {job.name} is already running ({other.id[:12]}, {other.state}):"
                " both would process the same messages",
                hint=f"{commands.upgrade(job.name)} changes it, {commands.stop(job.name)} stops it with a"
                " savepoint; a second job needs another name and other topics",
            )
        shared = sorted(wanted & set(topics_read(_settings_of(other, job, control)))) if wanted else []
        if shared:
            raise Refused(
                f"{other.name} ({other.id[:12]}, {other.state}) already reads {', '.join(shared)}:"
                " each message would be processed twice",
                hint=f"{commands.upgrade(other.name)} changes that job, {commands.stop(other.name)} stops it"
                " with a savepoint; --set with another input_topic or inputs gives this job other topics;"
                " --allow-duplicate runs both",
            )


def refuse_further_topics(old: Job, new: JobPackage, control: JobControlContext) -> None:
    """Raise `Refused` if a new version of a job adds an input topic that another job reads."""
    wanted = set(topics_read(new.settings)) - set(read_by(old, control))
    for other in control.cluster.jobs(control.env.name, ended=False) if wanted else ():
        shared = sorted(wanted & set(topics_read(_settings_of(other, new, control))))
        if shared and other.id != old.id:
            raise Refused(
                f"{other.name} ({other.id[:12]}, {other.state}) already reads {', '.join(shared)}:"
                " each message would be processed twice",
                hint=f"{control.commands.upgrade(other.name)} gives that job other topics,"
                f" {control.commands.stop(other.name)} stops it with a savepoint",
            )


def refuse_reader_elsewhere(
    job: JobPackage, environment: Environment, store: EnvironmentStore, reporter: Reporter
) -> None:
    """Raise `Refused` if a job of another environment with the same Kafka reads one of the topics."""
    for name in store.names():
        with suppress(Unreachable, ConfigError):
            other = store.find(name)
            if (
                other is None
                or name == environment.name
                or other.endpoints.kafka != environment.endpoints.kafka
            ):
                continue
            with closing(flink_of(other)) as cluster:
                _refuse_shared(job, open_control(other, cluster, store, reporter))


def _refuse_shared(job: JobPackage, control: JobControlContext) -> None:
    wanted = set(topics_read(job.settings))
    for other in control.cluster.jobs(control.env.name, ended=False) if wanted else ():
        shared = sorted(wanted & set(topics_read(_settings_of(other, job, control))))
        if shared:
            raise Refused(
                f"{other.name} of the environment {control.env.name} already reads {', '.join(shared)}:"
                " each message would be processed twice",
                hint=f"{control.commands.stop(other.name)} stops that job with a savepoint; or set"
                " other inputs in the config of this one",
            )


def read_by(job: Job, control: JobControlContext) -> list[str]:
    """Return the input topics of a running shipped job; empty if they are not known."""
    return topics_read(_known_settings(job, control))


def _known_settings(job: Job, control: JobControlContext) -> Mapping[str, Any] | None:
    version = control.ledger.version(job.id)
    return version.spec.settings if version and version.spec else _submitted_settings(job, control)


def _settings_of(other: Job, job: JobPackage, control: JobControlContext) -> Mapping[str, Any] | None:
    """Return the settings of a running shipped job, unless it reads from other brokers."""
    settings = _known_settings(other, control)
    if not settings or not job.settings:
        return None
    theirs, ours = JobSettings(settings).brokers, JobSettings(job.settings).brokers
    return None if theirs and ours and theirs.isdisjoint(ours) else settings


def _submitted_settings(other: Job, control: JobControlContext) -> Mapping[str, Any] | None:
    """Return the settings in the job parameters of a job that another machine has submitted."""
    with suppress(NotFound, ValueError, AttributeError):
        parameters = control.cluster.job_parameters(other.id)
        settings = json.loads(parameters.get(SPEC_PARAMETER, "{}")).get("settings")
        return settings if isinstance(settings, dict) else None
    return None


# -- existing records


def report_reading(job: JobPackage, control: JobControlContext, *, may_skip: bool) -> None:
    """Report how many existing records the job will read, and from which offsets."""
    if job.settings is None or job.savepoint is not None or control.kafka is None:
        return
    settings = JobSettings(job.settings)
    if settings.start_from not in ("committed", "earliest"):
        return
    try:
        with closing(control.kafka.watch()) as watch:
            places = watch.partitions(settings.topics)
            begins, ends = watch.begins(places), watch.ends(places)
            resumes = settings.start_from == "committed"
            offsets = watch.committed(settings.group_id, places) if resumes else {}
    except TdaflinkError as error:
        control.reporter.warn(f"the number of records that are read again is not known: {error.message}")
        return
    committed = {place: offset for place, offset in offsets.items() if place in ends}
    waiting = readings(begins, ends, committed)
    if not waiting:
        return
    records = ", ".join(map(str, waiting))
    if committed:
        control.reporter.note(f"reading continues at the committed offsets of {settings.group_id}: {records}")
        return
    choice = "; --start-from latest skips them" if may_skip else ""
    control.reporter.note(
        f"{settings.group_id} has no committed offsets: existing records are processed, again if another job"
        f" has processed them: {records}{choice}"
    )


def readings(
    begins: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    committed: Mapping[TopicPartition, int],
) -> Sequence[PlannedRead]:
    """Return the records of each topic between committed offsets, or beginnings, and end offsets."""
    by_topic: dict[str, tuple[int, dict[int, int]]] = {}
    for (topic, number), end in sorted(ends.items()):
        begin = begins.get((topic, number), 0)
        start = max(begin, min(committed.get((topic, number), begin), end))
        if start < end:
            records, offsets = by_topic.get(topic, (0, {}))
            by_topic[topic] = (records + end - start, {**offsets, number: start})
    return [PlannedRead(topic, records, offsets) for topic, (records, offsets) in by_topic.items()]
