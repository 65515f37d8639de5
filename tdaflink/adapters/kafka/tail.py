"""Reading of records from Kafka, outside any consumer group."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from tdaflink.adapters.kafka.connection import Connection
from tdaflink.adapters.kafka.errors import CONNECT_SECONDS, TICK_SECONDS, mapped
from tdaflink.domain.errors import Unreachable

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

PATIENCE_SECONDS = 10.0

Start = Literal["beginning", "now"]


@dataclass(frozen=True)
class Record:
    """One record of a topic."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Tail:
    """A reader of partitions from their beginning, or from their current end.

    `caught_up` is true once all records have been read that existed when the reader was opened.
    """

    def __init__(
        self,
        consumer: Consumer,
        partitions: Sequence[tuple[str, int]],
        start: Start,
        connection: Connection,
        lost: threading.Event,
    ) -> None:
        from confluent_kafka import TopicPartition

        self._consumer = consumer
        self._connection = connection
        self._lost = lost
        self._lost_since: float | None = None
        # The end is determined now: the library's own OFFSET_END is the end at the first fetch.
        bounds = {place: self._bounds(*place) for place in partitions}
        from_start = start == "beginning"
        self._behind = {place: end for place, (begin, end) in bounds.items() if from_start and begin < end}
        consumer.assign(
            [TopicPartition(*place, begin if from_start else end) for place, (begin, end) in bounds.items()]
        )

    @property
    def caught_up(self) -> bool:
        return not self._behind

    def __enter__(self) -> Tail:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def read(self, seconds: float) -> Record | None:
        """Return the next record, or None if there is none within `seconds`."""
        from confluent_kafka import KafkaError

        message = self._consumer.poll(min(seconds, TICK_SECONDS))
        if self._lost.is_set():
            self._check_brokers()
        if message is None:
            return None
        place, error = (str(message.topic()), int(message.partition() or 0)), message.error()
        if error is None:
            return self._record(place, message)
        if error.code() == KafkaError._PARTITION_EOF:
            self._behind.pop(place, None)
        elif not error.retriable() and error.code() not in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT):
            raise mapped(error, self._connection.bootstrap)
        return None

    def _record(self, place: tuple[str, int], message: Message) -> Record:
        offset = int(message.offset() or 0)
        if place in self._behind and offset + 1 >= self._behind[place]:
            del self._behind[place]
        return Record(*place, offset, message.timestamp()[1], message.key(), message.value())

    def _bounds(self, topic: str, partition: int) -> tuple[int, int]:
        from confluent_kafka import KafkaException, TopicPartition

        try:
            place = TopicPartition(topic, partition)
            begin, end = self._consumer.get_watermark_offsets(place, timeout=CONNECT_SECONDS)
        except KafkaException as error:
            raise mapped(error.args[0], self._connection.bootstrap) from error
        return begin, end

    def _check_brokers(self) -> None:
        """Tolerate a broker that restarts; raise `Unreachable` after `PATIENCE_SECONDS`."""
        self._lost_since = self._lost_since or time.monotonic()
        try:
            self._connection.topics(self._consumer)
        except Unreachable:
            if time.monotonic() - self._lost_since > PATIENCE_SECONDS:
                raise
        else:
            self._lost.clear()
            self._lost_since = None
