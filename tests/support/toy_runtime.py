"""A runtime that this module alone adds: Python processes that respond as a minimal Flink.

The test of the registry copies it to tdaflink/adapters/toy_runtime.py. Run as a program it is a component.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tdaflink.adapters.local_runtime.log_files import read_log
from tdaflink.adapters.local_runtime.process_table import Launch, ProcessTable, Running, port_is_free
from tdaflink.adapters.storage.shipped_profiles import profile_of
from tdaflink.adapters.storage.state_storage import state_files
from tdaflink.domain.artifacts.cluster_python import PackageSources, PythonPlan
from tdaflink.domain.environments.environment import Changes, Component, Endpoints, Environment, LogLine
from tdaflink.domain.environments.recreation import Replacement
from tdaflink.domain.errors import NotFound, PortTaken, Unhealthy
from tdaflink.domain.jobs.state_snapshots import StateFiles
from tdaflink.domain.progress import Reporter

_SECONDS = 30.0


def open_runtime(environment: Environment, folder: Path) -> ToyRuntime:
    """Open the runtime of an environment; `folder` is the environment's."""
    return ToyRuntime(environment, folder)


class ToyRuntime:
    """A JobManager and as many workers as the profile's `runtime_options` specify."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        profile = profile_of(environment)
        self._folder = folder
        self._ports = profile.ports_at(environment.port_offset)
        workers = int(profile.runtime_options["workers"])
        self._names = ["jobmanager", *(f"worker-{number}" for number in range(1, workers + 1))]
        self._processes = ProcessTable(folder)

    def preflight(self) -> None:
        if self._processes.find("jobmanager") is None and not port_is_free(self._ports["rest"]):
            raise PortTaken(f"port {self._ports['rest']} is taken")

    def pending_recreation(self) -> Replacement:
        return Replacement()

    def up(self, reporter: Reporter) -> Changes:
        started = [name for name in self._names if self._processes.find(name) is None]
        with reporter.step("starting " + ", ".join(started)):
            for name in started:
                self._start(name)
        unchanged = tuple(name for name in self._names if name not in started)
        return Changes(started=tuple(started), unchanged=unchanged)

    def _start(self, name: str) -> None:
        port = str(self._ports["rest"]) if name == "jobmanager" else "0"
        program = (sys.executable, "-m", __name__, name, port, *self._processes.markers(name))
        running = self._processes.start(Launch(name, program, os.environ, self._log(name), ""))
        deadline = time.monotonic() + _SECONDS
        while "listens" not in self._log(name).read_text(encoding="utf-8"):
            if self._processes.ending(running) is not None or time.monotonic() > deadline:
                raise Unhealthy(f"{name} does not start", hint=f"see {self._log(name)}")
            time.sleep(0.05)

    def down(self, reporter: Reporter) -> Changes:
        with reporter.step("stopping"):
            return Changes(stopped=tuple(self._processes.stop(self._names, _SECONDS)))

    def purge(self) -> None:
        shutil.rmtree(self._folder)

    def endpoints(self) -> Endpoints:
        kafka = f"127.0.0.1:{self._ports['kafka']}"
        return Endpoints(f"http://127.0.0.1:{self._ports['rest']}", kafka, kafka)

    def state_files(self, address: str, flink: Mapping[str, str]) -> StateFiles:
        return state_files(address, flink)

    def python_plan(self) -> PythonPlan:
        return PythonPlan(sys.executable, "ready")

    def prepare(self, sources: PackageSources, reporter: Reporter) -> str:  # noqa: ARG002
        return sys.executable

    def is_running(self) -> bool:
        return any(self._processes.find(name) for name in self._names)

    def ended(self) -> list[str]:
        return [name for name in self._names if self._processes.find(name) is None]

    def components(self) -> list[Component]:
        return [self._seen(name, self._processes.find(name)) for name in self._names]

    def _seen(self, name: str, running: Running | None) -> Component:
        if running is None:
            return Component(name, "dead", "not running", log=self._log(name))
        return Component(name, "healthy", "", running.pid, self._log(name), running.create_time)

    def logs(
        self, component: str, *, since: datetime | None = None, follow: bool = False
    ) -> Iterator[LogLine]:
        if component not in self._names:
            raise NotFound(f"no component {component!r}: {', '.join(self._names)}")
        return read_log(self._log(component), since=since, follow=follow)

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / name / f"{name}.log"


_ANSWERS = {
    "/config": {"flink-version": "2.2.1", "timezone-offset": 0},
    "/overview": {
        "flink-version": "2.2.1",
        "flink-commit": "0000000",
        "taskmanagers": 1,
        "slots-total": 2,
        "slots-available": 2,
        "jobs-running": 0,
        "jobs-finished": 0,
        "jobs-cancelled": 0,
        "jobs-failed": 0,
    },
    "/jobs/overview": {"jobs": []},
    "/taskmanagers": {"taskmanagers": []},
    "/jobmanager/config": [],
    "/jobmanager/environment": {"jvm": {"version": "none", "options": []}, "classpath": []},
}


class _FlinkRest(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = _ANSWERS.get(self.path)
        body = json.dumps({"errors": ["not found"]} if known is None else known).encode()
        self.send_response(404 if known is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002
        """Leave requests out of the log."""


def main() -> None:
    """Serve as the component that the first argument names, on the port of the second."""
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), _FlinkRest) as server:
        print(f"{sys.argv[1]} listens on {server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
