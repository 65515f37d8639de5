"""Authentication at the endpoints of an external cluster.

Every secret is a reference, {"$env": NAME} or {"$file": PATH}; these values never contain a secret itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tdaflink.domain.errors import ConfigError
from tdaflink.domain.saved_values import from_values

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_ON_CLUSTER = "env:NAME (an environment variable) or file:PATH (a file of mode 0600), both of the cluster"
_HERE = "env:NAME (an environment variable), file:PATH (a file of mode 0600), or ask"

Reference = Mapping[Literal["$env", "$file"], str]


@dataclass(frozen=True)
class WebSecurity:
    """Authentication at an HTTP endpoint: `basic` refers to user:password, `bearer` to a token.

    The other fields are paths of PEM files.
    """

    basic: Reference | None = None
    bearer: Reference | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def check(self, name: str) -> None:
        """Raise `ConfigError` for contradicting parts; `name` is the prefix of their options."""
        if self.basic and self.bearer:
            raise ConfigError(f"--{name}-basic and --{name}-token exclude each other", hint="keep one")
        _check_pair(self.certificate, self.key, f"--{name}-cert", f"--{name}-key")


@dataclass(frozen=True)
class KafkaSecrets:
    """Credentials of one side, the command or the cluster, for Kafka: a password and PEM files."""

    password: Reference | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class KafkaSecurity:
    """Authentication at the brokers: `client` for the command, `cluster` for the job."""

    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    user: str | None = None
    client: KafkaSecrets = field(default_factory=KafkaSecrets)
    cluster: KafkaSecrets = field(default_factory=KafkaSecrets)

    @property
    def sasl(self) -> bool:
        return self.protocol.startswith("SASL_")

    @property
    def tls(self) -> bool:
        return self.protocol.endswith("SSL")

    def check(self) -> None:
        """Raise `ConfigError`, which names the option that is wrong, missing or unused."""
        if self.protocol not in PROTOCOLS:
            raise ConfigError(
                f"--kafka-protocol {self.protocol!r} is not known", hint=f"one of {', '.join(PROTOCOLS)}"
            )
        for side in (self.client, self.cluster):
            self._check_side(side)
        if not self.sasl:
            if self.mechanism or self.user:
                raise ConfigError(
                    f"--kafka-mechanism and --kafka-user do not apply to --kafka-protocol {self.protocol}",
                    hint="--kafka-protocol SASL_SSL, or SASL_PLAINTEXT without TLS",
                )
            return
        if self.mechanism not in MECHANISMS:
            raise ConfigError(
                f"--kafka-mechanism {self.mechanism or '(none)'} is not supported",
                hint=f"one of {', '.join(MECHANISMS)}; OAUTHBEARER and Kerberos are not in this release",
            )
        if not self.user:
            raise ConfigError(f"--kafka-user is missing: {self.protocol} requires it")

    def _check_side(self, side: KafkaSecrets) -> None:
        if self.sasl and not side.password:
            cluster = "-cluster" if side is self.cluster and self.client.password else ""
            raise ConfigError(
                f"--kafka-password{cluster} is missing: {self.protocol} requires it", hint=_HERE
            )
        if not self.sasl and side.password:
            raise ConfigError(
                f"--kafka-password does not apply to --kafka-protocol {self.protocol}",
                hint="--kafka-protocol SASL_SSL, or SASL_PLAINTEXT without TLS",
            )
        if not self.tls and (side.ca or side.certificate or side.key):
            raise ConfigError(
                f"--kafka-ca, --kafka-cert and --kafka-key do not apply to --kafka-protocol {self.protocol}",
                hint="--kafka-protocol SSL or SASL_SSL",
            )
        _check_pair(side.certificate, side.key, "--kafka-cert", "--kafka-key")


@dataclass(frozen=True)
class Security:
    """Authentication at all endpoints of an environment."""

    rest: WebSecurity = field(default_factory=WebSecurity)
    kafka: KafkaSecurity = field(default_factory=KafkaSecurity)
    registry: WebSecurity = field(default_factory=WebSecurity)


NO_WEB_SECURITY = WebSecurity()
NO_KAFKA_SECURITY = KafkaSecurity()


def read_security(values: Mapping[str, Any]) -> Security:
    """Read a saved value. Raises `ValueError` if it is not valid."""
    security = from_values(Security, values, "security")
    web = (security.rest, security.registry)
    passwords = [side.password for side in (security.kafka.client, security.kafka.cluster)]
    for reference in (*(side.basic for side in web), *(side.bearer for side in web), *passwords):
        if reference is not None and len(reference) != 1:
            raise ValueError("security has a secret without a valid reference")
    return security


def read_reference(text: str, option: str) -> Reference:
    """Parse env:NAME or file:PATH. Raises `ConfigError`, which does not repeat the text."""
    kind, colon, place = text.partition(":")
    if colon and place and kind == "env":
        return {"$env": place}
    if colon and place and kind == "file":
        return {"$file": place}
    raise ConfigError(
        f"{option}: a secret must not be given in plain text",
        hint=f"{option} {_ON_CLUSTER if option.endswith('-cluster') else _HERE}",
    )


def shown_reference(reference: Reference | None) -> str | None:
    """Format a reference as it is typed."""
    if reference is None:
        return None
    ((kind, place),) = reference.items()
    return f"{kind.removeprefix('$')}:{place}"


def _check_pair(certificate: str | None, key: str | None, of_certificate: str, of_key: str) -> None:
    if (certificate is None) != (key is None):
        missing = of_key if key is None else of_certificate
        raise ConfigError(f"{missing} is missing: {of_certificate} and {of_key} must be given together")
