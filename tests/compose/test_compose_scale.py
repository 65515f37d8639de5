"""Changes of prod's size: reported, stored, refused where they are impossible. No container is started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command_runner import Runner, runner

from tdaflink.adapters.storage.shipped_profiles import load_profile

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

SMALL, FULL = load_profile("prod", scaled=True).about, load_profile("prod").about
STORAGE = ("--storage", "s3://bucket/tdaflink")


@pytest.fixture
def prod(docker_engine: None, tmp_path: Path) -> Runner:  # noqa: ARG001 - a dry run queries the engine, too
    """Return a command with a scaled environment prod that is down."""
    run = runner(tmp_path)
    drawn = planned(run, "--scale", "--port-offset", "300")
    endpoints = {"rest_url": drawn["rest_url"], "kafka": drawn["kafka"], "kafka_cluster": "kafka-1:9092"}
    saved = {
        "name": "prod", "profile": "prod", "runtime": "compose", "endpoints": endpoints,
        "python": "/opt/tdaflink/venv/bin/python", "port_offset": 300, "details": {"scale": "on"},
    }  # fmt: skip
    file = tmp_path / "environments" / "prod" / "environment.json"
    assert not file.exists()
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(saved))
    return run


def planned(run: Runner, *words: str) -> dict:
    return run("setup", "--env", "prod", *words, "--dry-run", "-o", "json", timeout=120).json()


def test_the_size_is_kept_until_another_is_asked_for(prod: Runner) -> None:
    assert planned(prod)["about"] == SMALL
    assert planned(prod, "--no-scale", *STORAGE)["about"] == FULL
    assert "s3" in planned(prod)["start"]
    assert "s3" not in planned(prod, "--no-scale", *STORAGE)["start"]


def test_going_back_is_said_and_refused_before_anything_is_changed(prod: Runner) -> None:
    """The full size is refused: the machine is too small, or the keys of its S3 service are missing."""
    environ = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    refused = prod("setup", "--env", "prod", "--no-scale", *STORAGE, "--yes", environ=environ, timeout=120)
    assert refused.code in (2, 10), refused.stderr
    assert f"previous size: {SMALL}; setup --env prod --scale restores it" in " ".join(refused.stderr.split())
    assert planned(prod)["about"] == SMALL
