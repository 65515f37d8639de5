"""topics lag and advise for a job without lag, and for a topic that no job reads."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest
from support.command_runner import Cluster, command_environ, command_line

from tdaflink.domain.polling import poll

pytestmark = pytest.mark.cluster

SIZES = (60, 120, 240)


@pytest.fixture(scope="module")
def answered(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a job on topics of the catalogue, with results for clouds of three sizes."""
    name = "advised"
    config = tmp_path_factory.mktemp("advised") / "job.json"
    config.write_text(json.dumps({"job_name": name, "parallelism": 1, "start_from": "latest"}))
    up = cluster.run("submit", "--config", str(config), timeout=150)
    assert up.code == 0, up.stderr
    try:
        for size in SIZES:
            for number in range(3):
                job = f"{name}-{size}-{number}"
                words = ("send", "circle", "--points", str(size), "--job-id", job)
                assert cluster.run(*words).code == 0
        for size in SIZES:
            got = cluster.run("results", "--job-id", f"{name}-{size}-2", "--timeout", "60", timeout=90)
            assert got.code == 0, got.stderr
        yield name
    finally:
        cluster.run("cancel", name)


def test_a_job_that_has_answered_all_is_not_behind(cluster: Cluster, answered: str) -> None:
    for _ in poll(60, every=0.5):  # offsets are committed with the next checkpoint
        rows = cluster.run("topics", "lag", "tda_jobs", "--job", answered, "-o", "json").json()
        found = [(row["job"], row["topic"], row["lag"], row["behind"]) for row in rows]
        if found == [(answered, "tda_jobs", 0, 0)]:
            break
    else:
        raise AssertionError(found)
    unread = cluster.run("topics", "lag", "tda_results")
    assert unread.code == 4
    assert "no running job reads 'tda_results'" in unread.stderr


def test_lag_is_followed_until_an_interrupt(cluster: Cluster, answered: str) -> None:
    follow = subprocess.Popen(
        command_line("topics", "lag", "tda_jobs", "--job", answered, "-f", "--every", "0.5", "-o", "json"),
        stdout=subprocess.PIPE,
        text=True,
        env=command_environ(cluster.state),
    )
    try:
        assert follow.stdout is not None
        rows = [json.loads(follow.stdout.readline()) for _ in range(2)]
        assert [row["topic"] for row in rows] == ["tda_jobs"] * 2
        assert rows[0]["at"] <= rows[1]["at"]
        follow.send_signal(signal.SIGINT)
        assert follow.wait(timeout=20) == 130
    finally:
        follow.kill()
        follow.communicate()


def test_advice_comes_from_the_results_of_the_job(cluster: Cluster, answered: str) -> None:
    words = ("advise", "--job", answered, "--points", "240", "--windows-per-second", "10")
    advice = cluster.run(*words, "-o", "json").json()
    assert advice["rule"] == {"at_least": 2, "at_most": 4, "memory_gb": 1}
    assert advice["parallelism"] == max(1, -(-10 * advice["seconds"] // 0.7))
    assert advice["memory_mb"] > 50
    assert any("results of" in figure for figure in advice["figures"])
    shown = cluster.run(*words)
    assert "rule of thumb  parallelism 2-4, 1 GB per slot" in shown.stdout
    assert "measured       parallelism" in shown.stdout


def test_without_a_cluster_the_rule_of_thumb_remains(cluster: Cluster) -> None:
    dead = {"FLINK_REST_URL": "http://127.0.0.1:9"}
    ran = cluster.run("advise", "--points", "20000", environ=dead)
    assert ran.code == 0, ran.stderr
    assert "parallelism 8-16, 4 GB per slot" in ran.stdout
    assert "rules of thumb only" in ran.stderr
