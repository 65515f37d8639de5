"""Saved environments, and messages of setup and teardown before any process is started."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.command_runner import Ran, Runner

from tdaflink.adapters.local_runtime.process_table import Launch, ProcessTable
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.locks import PortClaims
from tdaflink.adapters.storage.shipped_profiles import load_profile
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.errors import Locked, NotFound, UsageError


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnvironmentStore:
    monkeypatch.setenv("TDAFLINK_STATE_DIR", str(tmp_path))
    for name in ("FLINK_REST_URL", "KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS_CLUSTER"):
        monkeypatch.delenv(name, raising=False)
    return EnvironmentStore()


def environment(name: str, rest: str = "http://127.0.0.1:8082") -> Environment:
    endpoints = Endpoints(rest, "127.0.0.1:9092", "127.0.0.1:9092")
    return Environment(name, "local", "process", endpoints, sys.executable)


def test_the_name_given_wins_over_the_current_one_which_wins_over_local(store: EnvironmentStore) -> None:
    for name in ("local", "second", "third"):
        store.save(environment(name))
    assert store.resolve(None).name == "local"
    store.use("second")
    assert store.resolve(None).name == "second"
    assert store.resolve("third").name == "third"


def test_saving_does_not_change_the_current_environment(store: EnvironmentStore) -> None:
    store.save(environment("prod"))
    assert store.current() is None
    assert store.resolve("prod") == environment("prod")


def test_an_unknown_name_is_not_found_and_says_how_to_make_it(store: EnvironmentStore) -> None:
    with pytest.raises(NotFound) as caught:
        store.resolve("staging")
    assert caught.value.hint == "tdaflink setup --env staging"
    store.save(environment("dev"))
    with pytest.raises(NotFound) as another:
        store.resolve("staging")
    assert str(another.value.hint).startswith("tdaflink setup --env staging; or --env dev")


def test_variables_change_the_endpoints_of_one_call(
    store: EnvironmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(environment("local"))
    monkeypatch.setenv("FLINK_REST_URL", "http://elsewhere:1")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "client:9")
    seen = store.resolve("local").endpoints
    assert (seen.rest_url, seen.kafka, seen.kafka_cluster) == (
        "http://elsewhere:1",
        "client:9",
        "127.0.0.1:9092",
    )
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS_CLUSTER", "cluster:9")
    assert store.resolve("local").endpoints.kafka_cluster == "cluster:9"
    assert store.find("local") == environment("local")


def test_variables_alone_are_enough_to_name_a_cluster(
    store: EnvironmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLINK_REST_URL", "http://elsewhere:1")
    assert store.resolve(None).endpoints.rest_url == "http://elsewhere:1"
    with pytest.raises(NotFound):
        store.resolve("staging")


@pytest.mark.parametrize("name", ["../escape", "Local", "", ".hidden", "a/b", "x" * 64])
def test_a_name_that_is_no_folder_name_is_refused(store: EnvironmentStore, name: str) -> None:
    with pytest.raises(UsageError):
        store.folder(name)


def test_who_waits_for_a_lock_is_told_who_holds_it(store: EnvironmentStore) -> None:
    heard: list[str] = []
    waiter = store.lock("local", seconds=0.2, waiting=heard.append)
    with store.lock("local"), pytest.raises(Locked) as caught, waiter:
        pass
    assert f"process {os.getpid()}" in caught.value.message
    assert len(heard) == 1
    with store.lock("local", seconds=0.2):
        pass


def test_env_list_and_use(run_tdaflink: Runner, store: EnvironmentStore) -> None:
    store.save(environment("local"))
    store.save(environment("second", "http://127.0.0.1:8182"))
    used = run_tdaflink("env", "use", "second", "-o", "json").json()
    assert [row["name"] for row in used] == ["second"]
    rows = run_tdaflink("env", "list", "-o", "json").json()
    assert [(row["name"], row["current"]) for row in rows] == [("local", False), ("second", True)]
    table = run_tdaflink("env", "list", environ={"FLINK_REST_URL": "http://other:1"}).stdout.splitlines()
    assert table[0].split() == ["ENVIRONMENT", "PROFILE", "RUNTIME", "FLINK", "KAFKA"]
    assert table[2].split() == ["*", "second", "local", "process", "http://127.0.0.1:8182", "127.0.0.1:9092"]
    assert run_tdaflink("env", "use", "third").code == 4


def test_an_unknown_environment_is_not_made_by_a_typo(run_tdaflink: Runner) -> None:
    ran = run_tdaflink("setup", "--env", "lcoal")
    assert ran.code == 4
    assert "tdaflink setup --env lcoal --profile local" in ran.stderr


def test_a_taken_port_is_named_with_its_holder_and_the_way_out(run_tdaflink: Runner, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        offset = taken.getsockname()[1] - 9092
        ran = run_tdaflink("setup", "--env", "local", "--port-offset", str(offset), "-o", "json")
    error = json.loads(ran.stderr.splitlines()[-1])["error"]
    assert (ran.code, error["kind"]) == (1, "port_taken")
    assert f"port {9092 + offset} (kafka) is held by process {os.getpid()}: " in error["message"]
    assert "--port-offset auto" in error["hint"]
    assert not (tmp_path / "current").exists()


def test_a_dry_run_says_what_would_happen_and_writes_nothing(run_tdaflink: Runner, tmp_path: Path) -> None:
    plan = run_tdaflink("setup", "--env", "local", "--port-offset", "20000", "--dry-run", "-o", "json").json()
    assert plan["start"] == ["kafka", "jobmanager", "taskmanager-1"]
    assert plan["rest_url"] == "http://127.0.0.1:28082"
    assert "tda_jobs" in plan["topics"]
    assert list(tmp_path.glob("environments/*/environment.json")) == []


def test_a_state_folder_that_cannot_be_written_is_named(run_tdaflink: Runner, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = run_tdaflink("setup", "--env", "local", environ={"TDAFLINK_STATE_DIR": str(tmp_path / "file")})
    assert ran.code == 1
    assert f"{tmp_path / 'file'} is a file" in ran.stderr
    assert "TDAFLINK_STATE_DIR" in ran.stderr


def test_teardown_of_what_was_never_set_up_is_not_found(run_tdaflink: Runner) -> None:
    assert run_tdaflink("teardown", "--env", "local").code == 4


def test_purge_asks_and_without_a_terminal_refuses(
    run_tdaflink: Runner, store: EnvironmentStore, tmp_path: Path
) -> None:
    store.save(environment("local"))
    refused: Ran = run_tdaflink("teardown", "--env", "local", "--purge")
    assert refused.code == 2
    assert "--yes" in refused.stderr
    assert (tmp_path / "environments" / "local").exists()
    assert run_tdaflink("teardown", "--env", "local", "--purge", "--yes").code == 0
    assert not (tmp_path / "environments" / "local").exists()


def test_a_record_whose_process_is_another_program_by_now_stops_nothing(
    run_tdaflink: Runner, store: EnvironmentStore, tmp_path: Path
) -> None:
    store.save(environment("local"))
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        run_folder = tmp_path / "environments" / "local" / "run"
        run_folder.mkdir()
        created = psutil.Process(bystander.pid).create_time()
        record = {"component": "kafka", "pid": bystander.pid, "create_time": created}
        (run_folder / "kafka.json").write_text(json.dumps(record), encoding="utf-8")
        done = run_tdaflink("teardown", "--env", "local", "-o", "json").json()
        assert done["stopped"] == []
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_is_found_again_without_its_record_and_stopped_with_its_children(tmp_path: Path) -> None:
    table = ProcessTable(tmp_path)
    script = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    command = (sys.executable, "-c", script, *table.markers("kafka"))
    started = table.start(Launch("kafka", command, dict(os.environ), tmp_path / "out", "digest"))
    process = psutil.Process(started.pid)
    deadline = time.monotonic() + 20
    while not process.children() and time.monotonic() < deadline:
        time.sleep(0.02)
    (child,) = process.children()
    assert os.getsid(started.pid) == started.pid
    (tmp_path / "run" / "kafka.json").unlink()
    again = ProcessTable(tmp_path)
    found = again.find("kafka")
    assert found is not None
    assert found.pid == started.pid
    assert again.find("jobmanager") is None
    assert again.stop(["kafka"], 10) == ["kafka"]
    table.find("kafka")  # its parent, which is this test, has to reap it
    assert not process.is_running()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_is_found_as_soon_as_it_is_started(tmp_path: Path) -> None:
    """A process is in the table at once, so that setup does not take one that has just started for ended."""
    table = ProcessTable(tmp_path)
    command = ("sh", "-c", "sleep 60; :", *table.markers("kafka"))
    try:
        for _ in range(400):
            started = table.start(Launch("kafka", command, dict(os.environ), tmp_path / "out", ""))
            assert table.find("kafka") is not None
            os.killpg(started.pid, signal.SIGKILL)
    finally:
        table.stop(["kafka"], 10)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(started.pid) and time.monotonic() < deadline:
        table.find("kafka")  # reaps ended processes


@pytest.mark.group("breaking")  # set-ups in other processes choose ports, too
def test_ports_that_another_setup_has_chosen_are_left_to_it(run_tdaflink: Runner) -> None:
    """Ports of another setup under way are not chosen, although nothing listens on them yet."""
    words = ("setup", "--env", "local", "--port-offset", "auto", "--dry-run", "-o", "json")
    with PortClaims() as claims:
        free = run_tdaflink(*words).json()["ports"]["rest"]
        assert claims.take(free - load_profile("local").ports.root["rest"])
        assert run_tdaflink(*words).json()["ports"]["rest"] > free
