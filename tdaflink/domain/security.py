"""How the endpoints of a cluster that somebody else runs are entered.

Every secret is a reference, {"$env": NAME} or {"$file": PATH}; none of these values ever holds one.
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
    """Of an HTTP endpoint: `basic` refers to user:password, `bearer` to a token, the rest are PEM files."""

    basic: Reference | None = None
    bearer: Reference | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def check(self, name: str) -> None:
        """Raise `ConfigError` where its parts do not fit together; `name` is what its options begin with."""
        if self.basic and self.bearer:
            raise ConfigError(f"--{name}-basic and --{name}-token exclude each other", hint="keep one")
        _check_pair(self.certificate, self.key, f"--{name}-cert", f"--{name}-key")


@dataclass(frozen=True)
class KafkaSecrets:
    """What one side, the command or the cluster, enters Kafka with: a password and PEM files of its own."""

    password: Reference | None = None
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class KafkaSecurity:
    """Of the brokers. `client` is for where the command runs, `cluster` for where the job runs."""

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
        """Raise `ConfigError` that names the option that is wrong, missing or idle."""
        if self.protocol not in PROTOCOLS:
            raise ConfigError(
                f"--kafka-protocol {self.protocol!r} is not known", hint=f"one of {', '.join(PROTOCOLS)}"
            )
        for side in (self.client, self.cluster):
            self._check_side(side)
        if not self.sasl:
            if self.mechanism or self.user:
                raise ConfigError(
                    f"--kafka-mechanism and --kafka-user have no use with --kafka-protocol {self.protocol}",
                    hint="--kafka-protocol SASL_SSL, or SASL_PLAINTEXT without TLS",
                )
            return
        if self.mechanism not in MECHANISMS:
            raise ConfigError(
                f"--kafka-mechanism {self.mechanism or '(none)'} is not supported",
                hint=f"one of {', '.join(MECHANISMS)}; OAUTHBEARER and Kerberos are not in this release",
            )
        if not self.user:
            raise ConfigError(f"--kafka-user is missing: {self.protocol} wants one")

    def _check_side(self, side: KafkaSecrets) -> None:
        if self.sasl and not side.password:
            cluster = "-cluster" if side is self.cluster and self.client.password else ""
            raise ConfigError(f"--kafka-password{cluster} is missing: {self.protocol} wants one", hint=_HERE)
        if not self.sasl and side.password:
            raise ConfigError(
                f"--kafka-password has no use with --kafka-protocol {self.protocol}",
                hint="--kafka-protocol SASL_SSL, or SASL_PLAINTEXT without TLS",
            )
        if not self.tls and (side.ca or side.certificate or side.key):
            raise ConfigError(
                f"--kafka-ca, --kafka-cert and --kafka-key have no use with --kafka-protocol {self.protocol}",
                hint="--kafka-protocol SSL or SASL_SSL",
            )
        _check_pair(side.certificate, side.key, "--kafka-cert", "--kafka-key")


@dataclass(frozen=True)
class Security:
    """Of all endpoints of an environment."""

    rest: WebSecurity = field(default_factory=WebSecurity)
    kafka: KafkaSecurity = field(default_factory=KafkaSecurity)
    registry: WebSecurity = field(default_factory=WebSecurity)


NO_WEB_SECURITY = WebSecurity()
NO_KAFKA_SECURITY = KafkaSecurity()


def read_security(values: Mapping[str, Any]) -> Security:
    """Return a saved one. Raises `ValueError` for what is none."""
    security = from_values(Security, values, "security")
    web = (security.rest, security.registry)
    passwords = [side.password for side in (security.kafka.client, security.kafka.cluster)]
    for reference in (*(side.basic for side in web), *(side.bearer for side in web), *passwords):
        if reference is not None and len(reference) != 1:
            raise ValueError("security has a secret that refers to no place")
    return security


def read_reference(text: str, option: str) -> Reference:
    """env:NAME or file:PATH as a reference. Raises `ConfigError`, which does not repeat the text."""
    kind, sign, place = text.partition(":")
    if sign and place and kind == "env":
        return {"$env": place}
    if sign and place and kind == "file":
        return {"$file": place}
    raise ConfigError(
        f"{option}: a secret is not given in plain text",
        hint=f"{option} {_ON_CLUSTER if option.endswith('-cluster') else _HERE}",
    )


def shown_reference(reference: Reference | None) -> str | None:
    """A reference as it is typed."""
    if reference is None:
        return None
    ((kind, place),) = reference.items()
    return f"{kind.removeprefix('$')}:{place}"


def _check_pair(certificate: str | None, key: str | None, of_certificate: str, of_key: str) -> None:
    if (certificate is None) != (key is None):
        missing = of_key if key is None else of_certificate
        raise ConfigError(f"{missing} is missing: {of_certificate} and {of_key} go together")
