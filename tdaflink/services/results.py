"""Read results and error records: what is there, what was asked for, or what comes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tdaflink.adapters.kafka import KafkaClient
from tdaflink.adapters.kafka_common import TICK_SECONDS
from tdaflink.adapters.kafka_tail import Record, Start, Tail
from tdaflink.domain.control import EVENTS_TOPIC
from tdaflink.domain.errors import DeadlinePassed, JobFailed, UsageError
from tdaflink.domain.messages import (
    ERRORS_TOPIC,
    REQUESTS_TOPIC,
    RESULTS_TOPIC,
    STREAMS_TOPIC,
    UPLOADS_TOPIC,
    WINDOWS_TOPIC,
    Arrival,
    ErrorRecord,
    Result,
    error_from,
    is_event,
    message_from,
    result_from,
)
from tdaflink.domain.printable import shortened
from tdaflink.domain.progress import Reporter

WAIT_SECONDS = 60.0
IDLE_SECONDS = 30.0
TELL_AFTER_SECONDS = 3.0
_NAMED = 3


@dataclass(frozen=True)
class Sought:
    """Which messages are wanted, and until when.

    With `job_ids` or `count` they are waited for; with `follow` all that come are shown; else everything
    that is in the topic now. `errors` shows error records, too.
    """

    job_ids: tuple[str, ...] = ()
    count: int | None = None
    follow: bool = False
    timeout: float | None = None
    errors: bool = False
    start: Start = "beginning"
    topic: str = RESULTS_TOPIC
    streams: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse what cannot be meant."""
        if self.count is not None and self.count < 1:
            raise UsageError(f"--count {self.count}: at least one result", hint="--count 1")
        if self.timeout is not None and self.timeout <= 0:
            raise UsageError(f"--timeout {self.timeout:g}: seconds, above 0", hint="--timeout 30")
        if self.start == "now" and not (self.follow or self.count or self.job_ids):
            raise UsageError(
                "--from now without anything to wait for would show nothing",
                hint="tdaflink results --from now -f, or --count N",
            )

    @property
    def waits(self) -> bool:
        return bool(self.job_ids or self.count)


@dataclass
class _Progress:
    """What has come so far, against what is sought."""

    sought: Sought
    shown: int = 0
    pending: set[str] = field(default_factory=set)
    failed: dict[str, ErrorRecord] = field(default_factory=dict)
    left_out: int = 0

    def wants(self, record: Record) -> bool:
        """Whether the record may be of use; records without a key say whose they are inside."""
        ids = self.sought.job_ids + self.sought.streams
        return not ids or record.key is None or record.key.decode("utf-8", "replace") in ids

    def take(self, says: Result | ErrorRecord) -> bool:
        """Note a message; returns whether it is to be shown."""
        ids = self.sought.job_ids + self.sought.streams
        if ids and says.job_id not in ids:
            return False
        if isinstance(says, Result):
            self.pending.discard(says.job_id)
            self.failed.pop(says.job_id, None)
        elif says.job_id in self.pending:
            self.pending.discard(says.job_id)
            self.failed[says.job_id] = says
        show = isinstance(says, Result) or self.sought.errors
        self.shown += show
        return show

    def complete(self, caught_up: bool) -> bool:
        """Whether everything has come that is sought."""
        if self.sought.count is not None and self.shown >= self.sought.count:
            return True
        if self.sought.follow or not caught_up:
            return False
        return not self.pending and self.sought.count is None


def default_topic(streams: Sequence[str] | None) -> str:
    """Where results are read if no topic is named."""
    return WINDOWS_TOPIC if streams else RESULTS_TOPIC


def events_there(topic: str) -> UsageError:
    """That a topic holds events, which another command shows."""
    named = "" if topic == EVENTS_TOPIC else f" --topic {topic}"
    return UsageError(f"{topic} holds events, no results", hint=f"tdaflink events{named}")


