"""A real Prometheus for tests: the programs of Debian's packages, and one with an environment's files."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from containers.debian import unpack_newer

from tdaflink.adapters.folders import cache_folder, make_folder
from tdaflink.adapters.local_java import end_of_file
from tdaflink.domain.waiting import poll

PACKAGES = ("prometheus", "promtool", "prometheus-alertmanager")
READY_SECONDS = 30.0
ENVIRON = {"PATH": os.defpath, "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Programs:
    """prometheus, promtool, prometheus-alertmanager and amtool in one folder."""

    folder: Path

    def run(self, name: str, *words: str, cwd: Path | None = None) -> str:
        """What a tool prints; it must succeed."""
        done = subprocess.run(
            [str(self.folder / name), *words],
            capture_output=True, text=True, timeout=120, env=ENVIRON, cwd=cwd, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def prometheus_programs() -> Programs:
    """The unpacked packages, kept in the cache folder; raises `Unavailable` where none can be had."""
    home = cache_folder() / "tests" / "prometheus"
    if not (home / "usr" / "bin" / "promtool").exists():
        part = make_folder(home.with_name(f"{home.name}.{os.getpid()}"))
        unpack_newer(PACKAGES, part)
        shutil.rmtree(home, ignore_errors=True)
        part.rename(home)
    return Programs(home / "usr" / "bin")


@dataclass(frozen=True)
class Prometheus:
    """One that answers at `url`."""

    url: str

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series that the expression has now."""
        reply = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=10).json()
        assert reply["status"] == "success", f"{expression}: {reply}"
        return [(one["metric"], float(one["value"][1])) for one in reply["data"]["result"]]

    def value(self, expression: str) -> float | None:
        """The value of an expression that has one series at most."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression}: {found}"
        return found[0][1] if found else None

    def firing(self) -> dict[str, dict[str, str]]:
        """Name -> labels of the alerts that fire."""
        alerts = httpx.get(f"{self.url}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        return {one["labels"]["alertname"]: one["labels"] for one in alerts if one["state"] == "firing"}

    def wait_for(self, what: str, expression: str, wanted: float, seconds: float = 60) -> None:
        """Until the expression has the value."""
        value: float | None = None
        for _ in poll(seconds, every=0.5):
            value = self.value(expression)
            if value == wanted:
                return
        raise AssertionError(f"{what}: {expression} is {value} and not {wanted} after {seconds:g} s")


@contextmanager
def running_prometheus(programs: Programs, config: Path, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus with a copy of an environment's files, which looks every second where they say ten."""
    home = folder / "config"
    shutil.copytree(config, home)
    document: dict[str, Any] = yaml.safe_load((home / "prometheus.yml").read_text(encoding="utf-8"))
    document["global"].update(scrape_interval="1s", scrape_timeout="1s", evaluation_interval="1s")
    (home / "prometheus.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{chosen.getsockname()[1]}"
    log = folder / "prometheus.log"
    command = [
        str(programs.folder / "prometheus"), f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}",
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=ENVIRON, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait_until_ready(f"http://{address}", process, log)
        yield Prometheus(f"http://{address}")
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/-/ready", timeout=5).is_success:
                return
        time.sleep(0.1)
    raise AssertionError(f"Prometheus did not come up:\n{end_of_file(log)}")
