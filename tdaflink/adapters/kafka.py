"""Records in and out of Kafka. The library is loaded when a client is made, and its errors end here."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from tdaflink.domain.errors import DeadlinePassed, NotFound, Refused, TdaflinkError, Unreachable

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, Producer
    from confluent_kafka.admin import AdminClient

CONNECT_SECONDS = 2.5  # a dead endpoint is reported within 3 s
DELIVERY_SECONDS = 30.0
MAX_MESSAGE_BYTES = 16 * 2**20
# Short enough for Ctrl-C to be noticed at once: the library does not return to Python while it waits.
TICK_SECONDS = 0.1
PATIENCE_SECONDS = 10.0

Start = Literal["beginning", "now"]

# The library writes its connection troubles to stderr unless it is given a logger; we report them as errors.
_quiet = logging.getLogger("tdaflink.kafka")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


@dataclass(frozen=True)
class Record:
    """One record as it lies in a topic."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class KafkaClient:
    """One Kafka cluster.

    Everything it opens raises `Unreachable` where no broker answers in time, and `NotFound` for a topic
    that does not exist (it never makes one).
    """

    def __init__(self, bootstrap: str, properties: Mapping[str, str] | None = None) -> None:
        self.bootstrap = bootstrap
        self._common = {**(properties or {}), "bootstrap.servers": bootstrap}

    def writer(self, topic: str) -> TopicWriter:
        """Open a topic for writing."""
        from confluent_kafka import Producer

        producer = Producer(
            {
                **self._common,
                "enable.idempotence": True,
                "compression.type": "zstd",
                "linger.ms": 5,
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "message.timeout.ms": int(DELIVERY_SECONDS * 1000),
            },
            logger=_quiet,
        )
        self._require_partitions(producer, [topic])
        return TopicWriter(producer, topic, self.bootstrap)

    def partition_counts(self, topics: Sequence[str]) -> dict[str, int]:
        """How many partitions each topic has."""
        from confluent_kafka.admin import AdminClient

        # The admin client is the lightest that can ask for metadata.
        found = self._require_partitions(AdminClient(self._common, logger=_quiet), topics)
        return {topic: sum(1 for name, _ in found if name == topic) for topic in topics}

    def tail(self, topics: Sequence[str], start: Start, *, optional: Sequence[str] = ()) -> Tail:
        """Open topics for reading, outside any consumer group; those of `optional` may be missing."""
        from confluent_kafka import Consumer, KafkaError

        lost = threading.Event()

        def notice(error: KafkaError) -> None:
            if error.code() == KafkaError._ALL_BROKERS_DOWN:
                lost.set()

        consumer = Consumer(
            {
                **self._common,
                # The library demands a group's name; without subscribe and commit it is never made.
                "group.id": f"tdaflink-reader-{secrets.token_hex(8)}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "fetch.message.max.bytes": MAX_MESSAGE_BYTES,
                "error_cb": notice,
            },
            logger=_quiet,
        )
        try:
            partitions = self._require_partitions(consumer, topics, optional=optional)
            return Tail(consumer, partitions, start, self.bootstrap, lost)
        except BaseException:
            consumer.close()
            raise

    def _require_partitions(
        self, client: Producer | Consumer | AdminClient, topics: Sequence[str], *, optional: Sequence[str] = ()
    ) -> list[tuple[str, int]]:
        # Asking for a topic by name would make it on brokers with automatic creation.
        known = _topics(client, self.bootstrap)
        missing = [topic for topic in topics if topic not in known]
        if missing:
            raise NotFound(
                f"there is no topic {missing[0]} on {self.bootstrap}",
                hint="tdaflink topics create, or name another with --topic",
            )
        wanted = [topic for topic in (*topics, *optional) if topic in known]
        return [(topic, partition) for topic in wanted for partition in known[topic]]


def _topics(client: Producer | Consumer | AdminClient, bootstrap: str) -> dict[str, list[int]]:
    from confluent_kafka import KafkaException

    try:
        metadata = client.list_topics(timeout=CONNECT_SECONDS)
    except KafkaException as error:
        raise _mapped(error.args[0], bootstrap) from error
    return {name: list(topic.partitions) for name, topic in metadata.topics.items()}


