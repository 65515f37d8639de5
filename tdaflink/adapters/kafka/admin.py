"""Administration of a Kafka cluster's topics. Every call has a deadline; Kafka's errors are mapped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tdaflink.adapters.kafka.connection import Connection
from tdaflink.domain.environments.security import NO_KAFKA_SECURITY, KafkaSecurity
from tdaflink.domain.errors import NotFound, Refused, TdaflinkError
from tdaflink.domain.messages.topics import Partition, TopicInfo, TopicSpec, replicas_on

if TYPE_CHECKING:
    pass

_SECONDS = 10.0
# A dead address is reported within 3 s.
_FIRST_ANSWER_SECONDS = 2.5


class KafkaAdmin:
    """An administrator of topics: lists, creates, deletes and grows them."""

    def __init__(self, bootstrap: str, security: KafkaSecurity = NO_KAFKA_SECURITY) -> None:
        from confluent_kafka.admin import AdminClient

        self.bootstrap = bootstrap
        self._answered = False
        self._connection = Connection(bootstrap, security)
        self._client = self._connection.open(
            AdminClient, {"socket.timeout.ms": 5000, "log.connection.close": False}
        )

    def check(self, seconds: float = _FIRST_ANSWER_SECONDS) -> None:
        """Raise `Unreachable` unless a broker responds to a metadata request."""
        self._metadata(seconds)

    def topics(self) -> dict[str, TopicInfo]:
        """Return every topic by name, with the settings that override the broker's."""
        metadata = self._metadata()
        settings = self._settings([name for name in metadata.topics if not name.startswith("__")])
        return {
            name: TopicInfo(name, _partitions(topic), settings.get(name, {}))
            for name, topic in metadata.topics.items()
        }

    def replicas(self) -> int:
        """Return the replication factor of new topics that have none configured."""
        return replicas_on(len(self._metadata().brokers))

    def create(self, topics: Iterable[TopicSpec]) -> list[str]:
        """Create topics and return the names of the new ones; a topic that exists already is a success."""
        from confluent_kafka import KafkaError
        from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

        self._first_answer()
        new = [
            NewTopic(
                topic.name,
                num_partitions=topic.partitions,
                replication_factor=topic.replication or self.replicas(),
                config=dict(topic.settings),
            )
            for topic in topics
        ]
        if not new:
            return []
        return self._each(
            self._client.create_topics(new, operation_timeout=_SECONDS, request_timeout=_SECONDS),
            "create topic",
            fine=KafkaError.TOPIC_ALREADY_EXISTS,
        )

    def delete(self, topics: Iterable[str]) -> None:
        """Delete topics; a topic that does not exist is a success."""
        from confluent_kafka import KafkaError

        self._first_answer()
        names = list(topics)
        if names:
            futures = self._client.delete_topics(names, operation_timeout=_SECONDS, request_timeout=_SECONDS)
            self._each(futures, "delete topic", fine=KafkaError.UNKNOWN_TOPIC_OR_PART)

    def grow(self, partitions: Mapping[str, int]) -> None:
        """Increase the number of partitions: name -> the new number."""
        from confluent_kafka.admin import NewPartitions  # type: ignore[attr-defined]

        self._first_answer()
        new = [NewPartitions(name, number) for name, number in partitions.items()]
        if new:
            self._each(
                self._client.create_partitions(new, operation_timeout=_SECONDS, request_timeout=_SECONDS),
                "add partitions to topic",
            )

    def _each(self, futures: Mapping[str, Any], action: str, *, fine: int | None = None) -> list[str]:
        from confluent_kafka import KafkaException

        done = []
        for name, future in futures.items():
            try:
                future.result(timeout=_SECONDS + 5)
                done.append(name)
            except KafkaException as error:
                if error.args[0].code() != fine:
                    raise self._mapped(error, f"{action} {name}") from error
        return done

    def _settings(self, names: list[str]) -> dict[str, dict[str, str]]:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import (  # type: ignore[attr-defined]
            ConfigResource,
            ConfigSource,
        )

        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        if not resources:
            return {}
        settings = {}
        for resource, future in self._client.describe_configs(resources, request_timeout=_SECONDS).items():
            try:
                entries = future.result(timeout=_SECONDS + 5).values()
            except KafkaException as error:
                raise self._mapped(error, f"describe topic {resource.name}") from error
            own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
            settings[resource.name] = {e.name: str(e.value) for e in entries if int(e.source) == own}
        return settings

    def _first_answer(self) -> None:
        if not self._answered:
            self._metadata()

    def _metadata(self, seconds: float | None = None) -> Any:
        from confluent_kafka import KafkaException

        timeout = seconds or (_SECONDS if self._answered else _FIRST_ANSWER_SECONDS)
        try:
            metadata = self._client.list_topics(timeout=timeout)
        except KafkaException as error:
            raise self._mapped(error, "list topics") from error
        self._answered = True
        return metadata

    def _mapped(self, error: Exception, action: str) -> TdaflinkError:
        from confluent_kafka import KafkaError

        cause: KafkaError = error.args[0]
        if cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return NotFound(f"could not {action}: {cause.str()}", hint="tdaflink topics list")
        mapped = self._connection.failed(self._client, cause)
        if isinstance(mapped, Refused):
            return Refused(f"Kafka at {self.bootstrap} refused to {action}: {cause.str()}")
        return mapped


def _partitions(topic: Any) -> tuple[Partition, ...]:
    return tuple(
        Partition(number, partition.leader, tuple(partition.replicas), tuple(partition.isrs))
        for number, partition in sorted(topic.partitions.items())
    )
