"""A Docker engine with Compose for the tests, also on a minimal Debian machine.

A daemon that responds is used unchanged. A daemon that is started here keeps running after the test run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from containers.debian import Unavailable, install, require_root, run, unpack_newer

PACKAGES = {"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables", "mmdebstrap": "mmdebstrap"}
PLUGINS = {"compose": "docker-compose", "buildx": "docker-buildx"}
LOG = Path(tempfile.gettempdir()) / "tdaflink-tests-dockerd.log"
_PIDS = ("/var/run/docker.pid", "/var/run/docker/containerd/containerd.pid")
_READY_SECONDS = 60.0


def ensure() -> list[str]:
    """Provide a running daemon, `docker compose` and `docker buildx`; return the actions that were needed.

    Raises:
        Unavailable: this machine cannot provide them; the message has the reason.
    """
    done = []
    if not answers():
        require_root("starting a Docker daemon")
        missing = sorted({package for program, package in PACKAGES.items() if not shutil.which(program)})
        if missing:
            install(missing)
            done.append(f"installed {', '.join(missing)}")
        _start()
        done.append(f"started dockerd, which logs to {LOG}")
        if os.environ.get("CI") and (left := _remove_left_over()):
            done.append(f"removed {left} containers of an earlier run, which it had started again")
    if lacking := [package for plugin, package in PLUGINS.items() if not _has_plugin(plugin)]:
        _add_plugins(lacking)
        done.append(f"added {', '.join(lacking)}")
    return done


def answers() -> bool:
    """Return whether a daemon runs that this user has access to."""
    try:
        run(["docker", "version", "--format", "{{.Server.Version}}"], seconds=20)
    except Unavailable:
        return False
    return True


def _start() -> None:
    for pid_file in map(Path, _PIDS):
        _forget_dead(pid_file)
    with LOG.open("wb") as log:
        # In its own process group the daemon keeps running after the test run, for the next one.
        daemon = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and daemon.poll() is None:
        if answers():
            return
        time.sleep(0.2)
    ended = "ended" if daemon.poll() is not None else f"did not answer within {_READY_SECONDS:.0f} s"
    daemon.terminate()
    raise Unavailable(f"dockerd {ended}; the end of {LOG}:\n{LOG.read_text(errors='replace')[-2000:]}")


def _remove_left_over() -> int:
    """Remove environments of a killed test run, which would use ports, memory and networks."""
    project = "com.docker.compose.project"
    listing = ["--filter", f"label={project}", "--format", f'{{{{.ID}}}} {{{{.Label "{project}"}}}}']
    ids = [
        identity
        for identity, name in map(str.split, run(["docker", "ps", "-a", *listing]).splitlines())
        if name.startswith("tdaflink-")
    ]
    if ids:
        run(["docker", "rm", "--force", "--volumes", *ids])
        run(["docker", "network", "prune", "--force", "--filter", f"label={project}"])
    return len(ids)


def _forget_dead(pid_file: Path) -> None:
    """Remove the PID file of a killed daemon, since another process may have its PID now."""
    with contextlib.suppress(OSError, ValueError):
        program = Path(f"/proc/{int(pid_file.read_text())}/comm")
        if not program.exists() or program.read_text().strip() not in ("dockerd", "containerd"):
            pid_file.unlink()


def _has_plugin(name: str) -> bool:
    try:
        run(["docker", name, "version"], seconds=20)
    except Unavailable:
        return False
    return True


def _add_plugins(packages: list[str]) -> None:
    config = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    target = config / "cli-plugins"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        unpack_newer(packages, Path(folder))
        for plugin in Path(folder).rglob("cli-plugins/docker-*"):
            # Replace atomically, since another test run may use the existing plugin.
            draft = target / f".{plugin.name}.{os.getpid()}"
            shutil.copy2(plugin, draft)
            draft.replace(target / plugin.name)