def _mapped(error: KafkaError, bootstrap: str) -> TdaflinkError:
    """The library's error as ours."""
    from confluent_kafka import KafkaError as Code

    unreachable = (Code._TRANSPORT, Code._ALL_BROKERS_DOWN, Code._TIMED_OUT, Code._RESOLVE)
    if error.code() in unreachable:
        return Unreachable(
            f"no Kafka broker answers at {bootstrap}",
            hint="tdaflink setup starts the local one; KAFKA_BOOTSTRAP_SERVERS names another",
        )
    if error.code() == Code._MSG_TIMED_OUT:
        return DeadlinePassed(
            f"Kafka at {bootstrap} did not confirm a message within {DELIVERY_SECONDS:.0f} s",
            hint="tdaflink topics describe shows which partitions have no leader",
        )
    if error.code() == Code.MSG_SIZE_TOO_LARGE:
        return Refused(
            f"a message is larger than Kafka at {bootstrap} takes", hint="send fewer points per message"
        )
    if error.code() in (Code.UNKNOWN_TOPIC_OR_PART, Code._UNKNOWN_TOPIC, Code._UNKNOWN_PARTITION):
        return NotFound(f"Kafka at {bootstrap}: {error.str()}", hint="tdaflink topics create")
    return Refused(f"Kafka at {bootstrap}: {error.str()} ({error.name()})")


class TopicWriter:
    """Writes keyed records to one topic; `confirmed` counts those that the brokers have acknowledged."""

    def __init__(self, producer: Producer, topic: str, bootstrap: str) -> None:
        self.topic = topic
        self.confirmed = 0
        self._producer = producer
        self._bootstrap = bootstrap
        self._failure: TdaflinkError | None = None

    def write(self, key: str, value: bytes) -> None:
        """Hand over one record; waits while the buffer is full. Raises the first failure so far."""
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
                        f"Kafka at {self._bootstrap} took no message for {DELIVERY_SECONDS:.0f} s"
                    ) from error
                self.serve(TICK_SECONDS)
            except KafkaException as error:
                raise _mapped(error.args[0], self._bootstrap) from error

    def serve(self, seconds: float) -> None:
        """Take in acknowledgements for at most so long. Raises the first failure so far."""
        self._producer.poll(seconds)
        if self._failure is not None:
            raise self._failure

    def flush(self) -> None:
        """Wait until every record is acknowledged or one has failed, for the delivery deadline at most."""
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
            self._failure = _mapped(error, self._bootstrap)


class Tail:
    """Reads some partitions from their beginning, or from now on.

    `caught_up` turns true once everything has been read that was there at the opening.
    """

    def __init__(
        self,
        consumer: Consumer,
        partitions: Sequence[tuple[str, int]],
        start: Start,
        bootstrap: str,
        lost: threading.Event,
    ) -> None:
        from confluent_kafka import TopicPartition

        self._consumer = consumer
        self._bootstrap = bootstrap
        self._lost = lost
        self._lost_since: float | None = None
        # The end is asked for now: the library's own OFFSET_END is where the topic ends at the first fetch.
        places = {place: self._bounds(*place) for place in partitions}
        begun = start == "beginning"
        self._behind = {place: end for place, (begin, end) in places.items() if begun and begin < end}
        consumer.assign(
            [TopicPartition(*place, begin if begun else end) for place, (begin, end) in places.items()]
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
        """The next record, if there is one within so long."""
        from confluent_kafka import KafkaError

        message = self._consumer.poll(min(seconds, TICK_SECONDS))
        if self._lost.is_set():
            self._look_for_broker()
        if message is None:
            return None
        place, error = (str(message.topic()), int(message.partition() or 0)), message.error()
        if error is None:
            return self._record(place, message)
        if error.code() == KafkaError._PARTITION_EOF:
            self._behind.pop(place, None)
        elif not error.retriable() and error.code() not in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT):
            raise _mapped(error, self._bootstrap)
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
            raise _mapped(error.args[0], self._bootstrap) from error
        return begin, end

    def _look_for_broker(self) -> None:
        """A broker that restarts is waited for, one that stays away is an error."""
        self._lost_since = self._lost_since or time.monotonic()
        try:
            _topics(self._consumer, self._bootstrap)
        except Unreachable:
            if time.monotonic() - self._lost_since > PATIENCE_SECONDS:
                raise
        else:
            self._lost.clear()
            self._lost_since = None
