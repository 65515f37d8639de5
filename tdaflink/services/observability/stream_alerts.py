"""Latest alerts of streams, for the dashboard."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from tdaflink.adapters.kafka.offsets import OffsetReader, TopicPartition
from tdaflink.adapters.kafka.tail import Record
from tdaflink.domain.jobs.audit_event import EVENTS_TOPIC
from tdaflink.domain.messages.records import event_from
from tdaflink.domain.observability.cluster_snapshot import FiringAlert

RECENT_SECONDS = 300.0  # an event has no end: it is shown for this time
_READ_EVERY_SECONDS = 4.0
_BACK = 10  # newest records of each partition


class StreamAlerts:
    """Reader of the events topic, which reads only if the topic has grown."""

    def __init__(self) -> None:
        self._read_at = 0.0
        self._ends: Mapping[TopicPartition, int] = {}
        self._alerts: list[tuple[float, FiringAlert]] = []

    def recent(self, kafka: OffsetReader) -> Sequence[FiringAlert]:
        """Return the latest alert of each stream within `RECENT_SECONDS`, newest first."""
        if time.monotonic() - self._read_at >= _READ_EVERY_SECONDS:
            ends = kafka.ends(kafka.partitions([EVENTS_TOPIC]))
            if ends != self._ends:
                self._alerts = alerts_of(kafka.newest(ends, _BACK))
                self._ends = ends
            self._read_at = time.monotonic()
        oldest = time.time() - RECENT_SECONDS
        return [alert for at, alert in self._alerts if at >= oldest]


def alerts_of(records: Sequence[Record]) -> list[tuple[float, FiringAlert]]:
    """Return the latest alert of each stream with its Kafka timestamp in epoch seconds, newest first."""
    alerts: dict[str, tuple[float, FiringAlert]] = {}
    for record in sorted(records, key=lambda record: -record.timestamp_ms):
        try:
            event = event_from(json.loads(record.value or b""))
        except (ValueError, RecursionError, AttributeError):
            continue  # `tdaflink events` reports it
        if event.kind == "alert" and event.subject not in alerts:
            alert = FiringAlert(
                f"stream {event.subject}", "alert", event.timestamp, f"{event.text}  {event.window}"
            )
            alerts[event.subject] = (record.timestamp_ms / 1000, alert)
    return list(alerts.values())
