"""What a profile says about an environment that is made from it."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from tdaflink.domain.errors import ConfigError
from tdaflink.domain.topics import TopicSizing

Scalar = bool | int | float | str


class Ports(RootModel[dict[str, Annotated[int, Field(ge=1, le=65535)]]]):
    """Purpose -> first-choice port on 127.0.0.1; an environment's offset is added to each."""

    model_config = ConfigDict(frozen=True)

    def shifted(self, offset: int) -> dict[str, int]:
        """Purpose -> port, with the offset added."""
        ports = {name: port + offset for name, port in self.root.items()}
        for name, port in ports.items():
            if not 1 <= port <= 65535:
                raise ConfigError(f"port offset {offset} makes the {name} port {port}, outside 1 to 65535")
        return ports


class Profile(BaseModel):
    """A folder under profiles/: its profile.yaml, flink.yaml and kafka.yaml, over those that it extends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str
    runtime: Literal["process", "compose"]
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

    @property
    def slots(self) -> int:
        """Task slots of one TaskManager."""
        return int(self.flink["taskmanager.numberOfTaskSlots"])


def filled_in(settings: Mapping[str, Scalar], values: Mapping[str, object], *, source: str) -> dict[str, str]:
    """`settings` as text with each ${name} replaced; an unknown name is an error."""
    filled: dict[str, str] = {}
    for key, value in settings.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        try:
            filled[key] = string.Template(text).substitute(values)
        except (KeyError, ValueError) as error:
            raise ConfigError(f"{source}: {key}: {text!r} names something unknown: {error}") from error
    return filled
