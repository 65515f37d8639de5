"""The command as a subprocess, and the processes of a real local cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

# Tests that kill parts of a cluster check the remaining state, without repairs.
UNSUPERVISED = {"TDAFLINK_SUPERVISE": "no"}
_ROOT = Path(__file__).resolve().parents[2]
# Fields of each job in `list -o json`, in every runtime.
LISTED = {
    "id",
    "name",
    "state",
    "start_time",
    "duration_ms",
    "parallelism",
    "tasks_running",
    "tasks_total",
    "env",
}
# Variables of the caller's shell about environments, which must not affect the tests.
_NOT_INHERITED = {
    "TDA_ENVIRONMENT",
    "FLINK_REST_URL",
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_BOOTSTRAP_SERVERS_CLUSTER",
    "SCHEMA_REGISTRY_URL",
    "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO",
    "SCHEMA_REGISTRY_BEARER_AUTH_TOKEN",
    "COLUMNS",
    "PYTHONDONTWRITEBYTECODE",  # each call would compile all modules that it imports
}


@dataclass(frozen=True)
class Ran:
    """A finished call of the command."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Return the call's data; the call must have succeeded."""
        assert self.code == 0, f"exit code {self.code}\n{self.stdout}\n{self.stderr}"
        return json.loads(self.stdout)


def command_line(*args: str) -> list[str]:
    """Return the command line of the installed command; in a checkout without one, of the package."""
    installed = Path(sys.executable).parent / "tdaflink"
    start = [str(installed)] if installed.exists() else [sys.executable, "-m", "tdaflink"]
    return [*start, *args]


def command_environ(state: Path, **additions: str) -> dict[str, str]:
    """Return the variables of a call with its state in `state`."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    if not (Path(sys.executable).parent / "tdaflink").exists():
        kept["PYTHONPATH"] = str(_ROOT)
    return {**kept, "TDAFLINK_STATE_DIR": str(state), "NO_COLOR": "1", **UNSUPERVISED, **additions}


Runner = Callable[..., Ran]


def runner(state: Path, *, cwd: Path | None = None) -> Runner:
    """Return the command with its state in `state`, called in `cwd` or, without it, in `state`."""

    def run(
        *args: str, timeout: float = 60, stdin: str | None = None, environ: dict[str, str] | None = None
    ) -> Ran:
        done = subprocess.run(
            command_line(*args),
            capture_output=True,
            text=True,
            timeout=timeout,
            input=stdin or "",
            env=command_environ(state, **(environ or {})),
            cwd=cwd or state,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@dataclass(frozen=True)
class Cluster:
    """An environment that tests share: its addresses, and the command for it."""

    name: str
    rest_url: str
    kafka: str
    state: Path
    run: Runner

    @property
    def folder(self) -> Path:
        return self.state / "environments" / self.name

    @property
    def python(self) -> str:
        """Return the interpreter that runs the environment's jobs, possibly not that of the tests."""
        return str(json.loads((self.folder / "environment.json").read_text(encoding="utf-8"))["python"])

    def processes(self) -> dict[str, psutil.Process]:
        """Return the process of each component, by its command line and not by tdaflink's records."""
        found = {}
        for process in processes_of(self.folder):
            with suppress(psutil.NoSuchProcess):  # it may end meanwhile
                for argument in process.cmdline():
                    if argument.startswith("-Dtdaflink.component="):
                        found[argument.split("=", 1)[1]] = process
        return found


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return every process that an environment's folder has started, including Python workers."""
    return [process for process, of in _started() if of == folder]


def processes_below(folder: Path) -> list[psutil.Process]:
    """Return every process of the environments in subfolders."""
    return [process for process, of in _started() if of.is_relative_to(folder)]


def _started() -> Iterator[tuple[psutil.Process, Path]]:
    """Yield each process that an environment has started, with the environment's folder."""
    for process in psutil.process_iter():
        try:
            of = process.environ().get("TDAFLINK_PROCESS_OF")
            if of and process.status() != psutil.STATUS_ZOMBIE:
                yield process, Path(of)
        except (psutil.Error, OSError):
            continue
