"""The three ZooKeepers of prod in its full size, which has too many other components for a small machine.

A scaled prod has one ZooKeeper.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stacks import docker, left_of
from support.compose_settings import settings

from tdaflink.adapters.compose_runtime.cli import Compose
from tdaflink.adapters.compose_runtime.docker_engine import DockerEngine
from tdaflink.adapters.compose_runtime.project_folder import write_compose_folder
from tdaflink.adapters.compose_runtime.renderer import ComposeSettings
from tdaflink.adapters.security.credential_store import GRAFANA, KEY, SECRET
from tdaflink.domain.environments import compose_stack
from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("stand_in_images")]

ASK = "exec 3<>/dev/tcp/127.0.0.1/2181 && echo srvr >&3 && timeout 2 cat <&3"


@contextmanager
def started(prod: ComposeSettings, names: list[str], folder: Path) -> Iterator[None]:
    secrets = dict.fromkeys((KEY, SECRET, GRAFANA), "unused")
    compose = Compose(prod.project, folder, secrets)
    try:
        process = compose.start(folder / "up.log", "up", "--detach", "--wait", *names)
        code = process.wait(180)
        assert code == 0, (folder / "up.log").read_text()
        yield
    finally:
        compose.down(60)
        DockerEngine().remove_volumes(prod.project)


def modes(project: str, names: list[str]) -> dict[str, str]:
    """Return leader or follower by service, without services that do not respond."""
    found = {}
    for name in names:
        words = ["docker", "exec", f"{project}-{name}-1", "bash", "-c", ASK]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
        if "Mode: " in done.stdout:
            found[name] = done.stdout.partition("Mode: ")[2].split()[0]
    return found


def wait_for_quorum(project: str, names: list[str]) -> str:
    """Wait until one service leads and all others follow; return the leader's name."""
    for _ in poll(60, every=0.5):
        found = modes(project, names)
        if sorted(found.values()) == [*["follower"] * (len(names) - 1), "leader"]:
            return next(name for name, mode in found.items() if mode == "leader")
    raise AssertionError(f"no quorum of {names}: {found}")


def test_three_zookeepers_agree_on_a_leader_and_on_another_when_it_is_killed(tmp_path: Path) -> None:
    prod = settings("prod", project=f"tdaflink-test-{uuid.uuid4().hex[:6]}")
    names = [service.name for service in prod.of_kind(compose_stack.ZOOKEEPER)]
    assert len(names) == 3
    write_compose_folder(tmp_path, prod)
    with started(prod, names, tmp_path):
        leader = wait_for_quorum(prod.project, names)
        docker("kill", f"{prod.project}-{leader}-1")
        others = [name for name in names if name != leader]
        assert wait_for_quorum(prod.project, others) in others
        docker("start", f"{prod.project}-{leader}-1")
        assert wait_for_quorum(prod.project, names) in others
    assert left_of(prod.project) == []
