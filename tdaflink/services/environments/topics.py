"""The topic catalogue, compared with the topics of a broker."""

from __future__ import annotations

from collections.abc import Sequence

from tdaflink.adapters.kafka.admin import KafkaAdmin
from tdaflink.domain.errors import NotFound
from tdaflink.domain.messages.topics import MOST_REPLICAS, TopicChanges, TopicSpec, TopicStatus, compare
from tdaflink.domain.progress import Reporter


def list_topics(admin: KafkaAdmin, catalogue: Sequence[TopicSpec]) -> list[TopicStatus]:
    """Return the topics of the catalogue and of the broker."""
    return compare(catalogue, admin.topics())


def create_topics(
    admin: KafkaAdmin, catalogue: Sequence[TopicSpec], reporter: Reporter, *, grow: bool = False
) -> TopicChanges:
    """Create missing topics; with `grow`, also add missing partitions."""
    with reporter.step("Kafka topics") as step:
        before = compare(catalogue, admin.topics())
        created = admin.create(row.wanted for row in before if row.state == "missing" and row.wanted)
        short = {
            row.name: row.wanted.partitions
            for row in before
            if row.state == "fewer_partitions" and row.wanted
        }
        if grow:
            admin.grow(short)
        grown = tuple(short) if grow else ()
        if not created and not grown:
            step.unchanged(f"all {len(catalogue)} exist, unchanged")
            after = before
        else:
            after = compare(catalogue, admin.topics())
    if any(row.name in created and row.wanted and row.wanted.replication is None for row in before):
        reporter.note(
            f"replicas of each new topic: {admin.replicas()} (one per broker, at most {MOST_REPLICAS})"
        )
    for row in after:
        if row.state in ("fewer_partitions", "other_settings"):
            reporter.warn(f"topic {row.name}: {row.advice}")
    return TopicChanges(tuple(created), grown, tuple(after))


def plan_topics(admin: KafkaAdmin, catalogue: Sequence[TopicSpec], *, grow: bool = False) -> TopicChanges:
    """Return the changes that `create_topics` would make."""
    rows = compare(catalogue, admin.topics())
    created = tuple(row.name for row in rows if row.state == "missing")
    grown = tuple(row.name for row in rows if grow and row.state == "fewer_partitions")
    return TopicChanges(created, grown, tuple(rows))


def choose_topics(catalogue: Sequence[TopicSpec], names: Sequence[str]) -> tuple[TopicSpec, ...]:
    """Return the topics of the catalogue with these names; all without names. Raises `NotFound`."""
    by_name = {spec.name: spec for spec in catalogue}
    for name in names:
        if name not in by_name:
            raise NotFound(f"no topic {name!r} in the catalogue", hint=f"one of {', '.join(by_name)}")
    return tuple(by_name[name] for name in names) if names else tuple(catalogue)


def describe_topic(admin: KafkaAdmin, catalogue: Sequence[TopicSpec], name: str) -> TopicStatus:
    """Return a topic of the catalogue, of the broker, or of both. Raises `NotFound`."""
    for row in compare(catalogue, admin.topics()):
        if row.name == name:
            return row
    raise NotFound(
        f"no topic {name!r}, neither in the catalogue nor at {admin.bootstrap}", hint="tdaflink topics list"
    )
