"""The commands for schemas with a real registry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from support.command_runner import Ran, Runner
from support.servers.registry_process import Registry

from tdaflink.adapters.storage.shipped_profiles import load_schemas
from tdaflink.domain.messages.schemas import ShippedSchema

pytestmark = pytest.mark.registry

OTHER = '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"}'
Schemas = Callable[..., Ran]
SHIPPED = {schema.topic: schema for schema in load_schemas()}
SUBJECTS = [schema.subject for schema in SHIPPED.values()]


@pytest.fixture
def schemas(run_tdaflink: Runner, registry: Registry) -> Schemas:
    """Return a command `tdaflink schemas …` that uses the registry, without any environment."""

    def run(*args: str) -> Ran:
        return run_tdaflink("schemas", *args, environ={"SCHEMA_REGISTRY_URL": registry.url})

    return run


def edited(schema: ShippedSchema, edit: Callable[[dict[str, Any]], Any]) -> str:
    """Return the shipped schema with a change, as another release could have registered it."""
    document = json.loads(schema.text)
    edit(document)
    return json.dumps(document)


def by_subject(ran: Ran) -> dict[str, Any]:
    return {row["subject"]: row for row in ran.json()}


def test_list_shows_shipped_and_registered_side_by_side(schemas: Schemas, registry: Registry) -> None:
    registry.put("tda_jobs-value", SHIPPED["tda_jobs"].text)
    registry.put("tda_errors-value", SHIPPED["tda_errors"].text)
    registry.put("tda_errors-value", OTHER)
    registry.put("tda_uploads-value", OTHER)
    registry.put("somebody-elses", OTHER)
    ids = {row["subject"]: str(row["id"]) for row in schemas("list", "-o", "json").json()}
    table = [re.split(r"\s{2,}", line.strip()) for line in schemas("list").stdout.splitlines()]
    assert table == [
        ["SUBJECT", "SHIPPED", "REGISTERED", "AS VERSION", "ID", "STATE"],
        ["tda_jobs-value", "tda_job_event_v1", "1", "1", ids["tda_jobs-value"], "ok"],
        ["tda_results-value", "tda_result_event_v1", "-", "-", "-", "not registered"],
        ["tda_uploads-value", "tda_upload_event_v1", "1", "-", "-", "other versions only"],
        ["tda_events-value", "tda_event_v1", "-", "-", "-", "not registered"],
        ["tda_errors-value", "tda_error_event_v1", "1, 2", "1", ids["tda_errors-value"],
         "ok (there is a later version)"],
        ["tda_stream_input-value", "tda_stream_event_v1", "-", "-", "-", "not registered"],
        ["tda_stream_output-value", "tda_stream_result_event_v1", "-", "-", "-", "not registered"],
    ]  # fmt: skip


def test_registering_twice_is_registering_once(schemas: Schemas, registry: Registry) -> None:
    registry.set_level("BACKWARD")
    first = schemas("register", "-o", "json").json()
    assert (first["registered"], first["unchanged"]) == (SUBJECTS, [])
    assert {row["state"] for row in first["schemas"]} == {"current"}
    again = schemas("register", "-o", "json").json()
    assert (again["registered"], again["unchanged"]) == ([], SUBJECTS)
    assert again["schemas"] == first["schemas"]
    assert sorted(registry.call("GET", "/subjects")) == sorted(SUBJECTS)
    assert schemas("check").code == 0


def test_what_is_registered_is_the_shipped_schema(schemas: Schemas, registry: Registry) -> None:
    assert schemas("register", "tda_jobs").code == 0
    assert registry.call("GET", "/subjects") == ["tda_jobs-value"]
    found = registry.call("GET", "/subjects/tda_jobs-value/versions/latest")
    there, shipped = json.loads(found["schema"]), dict(SHIPPED["tda_jobs"].document)
    assert found["schemaType"] == "JSON"
    assert there.pop("$schema") != shipped.pop("$schema"), "registries compare no draft of 2020"
    assert there == shipped


def test_a_dry_run_registers_nothing(schemas: Schemas, registry: Registry) -> None:
    ran = schemas("register", "tda_result_event_v1", "tda_jobs-value", "--dry-run")
    assert ran.code == 0
    assert ran.stdout.splitlines() == ["would register: tda_jobs-value, tda_results-value"]
    assert registry.call("GET", "/subjects") == []


def test_a_further_field_of_results_is_a_version_more(schemas: Schemas, registry: Registry) -> None:
    older = edited(SHIPPED["tda_results"], lambda d: d["$defs"]["Topology"]["properties"].pop("betti_at"))
    registry.put("tda_results-value", older)
    registry.set_level("BACKWARD")
    (checked,) = schemas("check", "tda_results", "-o", "json").json()
    assert (checked["state"], checked["level"], checked["compatible"]) == ("behind", "BACKWARD", True)
    assert checked["differences"] == [
        '/$defs/Topology/properties/betti_at: not at the registry, {"$ref": "#/$defs/BettiAt", "description":'
        ' "If it was requested."} shipped'
    ]
    registered = schemas("register", "tda_results", "-o", "json").json()
    assert registered["registered"] == ["tda_results-value"]
    (row,) = registered["schemas"]
    assert (row["state"], row["versions"], row["version"]) == ("current", [1, 2], 2)


def test_an_incompatible_schema_is_refused_with_what_differs(schemas: Schemas, registry: Registry) -> None:
    other_type = edited(SHIPPED["tda_jobs"], lambda d: d["properties"].update(job_id={"type": "integer"}))
    registry.put("tda_jobs-value", other_type)
    registry.set_level("BACKWARD")
    checked = schemas("check")
    assert checked.code == 1
    assert [line.split()[-1] for line in checked.stdout.splitlines()[1:]] == ["no"] + ["yes"] * 6
    assert "tda_jobs-value (BACKWARD)" in checked.stderr
    told = 'tda_jobs-value: /properties/job_id/type: "integer" at the registry, "string" shipped'
    assert told in checked.stderr.splitlines()
    refused = schemas("register", "-o", "json")
    error = json.loads(refused.stderr.splitlines()[-1])["error"]
    assert (refused.code, error["code"], error["kind"]) == (1, 1, "incompatible")
    assert "/properties/job_id/type" in error["detail"]
    assert registry.call("GET", "/subjects") == ["tda_jobs-value"], "one that is refused holds back all"


def test_a_registry_that_compares_nothing_takes_any_version(schemas: Schemas, registry: Registry) -> None:
    registry.put("tda_jobs-value", OTHER)
    assert by_subject(schemas("check", "-o", "json"))["tda_jobs-value"]["level"] == "NONE"
    assert schemas("register").code == 0
    assert registry.call("GET", "/subjects/tda_jobs-value/versions") == [1, 2]


def test_a_newer_release_is_not_undone(schemas: Schemas, registry: Registry) -> None:
    assert schemas("register", "tda_errors").code == 0
    newer = edited(SHIPPED["tda_errors"], lambda d: d["properties"].update(hint={"type": "string"}))
    registry.put("tda_errors-value", newer)
    changes = schemas("register", "tda_errors", "-o", "json").json()
    assert (changes["registered"], changes["schemas"][0]["state"]) == ([], "ahead")
    assert registry.call("GET", "/subjects/tda_errors-value/versions") == [1, 2]


def test_setup_would_register_too(run_tdaflink: Runner, schemas: Schemas, registry: Registry) -> None:
    def planned(*flags: str) -> Any:
        words = ("setup", "--env", "local", "--port-offset", "20000", "--dry-run", "-o", "json", *flags)
        return run_tdaflink(*words, environ={"SCHEMA_REGISTRY_URL": registry.url}).json()["schemas"]

    assert planned() == SUBJECTS
    assert planned("--skip-kafka") == []
    assert schemas("register", "tda_jobs").code == 0
    assert planned() == SUBJECTS[1:]
    assert registry.call("GET", "/subjects") == ["tda_jobs-value"]


def test_the_address_needs_its_path(run_tdaflink: Runner, registry: Registry) -> None:
    ran = run_tdaflink("schemas", "list", "--registry", registry.url.removesuffix("/apis/ccompat/v7"))
    assert ran.code == 3
    assert "/apis/ccompat/v7" in ran.stderr
