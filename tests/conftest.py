"""What tests share: the command in a folder of its own, and a real cluster, a real schema registry."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from harness import Cluster, Runner, processes_of, runner

if TYPE_CHECKING:
    from prometheus_process import Programs, Prometheus
    from registry_process import Registry
    from s3service import S3Service


@pytest.fixture
def run_tdaflink(tmp_path: Path) -> Runner:
    """The command with a state folder of its own, in which nothing is set up."""
    return runner(tmp_path)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real Flink and Kafka, set up once by the command and torn down at the end, whatever happened."""
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
    """A real schema registry for the whole run."""
    from registry_process import running

    with running(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture
def registry(registry_process: Registry) -> Registry:
    """That registry without any subject, comparing nothing."""
    registry_process.empty()
    return registry_process


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Service]:
    """A real S3 service with an empty bucket."""
    from s3service import running_s3

    with running_s3(tmp_path_factory.mktemp("s3")) as service:
        yield service


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Prometheus and its tools; where they cannot be had the tests are skipped, but in CI they fail."""
    from containers.debian import Unavailable
    from prometheus_process import prometheus_programs

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
    """A Prometheus that scrapes the cluster, by the files that setup wrote."""
    from prometheus_process import running_prometheus

    config = cluster.folder / "monitoring" / "prometheus"
    with running_prometheus(programs, config, tmp_path_factory.mktemp("prometheus")) as started:
        yield started


@pytest.fixture(scope="session")
def docker_engine() -> None:
    """A Docker engine with Compose; where none can be had the tests are skipped, but in CI they fail."""
    from containers.debian import Unavailable
    from containers.engine import ensure

    try:
        ensure()
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no Docker engine: {error}")


@pytest.fixture(scope="session")
def stand_in_images(docker_engine: None) -> None:  # noqa: ARG001 - it comes first
    """The public images of the Compose environments, or local ones that stand in for them."""
    from containers.debian import Unavailable
    from containers.standins import ensure

    try:
        ensure()
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no images: {error}")


def pytest_configure() -> None:
    """A test run in the background of a script has interrupts ignored, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs no cluster first, then what breaks it on purpose; whole environments in containers last."""
    items.sort(
        key=lambda item: (
            item.path.parent.name == "compose",
            item.get_closest_marker("cluster") is not None,
            item.get_closest_marker("breaks_cluster") is not None,
        )
    )
