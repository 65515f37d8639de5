"""Profiles: the settings of the environments that are created from them."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from tdaflink.domain.errors import ConfigError
from tdaflink.domain.messages.topics import TopicSizing

Scalar = bool | int | float | str
SCALE = "scale"  # detail of an environment: its profile is scaled down
S3_ROLE = "s3_role"


class Ports(RootModel[dict[str, Annotated[int, Field(ge=1, le=65535)]]]):
    """Purpose -> first-choice port on 127.0.0.1; an environment's offset is added to each."""

    model_config = ConfigDict(frozen=True)

    def shifted(self, offset: int) -> dict[str, int]:
        """Return purpose -> port, with the offset added."""
        ports = {name: port + offset for name, port in self.root.items()}
        for name, port in ports.items():
            if not 1 <= port <= 65535:
                raise ConfigError(f"port offset {offset} makes the {name} port {port}, outside 1 to 65535")
        return ports


class ComposeParts(BaseModel):
    """Numbers of containers by kind, their memory limits, and the storage of checkpoints.

    `controllers` are dedicated KRaft controllers; without them every broker is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    jobmanagers: int = Field(ge=1, le=2)
    brokers: int = Field(ge=1, le=3)
    controllers: int = Field(ge=0, le=3)
    zookeepers: int = Field(ge=0, le=3)
    storage: Literal["volume", "bundled_s3", "given_s3"]
    alerting: bool
    default_passwords: bool
    min_cores: int = Field(ge=1)
    python_mb_per_slot: int = Field(ge=64)
    python_mb_per_main: int = Field(ge=64)
    memory_mb: dict[str, int]


class Profile(BaseModel):
    """A folder under profiles/: profile.yaml, flink.yaml, kafka.yaml, merged over those that it extends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str
    runtime: str
    ports: Ports
    taskmanagers: int = Field(ge=1)
    topics: TopicSizing
    jars: tuple[str, ...]
    kafka_java_options: tuple[str, ...]
    min_free_disk_mb: int = Field(ge=0)
    ready_within: float = Field(gt=0)
    stopped_within: float = Field(gt=0)
    environment: dict[str, str] = Field(default_factory=dict)
    job: dict[str, Any] = Field(default_factory=dict)
    flink: dict[str, Scalar]
    kafka: dict[str, Scalar]
    compose: ComposeParts | None = None
    runtime_options: dict[str, Any] = Field(default_factory=dict)
    """Settings that only the profile's runtime reads, which validates them."""
    scalable: bool = False

    def ports_at(self, offset: int) -> dict[str, int]:
        """Return purpose -> port; further components of a kind are rest_2, kafka_2 and so on."""
        ports = self.ports.shifted(offset)
        if self.compose is not None:
            for purpose, count in (("rest", self.compose.jobmanagers), ("kafka", self.compose.brokers)):
                for number in range(2, count + 1):
                    ports[f"{purpose}_{number}"] = ports[purpose] + number - 1
        return ports

    def megabytes(self, key: str) -> int:
        """Return a memory size of the Flink configuration in MB. Raises `ConfigError` for another unit."""
        text = str(self.flink[key])
        if not text.endswith("m") or not text[:-1].isdigit():
            raise ConfigError(
                f"profile {self.name}: {key}: {text!r} is not a number of megabytes such as 2048m"
            )
        return int(text[:-1])

    @property
    def has_alertmanager(self) -> bool:
        """Whether the environment has an Alertmanager, which sends alerts."""
        return self.compose is not None and self.compose.alerting

    @property
    def keeps_jobs(self) -> bool:
        """True if jobs survive their JobManager, because a standby or its successor takes them over."""
        return str(self.flink.get("high-availability.type", "none")).lower() != "none"

    @property
    def slots(self) -> int:
        """Task slots of one TaskManager."""
        return int(self.flink["taskmanager.numberOfTaskSlots"])


def filled_in(settings: Mapping[str, Scalar], values: Mapping[str, object], *, source: str) -> dict[str, str]:
    """Return `settings` as text with each ${name} replaced. Raises `ConfigError` for an unknown name."""
    filled: dict[str, str] = {}
    for key, value in settings.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        try:
            filled[key] = string.Template(text).substitute(values)
        except (KeyError, ValueError) as error:
            raise ConfigError(f"{source}: {key}: {text!r} names something unknown: {error}") from error
    return filled
