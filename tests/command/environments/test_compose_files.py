"""The compose files of every profile: their contents, requirements, and settings that they never have."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from containers.contracts import CONTRACTS, TOOLS
from support.command_runner import Runner
from support.compose_settings import settings

from tdaflink.adapters.compose_runtime.docker_engine import _moment, _whole_lines
from tdaflink.adapters.compose_runtime.image import context_texts
from tdaflink.adapters.compose_runtime.renderer import ComposeSettings, compose_files
from tdaflink.adapters.security.credential_store import GRAFANA, KEY, SECRET
from tdaflink.adapters.storage.shipped_profiles import load_profile, load_python_settings, load_versions
from tdaflink.domain.environments.compose_stack import require_capacity, services_of
from tdaflink.domain.errors import Unhealthy, UsageError

PROFILES = [("dev", False), ("staging", False), ("prod", False), ("prod", True)]


def composed(name: str, **more: Any) -> dict[str, Any]:
    return dict(yaml.safe_load(compose_files(settings(name, **more))["compose.yaml"]))


def flink_config(name: str, **more: Any) -> dict[str, str]:
    return dict(yaml.safe_load(compose_files(settings(name, **more))["flink/config.yaml"]))


@pytest.mark.parametrize(("name", "scaled"), PROFILES)
def test_every_container_is_bounded_checked_and_restarted_and_has_no_more_rights_than_it_needs(
    name: str, scaled: bool
) -> None:
    file = composed(name, scaled=scaled)
    images = {*load_versions().images.model_dump().values(), "tdaflink/flink:test"}
    for service, parts in file["services"].items():
        assert parts["image"] in images, service
        assert int(parts["mem_limit"].removesuffix("m")) > 0
        assert parts["restart"] == "unless-stopped"
        assert parts["healthcheck"]["test"][0] == "CMD"
        assert parts["cap_drop"] == ["ALL"]
        assert parts["security_opt"] == ["no-new-privileges:true"]
        assert not parts["user"].startswith("0"), service
        assert not parts.get("privileged")
        assert all(port.startswith("127.0.0.1:") for port in parts.get("ports", []))
        # These images write their own configuration at each start.
        known = load_versions().images
        writes_itself = parts["image"] in ("tdaflink/flink:test", known.kafka, known.zookeeper)
        assert parts.get("read_only", False) != writes_itself, service
    assert "docker.sock" not in json.dumps(file)


@pytest.mark.parametrize(("name", "scaled"), PROFILES)
def test_services_of_the_built_image_name_the_one_platform_that_it_is_for(name: str, scaled: bool) -> None:
    services = composed(name, scaled=scaled)["services"].values()
    platforms = {parts.get("platform") for parts in services if parts["image"] == "tdaflink/flink:test"}
    assert platforms == {"linux/amd64"}
    assert load_python_settings().locks["image"].platform.startswith("x86_64")  # type: ignore[union-attr]


@pytest.mark.parametrize(("name", "scaled"), PROFILES)
def test_volumes_are_declared_and_no_file_is_mounted_that_is_not_written(name: str, scaled: bool) -> None:
    files = compose_files(settings(name, scaled=scaled))
    file = yaml.safe_load(files["compose.yaml"])
    mounts = [
        mount.split(":")[0] for parts in file["services"].values() for mount in parts.get("volumes", [])
    ]
    assert {mount for mount in mounts if not mount.startswith(".")} == set(file["volumes"])
    for mount in (mount for mount in mounts if mount.startswith(".")):
        assert any(path.startswith(mount.removeprefix("./")) for path in files), mount


def test_the_profiles_have_the_seeds_numbers() -> None:
    counts = {
        name: [service.kind for service in services_of(load_profile(name), {})]
        for name in ("dev", "staging", "prod")
    }
    workers = {name: kinds.count("taskmanager") for name, kinds in counts.items()}
    slots = {name: load_profile(name).slots for name in counts}
    assert workers == {"dev": 1, "staging": 2, "prod": 3}
    assert slots == {"dev": 2, "staging": 4, "prod": 8}
    assert {name: kinds.count("kafka") for name, kinds in counts.items()} == {
        "dev": 1,
        "staging": 2,
        "prod": 3,
    }
    assert counts["prod"].count("jobmanager") == 2
    assert counts["prod"].count("zookeeper") == 3
    intervals = {name: flink_config(name)["execution.checkpointing.interval"] for name in counts}
    assert intervals == {"dev": "60s", "staging": "30s", "prod": "30s"}
    assert load_profile("prod").topics.min_insync_replicas == 2
    ports = composed("dev")["services"]
    published = {
        name: ports[name]["ports"][0].split(":")[1] for name in ("jobmanager", "prometheus", "grafana")
    }
    assert published == {"jobmanager": "8082", "prometheus": "9091", "grafana": "3001"}


def test_checkpoints_go_where_the_profile_says() -> None:
    assert flink_config("dev")["execution.checkpointing.dir"] == "file:///var/lib/flink/checkpoints"
    assert flink_config("staging")["execution.checkpointing.dir"] == "s3://tdaflink/checkpoints"
    assert flink_config("staging")["s3.endpoint"] == "http://s3:8080"
    prod = flink_config("prod")
    assert prod["execution.checkpointing.dir"] == "s3://mine/tda/checkpoints"
    assert prod["high-availability.storageDir"] == "s3://mine/tda/ha"
    assert prod["s3.endpoint"] == "https://s3.example.org"
    assert flink_config("prod", scaled=True)["s3.endpoint"] == "http://s3:8080"


@pytest.mark.parametrize(("name", "scaled"), PROFILES)
def test_every_profile_has_rocksdb_and_unaligned_checkpoints(name: str, scaled: bool) -> None:
    config = flink_config(name, scaled=scaled)
    assert config["state.backend.type"] == "rocksdb"
    assert config["execution.checkpointing.unaligned.enabled"] == "true"
    assert config["python.executable"] == "/opt/tdaflink/venv/bin/python"


@pytest.mark.parametrize(("name", "scaled"), PROFILES)
def test_pages_of_other_origins_may_read_neither_flink_nor_prometheus(name: str, scaled: bool) -> None:
    services = composed(name, scaled=scaled, offset=100)["services"]
    jobmanagers = [service for service in services if service.startswith("jobmanager")]
    for jobmanager in jobmanagers:
        rest = "http://" + services[jobmanager]["ports"][0].rpartition(":")[0]
        assert f"web.access-control-allow-origin={rest}" in services[jobmanager]["command"]
    prometheus = services["prometheus"]
    own = "http://" + prometheus["ports"][0].rpartition(":")[0]
    (origin,) = (word for word in prometheus["command"] if word.startswith("--web.cors.origin="))
    assert re.fullmatch(origin.partition("=")[2], own)
    assert not re.fullmatch(origin.partition("=")[2], "http://evil.example")


def test_brokers_tell_clients_and_each_other_their_own_addresses() -> None:
    services = composed("prod", offset=100)["services"]
    advertised = [services[f"kafka-{n}"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] for n in (1, 2, 3)]
    assert advertised == [f"INTERNAL://kafka-{n}:9092,CLIENT://127.0.0.1:{9191 + n}" for n in (1, 2, 3)]
    voters = {services[f"kafka-{n}"]["environment"]["KAFKA_CONTROLLER_QUORUM_VOTERS"] for n in (1, 2, 3)}
    assert voters == {"1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093"}
    staging = composed("staging")["services"]
    assert staging["controller"]["environment"]["KAFKA_PROCESS_ROLES"] == "controller"
    assert staging["kafka-1"]["environment"]["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "101@controller:9093"


def test_a_container_is_made_anew_when_a_file_that_it_mounts_changes() -> None:
    def label(**more: Any) -> str:
        return str(composed("dev", **more)["services"]["taskmanager-1"]["labels"]["tdaflink.files"])

    assert label() == label(offset=100)
    changed = load_profile("dev").model_copy(update={"flink": {**load_profile("dev").flink, "a.b": "c"}})
    other = ComposeSettings(**{**vars(settings("dev")), "profile": changed})
    again = yaml.safe_load(compose_files(other)["compose.yaml"])
    assert again["services"]["taskmanager-1"]["labels"]["tdaflink.files"] != label()


def test_only_dev_has_a_password_that_everybody_knows() -> None:
    def password(name: str) -> str:
        return str(composed(name)["services"]["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"])

    assert password("dev") == "admin"
    for name in ("staging", "prod"):
        assert password(name).startswith("${GRAFANA_ADMIN_PASSWORD:?")


def test_a_machine_that_is_too_small_is_told_what_it_takes() -> None:
    with pytest.raises(
        Unhealthy, match=r"needs 47.9 GB of memory and 8 cores; .* has 23.4 GB and 2"
    ) as refused:
        require_capacity(load_profile("prod"), 24000, 2)
    assert refused.value.hint == "--scale reduces the profile for a trial"
    require_capacity(load_profile("prod", scaled=True), 24000, 2)
    require_capacity(load_profile("dev"), 8000, 2)


def test_only_a_profile_that_has_a_small_form_can_be_scaled() -> None:
    with pytest.raises(UsageError, match="dev has no smaller size") as refused:
        load_profile("dev", scaled=True)
    assert refused.value.hint == "profiles with --scale: prod"


@pytest.mark.parametrize("name", ["dev", "staging"])
def test_an_exported_folder_is_whole_and_holds_no_secret(
    name: str, run_tdaflink: Runner, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    exported = run_tdaflink(
        "compose", "export", "--profile", name, str(folder), "-o", "json", timeout=300
    ).json()
    assert exported["file"] == str(folder / "compose.yaml")
    text = (folder / "compose.yaml").read_text()
    assert text.startswith(f"# {name}: ")
    assert re.search(r"\$\{AWS_SECRET_ACCESS_KEY:\?", text) or name == "dev"
    assert not (folder / ".env").exists()
    assert (folder / "image" / "Dockerfile").exists()
    assert (folder / "kafka" / "jmx_prometheus_javaagent.jar").stat().st_size > 100_000
    assert len(list((folder / "image" / "plugins" / "s3-fs-hadoop").glob("*.jar"))) == 1
    # The image keeps these modes and runs as another user; in the state folder, too, all files are readable.
    copied = [folder / "image", *(folder / "image").rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in copied if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in copied if path.is_file()} == {0o644}
    again = run_tdaflink("compose", "export", "--profile", name, str(folder))
    assert again.code == 2
    assert "--force" in again.stderr


def test_on_aws_the_role_of_the_machine_is_enough() -> None:
    aws = compose_files(replace(settings("prod"), s3_endpoint=None))["compose.yaml"]
    own = yaml.safe_load(aws)["services"]["taskmanager-1"]["environment"]
    assert (own[KEY], own[SECRET]) == ("${AWS_ACCESS_KEY_ID:-}", "${AWS_SECRET_ACCESS_KEY:-}")
    other = composed("prod")["services"]["taskmanager-1"]["environment"]
    assert other[KEY].startswith("${AWS_ACCESS_KEY_ID:?")


def test_an_exported_prod_says_what_it_takes_and_which_variables_it_reads(
    run_tdaflink: Runner, tmp_path: Path
) -> None:
    words = ("compose", "export", "--profile", "prod", "--storage", "s3://mine/tda", str(tmp_path / "a"))
    exported = run_tdaflink(*words, timeout=300)
    assert exported.code == 0, exported.stderr
    head = (tmp_path / "a" / "compose.yaml").read_text().partition("name:")[0]
    assert "one host" in head
    assert " GB" in head
    example = (tmp_path / "a" / ".env.example").read_text()
    assert {name for name in (GRAFANA, KEY, SECRET, "TDAFLINK_ALERT_WEBHOOK") if name not in example} == set()
    assert "role of the machine" in example


def test_what_cannot_be_exported_is_named(run_tdaflink: Runner, tmp_path: Path) -> None:
    prod = run_tdaflink("compose", "export", "--profile", "prod", str(tmp_path / "a"))
    assert (prod.code, "--storage s3://bucket/path" in prod.stderr) == (2, True)
    local = run_tdaflink("compose", "export", "--profile", "local", str(tmp_path / "b"))
    assert (local.code, "does not run on Docker Compose" in local.stderr) == (2, True)
    assert run_tdaflink("compose", "export", str(tmp_path / "c")).code == 2


@pytest.mark.parametrize(
    "command", [("setup", "--env", "prod"), ("setup", "--env", "p", "--profile", "prod")]
)
def test_prod_is_not_changed_without_its_name_or_yes(command: tuple[str, ...], run_tdaflink: Runner) -> None:
    ran = run_tdaflink(*command)
    assert ran.code == 2
    assert "is a production environment" in ran.stderr
    assert "--yes" in ran.stderr


def test_without_docker_setup_says_what_to_install(run_tdaflink: Runner, tmp_path: Path) -> None:
    ran = run_tdaflink("setup", "--env", "dev", environ={"PATH": str(tmp_path)})
    assert ran.code == 1
    assert "Docker is not installed" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_engine_that_is_not_there_is_named(run_tdaflink: Runner, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    address = f"unix://{tmp_path}/none.sock"
    ran = run_tdaflink("setup", "--env", "dev", environ={"PATH": str(tmp_path), "DOCKER_HOST": address})
    assert ran.code == 3
    assert f"no Docker engine answers at {address}" in ran.stderr


def test_lines_are_put_together_from_pieces_of_a_stream() -> None:
    assert list(_whole_lines(iter([b"one\ntw", b"o\r\nthr", b"ee"]))) == ["one", "two", "three"]
    assert _moment("2026-01-02T03:04:05.123456789Z").isoformat() == "2026-01-02T03:04:05.123456+00:00"
    assert _moment("2026-01-02T03:04:05Z").isoformat() == "2026-01-02T03:04:05+00:00"


def test_compose_itself_takes_every_file(tmp_path: Path) -> None:
    """Compose accepts every file; this requires only its command, no engine."""
    found = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("docker compose is not installed here")
    for name, scaled in PROFILES:
        folder = tmp_path / f"{name}-{scaled}"
        folder.mkdir()
        (folder / "compose.yaml").write_text(compose_files(settings(name, scaled=scaled))["compose.yaml"])
        words = ["docker", "compose", "-f", str(folder / "compose.yaml"), "config", "-q"]
        refused = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (refused.returncode != 0) == (name != "dev"), refused.stderr
        (folder / ".env").write_text(f"{GRAFANA}=a\n{KEY}=b\n{SECRET}=c\n")
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("name", "scaled"), PROFILES)
def test_health_checks_and_commands_use_tools_that_the_public_images_have(name: str, scaled: bool) -> None:
    images = {tag: service for service, tag in load_versions().images.model_dump().items()}
    for service, parts in composed(name, scaled=scaled)["services"].items():
        contract = CONTRACTS[images.get(parts["image"], "flink")]
        said = json.dumps([parts["healthcheck"]["test"], parts.get("entrypoint"), parts.get("command")])
        used = {tool for tool in TOOLS if re.search(rf"\b{tool}\b", said)}
        assert used <= contract.tools, service


def test_modules_that_the_dockerfile_imports_are_in_its_context() -> None:
    files = dict(context_texts())
    (module,) = re.findall(r"from (tdajob[\w.]+) import", files["Dockerfile"].decode())
    path = f"jobs/{module.replace('.', '/')}.py"
    assert path in files
    for imported in re.findall(r"^from (tdajob[\w.]+) import", files[path].decode(), re.MULTILINE):
        assert f"jobs/{imported.replace('.', '/')}.py" in files
