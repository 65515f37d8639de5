"""Who reads which topics: running jobs that would answer the same messages, and what is read again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from tdaflink.adapters.clients import flink_of
from tdaflink.adapters.environments import EnvironmentStore
from tdaflink.adapters.kafka_watch import Place
from tdaflink.domain.environment import Environment
from tdaflink.domain.errors import ConfigError, NotFound, Refused, TdaflinkError, Unreachable
from tdaflink.domain.job_contract import SPEC_PARAMETER, JobSettings
from tdaflink.domain.jobs import Job as RunningJob
from tdaflink.domain.progress import Reporter
from tdaflink.services.control import Control, open_control
from tdaflink.services.jobrun import Job

_NAMED = 3  # partitions that a sentence names


@dataclass(frozen=True)
class Reading:
    """What a job will read of one topic that is there already, and from which offset of each partition."""

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
    """The topics that a shipped job reads; those of a script are not known."""
    return JobSettings(settings or {}).topics


def refuse_second_reader(job: Job, control: Control, *, by_topics: bool) -> None:
    """Raise `Refused` where a running job has the new one's name or, `by_topics`, reads one of its topics."""
    wanted = set(topics_read(job.settings)) if by_topics else set()
    commands = control.commands
    for other in control.cluster.jobs(control.env.name, ended=False):
        if other.name == job.name:
            raise Refused(
                f"a job named {job.name} runs already ({other.id[:12]}, {other.state}):"
                " both would read and answer the same messages",
                hint=f"{commands.upgrade(job.name)} changes it, {commands.stop(job.name)} ends it with its"
                " state; a second job needs a name and topics of its own",
            )
        shared = sorted(wanted & set(topics_read(_settings_of(other, job, control)))) if wanted else []
        if shared:
            raise Refused(
                f"{other.name} ({other.id[:12]}, {other.state}) reads {', '.join(shared)} already:"
                " each message would be answered twice",
                hint=f"{commands.upgrade(other.name)} changes that job, {commands.stop(other.name)} ends it"
                " with its state; --set with another input_topic or inputs gives this one topics of its own;"
                " --allow-duplicate runs both",
            )


def refuse_further_topics(old: RunningJob, new: Job, control: Control) -> None:
    """Raise `Refused` where a new version of a job would read a topic more that another job reads."""
    wanted = set(topics_read(new.settings)) - set(read_by(old, control))
    for other in control.cluster.jobs(control.env.name, ended=False) if wanted else ():
        shared = sorted(wanted & set(topics_read(_settings_of(other, new, control))))
        if shared and other.id != old.id:
            raise Refused(
                f"{other.name} ({other.id[:12]}, {other.state}) reads {', '.join(shared)} already:"
                " each message would be answered twice",
                hint=f"{control.commands.upgrade(other.name)} gives that job other topics,"
                f" {control.commands.stop(other.name)} ends it with its state",
            )


def refuse_reader_elsewhere(job: Job, env: Environment, store: EnvironmentStore, reporter: Reporter) -> None:
    """Raise `Refused` where a job of another environment with the same Kafka reads one of the topics."""
    for name in store.names():
        with suppress(Unreachable, ConfigError):
            other = store.find(name)
            if other is None or name == env.name or other.endpoints.kafka != env.endpoints.kafka:
                continue
            with closing(flink_of(other)) as cluster:
                _refuse_shared(job, open_control(other, cluster, store, reporter))


def _refuse_shared(job: Job, control: Control) -> None:
    wanted = set(topics_read(job.settings))
    for other in control.cluster.jobs(control.env.name, ended=False) if wanted else ():
        shared = sorted(wanted & set(topics_read(_settings_of(other, job, control))))
        if shared:
            raise Refused(
                f"{other.name} of the environment {control.env.name} reads {', '.join(shared)} already:"
                " each message would be answered twice",
                hint=f"{control.commands.stop(other.name)} ends that job with its state; other inputs"
                " in the config give this one topics of its own",
            )


def read_by(job: RunningJob, control: Control) -> list[str]:
    """The topics that a running job of this command reads, as far as it is known."""
    return topics_read(_known_settings(job, control))


def _known_settings(job: RunningJob, control: Control) -> Mapping[str, Any] | None:
    version = control.ledger.version(job.id)
    return version.spec.settings if version and version.spec else _travelled_settings(job, control)


def _settings_of(other: RunningJob, job: Job, control: Control) -> Mapping[str, Any] | None:
    """The settings of a running job of this command, unless it reads from other brokers."""
    settings = _known_settings(other, control)
    if not settings or not job.settings:
        return None
    theirs, ours = (JobSettings(one).brokers for one in (settings, job.settings))
    return None if theirs and ours and theirs.isdisjoint(ours) else settings


def _travelled_settings(other: RunningJob, control: Control) -> Mapping[str, Any] | None:
    """The settings that travel with a job that another machine has submitted."""
    with suppress(NotFound, ValueError, AttributeError):
        found = json.loads(control.cluster.job_parameters(other.id).get(SPEC_PARAMETER, "{}")).get("settings")
        return found if isinstance(found, dict) else None
    return None


# -- what is there already


def report_reading(job: Job, control: Control, *, may_skip: bool) -> None:
    """Say how many records the job reads that were there before it, and from which offsets."""
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
            known = watch.committed(settings.group_id, places) if resumes else {}
    except TdaflinkError as error:
        control.reporter.warn(f"how many records are read again is not known: {error.message}")
        return
    committed = {place: offset for place, offset in known.items() if place in ends}
    waiting = readings(begins, ends, committed)
    if not waiting:
        return
    records = ", ".join(map(str, waiting))
    if committed:
        control.reporter.note(f"it goes on where {settings.group_id} has stopped reading: {records}")
        return
    choice = "; --start-from latest leaves them out" if may_skip else ""
    control.reporter.note(
        f"{settings.group_id} has read nothing so far: what is there already is read and answered, again if"
        f" another job has answered it: {records}{choice}"
    )


def readings(
    begins: Mapping[Place, int], ends: Mapping[Place, int], committed: Mapping[Place, int]
) -> Sequence[Reading]:
    """What is read of each topic from the committed offsets, else from the beginnings, up to the ends."""
    found: dict[str, tuple[int, dict[int, int]]] = {}
    for (topic, number), end in sorted(ends.items()):
        begin = begins.get((topic, number), 0)
        start = max(begin, min(committed.get((topic, number), begin), end))
        if start < end:
            records, offsets = found.get(topic, (0, {}))
            found[topic] = (records + end - start, {**offsets, number: start})
    return [Reading(topic, records, offsets) for topic, (records, offsets) in found.items()]
