"""send and results with a real broker and with the shipped job."""

from __future__ import annotations

import json
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from support.command_runner import Cluster, command_environ, command_line

from tdaflink.domain.polling import poll

pytestmark = pytest.mark.cluster


@pytest.fixture
def topic(cluster: Cluster) -> str:
    """Create a topic with two partitions."""
    name = f"own-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    admin.create_topics([NewTopic(name, 2, 1)])[name].result(timeout=30)
    return name


@pytest.fixture(scope="module")
def job(cluster: Cluster) -> Iterator[str]:
    """Run the shipped job."""
    name = "answers-requests"
    cluster.run("submit", "--job-name", name, "--parallelism", "1", "-o", "json", timeout=240).json()
    yield name
    cluster.run("cancel", name, timeout=90)


def end_offset(consumer: Consumer, place: TopicPartition) -> int:
    """Return the end of a partition, as soon as it has a leader: the topic may be new."""
    for _ in poll(30.0, every=0.2):
        with suppress(KafkaException):
            return int(consumer.get_watermark_offsets(place, timeout=10)[1])
    raise AssertionError(f"{place} has no leader")


def records(cluster: Cluster, topic: str) -> list[tuple[str, dict[str, Any]]]:
    """Return key and value of every record in the topic."""
    consumer = Consumer({"bootstrap.servers": cluster.kafka, "group.id": "test", "enable.auto.commit": False})
    try:
        places = [TopicPartition(topic, p) for p in (0, 1)]
        expected = sum(end_offset(consumer, place) for place in places)
        consumer.assign([TopicPartition(topic, p, 0) for p in (0, 1)])
        found = consumer.consume(expected, timeout=30) if expected else []
    finally:
        consumer.close()
    return [(r.key().decode(), json.loads(r.value())) for r in found]


def result(job_id: str) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "timestamp": "2024-01-01T12:00:05.000Z",
        "algorithm": "alpha",
        "computation_info": {"num_points": 1, "computation_time": 0.1, "success": True},
        "tda_results": {
            "betti_numbers": {"0": [1]},
            "persistence_pairs": [{"dimension": 0, "birth": 0.0, "death": "inf"}],
            "homology_groups": [],
        },
    }


def put(cluster: Cluster, topic: str, *values: bytes, key: str | None = None) -> None:
    producer = Producer({"bootstrap.servers": cluster.kafka})
    for value in values:
        producer.produce(topic, value, key)
    assert producer.flush(30) == 0


