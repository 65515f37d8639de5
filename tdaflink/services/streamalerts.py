"""The newest alerts of streams, for the dashboard."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from tdaflink.adapters.kafka_tail import Record
from tdaflink.adapters.kafka_watch import Place, TopicWatch
from tdaflink.domain.control import EVENTS_TOPIC
from tdaflink.domain.messages import event_from
from tdaflink.domain.snapshot import Alert

RECENT_SECONDS = 300.0  # an event has no end: so long it is shown
_READ_EVERY_SECONDS = 4.0
_BACK = 10  # newest records of each partition


class StreamAlerts:
    """Reads the events topic when it has grown."""

    def __init__(self) -> None:
        self._read_at = 0.0
        self._ends: Mapping[Place, int] = {}
        self._found: list[tuple[float, Alert]] = []

    def recent(self, kafka: TopicWatch) -> Sequence[Alert]:
        """The newest alert of each stream within the last minutes, the newest first."""
        if time.monotonic() - self._read_at >= _READ_EVERY_SECONDS:
            ends = kafka.ends(kafka.partitions([EVENTS_TOPIC]))
            if ends != self._ends:
                self._found = alerts_of(kafka.newest(ends, _BACK))
                self._ends = ends
            self._read_at = time.monotonic()
        oldest = time.time() - RECENT_SECONDS
        return [alert for at, alert in self._found if at >= oldest]


def alerts_of(records: Sequence[Record]) -> list[tuple[float, Alert]]:
    """When Kafka took the newest alert of each stream, and what it says; the newest first."""
    found: dict[str, tuple[float, Alert]] = {}
    for record in sorted(records, key=lambda one: -one.timestamp_ms):
        try:
            event = event_from(json.loads(record.value or b""))
        except (ValueError, RecursionError, AttributeError):
            continue  # `tdaflink events` names it
        if event.kind == "alert" and event.subject not in found:
            alert = Alert(
                f"stream {event.subject}", "alert", event.timestamp, f"{event.text}  {event.window}"
            )
            found[event.subject] = (record.timestamp_ms / 1000, alert)
    return list(found.values())
