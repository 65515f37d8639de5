"""Calls of the command `docker compose` for one project."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tdaflink.domain.errors import MissingExtra, Unhealthy

_SECONDS = 20.0
_CONFIG_SECONDS = 60.0


class Compose:
    """`docker compose` in one project's folder. `environ` holds the secrets that compose.yaml refers to."""

    def __init__(self, project: str, folder: Path, environ: Mapping[str, str]) -> None:
        self._project = project
        self._folder = folder
        ours = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}
        self._environ = {**ours, **environ, "COMPOSE_ANSI": "never", "BUILDKIT_PROGRESS": "plain"}

    def start(self, log: Path, *words: str) -> subprocess.Popen[bytes]:
        """Start a command on compose.yaml in its own process group; its output goes to `log`."""
        command = ["docker", "compose", "-p", self._project, "-f", str(self._folder / "compose.yaml"), *words]
        with log.open("wb") as out:
            return subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def hashes(self, text: str) -> dict[str, str]:
        """Return each service's configuration hash if `text` were the project's compose.yaml."""
        command = [
            "docker",
            "compose",
            "-p",
            self._project,
            "--project-directory",
            str(self._folder),
            "-f",
            "-",
        ]
        try:
            done = subprocess.run(
                [*command, "config", "--hash", "*"],
                env=self._environ,
                input=text,
                capture_output=True,
                text=True,
                timeout=_CONFIG_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unhealthy(f"docker compose config did not end within {_CONFIG_SECONDS:.0f} s") from error
        if done.returncode:
            raise Unhealthy("docker compose rejected compose.yaml", detail=done.stderr.strip()[-2000:])
        return dict(line.split() for line in done.stdout.splitlines() if line.strip())

    def down(self, seconds: float) -> None:
        """Stop and remove the project's containers and network, whether its compose.yaml exists or not."""
        command = ["docker", "compose", "-p", self._project, "down"]
        try:
            # From a folder without compose.yaml: Compose finds the project's containers by their labels.
            done = subprocess.run(
                command,
                cwd="/",
                env=self._environ,
                capture_output=True,
                text=True,
                timeout=seconds * 3,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unhealthy(
                f"docker compose did not stop {self._project} within {seconds * 3:.0f} s"
            ) from error
        if done.returncode:
            raise Unhealthy(
                f"docker compose could not stop {self._project}", detail=done.stderr.strip()[-2000:]
            )


def stop_process(process: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    """Terminate a process, and kill it after `seconds`."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def compose_version() -> str:
    """Return the version of Docker's Compose plugin. Raises `MissingExtra` where it is not installed."""
    command = ["docker", "compose", "version", "--short"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unhealthy(f"docker compose did not respond within {_SECONDS:.0f} s") from error
    if done.returncode:
        raise MissingExtra(
            "Docker's Compose plugin is not installed (docker compose version fails)",
            hint="install docker-compose-plugin, or Docker Desktop, which contains it",
        )
    return done.stdout.strip()
