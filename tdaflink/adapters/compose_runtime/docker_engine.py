"""The Docker engine, accessed through its SDK, whose errors are mapped here."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from tdaflink.adapters.compose_runtime.cli import compose_version
from tdaflink.domain.environments.environment import LogLine
from tdaflink.domain.errors import MissingExtra, Refused, Unhealthy, Unreachable

OLDEST_ENGINE = (20, 10)
OLDEST_COMPOSE = (2, 17)
_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_HASH = "com.docker.compose.config-hash"
_IMAGE = "com.docker.compose.image"
_SECONDS = 20.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Container:
    """A container of a project; `health` is the engine's term, empty without a health check.

    `image` is the id of the image that Compose created it from, `config_hash` Compose's hash of its settings.
    """

    id: str
    service: str
    status: str
    health: str
    started_at: float
    exit_code: int
    out_of_memory: bool
    image: str
    config_hash: str


class DockerEngine:
    """The engine that the command `docker` uses. Methods raise `Unreachable` if it does not respond."""

    def __init__(self) -> None:
        self.host = ""

    @cached_property
    def _client(self) -> Any:
        import docker
        from docker.errors import DockerException

        self.host = _host()
        try:
            client = docker.DockerClient(base_url=self.host, timeout=_SECONDS)
            client.ping()
        except DockerException as error:
            raise self._connection_error(error) from error
        return client

    def check(self) -> None:
        """Raise unless engine and Compose are installed, accessible and new enough."""
        version = self._client.version()["Version"]
        _require(version, OLDEST_ENGINE, "Docker engine", "update Docker")
        _require(compose_version(), OLDEST_COMPOSE, "Docker Compose", "update the Compose plugin")

    def room(self) -> tuple[int, int]:
        """Return the memory in MB and the cores that containers share."""
        with _map_errors():
            info = self._client.info()
        return int(info["MemTotal"]) // 2**20, int(info["NCPU"])

    def image_id(self, tag: str) -> str | None:
        """Return the id of the image that has the tag, if there is one."""
        from docker.errors import ImageNotFound

        with _map_errors():
            try:
                return str(self._client.images.get(tag).id)
            except ImageNotFound:
                return None

    def containers(self, project: str) -> dict[str, Container]:
        """Return each service's container, running or not."""
        labels = {"label": f"{_PROJECT}={project}"}
        with _map_errors():
            # A container may be removed between being listed and being inspected.
            listed = self._client.containers.list(all=True, filters=labels, ignore_removed=True)
        containers = [_container(entry.attrs) for entry in listed]
        return {container.service: container for container in containers}

    def remove_volumes(self, project: str) -> None:
        """Remove the project's volumes; its containers must be removed before."""
        with _map_errors():
            for volume in self._client.volumes.list(filters={"label": f"{_PROJECT}={project}"}):
                volume.remove()

    def execute(self, project: str, service: str, command: Sequence[str]) -> str:
        """Run a command in a service's container and return its output. Raises `Unhealthy` where it fails."""
        container = self.containers(project).get(service)
        if container is None:
            raise Unhealthy(f"{service} has no container")
        with _map_errors():
            result = self._client.containers.get(container.id).exec_run(list(command), demux=True)
        out, err = (bytes(part or b"").decode("utf-8", "replace") for part in result.output)
        if result.exit_code:
            raise Unhealthy(
                f"{service}: {command[0]} ended with {result.exit_code}", detail=(err or out)[-2000:]
            )
        return out

    def end_of_log(self, container: Container, lines: int = 25) -> str:
        """Return the last lines of a container's output."""
        with _map_errors():
            output = self._client.containers.get(container.id).logs(tail=lines)
        return bytes(output).decode("utf-8", "replace").strip()

    def logs(self, project: str, service: str, *, since: datetime | None, follow: bool) -> Iterator[LogLine]:
        """Yield a service's output, each line once; follows over restarts and new containers."""
        last = ""
        start = since.timestamp() if since else None
        while True:
            container = self.containers(project).get(service)
            if container is not None:
                for stamp, text in self._lines(container.id, start, follow):
                    # The engine's own stamps have nanoseconds, so two lines of one container differ.
                    if stamp > last:
                        last = stamp
                        yield LogLine(text, _moment(stamp))
            if not follow:
                return
            start = _moment(last).timestamp() - 1 if last else start
            time.sleep(_POLL_SECONDS)

    def _lines(self, container: str, since: float | None, follow: bool) -> Iterator[tuple[str, str]]:
        from docker.errors import DockerException, NotFound

        options: dict[str, Any] = {"since": since} if since is not None else {}
        with suppress(NotFound):
            try:
                stream = self._client.containers.get(container).logs(
                    stream=True, follow=follow, timestamps=True, **options
                )
                for line in _whole_lines(stream):
                    stamp, _, text = line.partition(" ")
                    yield stamp, text
            except NotFound:
                raise
            except (DockerException, OSError) as error:
                if not follow:
                    raise Unreachable(f"the log of {container[:12]} cannot be read: {error}") from error

    def _connection_error(self, error: Exception) -> Unreachable | Refused:
        text = str(error)
        if "Permission denied" in text:
            return Refused(
                f"this user has no permission to use the Docker engine at {self.host}",
                hint="sudo usermod -aG docker $USER, then log in again",
            )
        return Unreachable(
            f"no Docker engine answers at {self.host}",
            hint="start it: sudo systemctl start docker, or Docker Desktop",
            noise=text,
        )


@contextmanager
def _map_errors() -> Iterator[None]:
    """Map the errors of the engine and of its connection to `Unhealthy`."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise Unhealthy(f"a request to the Docker engine failed: {error}") from error


def _host() -> str:
    """Return the address that the command `docker` uses: DOCKER_HOST, else that of its context."""
    if shutil.which("docker") is None:
        raise MissingExtra(
            "Docker is not installed: the command docker does not exist",
            hint="install Docker Engine or Docker Desktop; tdaflink setup --env local needs neither",
        )
    if chosen := os.environ.get("DOCKER_HOST"):
        return chosen
    command = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    with suppress(subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip()
    return "unix:///var/run/docker.sock"


def _require(version: str, oldest: tuple[int, int], program: str, hint: str) -> None:
    numbers = version.lstrip("v").split("-")[0].split("+")[0].split(".")
    installed = tuple(int(number) for number in numbers[:2] if number.isdigit())
    if installed < oldest:
        minimum = ".".join(map(str, oldest))
        raise Unhealthy(f"{program} {version} is too old: at least {minimum} is required", hint=hint)


def _container(attributes: Mapping[str, Any]) -> Container:
    state, labels = attributes["State"], attributes["Config"]["Labels"]
    return Container(
        id=attributes["Id"],
        service=labels.get(_SERVICE, ""),
        status=state["Status"],
        health=state.get("Health", {}).get("Status", ""),
        started_at=_moment(state["StartedAt"]).timestamp(),
        exit_code=int(state["ExitCode"]),
        out_of_memory=bool(state.get("OOMKilled")),
        image=labels.get(_IMAGE, ""),
        config_hash=labels.get(_HASH, ""),
    )


def _whole_lines(stream: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for piece in stream:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line.decode("utf-8", "replace").rstrip("\r") for line in lines)
    if rest:
        yield rest.decode("utf-8", "replace")


def _moment(stamp: str) -> datetime:
    """Parse the engine's timestamp; its nanoseconds are truncated to microseconds."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6].ljust(6, '0')}+00:00")
