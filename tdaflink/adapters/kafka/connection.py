"""Connections to a Kafka cluster: authentication, metadata of its topics, and the reasons of failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tdaflink.adapters.kafka.errors import CONNECT_SECONDS, mapped, quiet
from tdaflink.adapters.security.references import private_text, secret
from tdaflink.adapters.storage.user_files import require_file
from tdaflink.domain.environments.security import NO_KAFKA_SECURITY, KafkaSecurity
from tdaflink.domain.errors import AccessDenied, ConfigError, NotFound, TdaflinkError, Unreachable

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Producer
    from confluent_kafka.admin import AdminClient

    AnyClient: TypeAlias = Producer | Consumer | AdminClient

Client = TypeVar("Client")


class Connection:
    """The access to a cluster; it keeps the library's last asynchronous error as the reason of a failure."""

    def __init__(self, bootstrap: str, security: KafkaSecurity = NO_KAFKA_SECURITY) -> None:
        self.bootstrap = bootstrap
        self._security = security
        self._last_error: KafkaError | None = None

    def open(
        self,
        kind: Callable[..., Client],
        settings: Mapping[str, Any],
        on_error: Callable[[Any], None] | None = None,
    ) -> Client:
        """Create a client of the library with these settings; `on_error` receives its asynchronous errors.

        Raises `ConfigError` for secrets and certificates that are missing or invalid.
        """
        from confluent_kafka import KafkaException

        def notice(error: KafkaError) -> None:
            self._note(error)
            if on_error is not None:
                on_error(error)

        shared = {
            "bootstrap.servers": self.bootstrap,
            "error_cb": notice,
            **client_properties(self._security),
        }
        try:
            return kind({**shared, **settings}, logger=quiet)
        except KafkaException as error:
            raise ConfigError(
                f"the security settings of Kafka at {self.bootstrap} cannot be used: {error.args[0].str()}",
                hint="--kafka-ca, --kafka-cert and --kafka-key of tdaflink env add name PEM files",
            ) from None

    def require_partitions(
        self, client: AnyClient, topics: Sequence[str], *, optional: Sequence[str] = ()
    ) -> list[tuple[str, int]]:
        """Return topic and number of every partition. Raises `NotFound` if a topic is missing.

        Topics in `optional` may be missing.
        """
        # A metadata request for a topic by name would create it on brokers with automatic creation.
        existing = self.topics(client)
        missing = [topic for topic in topics if topic not in existing]
        if missing:
            raise NotFound(
                f"there is no topic {missing[0]} on {self.bootstrap}",
                hint="tdaflink topics list shows the existing ones; tdaflink topics create adds missing ones",
            )
        requested = [topic for topic in (*topics, *optional) if topic in existing]
        return [(topic, partition) for topic in requested for partition in existing[topic]]

    def topics(self, client: AnyClient) -> dict[str, list[int]]:
        """Return the partition numbers of every topic by name."""
        from confluent_kafka import KafkaException

        try:
            metadata = client.list_topics(timeout=CONNECT_SECONDS)
        except KafkaException as error:
            raise self.failed(client, error.args[0]) from error
        self._last_error = None
        return {name: list(topic.partitions) for name, topic in metadata.topics.items()}

    def failed(self, client: AnyClient, error: KafkaError) -> TdaflinkError:
        """Map an error of the library, with the reason of its last asynchronous error."""
        # Asynchronous errors are delivered by poll, as messages are, of which none may be consumed here.
        if not (hasattr(client, "assignment") and client.assignment()):
            client.poll(0)
        return self._refusal() or mapped(error, self.bootstrap)

    def _note(self, error: KafkaError) -> None:
        if self._last_error is None or _specificity(error) >= _specificity(self._last_error):
            self._last_error = error

    def _refusal(self) -> TdaflinkError | None:
        from confluent_kafka import KafkaError as Code

        if self._last_error is None:
            return None
        reason, code = _reason(self._last_error.str()), self._last_error.code()
        if code == Code._AUTHENTICATION:
            return AccessDenied(
                f"Kafka at {self.bootstrap} rejected {self._security.user or 'this client'}: {reason}",
                hint="--kafka-user, --kafka-password and --kafka-mechanism of tdaflink env add",
            )
        if code == Code._SSL or "SSL" in reason:
            # A broker that shuts down closes connections, too; only a running broker gives a reason.
            kind = AccessDenied if code == Code._SSL or " alert " in reason else Unreachable
            return kind(
                f"no TLS connection with Kafka at {self.bootstrap}: {reason}",
                hint="tdaflink env add: --kafka-ca names the authority of its certificate, --kafka-cert and"
                " --kafka-key your own, --kafka-protocol whether it uses TLS",
            )
        if code == Code._ALL_BROKERS_DOWN:
            # It accepted the connection and closed it without a reason.
            return Unreachable(
                f"Kafka at {self.bootstrap} closes {self._security.protocol} connections",
                hint="try again, or set another --kafka-protocol of tdaflink env add (SSL or SASL_…)",
            )
        return None


def _specificity(error: KafkaError) -> int:
    """Rank an error by the detail of its reason for a missing connection."""
    from confluent_kafka import KafkaError as Code

    if error.code() in (Code._AUTHENTICATION, Code._SSL):
        return 2
    return 0 if error.code() == Code._ALL_BROKERS_DOWN else 1


def client_properties(security: KafkaSecurity) -> dict[str, str]:
    """Return the library's settings, secrets included. Raises `ConfigError` for a missing secret."""
    if security.protocol == "PLAINTEXT":
        return {}
    side, properties = security.client, {"security.protocol": security.protocol}
    files = {
        "ssl.ca.location": ("--kafka-ca", side.ca),
        "ssl.certificate.location": ("--kafka-cert", side.certificate),
        "ssl.key.location": ("--kafka-key", side.key),
    }
    for name, (option, path) in files.items():
        if path is not None:
            _check_file(path, option)
            properties[name] = path
    if side.key is not None:
        private_text(Path(side.key), "--kafka-key")
    if security.mechanism and security.user and side.password:
        properties["sasl.mechanism"] = security.mechanism
        properties["sasl.username"] = security.user
        properties["sasl.password"] = secret(side.password, "security.kafka.password")
    return properties


def _check_file(path: str, option: str) -> None:
    try:
        require_file(path, option)
    except TdaflinkError as error:
        raise ConfigError(error.message) from None


def _reason(text: str) -> str:
    """Return a line of the library without the broker, thread and address before it."""
    text = text.split(" (after ", 1)[0]
    origin, _, reason = text.partition(": ")
    return reason if "/" in origin else text
