"""Temporary folders of an environment's processes, and the reported disk usage of its files."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.command_runner import Runner

from tdaflink.adapters.local_runtime.process_table import Launch, ProcessTable, Running
from tdaflink.adapters.local_runtime.temporary_files import TemporaryFolders
from tdaflink.adapters.storage.disk_usage import disk_usage
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.paths import user_temporary_path
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.polling import poll

PARENT = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"


@pytest.fixture
def system_temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Replace the system's temporary folder by one whose path is as short as the real one's."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def left_in(folder: Path) -> list[Path]:
    """Return all paths below the folder except the user's own folder, which is kept.

    It contains the locks of every environment.
    """
    return [path for path in folder.rglob("*") if path != user_temporary_path()]


def start(table: ProcessTable, folder: Path, component: str) -> Running:
    """Start a process with a child, like a JVM with its Python worker."""
    command = (sys.executable, "-c", PARENT, *table.markers(component))
    started = table.start(Launch(component, command, dict(os.environ), folder / "out", ""))
    for _ in poll(20, every=0.02):
        if psutil.Process(started.pid).children():
            return started
    raise AssertionError("it has no child")


def test_files_go_when_no_process_of_their_component_is_alive(tmp_path: Path) -> None:
    table, temporary = ProcessTable(tmp_path), TemporaryFolders(tmp_path)
    components = ("kafka", "jobmanager", "taskmanager-1")
    for component in components:
        temporary.make(component)
        (temporary.of_java(component) / "blobStorage").mkdir()
    former = tmp_path / "flink" / "tmp" / "tm_taskmanager-1"
    former.mkdir(parents=True)
    started = {component: start(table, tmp_path, component) for component in components[:2]}
    try:
        temporary.clear(table.alive())
        assert [temporary.of_java(c).exists() for c in components] == [True, True, False]
        assert former.exists()
        os.kill(started["jobmanager"].pid, signal.SIGKILL)
        temporary.clear(table.alive())
        assert temporary.of_java("jobmanager").exists(), "a worker of it is still alive"
        os.killpg(started["jobmanager"].pid, signal.SIGKILL)
        for _ in poll(10, every=0.05):
            if table.alive() == {"kafka"}:
                break
        temporary.clear(table.alive())
        assert [temporary.of_java(c).exists() for c in components] == [True, False, False]
        assert not former.exists()
    finally:
        table.stop(components, 10)
    temporary.clear(table.alive())
    assert not (tmp_path / "tmp").exists()


@pytest.mark.parametrize("name", ["with spaces", "a:b", "a,b"])
def test_a_path_that_flink_would_take_apart_is_replaced(
    tmp_path: Path, system_temporary: Path, name: str
) -> None:
    folder = tmp_path / name
    temporary = TemporaryFolders(folder)
    temporary.make("kafka")
    place = temporary.of_java("kafka")
    assert place.is_relative_to(system_temporary)
    assert place.parent.stat().st_mode & 0o077 == 0
    (place / "file").write_bytes(b"x" * 5000)
    assert disk_usage(folder).temporary_bytes >= 5000
    temporary.clear({"kafka"})
    assert place.exists()
    temporary.clear(set())
    assert left_in(system_temporary) == []


def test_python_can_open_its_sockets_however_deep_the_environment_s_folder_is(
    tmp_path: Path, system_temporary: Path
) -> None:
    folder = tmp_path / ("deep" * 20)
    temporary = TemporaryFolders(folder)
    temporary.make("taskmanager-12")
    assert temporary.of_java("taskmanager-12").is_relative_to(folder)
    place = temporary.of_python("taskmanager-12") / "pymp-12345678"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "listener-12345678"))
    temporary.clear(set())
    assert left_in(system_temporary) == []


def test_a_folder_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    """A link of our name is not followed: any user may create one in the system's temporary folder."""
    (tmp_path / "elsewhere" / "precious").mkdir(parents=True)
    (tmp_path / "tmp").symlink_to(tmp_path / "elsewhere")
    TemporaryFolders(tmp_path).clear(set())
    assert (tmp_path / "elsewhere" / "precious").exists()


def test_env_list_says_what_each_environment_occupies(run_tdaflink: Runner, tmp_path: Path) -> None:
    store = environments_below(tmp_path)
    address = "127.0.0.1:9092"
    endpoints = Endpoints("http://127.0.0.1:8082", address, address)
    store.save(Environment("local", "local", "process", endpoints, sys.executable))
    folder = store.folder("local")
    for name, mib in {"checkpoints": 3, "kafka/data": 2, "logs/kafka": 1, "tmp/jobmanager": 5}.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_bytes(os.urandom(mib * 2**20))
    # An index of Kafka's is mostly a hole, and a snapshot of RocksDB's is a hard link to the same file.
    with (folder / "kafka" / "data" / "00.index").open("wb") as index:
        index.truncate(100 * 2**20)
    os.link(folder / "checkpoints" / "file", folder / "checkpoints" / "snapshot")
    (row,) = run_tdaflink("env", "list", "-v", "-o", "json").json()
    used = {key: round(value / 2**20) for key, value in row["disk"].items() if key != "folder"}
    assert row["disk"]["folder"] == str(folder)
    assert used == {
        "bytes": 11,
        "state_bytes": 3,
        "kafka_bytes": 2,
        "logs_bytes": 1,
        "temporary_bytes": 5,
        "other_bytes": 0,
    }
    (row,) = run_tdaflink("env", "list", "-o", "json").json()
    assert row["disk"] is None
    lines = run_tdaflink("env", "list", "-v").stdout.splitlines()
    assert lines[3].split() == ["ENVIRONMENT", "ON", "DISK", "STATE", "KAFKA", "LOGS", "TEMPORARY", "OTHER"]
    assert lines[4].split()[:5] == ["local", "11", "MiB", "3.0", "MiB"]
    assert lines[5] == str(folder)


def environments_below(state: Path) -> EnvironmentStore:
    """Return the store that a command with that state folder uses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TDAFLINK_STATE_DIR", str(state))
        return EnvironmentStore()