@contextmanager
def started(cluster: Cluster, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command, and kill it at the end of the block, also after an error."""
    with subprocess.Popen(
        command_line(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=command_environ(cluster.state),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_every_message_is_in_the_topic_under_its_job_id(cluster: Cluster, topic: str) -> None:
    sent = cluster.run(
        "send", "circle", "--points", "5", "--count", "200", "--topic", topic, "-o", "json"
    ).json()
    found = records(cluster, topic)
    assert sent["sent"] == 200
    assert sorted(sent["job_ids"]) == sorted(key for key, _ in found)
    assert all(message["job_id"] == key for key, message in found)


def test_ctrl_c_reports_exactly_what_was_sent(cluster: Cluster, topic: str) -> None:
    words = ("send", "circle", "--points", "5", "--count", "100000", "--rate", "200", "--topic", topic)
    with started(cluster, *words, "-o", "json") as process:
        while not records(cluster, topic):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    sent = json.loads(stdout)
    assert 0 < sent["sent"] < sent["asked"] == 100_000
    assert sorted(sent["job_ids"]) == sorted(key for key, _ in records(cluster, topic))
    assert f"{sent['sent']} of 100000 messages were sent" in stderr


def test_the_rate_is_kept(cluster: Cluster, topic: str) -> None:
    sent = cluster.run(
        "send", "disk", "--points", "2", "--count", "21", "--rate", "10", "--topic", topic, "-o", "json"
    ).json()  # fmt: skip
    assert 2.0 <= sent["seconds"] < 10.0


def test_a_missing_topic_is_named_and_not_made(cluster: Cluster) -> None:
    for words in (("send", "circle", "--topic", "nowhere"), ("results", "--topic", "nowhere")):
        done = cluster.run(*words)
        assert done.code == 4
        assert f"there is no topic nowhere on {cluster.kafka}" in done.stderr
    assert "nowhere" not in AdminClient({"bootstrap.servers": cluster.kafka}).list_topics(timeout=10).topics


def test_results_are_the_bytes_of_the_topic(cluster: Cluster, topic: str) -> None:
    raw = [json.dumps(result(f"j-{i}"), indent=None, separators=(" , ", ": ")).encode() for i in range(50)]
    put(cluster, topic, *raw)
    done = cluster.run("results", "--topic", topic, "-o", "json")
    assert sorted(done.stdout.splitlines()) == sorted(line.decode() for line in raw)
    table = cluster.run("results", "--topic", topic)
    assert table.code == 0
    assert len(table.stdout.splitlines()) == 51


def test_what_is_no_result_is_told_and_left_out(cluster: Cluster, topic: str) -> None:
    put(cluster, topic, b"{not json", b'{"a": 1}', b"", json.dumps(result("good")).encode(), key="k")
    done = cluster.run("results", "--topic", topic, "-o", "json")
    assert [json.loads(line)["job_id"] for line in done.stdout.splitlines()] == ["good"]
    assert done.stderr.count("was skipped") == 3
    assert f"{topic}/" in done.stderr


def test_an_aborted_transaction_is_never_seen(cluster: Cluster, topic: str) -> None:
    producer = Producer({"bootstrap.servers": cluster.kafka, "transactional.id": f"t-{topic}"})
    producer.init_transactions(30)
    for job_id, keep in (("aborted", False), ("committed", True)):
        producer.begin_transaction()
        producer.produce(topic, json.dumps(result(job_id)), job_id)
        producer.flush(30)
        (producer.commit_transaction if keep else producer.abort_transaction)(30)
    done = cluster.run("results", "--topic", topic, "-o", "json")
    assert [json.loads(line)["job_id"] for line in done.stdout.splitlines()] == ["committed"]


def test_waiting_ends_at_the_deadline_with_what_there_is(cluster: Cluster, topic: str) -> None:
    put(cluster, topic, json.dumps(result("only")).encode(), key="only")
    done = cluster.run("results", "--topic", topic, "--count", "2", "--timeout", "2", "-o", "json")
    assert done.code == 6
    assert json.loads(done.stdout)["job_id"] == "only"
    assert "1 of 2 results arrived within 2 s" in done.stderr
    missing = cluster.run("results", "--topic", topic, "--job-id", "other", "--timeout", "2")
    assert missing.code == 6
    assert "no result for other within 2 s" in missing.stderr


def test_following_shows_what_comes_until_ctrl_c(cluster: Cluster, topic: str) -> None:
    put(cluster, topic, json.dumps(result("before")).encode(), key="before")
    with started(cluster, "results", "-f", "--topic", topic, "-o", "json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["job_id"] == "before"
        put(cluster, topic, json.dumps(result("after")).encode(), key="after")
        assert json.loads(process.stdout.readline())["job_id"] == "after"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in stderr


def test_a_reader_that_has_seen_enough_is_no_error(cluster: Cluster, topic: str) -> None:
    put(cluster, topic, *(json.dumps(result(f"j-{i:05}")).encode() for i in range(3000)))
    for form in ("json", "table"):
        with started(cluster, "results", "--topic", topic, "-o", form) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.wait(timeout=60) == 0
            assert process.stderr.read() == ""


def test_reading_leaves_no_consumer_group(cluster: Cluster, topic: str) -> None:
    put(cluster, topic, json.dumps(result("a")).encode(), key="a")
    assert cluster.run("results", "--topic", topic).code == 0
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    groups = admin.list_consumer_groups().result(timeout=30)
    assert not [group for group in groups.valid if group.group_id.startswith("tdaflink-reader")]


def test_a_cloud_goes_out_and_its_diagram_comes_back(cluster: Cluster, job: str, tmp_path: Path) -> None:
    assert job
    (tmp_path / "square.csv").write_text("x,y\n0,0\n1,0\n1,1\n0,1\n")
    sent = cluster.run("send", str(tmp_path / "square.csv"), "--set", "max_dimension=1", "-o", "json").json()
    (job_id,) = sent["job_ids"]
    picture = tmp_path / "square.png"
    done = cluster.run(
        "results", "--job-id", job_id, "--timeout", "60", "--plot", str(picture), "-o", "json", timeout=90
    )  # fmt: skip
    found = done.json()["tda_results"]
    assert found["betti_numbers"] == {"0": [1], "1": [0]}
    loops = [pair for pair in found["persistence_pairs"] if pair["dimension"] == 1]
    assert loops == [{"dimension": 1, "birth": 1.0, "death": pytest.approx(2**0.5)}]
    assert picture.read_bytes().startswith(b"\x89PNG")
    drawn = cluster.run("results", "--job-id", job_id, "--barcode").stdout
    assert "Betti numbers ~1, 0" in drawn
    assert "[1, 1.41)" in drawn


def test_a_refused_cloud_is_told_with_its_reason(cluster: Cluster, job: str) -> None:
    assert job
    job_id = f"refused-{uuid.uuid4().hex[:6]}"
    # Without `send`, which refuses the same messages as the job.
    points = {"points": [[0, 0], [1, 0]]}
    request = {"job_id": job_id, "point_cloud": points, "parameters": {"max_persistance": 1}}
    producer = Producer({"bootstrap.servers": cluster.kafka})
    producer.produce("tda_jobs", json.dumps(request))
    assert producer.flush(30) == 0
    done = cluster.run("results", "--job-id", job_id, "--timeout", "60", timeout=90)
    assert done.code == 5
    assert job_id in done.stderr
    assert "max_persistence" in done.stderr  # the most similar valid name
    shown = cluster.run("results", "--errors", "--job-id", job_id, "-o", "json")
    assert shown.code == 5
    assert json.loads(shown.stdout)["job_id"] == job_id


def test_a_running_job_answers_what_is_sent_next(cluster: Cluster, job: str) -> None:
    assert job
    sent = cluster.run("send", "disk", "--points", "30", "-o", "json").json()
    done = cluster.run("results", "--job-id", sent["job_ids"][0], "--timeout", "30", "-o", "json")
    assert done.json()["computation_info"]["num_points"] == 30
