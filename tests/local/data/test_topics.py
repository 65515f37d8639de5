"""The commands for topics with a real broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from support.command_runner import Cluster

pytestmark = pytest.mark.cluster


@pytest.fixture
def small_events(cluster: Cluster) -> Iterator[str]:
    """Create a topic that is not in the catalogue."""
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    admin.create_topics([NewTopic("users_own", 2, 1)])["users_own"].result(30)
    yield "users_own"
    admin.delete_topics(["users_own"])["users_own"].result(30)


def test_setup_made_the_catalogue_in_the_profiles_size(cluster: Cluster) -> None:
    rows = {row["name"]: row for row in cluster.run("topics", "list", "-o", "json").json()}
    partitions = {name: row["partitions"] for name, row in rows.items() if name.startswith("tda_")}
    assert partitions == {
        "tda_jobs": 6,
        "tda_results": 6,
        "tda_uploads": 3,
        "tda_events": 1,
        "tda_errors": 1,
        "tda_stream_input": 6,
        "tda_stream_output": 6,
    }
    assert {row["replication"] for row in rows.values()} == {1}


def test_data_topics_take_16_mib_in_zstd(cluster: Cluster) -> None:
    settings = cluster.run("topics", "describe", "tda_jobs", "-o", "json").json()["settings"]
    assert settings["max.message.bytes"] == str(16 * 2**20)
    assert settings["compression.type"] == "zstd"


def test_creating_what_exists_is_a_success_that_changes_nothing(cluster: Cluster) -> None:
    again = cluster.run("topics", "create")
    assert again.code == 0, again.stderr
    assert "created: nothing" in again.stdout


def test_a_topic_outside_the_catalogue_is_listed_and_described(cluster: Cluster, small_events: str) -> None:
    rows = {row["name"]: row for row in cluster.run("topics", "list", "-o", "json").json()}
    assert rows[small_events]["state"] == "not_in_catalogue"
    described = cluster.run("topics", "describe", small_events)
    assert described.code == 0
    assert "not in the catalogue" in described.stdout


def test_a_missing_topic_comes_back_and_too_few_partitions_are_reported_and_grown(cluster: Cluster) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    admin.delete_topics(["tda_uploads"])["tda_uploads"].result(30)
    row = _row(cluster, "tda_uploads")
    assert row["state"] == "missing"
    assert cluster.run("topics", "create", "-o", "json").json()["created"] == ["tda_uploads"]
    admin.delete_topics(["tda_uploads"])["tda_uploads"].result(30)
    admin.create_topics([NewTopic("tda_uploads", 1, 1)])["tda_uploads"].result(30)
    short = cluster.run("topics", "create")
    assert short.code == 0
    assert "has 1 of 3 partitions; tdaflink topics create tda_uploads --grow" in short.stderr
    planned = cluster.run("topics", "create", "tda_uploads", "--grow", "--dry-run")
    assert "would add partitions to: tda_uploads" in planned.stdout
    assert _row(cluster, "tda_uploads")["partitions"] == 1
    assert cluster.run("topics", "create", "--grow", "-o", "json").json()["grown"] == ["tda_uploads"]
    assert _row(cluster, "tda_uploads")["partitions"] == 3


def test_an_unknown_topic_is_not_found(cluster: Cluster) -> None:
    assert cluster.run("topics", "describe", "tda_jbos").code == 4
    assert cluster.run("topics", "create", "tda_jbos").code == 4


def _row(cluster: Cluster, name: str) -> dict:
    return next(r for r in cluster.run("topics", "list", "-o", "json").json() if r["name"] == name)
