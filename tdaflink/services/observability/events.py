"""Reading of the events topic: alerts of streams, and control actions on jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timezone

from tdaflink.adapters.kafka.client import KafkaClient
from tdaflink.adapters.kafka.errors import TICK_SECONDS
from tdaflink.adapters.kafka.tail import Record, Tail
from tdaflink.domain.errors import DeadlinePassed, UsageError
from tdaflink.domain.jobs.audit_event import EVENTS_TOPIC
from tdaflink.domain.messages.records import EventArrival, event_from, message_from
from tdaflink.domain.printable import shortened
from tdaflink.domain.progress import Reporter
from tdaflink.domain.timestamps import parse_timestamp

IDLE_SECONDS = 30.0
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class EventsSought:
    """Selection of events and end of reading: all existing ones, `count` of them, or all new ones.

    `since` is the earliest time of an event in epoch milliseconds.
    """

    streams: tuple[str, ...] = ()
    kind: str | None = None
    since: float | None = None
    count: int | None = None
    follow: bool = False
    timeout: float | None = None
    topic: str = EVENTS_TOPIC

    def check(self) -> None:
        """Raise `UsageError` for invalid combinations."""
        if self.count is not None and self.count < 1:
            raise UsageError(f"--count {self.count}: at least one event", hint="--count 1")
        if self.timeout is not None and self.timeout <= 0:
            raise UsageError(f"--timeout {self.timeout:g}: seconds, above 0", hint="--timeout 30")
        if self.streams and self.kind == "control":
            raise UsageError(
                "--stream with --kind control: only alerts belong to streams", hint="--kind alert"
            )

    def takes(self, arrival: EventArrival) -> bool:
        """Return whether an event matches."""
        says = arrival.says
        if self.kind not in (None, says.kind):
            return False
        if self.streams and (says.kind != "alert" or says.subject not in self.streams):
            return False
        return self.since is None or _milliseconds(says.timestamp, arrival.written_ms) >= self.since


def open_events(client: KafkaClient, sought: EventsSought) -> Tail:
    """Open the topic; every event that arrives from now on is read."""
    sought.check()
    return client.tail([sought.topic], "beginning")


def events(tail: Tail, sought: EventsSought, reporter: Reporter) -> Iterator[EventArrival]:
    """Yield existing events in the order of their time, then new ones in order of arrival.

    Raises `DeadlinePassed` if fewer than `count` events have arrived by the deadline.
    """
    shown, began = 0, time.monotonic()
    waits = sought.count is not None and not sought.follow
    timeout = sought.timeout or (WAIT_SECONDS if waits else None)
    with tail:
        for arrival in _in_order(tail, sought, reporter, until=None if timeout is None else began + timeout):
            yield arrival
            shown += 1
            if shown == sought.count:
                return
    if waits:
        raise DeadlinePassed(
            f"{shown} of {sought.count} events arrived within {timeout:g} s",
            hint="tdaflink events without --count shows the existing events",
        )


def _in_order(
    tail: Tail, sought: EventsSought, reporter: Reporter, *, until: float | None
) -> Iterator[EventArrival]:
    existing: list[EventArrival] = []
    last = time.monotonic()
    while not tail.caught_up:
        if time.monotonic() - last > IDLE_SECONDS:
            raise DeadlinePassed(f"no data of {sought.topic} from Kafka for {IDLE_SECONDS:.0f} s")
        record = tail.read(TICK_SECONDS)
        if record is not None:
            last = time.monotonic()
            existing += _matching(record, sought, reporter)
    yield from sorted(existing, key=lambda arrival: arrival.says.timestamp)
    while sought.follow or sought.count is not None:
        if until is not None and time.monotonic() >= until:
            return
        record = tail.read(TICK_SECONDS)
        if record is not None:
            yield from _matching(record, sought, reporter)


def _matching(record: Record, sought: EventsSought, reporter: Reporter) -> list[EventArrival]:
    raw = record.value or b""
    try:
        message = message_from(raw)
        arrival = EventArrival(raw, event_from(message), record.timestamp_ms)
    except ValueError as error:
        place = f"{record.topic}/{record.partition}/{record.offset}"
        reporter.warn(f"{place} was skipped: {shortened(str(error))}")
        return []
    return [arrival] if sought.takes(arrival) else []


def _milliseconds(timestamp: str, written_ms: int) -> float:
    """Return the time of an event in epoch milliseconds: its own, else Kafka's."""
    try:
        moment = parse_timestamp(timestamp)
    except (ValueError, OverflowError):
        return written_ms
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() * 1000
