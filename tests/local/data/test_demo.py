"""The demo computes the known Betti numbers of its shapes and leaves an existing cluster unchanged."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, TopicPartition
from support.command_runner import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

BETTI = {"circle": [1, 1], "sphere": [1, 0, 1], "torus": [1, 2, 1]}


def ends(cluster: Cluster) -> dict[str, int]:
    """Return the number of records ever written to each topic of tdaflink."""
    consumer = Consumer({"bootstrap.servers": cluster.kafka, "group.id": "ends", "enable.auto.commit": False})
    try:
        topics = consumer.list_topics(timeout=10).topics
        return {
            name: sum(
                consumer.get_watermark_offsets(TopicPartition(name, p), timeout=10)[1]
                for p in found.partitions
            )
            for name, found in topics.items()
            if name.startswith("tda_")
        }
    finally:
        consumer.close()


def test_known_shapes_come_back_with_their_betti_numbers(cluster: Cluster) -> None:
    written = ends(cluster)
    before = {name: process.pid for name, process in cluster.processes().items()}
    done = cluster.run("demo", "-o", "json", timeout=400)
    rows = done.json()
    assert [(row["shape"], row["algorithm"], row["t"]) for row in rows] == [
        ("circle", "vietoris_rips", 0.6),
        ("sphere", "vietoris_rips", 0.8),
        ("torus", "vietoris_rips", 1.2),
        ("circle", "alpha", 0.4),
        ("sphere", "alpha", 0.5),
        ("torus", "alpha", 0.75),
    ]
    assert all(row["betti_numbers"] == BETTI[row["shape"]] for row in rows)
    # The demo cancels its job, but does not stop a cluster that it did not start.
    assert {name: process.pid for name, process in cluster.processes().items()} == before
    assert "tda-demo" not in [job["name"] for job in cluster.run("list", "-o", "json").json()]
    # The demo's requests are not in the topics that a new job reads, and its own topics are deleted.
    after = ends(cluster)
    assert {topic: after.get(topic) for topic in ("tda_jobs", "tda_results")} == {
        topic: written[topic] for topic in ("tda_jobs", "tda_results")
    }
    assert after.keys() == written.keys()


def test_a_kept_demo_is_used_again(cluster: Cluster) -> None:
    first = cluster.run("demo", "--keep", timeout=400)
    try:
        assert first.code == 0, first.stderr
        for betti in ("1, 1", "1, 0, 1", "1, 2, 1"):
            assert f"Betti numbers {betti}\n" in first.stdout
        assert "Try next:" in first.stderr
        again = cluster.run("demo", "--keep", timeout=200)
        assert again.code == 0, again.stderr
        assert "tda-demo is running already" in again.stderr
        jobs = [job["name"] for job in cluster.run("list", "-o", "json").json()]
        assert jobs.count("tda-demo") == 1
    finally:
        cluster.run("cancel", "tda-demo", timeout=90)
