"""The registry of runtimes: a new runtime is one module, one profile folder and one entry."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from support.command_runner import Ran, command_environ, processes_of

from tdaflink.adapters.runtimes import RUNTIMES, traits_of
from tdaflink.adapters.storage.shipped_profiles import load_profile, profile_names
from tdaflink.domain.environments.environment import Endpoints, Environment, RuntimeTraits
from tdaflink.domain.environments.external import external_environment

ROOT = Path(__file__).parents[3]
TOY = ROOT / "tests" / "support" / "toy_runtime.py"
ENTRY = 'RUNTIMES["toy"] = RegisteredRuntime("tdaflink.adapters.toy_runtime:open_runtime")\n'
PROFILE = """\
about: processes of Python that answer as a minimal Flink
extends: common
runtime: toy
runtime_options: {workers: 2}
jars: []
ports: {rest: 18082, kafka: 19092}
taskmanagers: 1
topics: {partitions_divided_by: 2, replication: 1, min_insync_replicas: 1}
kafka_java_options: []
min_free_disk_mb: 0
"""

Toy = Callable[..., Ran]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the program to which the toy runtime was added."""
    folder = tmp_path_factory.mktemp("program")
    for package in ("tdaflink", "tdaformats", "profiles", "jobs"):
        shutil.copytree(ROOT / package, folder / package)
    shutil.copy(TOY, folder / "tdaflink" / "adapters" / "toy_runtime.py")
    with (folder / "tdaflink" / "adapters" / "runtimes.py").open("a", encoding="utf-8") as registry:
        registry.write(ENTRY)
    profile = folder / "profiles" / "toy"
    profile.mkdir()
    (profile / "profile.yaml").write_text(PROFILE, encoding="utf-8")
    sizes = "taskmanager.numberOfTaskSlots: 2\ntaskmanager.memory.process.size: 64m\n"
    (profile / "flink.yaml").write_text(sizes + "jobmanager.memory.process.size: 64m\n", encoding="utf-8")
    return folder


@pytest.fixture
def toy(program: Path, tmp_path: Path) -> Iterator[Toy]:
    """Call the copy with a separate state folder, and tear down the environment that it has set up."""
    environ = command_environ(tmp_path, PYTHONPATH=str(program), KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")

    def run(*words: str) -> Ran:
        call = [sys.executable, "-m", "tdaflink", *words]
        done = subprocess.run(call, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    yield run
    if (tmp_path / "environments" / "toy" / "environment.json").exists():
        run("teardown", "--env", "toy", "--yes")


def test_runtime_added_by_module_profile_and_entry_serves_all_commands(toy: Toy, tmp_path: Path) -> None:
    up = toy("setup", "--env", "toy", "--port-offset", "auto", "--skip-kafka", "-o", "json").json()
    assert (up["profile"], up["started"]) == ("toy", ["jobmanager", "worker-1", "worker-2"])
    again = toy("setup", "--env", "toy", "--skip-kafka", "-o", "json").json()
    assert (again["changed"], again["unchanged"]) == (False, up["started"])

    assert toy("list", "--env", "toy", "-o", "json").json() == []
    listed = toy("env", "list", "-o", "json").json()
    assert [(row["name"], row["runtime"]) for row in listed] == [("toy", "toy")]
    assert "worker-2 listens on" in toy("logs", "worker-2", "--env", "toy").stdout

    report = json.loads(toy("doctor", "--env", "toy", "-o", "json").stdout)
    checks = {(row["check"], row["state"]): row["text"] for row in report["results"]}
    assert checks["preflight", "ok"]
    assert checks["components", "ok"] == "worker-2 is healthy"
    assert "2.2.1" in checks["flink", "ok"]

    folder = tmp_path / "environments" / "toy"
    os.kill(next(one.pid for one in processes_of(folder) if "worker-1" in one.cmdline()), 9)
    damaged = json.loads(toy("doctor", "--env", "toy", "-o", "json").stdout)
    assert "worker-1 is dead: not running" in [row["text"] for row in damaged["results"]]
    assert toy("setup", "--env", "toy", "--skip-kafka", "-o", "json").json()["started"] == ["worker-1"]

    down = toy("teardown", "--env", "toy", "--purge", "--yes", "-o", "json").json()
    assert down["stopped"] == up["started"]
    assert (processes_of(folder), folder.exists()) == ([], False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--supervise",), "--supervise goes with"),
        (("--storage", "s3://bucket/folder"), "--storage goes with"),
        (("--python", sys.executable), "--python goes with"),
        (("--webhook", "http://127.0.0.1:1/hook"), "no Alertmanager"),
        (("--application", "job.json"), "--application:"),
    ],
)
def test_unsupported_option_is_refused_by_traits(
    toy: Toy, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "job.json").write_text("{}", encoding="utf-8")
    ran = toy("setup", "--env", "toy", "--profile", "toy", "--skip-kafka", *words)
    assert (ran.code, says in ran.stderr) == (2, True), ran.stderr


def test_profile_with_unknown_runtime_is_refused_with_known_names(program: Path, toy: Toy) -> None:
    folder = program / "profiles" / "typo"
    folder.mkdir()
    (folder / "profile.yaml").write_text(PROFILE.replace("runtime: toy", "runtime: tyo"), encoding="utf-8")
    try:
        ran = toy("setup", "--env", "typo", "--dry-run")
    finally:
        shutil.rmtree(folder)
    assert ran.code == 2
    assert "'tyo' is not a runtime (known: process, compose, toy)" in ran.stderr


def test_every_entry_opens_and_its_profiles_are_shipped(tmp_path: Path) -> None:
    profiles = [load_profile(name) for name in profile_names()]
    assert {profile.runtime for profile in profiles} == set(RUNTIMES)
    for profile in profiles:
        ends = Endpoints("http://127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:2")
        environment = Environment("some", profile.name, profile.runtime, ends, sys.executable)
        assert RUNTIMES[profile.runtime].open(environment, tmp_path).endpoints().rest_url


def test_no_module_compares_the_name_of_a_runtime() -> None:
    names = "|".join(RUNTIMES)
    compared = re.compile(rf'runtime (==|!=|in|not in) \W?"({names})"')
    places = {
        str(path.relative_to(ROOT)): compared.findall(path.read_text(encoding="utf-8"))
        for path in (ROOT / "tdaflink").rglob("*.py")
    }
    assert not {path for path, found in places.items() if found}
    assert compared.search('if environment.runtime == "process":')


def test_external_environment_supports_nothing_of_a_runtime() -> None:
    external = external_environment("theirs", {"rest_url": "http://f:1", "kafka": "k:1"})
    traits = traits_of(external)
    assert (external.is_managed, traits) == (False, RuntimeTraits())
    assert not any(getattr(traits, field.name) for field in fields(traits))
