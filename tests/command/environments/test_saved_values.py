"""Values that are read back from own files are checked: a damaged file or row is named, the rest is read."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tdaflink.adapters.local_runtime.process_table import ProcessTable
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.ledger import Ledger
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.errors import ConfigError, Locked, TdaflinkError
from tdaflink.domain.jobs.history import JobSpec, Operation, Version
from tdaflink.domain.jobs.saved_plans import SCHEMA, SavedPlan
from tdaflink.domain.saved_values import from_values
from tdaflink.services.environments.listing import list_environments

SPEC = JobSpec("tdaflink-x.jar", "0" * 64, "main", 2, {"a": [1]}, ("x",), {"k": "v"}, {"b": None})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EnvironmentStore:
    monkeypatch.setenv("TDAFLINK_STATE_DIR", str(tmp_path))
    store = EnvironmentStore()
    for name in ("first", "second"):
        endpoints = Endpoints("http://h:1", "h:2", "h:2", rest_standby=("http://h:3",))
        store.save(Environment(name, "external", "external", endpoints, "python3", details={"a": "b"}))
    return store


def test_what_was_saved_is_read_back_as_it_was(store: EnvironmentStore) -> None:
    saved = store.find("first")
    assert saved is not None
    assert saved.endpoints.rest_standby == ("http://h:3",)
    assert from_values(JobSpec, json.loads(json.dumps(asdict(SPEC)))) == SPEC


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 5}, "name is 5, not a text"),
        ({"name": "second"}, "it is of the environment 'second'"),
        ({"port_offset": True}, "port_offset is true, not a whole number"),
        ({"port_offset": -1}, "port_offset is -1"),
        ({"port_offset": 10**30}, "out of range"),
        ({"endpoints": None}, "endpoints is null, not an object"),
        ({"endpoints": {"rest_url": "x"}}, "endpoints.kafka is missing"),
        ({"details": {"a": 1}}, "details.a is 1, not a text"),
        ({"python": "\ud800"}, "python is not a valid text"),
        ({"security": []}, "security is a list"),
        ({"later": 1}, "later is unknown; it may be from another version"),
    ],
)
def test_each_value_of_a_damaged_environment_is_named(
    store: EnvironmentStore, change: dict[str, Any], said: str
) -> None:
    path = store.folder("first") / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ConfigError) as raised:
        store.find("first")
    assert said in raised.value.message
    assert str(path) in raised.value.message
    assert "tdaflink setup --env first" in str(raised.value.hint)
    rows = list_environments(store)
    assert [(row.name, bool(row.error)) for row in rows] == [("first", True), ("second", False)]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{\0", b"[" * 100_000, b"null", b'{"a": 1e999}'])
def test_an_environment_of_any_bytes_is_named(store: EnvironmentStore, content: bytes) -> None:
    path = store.folder("first") / "environment.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=str(path)):
        store.find("first")


@pytest.mark.parametrize("content", [b"\xff", b"No Name", b"../x", b"a\nb"])
def test_a_damaged_current_environment_is_not_taken_for_another(
    store: EnvironmentStore, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "current").write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        store.chosen_name(None)
    assert "env use NAME" in str(raised.value.hint)
    assert store.chosen_name("second") == "second"
    store.use("second")
    assert store.chosen_name(None) == "second"


def odd_ledger(folder: Path, statement: str, values: tuple[Any, ...]) -> Ledger:
    ledger = Ledger(folder)
    ledger.record_submission(Version("1" * 32, "tda", "http://h:1", "0" * 64, "me", SPEC))
    ledger.save_operation(
        Operation("o", "upgrade", "tda", "http://h:1", "me", "1" * 32, SPEC, "savepoint", 60.0)
    )
    assert ledger.versions()[0].spec == SPEC
    assert ledger.operations()[0].target == SPEC
    with sqlite3.connect(folder / "ledger.db") as db:
        db.execute(statement, values)
    db.close()
    return ledger


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("UPDATE submissions SET document = ?", ("[",)),
        ("UPDATE submissions SET document = ?", ('{"spec": {"bundle_name": 1}}',)),
        ("UPDATE submissions SET name = ?", (b"\xff",)),
        ("UPDATE submissions SET created_at = ?", ("yesterday",)),
        ("UPDATE operations SET document = ?", ("null",)),
        ("UPDATE operations SET document = ?", ("[" * 100_000,)),
        ("INSERT INTO actions VALUES (1, 'a', 'b', 'c', 'd', 'e', ?)", ("{",)),
        ("INSERT INTO savepoints VALUES ('p', 'j', ?, 1)", (b"\x00",)),
        ("UPDATE operation_steps SET number = ?", ("x",)),
    ],
)
def test_an_odd_row_of_the_ledger_names_the_ledger_and_the_way_out(
    tmp_path: Path, statement: str, values: tuple[Any, ...]
) -> None:
    ledger = odd_ledger(tmp_path, statement, values)

    def read_all() -> None:
        ledger.versions()
        ledger.operations()
        ledger.actions()
        ledger.savepoints()
        ledger.operation_steps("o")

    with pytest.raises(TdaflinkError) as raised:
        read_all()
    assert str(tmp_path / "ledger.db") in raised.value.message
    assert "ledger.db.damaged" in str(raised.value.hint)


def test_a_bundle_that_is_not_what_its_name_says_is_not_run(tmp_path: Path) -> None:
    import hashlib

    ledger, content = Ledger(tmp_path), b"the job"
    name = f"tdaflink-{hashlib.sha256(content).hexdigest()[:24]}.jar"
    path = ledger.keep_bundle(name, content)
    assert ledger.bundle(name) == content
    path.write_bytes(b"another job")
    assert ledger.bundle(name) is None
    assert ledger.bundle("../ledger.db") is None


@pytest.mark.parametrize(
    "content", [b"", b"4711", b"\xff", b'{"component": "x", "pid": "a", "create_time": 1}']
)
def test_a_damaged_record_of_a_process_names_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "kafka.json").write_bytes(content)
    assert ProcessTable(tmp_path).find("kafka") is None
    big = {"component": "kafka", "pid": 10**12, "create_time": 1.0}
    (tmp_path / "run" / "kafka.json").write_text(json.dumps(big))
    assert ProcessTable(tmp_path).find("kafka") is None
    (tmp_path / "run" / "kafka.json").unlink()
    os.mkfifo(tmp_path / "run" / "kafka.json")
    assert ProcessTable(tmp_path).find("kafka") is None


def test_a_plan_is_bound_to_its_content() -> None:
    plan = SavedPlan(SCHEMA, "0.1", "now", "/", ("submit", "--env", "x"), {"a": 1}, None)
    text = plan.to_json()
    assert SavedPlan.from_json(text, source="p") == plan
    assert SavedPlan.from_json(json.dumps(json.loads(text)), source="p") == plan  # the layout may change
    edited = {**json.loads(text), "words": ["submit", "--env", "x", "--allow-duplicate"]}
    with pytest.raises(ConfigError, match="changed after it was created"):
        SavedPlan.from_json(json.dumps(edited), source="p")
    without = {key: value for key, value in json.loads(text).items() if key != "digest"}
    with pytest.raises(ConfigError, match="changed after it was created"):
        SavedPlan.from_json(json.dumps(without), source="p")


def test_a_ledger_that_another_process_holds_is_said_to_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tdaflink.adapters.storage.ledger._BUSY_SECONDS", 0.05)
    ledger = Ledger(tmp_path)
    ledger.versions()
    holder = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Locked, match="another process has locked the ledger"):
            ledger.versions()
    finally:
        holder.close()
