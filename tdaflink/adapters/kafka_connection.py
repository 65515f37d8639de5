"""How a Kafka cluster is entered, what topics it has, and why it does not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tdaflink.adapters.kafka_common import CONNECT_SECONDS, mapped, quiet
from tdaflink.adapters.secrets import private_text, secret
from tdaflink.adapters.user_files import require_file
from tdaflink.domain.errors import AccessDenied, ConfigError, NotFound, TdaflinkError, Unreachable
from tdaflink.domain.security import NO_KAFKA_SECURITY, KafkaSecurity

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Producer
    from confluent_kafka.admin import AdminClient

    AnyClient: TypeAlias = Producer | Consumer | AdminClient

Client = TypeVar("Client")


class Connection:
    """How a cluster is entered, and why it is not, which the library tells beside its errors."""

    def __init__(self, bootstrap: str, security: KafkaSecurity = NO_KAFKA_SECURITY) -> None:
        self.bootstrap = bootstrap
        self._security = security
        self._trouble: KafkaError | None = None

    def open(
        self,
        kind: Callable[..., Client],
        settings: Mapping[str, Any],
        heard: Callable[[Any], None] | None = None,
    ) -> Client:
        """A client of the library with these settings; `heard` gets its further errors, too.

        Raises `ConfigError` for secrets and certificates that cannot be had or used.
        """
        from confluent_kafka import KafkaException

        def notice(error: KafkaError) -> None:
            self._note(error)
            if heard is not None:
                heard(error)

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
        """Topic and number of every partition; raises `NotFound` unless all but the optional topics exist."""
        # Asking for a topic by name would make it on brokers with automatic creation.
        known = self.topics(client)
        missing = [topic for topic in topics if topic not in known]
        if missing:
            raise NotFound(
                f"there is no topic {missing[0]} on {self.bootstrap}",
                hint="tdaflink topics list shows those there are; tdaflink topics create makes missing ones",
            )
        wanted = [topic for topic in (*topics, *optional) if topic in known]
        return [(topic, partition) for topic in wanted for partition in known[topic]]

    def topics(self, client: AnyClient) -> dict[str, list[int]]:
        """Name and partition numbers of every topic."""
        from confluent_kafka import KafkaException

        try:
            metadata = client.list_topics(timeout=CONNECT_SECONDS)
        except KafkaException as error:
            raise self.failed(client, error.args[0]) from error
        self._trouble = None
        return {name: list(topic.partitions) for name, topic in metadata.topics.items()}

    def failed(self, client: AnyClient, error: KafkaError) -> TdaflinkError:
        """The library's error as ours, with what it has told beside it."""
        # What it tells comes when it is polled, as messages do, of which none may be taken away here.
        if not (hasattr(client, "assignment") and client.assignment()):
            client.poll(0)
        return self._refusal() or mapped(error, self.bootstrap)

    def _note(self, error: KafkaError) -> None:
        if self._trouble is None or _telling(error) >= _telling(self._trouble):
            self._trouble = error

    def _refusal(self) -> TdaflinkError | None:
        from confluent_kafka import KafkaError as Code

        if self._trouble is None:
            return None
        words, code = _last_words(self._trouble.str()), self._trouble.code()
        if code == Code._AUTHENTICATION:
            return AccessDenied(
                f"Kafka at {self.bootstrap} does not let {self._security.user or 'us'} in: {words}",
                hint="--kafka-user, --kafka-password and --kafka-mechanism of tdaflink env add",
            )
        if code == Code._SSL or "SSL" in words:
            # A broker that goes down hangs up, too; only one that is up gives a reason.
            kind = AccessDenied if code == Code._SSL or " alert " in words else Unreachable
            return kind(
                f"no TLS connection with Kafka at {self.bootstrap}: {words}",
                hint="tdaflink env add: --kafka-ca names the authority of its certificate, --kafka-cert and"
                " --kafka-key your own, --kafka-protocol says whether it speaks TLS at all",
            )
        if code == Code._ALL_BROKERS_DOWN:
            # Without a word of why: it took the connection.
            return Unreachable(
                f"Kafka at {self.bootstrap} hangs up on {self._security.protocol}",
                hint="try again, or another --kafka-protocol of tdaflink env add (SSL or SASL_…)",
            )
        return None


def _telling(error: KafkaError) -> int:
    """How much an error says about why there is no connection."""
    from confluent_kafka import KafkaError as Code

    if error.code() in (Code._AUTHENTICATION, Code._SSL):
        return 2
    return 0 if error.code() == Code._ALL_BROKERS_DOWN else 1


def client_properties(security: KafkaSecurity) -> dict[str, str]:
    """The library's settings, secrets included. Raises `ConfigError` for one that cannot be had."""
    if security.protocol == "PLAINTEXT":
        return {}
    side, found = security.client, {"security.protocol": security.protocol}
    files = {
        "ssl.ca.location": ("--kafka-ca", side.ca),
        "ssl.certificate.location": ("--kafka-cert", side.certificate),
        "ssl.key.location": ("--kafka-key", side.key),
    }
    for name, (option, path) in files.items():
        if path is not None:
            _check_file(path, option)
            found[name] = path
    if side.key is not None:
        private_text(Path(side.key), "--kafka-key")
    if security.mechanism and security.user and side.password:
        found["sasl.mechanism"] = security.mechanism
        found["sasl.username"] = security.user
        found["sasl.password"] = secret(side.password, "security.kafka.password")
    return found


def _check_file(path: str, option: str) -> None:
    try:
        require_file(path, option)
    except TdaflinkError as error:
        raise ConfigError(error.message) from None


def _last_words(text: str) -> str:
    """What a line of the library says, without broker, thread and address before it."""
    text = text.split(" (after ", 1)[0]
    place, _, words = text.partition(": ")
    return words if "/" in place else text
