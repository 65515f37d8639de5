"""Shared fixtures: the command in a separate folder, a real cluster, a real schema registry."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import layers
import pytest
from hypothesis import HealthCheck, settings
from support.command_runner import Cluster, Runner, processes_below, processes_of, runner
from support.run_progress import Progress

if TYPE_CHECKING:
    from support.servers.prometheus_process import Programs, Prometheus
    from support.servers.registry_process import Registry
    from support.servers.s3_service import S3Service

# Processes share the cores: the duration of an example is no property of the code.
_unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("shared-cores", _unhurried)
settings.load_profile("shared-cores")
# Marker -> number of tests with it that this run has left out.
LEFT_OUT = pytest.StashKey[Counter[str]]()


@pytest.fixture(autouse=True)
def registry_without_foreign_algorithms() -> Iterator[None]:
    """Remove the algorithms that a test has registered, with the modules that were loaded for them."""
    yield
    registry = sys.modules.get("tdajob.topology.registry")
    if registry is None:
        return
    for name, algorithm in list(registry._registered.items()):
        if not type(algorithm).__module__.startswith("tdajob."):
            del registry._registered[name]
    while registry._modules:
        sys.modules.pop(registry._modules.pop(), None)


@pytest.fixture
def run_tdaflink(tmp_path: Path) -> Runner:
    """Return the command with an empty state folder."""
    return runner(tmp_path)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Set up a real Flink and Kafka once with the command; tear them down at the end, also after an error."""
    state = tmp_path_factory.mktemp("state")
    run = runner(state)
    folder = state / "environments" / "local"
    try:
        words = ("setup", "--env", "local", "--port-offset", "auto", "--metrics", "-o", "json")
        up = run(*words, timeout=420).json()
        yield Cluster("local", up["rest_url"], up["kafka"], state, run)
    finally:
        down = run("teardown", "--env", "local", "--purge", "--yes", timeout=120)
        left = processes_of(folder)
        for process in left:
            process.kill()
        assert down.code in (0, 4), down.stderr
        assert not left, f"teardown left {left}"


@pytest.fixture(scope="session")
def registry_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Start a real schema registry for the whole run."""
    from support.servers.registry_process import running

    with running(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture
def registry(registry_process: Registry) -> Registry:
    """Return the registry without any subject and without compatibility checks."""
    registry_process.empty()
    return registry_process


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Service]:
    """Start a real S3 service with an empty bucket."""
    from support.servers.s3_service import running_s3

    with running_s3(tmp_path_factory.mktemp("s3")) as service:
        yield service


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Return Prometheus and its tools; without them the tests are skipped, but in CI they fail."""
    from containers.debian import Unavailable
    from support.servers.prometheus_process import prometheus_programs

    try:
        return prometheus_programs()
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no Prometheus: {error}")


@pytest.fixture(scope="session")
def prometheus(
    programs: Programs, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Start a Prometheus that scrapes the cluster, with the files that setup wrote."""
    from support.servers.prometheus_process import running_prometheus

    config = cluster.folder / "monitoring" / "prometheus"
    with running_prometheus(programs, config, tmp_path_factory.mktemp("prometheus")) as started:
        yield started


@pytest.fixture(scope="session")
def docker_engine() -> None:
    """Ensure a Docker engine with Compose; without one the tests are skipped, but in CI they fail."""
    from containers.debian import Unavailable
    from containers.engine import ensure

    try:
        ensure()
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no Docker engine: {error}")


@pytest.fixture(scope="session")
def stand_in_images(docker_engine: None) -> None:  # noqa: ARG001 - the engine comes first
    """Provide the public images of the Compose environments, or local images that replace them."""
    from containers.debian import Unavailable
    from containers.standins import ensure

    try:
        ensure()
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no images: {error}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run what a plain pytest leaves out, too")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of processes for `-n auto`, which pyproject.toml sets."""
    return layers.processes(config.args, os.cpu_count() or 1)


@pytest.hookimpl(trylast=True)  # pytest's own terminal exists by then
def pytest_configure(config: pytest.Config) -> None:
    """Restore the handling of interrupts, and register the progress report.

    A run in the background of a script ignores SIGINT, and so would every process that it starts.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    distributed = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    if distributed and config.getoption("verbose") == 0:
        config.pluginmanager.register(Progress(config), "progress")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    layers.mark_fast(items)
    left = layers.leave_out(config, items)
    layers.sort(items)
    if hasattr(config, "workerinput"):
        config.workeroutput["left_out"] = dict(left)
        layers.tell_groups(Path(config.workerinput["groups"]), items)
    config.stash[LEFT_OUT] = left


def pytest_configure_node(node: Any) -> None:
    """Pass the path of the file with the groups to each process that runs tests."""
    node.workerinput["groups"] = str(groups_file(node.config))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> layers.GroupScheduling | None:
    grouped = config.getoption("dist") == "loadgroup"
    return layers.GroupScheduling(config, log, groups_file(config)) if grouped else None


def groups_file(config: pytest.Config) -> Path:
    factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]
    return factory.getbasetemp() / "groups.json"


def pytest_testnodedown(node: Any) -> None:
    """Take the counts of left-out tests from one process: they are the same in all."""
    reported = getattr(node, "workeroutput", {}).get("left_out", {})
    node.config.stash[LEFT_OUT] = Counter(reported)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left = config.stash.get(LEFT_OUT, Counter())
    if left:
        reasons = (
            f"{count} marked {name}, which need {layers.LEFT_OUT[name]}" for name, count in left.items()
        )
        terminalreporter.write_line(f"Not run: {'; '.join(reasons)}. pytest --all runs everything.")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Kill the processes of clusters that an interrupted run did not have the time to tear down."""
    factory = getattr(config, "_tmp_path_factory", None)
    base = getattr(factory, "_basetemp", None)
    if base is not None and not hasattr(config, "workerinput"):
        for process in processes_below(base):
            process.kill()
