"""A real Prometheus for tests: programs of Debian's packages, and a server with an environment's files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import yaml
from containers.debian import NEWEST_SUITE, require_root, unpack_newer

from support.servers.java_server import answers, free_port, started
from tdaflink.adapters.storage.paths import cache_folder, ensure_dir
from tdaflink.domain.polling import poll

PACKAGES = ("prometheus", "promtool", "prometheus-alertmanager")
ENVIRON = {"PATH": os.defpath, "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Programs:
    """The folder with prometheus, promtool, prometheus-alertmanager and amtool."""

    folder: Path

    def run(self, name: str, *words: str, cwd: Path | None = None) -> str:
        """Return the output of a tool, which must succeed."""
        done = subprocess.run(
            [str(self.folder / name), *words],
            capture_output=True, text=True, timeout=120, env=ENVIRON, cwd=cwd, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def prometheus_programs() -> Programs:
    """Return the unpacked packages, kept in the cache folder; raise `Unavailable` if none can be obtained."""
    home = cache_folder() / "tests" / f"prometheus-{NEWEST_SUITE}"
    if not (home / "usr" / "bin" / "promtool").exists():
        part = ensure_dir(home.with_name(f"{home.name}.{os.getpid()}"))
        unpack_newer(PACKAGES, part, NEWEST_SUITE)
        shutil.rmtree(home, ignore_errors=True)
        part.rename(home)
    return Programs(home / "usr" / "bin")


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus at `url`."""

    url: str

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of each current series of the expression."""
        reply = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=10).json()
        assert reply["status"] == "success", f"{expression}: {reply}"
        return [(one["metric"], float(one["value"][1])) for one in reply["data"]["result"]]

    def value(self, expression: str) -> float | None:
        """Return the value of an expression with at most one series."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression}: {found}"
        return found[0][1] if found else None

    def firing(self) -> dict[str, dict[str, str]]:
        """Return the labels of each firing alert, by its name."""
        alerts = httpx.get(f"{self.url}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        return {one["labels"]["alertname"]: one["labels"] for one in alerts if one["state"] == "firing"}

    def wait_for_alert(self, name: str, *, firing: bool = True, seconds: float = 90) -> dict[str, str]:
        """Wait until the alert fires, or no longer fires; return its labels."""
        for _ in poll(seconds, every=0.5):
            alerts = self.firing()
            if (name in alerts) == firing:
                return alerts.get(name, {})
        targets = httpx.get(f"{self.url}/api/v1/targets", timeout=10).json()["data"]["activeTargets"]
        said = [(one["scrapeUrl"], one["health"], one["lastError"]) for one in targets]
        raise AssertionError(f"{name} {'does not fire' if firing else 'still fires'}: {alerts}, {said}")

    def wait_for(self, what: str, expression: str, wanted: float, seconds: float = 60) -> None:
        """Wait until the expression has the value."""
        value: float | None = None
        for _ in poll(seconds, every=0.5):
            value = self.value(expression)
            if value == wanted:
                return
        raise AssertionError(f"{what}: {expression} is {value} and not {wanted} after {seconds:g} s")


@contextmanager
def running_prometheus(programs: Programs, config: Path, folder: Path) -> Iterator[Prometheus]:
    """Start a Prometheus with a copy of an environment's files and with shorter intervals."""
    home = folder / "config"
    shutil.copytree(config, home)
    document: dict[str, Any] = yaml.safe_load((home / "prometheus.yml").read_text(encoding="utf-8"))
    document["global"].update(scrape_interval="3s", scrape_timeout="3s", evaluation_interval="1s")
    (home / "prometheus.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    address = free_address()
    command = [
        str(programs.folder / "prometheus"), f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}",
    ]  # fmt: skip
    ready = partial(answers, f"http://{address}/-/ready")
    with started(command, folder / "prometheus.log", ready, env=ENVIRON):
        yield Prometheus(f"http://{address}")


@contextmanager
def running_alertmanager(programs: Programs, config: Path, address: str, folder: Path) -> Iterator[None]:
    """Start an Alertmanager at an address, with an environment's file."""
    command = [
        str(programs.folder / "prometheus-alertmanager"), f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]  # fmt: skip
    ready = partial(answers, f"http://{address}/-/ready")
    with _templates(programs), started(command, folder / "alertmanager.log", ready, env=ENVIRON):
        yield


@contextmanager
def _templates(programs: Programs) -> Iterator[None]:
    """Link the templates to the only folder where Debian's Alertmanager reads them, that of its package."""
    place = Path("/usr/share/prometheus/alertmanager")
    if place.exists():
        yield
        return
    require_root("running Debian's Alertmanager without installing it")
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(programs.folder.parent / "share" / "prometheus" / "alertmanager")
    try:
        yield
    finally:
        place.unlink()


def free_address() -> str:
    """Return a local address on which nothing listens."""
    return f"127.0.0.1:{free_port()}"
