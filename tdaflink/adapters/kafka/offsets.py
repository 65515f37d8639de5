"""Offsets of topics and consumer groups, and the newest records, over connections that are kept open."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tdaflink.adapters.kafka.connection import Connection
from tdaflink.adapters.kafka.errors import CONNECT_SECONDS, CONSUMER_DEFAULTS, mapped
from tdaflink.adapters.kafka.tail import Record

if TYPE_CHECKING:
    from confluent_kafka import Consumer
    from confluent_kafka.admin import AdminClient

TopicPartition = tuple[str, int]
_COORDINATOR_SECONDS = 8.0  # the first group of a cluster waits until the offsets topic is created
_READ_SECONDS = 1.5


class OffsetReader:
    """A reader of offsets and newest records; not thread-safe.

    Every method raises `Unreachable` if no broker responds in time.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._admin: AdminClient | None = None
        self._consumer: Consumer | None = None

    def close(self) -> None:
        """Close the connections."""
        if self._consumer is not None:
            self._consumer.close()
        self._consumer = self._admin = None

    def partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        """Return the partitions of the topics; topics that do not exist are left out."""
        existing = self._connection.topics(self._client())
        return [(topic, number) for topic in topics for number in existing.get(topic, ())]

    def ends(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return each partition's end offset; partitions that do not exist are left out."""
        return self._offsets(places, latest=True)

    def begins(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset of the first record that each partition still has."""
        return self._offsets(places, latest=False)

    def committed(self, group: str, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the committed offsets of a consumer group: those of the records that it reads next.

        Read through a consumer that does not join the group: the library's admin client crashes if a broker
        has no coordinator yet for an unknown group.
        """
        from confluent_kafka import Consumer, KafkaException, TopicPartition

        requested = [TopicPartition(*place) for place in places]
        if not requested:
            return {}
        consumer = self._connection.open(Consumer, {"group.id": group, "enable.auto.commit": False})
        try:
            offsets = consumer.committed(requested, timeout=_COORDINATOR_SECONDS)
        except KafkaException as error:
            raise mapped(error.args[0], self._connection.bootstrap) from error
        finally:
            consumer.close()
        return {(p.topic, p.partition): p.offset for p in offsets if p.offset >= 0 and p.error is None}

    def newest(self, ends: Mapping[TopicPartition, int], back: int) -> list[Record]:
        """Return the last `back` records of each partition that arrive within 1.5 s."""
        from confluent_kafka import TopicPartition

        left = {place: end for place, end in ends.items() if end > 0}
        if not left:
            return []
        consumer = self._reader()
        consumer.assign([TopicPartition(*place, max(0, end - back)) for place, end in left.items()])
        records: list[Record] = []
        deadline = time.monotonic() + _READ_SECONDS
        try:
            while left and (rest := deadline - time.monotonic()) > 0:
                for message in consumer.consume(back * len(left), timeout=min(rest, 0.1)):
                    self._take(message, left, records)
        finally:
            # Drops prefetched records: a busy topic costs nothing between two reads.
            consumer.unassign()
        return records

    def value_at(self, topic: str, partition: int, offset: int) -> bytes | None:
        """Return the value of one record; None if it is null, deleted, or does not arrive within 1.5 s."""
        from confluent_kafka import TopicPartition

        consumer = self._reader()
        consumer.assign([TopicPartition(topic, partition, offset)])
        records: list[Record] = []
        left = {(topic, partition): offset + 1}
        deadline = time.monotonic() + _READ_SECONDS
        try:
            while left and (rest := deadline - time.monotonic()) > 0:
                for message in consumer.consume(1, timeout=min(rest, 0.1)):
                    self._take(message, left, records)
        finally:
            consumer.unassign()
        return next((record.value for record in records if record.offset == offset), None)

    def _take(self, message: Any, left: dict[TopicPartition, int], records: list[Record]) -> None:
        from confluent_kafka import KafkaError

        place, error = (str(message.topic()), int(message.partition())), message.error()
        if error is None:
            offset = int(message.offset())
            records.append(Record(*place, offset, message.timestamp()[1], message.key(), message.value()))
            if offset + 1 >= left.get(place, 0):
                left.pop(place, None)
        elif error.code() == KafkaError._PARTITION_EOF:
            left.pop(place, None)
        elif not error.retriable():
            raise mapped(error, self._connection.bootstrap)

    def _offsets(self, places: Iterable[TopicPartition], *, latest: bool) -> dict[TopicPartition, int]:
        from confluent_kafka import KafkaError, KafkaException, TopicPartition
        from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

        spec = (OffsetSpec.latest if latest else OffsetSpec.earliest)()  # type: ignore[no-untyped-call]
        requested = {TopicPartition(*place): spec for place in places}
        if not requested:
            return {}
        gone = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC)
        offsets = {}
        for place, future in self._client().list_offsets(requested, request_timeout=CONNECT_SECONDS).items():
            try:
                offsets[place.topic, place.partition] = int(future.result(timeout=CONNECT_SECONDS + 1).offset)
            except KafkaException as error:
                if error.args[0].code() not in gone:
                    raise mapped(error.args[0], self._connection.bootstrap) from error
        return offsets

    def _client(self) -> AdminClient:
        from confluent_kafka.admin import AdminClient

        if self._admin is None:
            self._admin = self._connection.open(AdminClient, {})
        return self._admin

    def _reader(self) -> Consumer:
        from confluent_kafka import Consumer

        if self._consumer is None:
            self._consumer = self._connection.open(
                Consumer,
                {
                    "group.id": f"tdaflink-watch-{secrets.token_hex(8)}",
                    **CONSUMER_DEFAULTS,
                    "queued.max.messages.kbytes": 32 * 1024,
                },
            )
        return self._consumer