def open_results(client: KafkaClient, sought: Sought) -> Tail:
    """Open the topics; from here on nothing that comes is missed."""
    sought.check()
    if sought.topic == EVENTS_TOPIC:
        raise events_there(EVENTS_TOPIC)
    if sought.topic == ERRORS_TOPIC:
        raise UsageError(f"{ERRORS_TOPIC} holds error records, no results", hint="tdaflink results --errors")
    if sought.topic in (REQUESTS_TOPIC, UPLOADS_TOPIC, STREAMS_TOPIC):
        raise UsageError(
            f"{sought.topic} holds what jobs read, no results",
            hint="tdaflink results; tdaflink results --stream ID for those of a stream",
        )
    topics = [sought.topic, ERRORS_TOPIC] if sought.errors else [sought.topic]
    return client.tail(topics, sought.start, optional=[] if sought.errors else [ERRORS_TOPIC])


def arrivals(tail: Tail, sought: Sought, reporter: Reporter) -> Iterator[Arrival]:
    """The messages as they come, until everything sought has come.

    Raises `DeadlinePassed` where it has not by the deadline, and at the end `JobFailed` where a sought job
    was answered by an error record alone.
    """
    progress = _Progress(sought, pending=set(sought.job_ids))
    started = last = time.monotonic()
    told = not sought.waits
    timeout = sought.timeout or (WAIT_SECONDS if sought.waits and not sought.follow else None)
    with tail:
        while not progress.complete(tail.caught_up):
            now = time.monotonic()
            if timeout is not None and now - started >= timeout:
                _passed(progress, timeout)
                break
            if not tail.caught_up and now - last > IDLE_SECONDS:
                raise DeadlinePassed(f"Kafka gave nothing of {sought.topic} for {IDLE_SECONDS:.0f} s")
            if not told and now - started > TELL_AFTER_SECONDS:
                told = True
                reporter.note(f"Waiting for {_what(progress)}, {timeout or math.inf:g} s at most …")
            record = tail.read(TICK_SECONDS)
            if record is None:
                continue
            last = now
            arrival = _arrival(record, progress, reporter) if progress.wants(record) else None
            if arrival is not None and progress.take(arrival.says):
                yield arrival
    if progress.left_out > _NAMED:
        reporter.warn(f"{progress.left_out - _NAMED} more of {sought.topic} were left out")
    _raise_failures(progress)


def _arrival(record: Record, progress: _Progress, reporter: Reporter) -> Arrival | None:
    sought = progress.sought
    raw = record.value or b""
    try:
        message = message_from(raw)
        if record.topic == sought.topic and is_event(message):
            raise events_there(record.topic)
        says = result_from(message) if record.topic == sought.topic else error_from(message)
    except ValueError as error:
        if record.topic == sought.topic or sought.errors:
            progress.left_out += 1
            if progress.left_out <= _NAMED:
                where = f"{record.topic}/{record.partition}/{record.offset}"
                reporter.warn(f"{where} was left out: {shortened(str(error))}")
        return None
    return Arrival(raw, says)


def _passed(progress: _Progress, timeout: float) -> None:
    sought = progress.sought
    hint = "tdaflink list shows whether a job is RUNNING; tdaflink results --errors what was refused"
    if sought.count is not None:
        raise DeadlinePassed(
            f"{progress.shown} of {sought.count} results came within {timeout:g} s", hint=hint
        )
    if progress.pending:
        missing = ", ".join(sorted(progress.pending)[:5])
        raise DeadlinePassed(f"no result for {missing} within {timeout:g} s", hint=hint)
    if not sought.follow:
        raise DeadlinePassed(
            f"{sought.topic} has more than could be read within {timeout:g} s: {progress.shown} were",
            hint="--timeout, longer",
        )


def _raise_failures(progress: _Progress) -> None:
    if not progress.failed:
        return
    lines = [f"{job_id}: {record.code}: {record.reason}" for job_id, record in progress.failed.items()]
    raise JobFailed(
        f"answered by an error record: {lines[0]}"
        if len(lines) == 1
        else "answered by error records:\n  " + "\n  ".join(lines),
        hint=f"the record: tdaflink results --errors --job-id {next(iter(progress.failed))} -o json",
    )


def _what(progress: _Progress) -> str:
    sought = progress.sought
    if sought.count is not None:
        return f"{sought.count - progress.shown} of {sought.count} results"
    if len(progress.pending) > _NAMED:
        return f"the results of {len(progress.pending)} jobs"
    return "the result of " + ", ".join(sorted(progress.pending))
