"""The client of a Kafka cluster: opens topics for writing and reading."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tdaflink.adapters.kafka.connection import Connection
from tdaflink.adapters.kafka.errors import (
    CONSUMER_DEFAULTS,
    DELIVERY_SECONDS,
    MAX_MESSAGE_BYTES,
    TICK_SECONDS,
    mapped,
)
from tdaflink.adapters.kafka.offsets import OffsetReader
from tdaflink.adapters.kafka.tail import Start, Tail
from tdaflink.domain.environments.security import NO_KAFKA_SECURITY, KafkaSecurity
from tdaflink.domain.errors import DeadlinePassed, TdaflinkError

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer


class KafkaClient:
    """The client of one Kafka cluster.

    Its readers and writers raise `Unreachable` if no broker responds in time, and `NotFound` for a topic that
    does not exist (topics are never created).
    """

    def __init__(self, bootstrap: str, security: KafkaSecurity = NO_KAFKA_SECURITY) -> None:
        self.bootstrap = bootstrap
        self._connection = Connection(bootstrap, security)

    def writer(self, topic: str) -> TopicWriter:
        """Open a topic for writing."""
        from confluent_kafka import Producer

        producer = self._connection.open(
            Producer,
            {
                "enable.idempotence": True,
                "compression.type": "zstd",
                "linger.ms": 5,
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "message.timeout.ms": int(DELIVERY_SECONDS * 1000),
            },
        )
        self._connection.require_partitions(producer, [topic])
        return TopicWriter(producer, topic, self.bootstrap)

    def partition_counts(self, topics: Sequence[str]) -> dict[str, int]:
        """Return the number of partitions of each topic."""
        from confluent_kafka.admin import AdminClient

        # The admin client is the lightest client that can request metadata.
        partitions = self._connection.require_partitions(self._connection.open(AdminClient, {}), topics)
        return {topic: sum(1 for name, _ in partitions if name == topic) for topic in topics}

    def watch(self) -> OffsetReader:
        """Return a reader of offsets and newest records over connections that are kept open."""
        return OffsetReader(self._connection)

    def tail(self, topics: Sequence[str], start: Start, *, optional: Sequence[str] = ()) -> Tail:
        """Open topics for reading, outside any consumer group; the topics in `optional` may be missing."""
        from confluent_kafka import Consumer, KafkaError

        lost = threading.Event()

        def notice(error: KafkaError) -> None:
            if error.code() == KafkaError._ALL_BROKERS_DOWN:
                lost.set()

        consumer = self._connection.open(
            Consumer,
            {
                # The library requires a group id; without subscribe and commit the group is never created.
                "group.id": f"tdaflink-reader-{secrets.token_hex(8)}",
                **CONSUMER_DEFAULTS,
                "fetch.wait.max.ms": 100,
                "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
            },
            notice,
        )
        try:
            partitions = self._connection.require_partitions(consumer, topics, optional=optional)
            return Tail(consumer, partitions, start, self._connection, lost)
        except BaseException:
            consumer.close()
            raise


class TopicWriter:
    """A writer of keyed records to one topic; `confirmed` counts the acknowledged records."""

    def __init__(self, producer: Producer, topic: str, bootstrap: str) -> None:
        self.topic = topic
        self.confirmed = 0
        self._producer = producer
        self._bootstrap = bootstrap
        self._failure: TdaflinkError | None = None

    def write(self, key: str, value: bytes) -> None:
        """Queue one record; waits while the buffer is full. Raises the first failure so far."""
        from confluent_kafka import KafkaException

        deadline = time.monotonic() + DELIVERY_SECONDS
        while True:
            self.serve(0.0)
            try:
                self._producer.produce(self.topic, value, key.encode(), on_delivery=self._delivered)
                return
            except BufferError as error:
                if time.monotonic() > deadline:
                    raise DeadlinePassed(
                        f"Kafka at {self._bootstrap} accepted no message for {DELIVERY_SECONDS:.0f} s"
                    ) from error
                self.serve(TICK_SECONDS)
            except KafkaException as error:
                raise mapped(error.args[0], self._bootstrap) from error

    def serve(self, seconds: float) -> None:
        """Process acknowledgements for at most `seconds`. Raises the first failure so far."""
        self._producer.poll(seconds)
        if self._failure is not None:
            raise self._failure

    def flush(self) -> None:
        """Wait until every record is acknowledged or one has failed, at most for the delivery timeout."""
        deadline = time.monotonic() + DELIVERY_SECONDS + 1.0
        while self._producer.flush(TICK_SECONDS) and time.monotonic() < deadline:
            if self._failure is not None:
                break
        if self._failure is not None:
            raise self._failure
        if len(self._producer):
            raise DeadlinePassed(f"Kafka at {self._bootstrap} did not confirm {len(self._producer)} messages")

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.confirmed += 1
        elif self._failure is None:
            self._failure = mapped(error, self._bootstrap)
