"""Reading of results and error records: existing ones, requested ones, or all new ones."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tdaflink.adapters.kafka.client import KafkaClient
from tdaflink.adapters.kafka.errors import TICK_SECONDS
from tdaflink.adapters.kafka.tail import Record, Start, Tail
from tdaflink.domain.errors import DeadlinePassed, JobFailed, UsageError
from tdaflink.domain.jobs.audit_event import EVENTS_TOPIC
from tdaflink.domain.messages.records import (
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
NOTE_AFTER_SECONDS = 3.0
_NAMED = 3


@dataclass(frozen=True)
class Sought:
    """Selection of messages and end of reading.

    With `job_ids` or `count`, waits for these results; with `follow`, shows all new results; otherwise the
    results that are in the topic now. `errors` includes error records.
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
        """Raise `UsageError` for invalid combinations."""
        if self.count is not None and self.count < 1:
            raise UsageError(f"--count {self.count}: at least one result", hint="--count 1")
        if self.timeout is not None and self.timeout <= 0:
            raise UsageError(f"--timeout {self.timeout:g}: seconds, above 0", hint="--timeout 30")
        if self.start == "now" and not (self.follow or self.count or self.job_ids):
            raise UsageError(
                "--from now shows nothing unless there are results to wait for",
                hint="tdaflink results --from now -f, or --count N",
            )

    @property
    def waits(self) -> bool:
        return bool(self.job_ids or self.count)


@dataclass
class _Progress:
    """Progress of reading: results shown, and requests without a result."""

    sought: Sought
    shown: int = 0
    pending: set[str] = field(default_factory=set)
    failed: dict[str, ErrorRecord] = field(default_factory=dict)
    skipped: int = 0

    def may_match(self, record: Record) -> bool:
        """Return whether the record may match; a record without a key has its id in the message."""
        ids = self.sought.job_ids + self.sought.streams
        return not ids or record.key is None or record.key.decode("utf-8", "replace") in ids

    def take(self, says: Result | ErrorRecord) -> bool:
        """Record a message; return whether it is shown."""
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
        """Return whether all selected messages have been read."""
        if self.sought.count is not None and self.shown >= self.sought.count:
            return True
        if self.sought.follow or not caught_up:
            return False
        return not self.pending and self.sought.count is None


def default_topic(streams: Sequence[str] | None) -> str:
    """Return the topic of results without --topic."""
    return WINDOWS_TOPIC if streams else RESULTS_TOPIC


def events_there(topic: str) -> UsageError:
    """Return the error for a topic with events, which another command shows."""
    named = "" if topic == EVENTS_TOPIC else f" --topic {topic}"
    return UsageError(f"{topic} contains events, not results", hint=f"tdaflink events{named}")


def open_results(client: KafkaClient, sought: Sought) -> Tail:
    """Open the topics; every message that arrives from now on is read."""
    sought.check()
    if sought.topic == EVENTS_TOPIC:
        raise events_there(EVENTS_TOPIC)
    if sought.topic == ERRORS_TOPIC:
        raise UsageError(
            f"{ERRORS_TOPIC} contains error records, not results", hint="tdaflink results --errors"
        )
    if sought.topic in (REQUESTS_TOPIC, UPLOADS_TOPIC, STREAMS_TOPIC):
        raise UsageError(
            f"{sought.topic} contains the input of jobs, not results",
            hint="tdaflink results; tdaflink results --stream ID for those of a stream",
        )
    topics = [sought.topic, ERRORS_TOPIC] if sought.errors else [sought.topic]
    return client.tail(topics, sought.start, optional=[] if sought.errors else [ERRORS_TOPIC])


def arrivals(tail: Tail, sought: Sought, reporter: Reporter) -> Iterator[Arrival]:
    """Yield the messages in order of arrival, until all selected ones have been read.

    Raises `DeadlinePassed` at the deadline, and at the end `JobFailed` if a request has an error record
    instead of a result.
    """
    progress = _Progress(sought, pending=set(sought.job_ids))
    started = last = time.monotonic()
    noted = not sought.waits
    timeout = sought.timeout or (WAIT_SECONDS if sought.waits and not sought.follow else None)
    with tail:
        while not progress.complete(tail.caught_up):
            now = time.monotonic()
            if timeout is not None and now - started >= timeout:
                _raise_timeout(progress, timeout)
                break
            if not tail.caught_up and now - last > IDLE_SECONDS:
                raise DeadlinePassed(f"no data of {sought.topic} from Kafka for {IDLE_SECONDS:.0f} s")
            if not noted and now - started > NOTE_AFTER_SECONDS:
                noted = True
                reporter.note(
                    f"Waiting for {_describe_pending(progress)}, at most {timeout or math.inf:g} s …"
                )
            record = tail.read(TICK_SECONDS)
            if record is None:
                continue
            last = now
            arrival = _arrival(record, progress, reporter) if progress.may_match(record) else None
            if arrival is not None and progress.take(arrival.says):
                yield arrival
    if progress.skipped > _NAMED:
        reporter.warn(f"{progress.skipped - _NAMED} more records of {sought.topic} were skipped")
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
            progress.skipped += 1
            if progress.skipped <= _NAMED:
                where = f"{record.topic}/{record.partition}/{record.offset}"
                reporter.warn(f"{where} was skipped: {shortened(str(error))}")
        return None
    return Arrival(raw, says)


def _raise_timeout(progress: _Progress, timeout: float) -> None:
    sought = progress.sought
    hint = "tdaflink list shows whether a job is RUNNING; tdaflink results --errors shows error records"
    if sought.count is not None:
        raise DeadlinePassed(
            f"{progress.shown} of {sought.count} results arrived within {timeout:g} s", hint=hint
        )
    if progress.pending:
        missing = ", ".join(sorted(progress.pending)[:5])
        raise DeadlinePassed(f"no result for {missing} within {timeout:g} s", hint=hint)
    if not sought.follow:
        raise DeadlinePassed(
            f"{sought.topic} has more records than could be read within {timeout:g} s: {progress.shown} were",
            hint="a longer --timeout",
        )


def _raise_failures(progress: _Progress) -> None:
    if not progress.failed:
        return
    lines = [f"{job_id}: {record.code}: {record.reason}" for job_id, record in progress.failed.items()]
    raise JobFailed(
        f"error record instead of a result: {lines[0]}"
        if len(lines) == 1
        else "error records instead of results:\n  " + "\n  ".join(lines),
        hint=f"show the record: tdaflink results --errors --job-id {next(iter(progress.failed))} -o json",
    )


def _describe_pending(progress: _Progress) -> str:
    sought = progress.sought
    if sought.count is not None:
        return f"{sought.count - progress.shown} of {sought.count} results"
    if len(progress.pending) > _NAMED:
        return f"the results of {len(progress.pending)} requests"
    return "the result of " + ", ".join(sorted(progress.pending))
