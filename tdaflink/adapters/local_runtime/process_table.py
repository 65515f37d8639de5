"""Processes of an environment: started detached, recorded, recognized, and never confused with others."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

import psutil

from tdaflink.adapters.storage.paths import ensure_dir, map_write_errors, write_atomically
from tdaflink.adapters.storage.user_files import read_own
from tdaflink.domain.errors import ConfigError, Unhealthy
from tdaflink.domain.polling import poll
from tdaflink.domain.saved_values import from_values

# Both are variables of each process's environment, so that it is recognized without a record.
_FOLDER_VARIABLE = "TDAFLINK_PROCESS_OF"
_COMPONENT_VARIABLE = "TDAFLINK_PROCESS_COMPONENT"
# The start time that the system reports shifts slightly when its clock is set.
_START_TIME_SLACK = 2.0
_COMMAND_SECONDS = 5.0
_FIRST_PID_OF_NONE = 2**31
_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


@dataclass(frozen=True)
class Launch:
    """The command and environment of a component. `settings` is a digest of everything that affects it."""

    component: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    out: Path
    settings: str
    tag: str = ""
    companion: str | None = None
    """A program to start with it, in the same environment, with its process id as the argument."""


@dataclass(frozen=True)
class Running:
    """A component's living process. `tag` is the id under which it registers, if it has one."""

    component: str
    pid: int
    create_time: float
    settings: str = ""
    tag: str = ""

    @property
    def age(self) -> float:
        """Return the seconds since its start."""
        return max(0.0, time.time() - self.create_time)

    @property
    def suspended(self) -> bool:
        """Return whether it is stopped by a signal."""
        try:
            return bool(psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return False


class ProcessTable:
    """The processes of one environment's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._records = folder / "run"
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def markers(self, component: str) -> tuple[str, ...]:
        """Return JVM options that name environment and component in the process's command line."""
        return (f"-Dtdaflink.environment={self._folder}", f"-Dtdaflink.component={component}")

    def start(self, launch: Launch) -> Running:
        """Start a component detached from the terminal, so that it outlives it."""
        ensure_dir(launch.out.parent)
        environ = {
            **launch.environ,
            _FOLDER_VARIABLE: str(self._folder),
            _COMPONENT_VARIABLE: launch.component,
        }
        with map_write_errors(launch.out):
            out = launch.out.open("wb")
        with out:
            process = self._start_detached(launch, launch.command, environ, out)
            if launch.companion is not None:
                self._start_detached(launch, (launch.companion, str(process.pid)), environ, out)
        self._children[process.pid] = process
        _wait_for_command(process)
        try:
            created = psutil.Process(process.pid).create_time()
        except psutil.NoSuchProcess:
            created = time.time()
        running = Running(launch.component, process.pid, created, launch.settings, launch.tag)
        write_atomically(self._record(launch.component), json.dumps(asdict(running)) + "\n")
        return running

    def _start_detached(
        self, launch: Launch, command: tuple[str, ...], environ: Mapping[str, str], out: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command,
                cwd=self._folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Unhealthy(
                f"could not start {launch.component}: {command[0]}: {error.strerror}",
                hint=f"tdaflink setup --env {self._folder.name} repairs the installation",
            ) from error

    def find(self, component: str) -> Running | None:
        """Return the component's living process, also one whose start was not recorded."""
        recorded = self._read_record(component)
        if recorded is not None and self._is_ours(recorded):
            return recorded
        markers = self.markers(component)
        for process in _own_processes():
            try:
                command = process.cmdline()
                if all(marker in command for marker in markers) and _alive(process):
                    return _adopt(component, process, recorded)
            except psutil.Error:
                continue
        return None

    def ending(self, running: Running) -> str | None:
        """Return the exit status or signal of a process that this object started; None while it lives."""
        status = self._children[running.pid].poll()
        if status is None:
            return None
        return f"exit status {status}" if status >= 0 else f"killed by {signal.Signals(-status).name}"

    def stop(self, components: Sequence[str], seconds: float) -> list[str]:
        """Stop these components and their child processes; return those that were alive."""
        alive = [name for name in components if (main := self.find(name)) and _signal(main.pid)]
        self._wait_until_gone(components, seconds * 0.7)
        leftovers = self._members(components)
        _signal_all(leftovers, signal.SIGTERM)
        _wait_all(leftovers, seconds * 0.3, self._reap)
        leftovers = self._members(components)
        _signal_all(leftovers, signal.SIGKILL)
        _wait_all(leftovers, 10.0, self._reap)
        for name in components:
            self._record(name).unlink(missing_ok=True)
        return alive

    def has_leftovers(self, components: Sequence[str]) -> bool:
        """Return whether any process of these components is still alive."""
        return bool(self._members(components))

    def alive(self) -> set[str]:
        """Return the components of which any process is alive, Python workers included."""
        return {component for component, _ in self._marked_processes()}

    def _wait_until_gone(self, components: Sequence[str], seconds: float) -> None:
        mains = [psutil.Process(main.pid) for name in components if (main := self._living(name))]
        _wait_all(mains, seconds, self._reap)

    def _living(self, component: str) -> Running | None:
        main = self.find(component)
        return main if main and psutil.pid_exists(main.pid) else None

    def _members(self, components: Iterable[str]) -> list[psutil.Process]:
        """Return every process whose environment names one of these components."""
        names = set(components)
        return [process for component, process in self._marked_processes() if component in names]

    def _marked_processes(self) -> Iterator[tuple[str, psutil.Process]]:
        """Yield every living process whose environment names this folder, with its component."""
        for process in _own_processes():
            try:
                environ = process.environ()
                component = environ.get(_COMPONENT_VARIABLE)
                ours = environ.get(_FOLDER_VARIABLE) == str(self._folder)
                if ours and component is not None and _alive(process):
                    yield component, process
            except (psutil.Error, OSError):
                continue

    def _is_ours(self, recorded: Running) -> bool:
        """Return whether start time and command match: the process id may have been reused."""
        try:
            process = psutil.Process(recorded.pid)
            started = abs(process.create_time() - recorded.create_time) < _START_TIME_SLACK
            command = process.cmdline()
            ours = all(marker in command for marker in self.markers(recorded.component))
            return started and ours and _alive(process)
        except psutil.Error:
            return False

    def _read_record(self, component: str) -> Running | None:
        self._reap()
        try:
            text = read_own(self._record(component), f"record of {component}", "")
            recorded = from_values(Running, json.loads(text or ""))
        except (ConfigError, ValueError, RecursionError):
            # A damaged record: the process is also recognized by its command.
            return None
        return recorded if 0 < recorded.pid < _FIRST_PID_OF_NONE else None

    def _record(self, component: str) -> Path:
        return self._records / f"{component}.json"

    def _reap(self) -> None:
        for child in list(self._children.values()):
            child.poll()


def processes_below(folder: Path) -> list[int]:
    """Return the ids of the processes whose executable is in a folder, or was called by a path there."""
    pids = []
    prefix = f"{folder}{os.sep}"
    for process in _own_processes():
        try:
            called = process.cmdline()[:1]
            if any(word.startswith(prefix) for word in (*called, process.exe())) and _alive(process):
                pids.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return pids


def port_is_free(port: int) -> bool:
    """Return whether a server can listen on this port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def port_holder(port: int) -> str:
    """Describe the process that listens on a port."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr
            if listens and listens.port == port and connection.pid:
                return _describe(connection.pid)
    except psutil.Error:
        pass
    return "a process that this user may not inspect"


def _describe(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        environ = process.environ()
        if folder := environ.get(_FOLDER_VARIABLE):
            component = environ.get(_COMPONENT_VARIABLE)
            return f"process {pid}: {component} of the environment {Path(folder).name!r}"
    except (psutil.Error, OSError):
        pass
    try:
        command = " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        command = "?"
    return f"process {pid}: {command if len(command) <= 120 else command[:117] + '...'}"


def _wait_for_command(process: subprocess.Popen[bytes]) -> None:
    """Wait until the process's command, by which it is recognized, is visible: shortly after its start."""
    for _ in poll(_COMMAND_SECONDS, every=0.005):
        try:
            if process.poll() is not None or psutil.Process(process.pid).cmdline():
                return
        except psutil.Error:
            return


def _own_processes() -> Iterable[psutil.Process]:
    me = os.getpid()
    return (process for process in psutil.process_iter() if process.pid != me)


def _adopt(component: str, process: psutil.Process, recorded: Running | None) -> Running:
    running = Running(component, process.pid, process.create_time())
    return replace(running, settings=recorded.settings, tag=recorded.tag) if recorded else running


def _alive(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def _signal(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        process.terminate()
        if process.status() == psutil.STATUS_STOPPED:
            process.resume()  # a stopped process handles SIGTERM only once it continues
    except psutil.Error:
        return False
    return True


def _signal_all(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue


def _wait_all(processes: Sequence[psutil.Process], seconds: float, reap: Callable[[], None]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        reap()
        if not any(_still_there(process) for process in processes):
            return
        time.sleep(0.05)


def _still_there(process: psutil.Process) -> bool:
    try:
        return _alive(process)
    except _GONE:
        return False
