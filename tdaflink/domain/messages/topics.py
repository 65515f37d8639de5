"""The topic catalogue, and its comparison with a broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tdaflink.domain.errors import ConfigError

State = Literal["ok", "missing", "fewer_partitions", "more_partitions", "other_settings", "not_in_catalogue"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    partitions: int = Field(ge=1)
    kind: str
    about: str
    value_schema: str | None = None


class Catalogue(BaseModel):
    """profiles/topics.yaml: every topic with its number of partitions in prod."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_message_bytes: int = Field(ge=1024)
    topics: dict[str, _Entry]
    kinds: dict[str, dict[str, str | int]]

    def sized(self, sizing: TopicSizing) -> tuple[TopicSpec, ...]:
        """Return the topics in a profile's size."""
        return tuple(self._spec(name, entry, sizing) for name, entry in self.topics.items())

    def _spec(self, name: str, entry: _Entry, sizing: TopicSizing) -> TopicSpec:
        if entry.kind not in self.kinds:
            raise ConfigError(f"topic {name}: kind {entry.kind!r} is not one of {', '.join(self.kinds)}")
        settings = {"max.message.bytes": str(self.max_message_bytes)}
        settings |= {key: str(value) for key, value in self.kinds[entry.kind].items()}
        if sizing.replication is not None and sizing.replication > 1:
            settings["min.insync.replicas"] = str(sizing.min_insync_replicas)
        partitions = max(1, entry.partitions // sizing.partitions_divided_by)
        return TopicSpec(name, partitions, sizing.replication, settings, entry.about)


class TopicSizing(BaseModel):
    """Scaling of the catalogue by a profile; `replication` None means: the value of `replicas_on`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partitions_divided_by: int = Field(default=1, ge=1)
    replication: int | None = Field(default=1, ge=1)
    min_insync_replicas: int = Field(default=1, ge=1)


MOST_REPLICAS = 3


def replicas_on(brokers: int) -> int:
    """Return the replicas of a topic on an external cluster: enough to tolerate the loss of brokers."""
    return min(MOST_REPLICAS, max(1, brokers))


@dataclass(frozen=True)
class TopicSpec:
    """A topic of the catalogue; `replication` None means: the value of `replicas_on`."""

    name: str
    partitions: int
    replication: int | None
    settings: Mapping[str, str]
    about: str = ""


@dataclass(frozen=True)
class Partition:
    """One partition at the broker."""

    number: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True)
class TopicInfo:
    """A topic at the broker; `settings` are those that differ from the broker's defaults."""

    name: str
    partitions: tuple[Partition, ...]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def replication(self) -> int:
        return max((len(partition.replicas) for partition in self.partitions), default=0)


@dataclass(frozen=True)
class TopicStatus:
    """A topic compared between catalogue and broker; `wanted` or `found` is None if one does not have it."""

    name: str
    state: State
    wanted: TopicSpec | None
    found: TopicInfo | None
    advice: str = ""


@dataclass(frozen=True)
class TopicChanges:
    """The changes of `create`, and the resulting state of all topics."""

    created: tuple[str, ...]
    grown: tuple[str, ...]
    topics: tuple[TopicStatus, ...]


@dataclass(frozen=True)
class LagRow:
    """Lag of a job in a topic. `seconds` is the remaining work at its current rate."""

    job: str
    job_id: str
    topic: str
    lag: int
    committed_lag: int | None
    behind: int
    partitions: int
    records_per_second: float | None

    @property
    def seconds(self) -> float | None:
        return self.lag / self.records_per_second if self.records_per_second else None


def compare(wanted: Iterable[TopicSpec], found: Mapping[str, TopicInfo]) -> list[TopicStatus]:
    """Compare all topics of both sides, the catalogue's first; Kafka's internal topics are omitted."""
    catalogue = {spec.name: spec for spec in wanted}
    rows = [_status(spec, found.get(name)) for name, spec in catalogue.items()]
    others = sorted(name for name in found if name not in catalogue and not name.startswith("__"))
    return rows + [TopicStatus(name, "not_in_catalogue", None, found[name]) for name in others]


def _status(spec: TopicSpec, info: TopicInfo | None) -> TopicStatus:
    if info is None:
        return TopicStatus(spec.name, "missing", spec, None, f"tdaflink topics create {spec.name}")
    if len(info.partitions) < spec.partitions:
        advice = (
            f"has {len(info.partitions)} of {spec.partitions} partitions; "
            f"tdaflink topics create {spec.name} --grow adds them (keys then map to other partitions)"
        )
        return TopicStatus(spec.name, "fewer_partitions", spec, info, advice)
    differing = {key: value for key, value in spec.settings.items() if info.settings.get(key, value) != value}
    if differing:
        named = ", ".join(f"{key}={info.settings[key]}, not {value}" for key, value in differing.items())
        return TopicStatus(spec.name, "other_settings", spec, info, named)
    if len(info.partitions) > spec.partitions:
        return TopicStatus(spec.name, "more_partitions", spec, info)
    return TopicStatus(spec.name, "ok", spec, info)
