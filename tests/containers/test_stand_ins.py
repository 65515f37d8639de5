"""The stand-in images: the users, ports and tools of the public images, no other tools, working services."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from containers.contracts import CONTRACTS, TOOLS
from containers.standins import ensure, inspect

from tdaflink.adapters.storage.shipped_profiles import load_versions

IMAGES = load_versions().images.model_dump()
UP_WITHIN = 180.0

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("stand_in_images")]


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=UP_WITHIN, check=False)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done.stdout


@contextmanager
def running(image: str, *words: str) -> Iterator[str]:
    container = docker("run", "--detach", image, *words).strip()
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container)


def answer(container: str, wanted: str, *words: str) -> None:
    """Wait until a command in the container prints the wanted text."""
    deadline = time.monotonic() + UP_WITHIN
    while wanted not in (said := docker("exec", container, *words, check=False)):
        assert time.monotonic() < deadline, f"{said!r}\n{docker('logs', '--tail', '20', container)}"
        time.sleep(0.3)


def test_a_contract_is_known_of_every_image() -> None:
    assert set(CONTRACTS) == set(IMAGES)


@pytest.mark.parametrize("name", CONTRACTS)
def test_an_image_has_the_user_the_ports_and_the_tools_of_the_public_one(name: str) -> None:
    contract = CONTRACTS[name]
    config = json.loads(inspect(IMAGES[name], "{{json .Config}}") or "null")
    assert config.get("User", "") == contract.user
    assert set(config["ExposedPorts"]) == contract.ports
    script = (
        f"for tool in {' '.join(sorted(TOOLS))}; do command -v $tool > /dev/null && echo $tool; done; true"
    )
    found = docker("run", "--rm", "--entrypoint", "sh", IMAGES[name], "-c", script).split()
    assert set(found) == contract.tools | contract.also


def test_what_is_there_is_not_built_again() -> None:
    assert ensure() == []


def test_flink_takes_settings_from_the_environment_and_starts_as_its_user() -> None:
    settings = "taskmanager.memory.process.size: 1g\nparallelism.default: 3"
    said = docker(
        "run", "--rm", "--env", f"FLINK_PROPERTIES={settings}", "--env", "JOB_MANAGER_RPC_ADDRESS=jm",
        IMAGES["flink"], "bash", "-c", "id -un; cat conf/config.yaml",
    )  # fmt: skip
    assert said.startswith("flink\n")
    assert "default: '3'" in said or "default: 3" in said
    assert "address: jm" in said


def test_a_broker_with_the_images_defaults_serves_topics() -> None:
    with running(IMAGES["kafka"]) as broker:
        tool = ("/opt/kafka/bin/kafka-topics.sh", "--bootstrap-server", "localhost:9092")
        answer(broker, "Created topic clouds", *tool, "--create", "--topic", "clouds")
        answer(broker, "clouds", *tool, "--list")


def test_zookeeper_answers_four_letter_words() -> None:
    with running(IMAGES["zookeeper"]) as server:
        answer(server, "Mode: standalone", "bash", "-c", "echo srvr | nc -w 2 localhost 2181")
        answer(server, '"command" : "ruok"', "wget", "-qO-", "http://localhost:8080/commands/ruok")


def test_s3_and_the_registry_answer() -> None:
    with running(IMAGES["s3"]) as server, running(IMAGES["schema_registry"]) as registry:
        request = (
            "exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3; head -n 1 <&3"
        )
        answer(server, " 200 ", "bash", "-c", request)
        answer(registry, "[]", "curl", "-s", "http://localhost:8080/apis/ccompat/v7/subjects")


def test_the_monitoring_images_answer() -> None:
    with running(IMAGES["prometheus"]) as prometheus, running(IMAGES["alertmanager"]) as alertmanager:
        answer(prometheus, "Ready", "wget", "-qO-", "http://localhost:9090/-/ready")
        answer(alertmanager, "OK", "wget", "-qO-", "http://localhost:9093/-/ready")
    with running(IMAGES["grafana"]) as grafana:
        answer(grafana, "ok", "curl", "-s", "http://localhost:3000/api/health")
