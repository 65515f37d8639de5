"""A whole environment in containers: set up by the command, inspected with docker, removed completely."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.command_runner import Cluster, Ran, Runner, runner
from support.servers.prometheus_process import Prometheus

UP_SECONDS = 900  # includes the build of the image
DOWN_SECONDS = 240


@dataclass(frozen=True)
class Stack(Cluster):
    """An environment on Docker Compose."""

    ports: dict[str, int]

    @property
    def prometheus(self) -> Prometheus:
        return Prometheus(self.url("prometheus"))

    def url(self, purpose: str) -> str:
        return f"http://127.0.0.1:{self.ports[purpose]}"

    def containers(self) -> dict[str, str]:
        """Return id and start time of each running container, by service."""
        project = f"label=com.docker.compose.project={self.project}"
        ids = docker("ps", "--quiet", "--filter", project).split()
        found = json.loads(docker("inspect", *ids)) if ids else []
        return {
            one["Config"]["Labels"]["com.docker.compose.service"]: f"{one['Id']} {one['State']['StartedAt']}"
            for one in found
        }

    @property
    def project(self) -> str:
        """Return the name of the Compose project from its file."""
        first = "name: "
        lines = (self.folder / "compose" / "compose.yaml").read_text(encoding="utf-8").splitlines()
        return next(line.removeprefix(first) for line in lines if line.startswith(first))

    def tell(self, service: str, *words: str) -> None:
        """Run a `docker` command on the container of a service: kill, stop, kill -s HUP."""
        docker(*words, self.containers()[service].split()[0])

    def inside(self, service: str, *words: str) -> str:
        """Run a command in the container of a service and return its output."""
        return docker("exec", self.containers()[service].split()[0], *words)

    def results(self, count: int, *words: str, seconds: float = 120) -> list[dict[str, Any]]:
        """Wait for `count` results, then return all that are in the topic."""
        waiting = ("--count", str(count), "--timeout", str(seconds))
        waited = self.run("results", *words, *waiting, "-o", "json", timeout=seconds + 30)
        assert waited.code == 0, waited.stderr
        there = self.run("results", *words, "-o", "json")
        return [json.loads(line) for line in there.stdout.splitlines()]

    def secrets(self) -> dict[str, str]:
        """Return the secrets that setup generated for this environment."""
        lines = (self.folder / "compose" / ".env").read_text(encoding="utf-8").splitlines()
        pairs = (line.partition("=") for line in lines)
        return {name: value.strip("'") for name, _, value in pairs}


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def stack(profile: str, state: Path, *words: str) -> Iterator[Stack]:
    """Set up an environment of the profile with these options; tear it down also after an error."""
    run = _runner(state, profile)
    project = ""
    try:
        setup = ("setup", "--port-offset", "auto", *words, "-o", "json")
        done = run(*setup, timeout=UP_SECONDS)
        if (done.code, " of memory and " in done.stderr, "CI" in os.environ) == (10, True, False):
            pytest.skip(f"the engine is too small: {done.stderr.strip()}")
        up = done.json()
        ports = run("setup", "--dry-run", "-o", "json").json()["ports"]
        found = Stack(profile, up["rest_url"], up["kafka"], state, run, ports)
        project = found.project
        yield found
    finally:
        down = run("teardown", "--purge", timeout=DOWN_SECONDS)
        assert down.code in (0, 4), down.stderr
        assert left_of(project) == []


def _runner(state: Path, name: str) -> Runner:
    """Return a command that uses the environment of this name, also prod, without prompts."""
    run = runner(state)

    def call(*words: str, environ: dict[str, str] | None = None, **more: Any) -> Ran:
        return run(*words, "--yes", environ={"TDA_ENVIRONMENT": name, **(environ or {})}, **more)

    return call


def left_of(project: str) -> list[str]:
    """Return the ids of containers, volumes and networks that belong to a Compose project."""
    belongs = ("--filter", f"label=com.docker.compose.project={project}", "--quiet")
    listings = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
    return [line for words in listings for line in docker(*words, *belongs).split()]
