from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.job.settings_json import settings_document, settings_text
from tdajob.settings.job import SettingsError, load


def test_reads_the_whole_document() -> None:
    settings = load(settings_text(kafka__start_from=1_704_110_400_000, query__max_persistence=1))
    assert settings.job_name == "tda-streaming"
    assert settings.inputs[0].output_topic == "tda_results"
    assert settings.kafka.start_from == 1_704_110_400_000
    assert settings.query.max_persistence == 1.0
    assert settings.query.betti_at is None
    assert settings.limits.max_message_bytes == 16 * 1024 * 1024


def _paths(document: dict[str, Any], above: str = "") -> list[str]:
    free = ("properties", "algorithm_params")
    found = []
    for key, value in document.items():
        found.append(above + key)
        if isinstance(value, dict) and key not in free:
            found += _paths(value, f"{above}{key}__")
    return found


@pytest.mark.parametrize("path", _paths(settings_document()))
def test_every_key_is_needed(path: str) -> None:
    document = settings_document()
    *above, last = path.split("__")
    node = document
    for key in above:
        node = node[key]
    del node[last]
    with pytest.raises(SettingsError, match=path.replace("__", r"\.") + ": is missing"):
        load(json.dumps(document))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"surplus": 1}, "surplus: is not a setting"),
        ({"query__surplus": 1}, r"query\.surplus: is not a setting"),
        ({"inputs": []}, "inputs: must be a list of at least one"),
        ({"inputs": [{"route": "letters", "window": None}]}, r"inputs\[0\]\.route: must be one of requests"),
        ({"schema": 2}, "schema: this job reads version 1, not 2"),
        ({"parallelism": 0}, "parallelism: must be an integer of at least 1"),
        ({"parallelism": True}, "parallelism: must be an integer"),
        ({"job_name": ""}, "job_name: must be a text"),
        ({"query__min_persistence": -1}, r"query\.min_persistence: must be a finite number"),
        ({"query__betti_at": "1"}, r"query\.betti_at: must be a finite number"),
        (
            {"kafka__start_from": "yesterday"},
            r"kafka\.start_from: must be one of committed, earliest, latest",
        ),
        ({"kafka__start_from": True}, r"kafka\.start_from"),
        ({"kafka__delivery": "none"}, r"kafka\.delivery: must be one of at_least_once, exactly_once"),
        ({"kafka__properties": {"a": 1}}, r"kafka\.properties\.a: must be a text"),
        ({"kafka__properties": {"a": {"$vault": "x"}}}, r"kafka\.properties\.a: must be a text"),
        ({"uploads__roots": "file:///data/"}, r"uploads\.roots: must be a list of texts"),
        ({"uploads__max_bytes": 0}, r"uploads\.max_bytes: must be an integer of at least 1"),
        ({"uploads__s3__secret_key": {"$vault": "x"}}, r"uploads\.s3\.secret_key: must be a text"),
        ({"uploads__s3__access_key": "a"}, r"uploads\.s3: access_key and secret_key go together"),
    ],
)
def test_refuses(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load(settings_text(**changes))


def test_two_inputs_of_one_topic_are_refused() -> None:
    one = settings_document()["inputs"][0]
    with pytest.raises(SettingsError, match="same route"):
        load(settings_text(inputs=[one, one]))


def test_secrets_are_found_on_the_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n")
    monkeypatch.setenv("TDA_TEST_PASSWORD", "from the environment")
    references = {
        "one": {"$env": "TDA_TEST_PASSWORD"},
        "two": {"$file": str(tmp_path / "password")},
        "three": "plain",
    }
    kafka = load(settings_text(kafka__properties=references)).kafka
    assert kafka.resolved_properties() == {
        "one": "from the environment",
        "two": "from a file",
        "three": "plain",
    }
    assert "from the environment" not in repr(kafka)


def test_the_keys_of_s3_are_found_on_the_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("TDA_TEST_KEY", "from the environment")
    keys = {"access_key": {"$env": "TDA_TEST_KEY"}, "secret_key": {"$file": str(tmp_path / "secret")}}
    uploads = load(settings_text(uploads__s3={"endpoint": None, "region": "eu-west-1", **keys})).uploads
    assert uploads.s3.resolved() == {
        "endpoint": None,
        "region": "eu-west-1",
        "access_key": "from the environment",
        "secret_key": "from a file",
    }
    assert "from the environment" not in repr(uploads)


def test_a_missing_secret_is_named() -> None:
    kafka = load(settings_text(kafka__properties={"sasl.password": {"$env": "TDA_NOT_SET"}})).kafka
    with pytest.raises(SettingsError, match=r"kafka\.properties\.sasl\.password: .* TDA_NOT_SET is not set"):
        kafka.resolved_properties()
