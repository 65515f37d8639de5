"""The commands plan and apply with a job on a real cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_runner import Cluster

pytestmark = pytest.mark.cluster

NAME = "planned"


@pytest.fixture
def config(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "job.json"
    path.write_text(json.dumps({"job_name": NAME, "parallelism": 1}))
    yield path
    cluster.run("cancel", NAME)


def running(cluster: Cluster) -> list[str]:
    return [row["name"] for row in cluster.run("list", "-o", "json").json() if row["name"] == NAME]


def test_a_plan_is_done_once_and_refused_when_the_world_has_changed(cluster: Cluster, config: Path) -> None:
    plan = str(config.with_name("plan.json"))
    made = cluster.run("plan", plan, "submit", "--config", str(config))
    assert made.code == 0, made.stderr
    assert f"job_name: {NAME}" in made.stdout
    assert running(cluster) == []

    config.write_text(json.dumps({"job_name": NAME, "parallelism": 2}))
    other = cluster.run("apply", plan)
    assert other.code == 1
    assert "seen.parallelism: 1 then, 2 now" in other.stderr
    assert running(cluster) == []

    config.write_text(json.dumps({"job_name": NAME, "parallelism": 1}))
    done = cluster.run("apply", plan, "-o", "json", timeout=150).json()
    assert (done["name"], done["state"]) == (NAME, "RUNNING")

    again = cluster.run("apply", plan)
    assert again.code != 0
    assert running(cluster) == [NAME]

    config.write_text(json.dumps({"job_name": NAME, "parallelism": 1, "checkpoint_interval": "7s"}))
    upgrade = cluster.run("plan", plan, "upgrade", NAME, "--config", str(config))
    assert upgrade.code == 0, upgrade.stderr
    assert running(cluster) == [NAME]
    cluster.run("cancel", NAME)
    gone = cluster.run("apply", plan)
    assert gone.code == 4, gone.stderr
    assert running(cluster) == []
