"""Shipped schemas, and the messages of the schema commands without a usable registry."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.command_runner import Ran, Runner
from support.request_samples import BAD

from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.shipped_profiles import load_catalogue, load_schemas, schema_path
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.messages.models.documents import MODELS
from tdaflink.domain.messages.schemas import schema_differences

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
SECRET = "swordfish"  # noqa: S105 - no real secret


def test_files_and_page_are_what_the_models_say() -> None:
    done = subprocess.run(
        [sys.executable, "tools/schemas.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_model_is_the_schema_of_a_topic_and_the_page_has_it() -> None:
    assert {schema.name for schema in load_schemas()} == set(MODELS)
    assert {path.stem for path in schema_path("x").parent.glob("*")} == set(MODELS)
    for schema in load_schemas():
        assert f"<!-- made from the models: {schema.name} -->" in PAGE
        row = re.search(rf"^\| `{schema.topic}` .*$", PAGE, re.MULTILINE)
        assert row
        assert f"(#{schema.name})" in row[0]
    assert [schema.topic for schema in load_schemas()] == list(load_catalogue().topics)


def test_the_page_names_every_code_of_a_bad_request() -> None:
    codes = {code for code, _, _ in BAD.values()}
    assert codes <= set(re.findall(r"^\| `([a-z_0-9]+)` \|", PAGE, re.MULTILINE))


def test_links_of_the_page_lead_somewhere() -> None:
    headings = {title.lower() for title in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings


@pytest.mark.parametrize(
    ("there", "shipped", "told"),
    [
        ({"type": "string", "title": "a"}, {"type": "string", "description": "b"}, []),
        ({"type": "string"}, {"type": "integer"}, ['/type: "string" at the registry, "integer" shipped']),
        ({"required": ["a"]}, {}, ['/required: ["a"] at the registry, not shipped']),
        ({}, {"minimum": 1}, ["/minimum: not at the registry, 1 shipped"]),
        (
            {"properties": {"title": {"type": "string"}}},
            {"properties": {"title": {"type": "null"}}},
            ['/properties/title/type: "string" at the registry, "null" shipped'],
        ),
        (
            {"anyOf": [{"type": "null"}, {"minimum": 1}]},
            {"anyOf": [{"type": "null"}, {"minimum": 2}]},
            ["/anyOf/1/minimum: 1 at the registry, 2 shipped"],
        ),
        (True, {"type": "string"}, [': true at the registry, {"type": "string"} shipped']),
    ],
)
def test_differences_are_what_two_schemas_demand(there: Any, shipped: Any, told: list[str]) -> None:
    assert list(schema_differences(there, shipped)) == told


@dataclass
class Gate:
    """A registry without any subject, for requests with the right header."""

    url: str = ""
    wanted: str | None = None
    seen: list[str | None] = field(default_factory=list)


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.seen.append(self.headers.get("Authorization"))
            allowed = made.wanted in (None, self.headers.get("Authorization"))
            body = json.dumps({"error_code": 40401 if allowed else 401, "message": "no"}).encode()
            self.send_response(404 if allowed else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


@pytest.fixture
def external(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save an external environment without a schema registry."""
    monkeypatch.setenv("TDAFLINK_STATE_DIR", str(tmp_path))
    endpoints = Endpoints("http://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:1")
    EnvironmentStore().save(Environment("theirs", "external", "external", endpoints, sys.executable))
    EnvironmentStore().use("theirs")


@pytest.mark.parametrize(
    ("variable", "value", "header"),
    [
        ("SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO", f"me:{SECRET}", basic(f"me:{SECRET}")),
        ("SCHEMA_REGISTRY_BEARER_AUTH_TOKEN", SECRET, f"Bearer {SECRET}"),
    ],
)
def test_credentials_come_from_the_environment(
    run_tdaflink: Runner, gate: Gate, variable: str, value: str, header: str
) -> None:
    gate.wanted = header
    ran = run_tdaflink("schemas", "list", "--registry", gate.url, "-v", environ={variable: value})
    assert ran.code == 0, ran.stderr
    assert set(gate.seen) == {header}
    assert SECRET not in ran.stdout + ran.stderr


@pytest.mark.usefixtures("external")
def test_credentials_come_from_a_file_that_the_config_names(
    run_tdaflink: Runner, gate: Gate, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(f"me:{SECRET}\n", encoding="utf-8")
    (tmp_path / "password").chmod(0o600)
    auth = {"basic": {"$file": str(tmp_path / "password")}}
    config = tmp_path / "job.json"
    config.write_text(json.dumps({"schema_registry_url": gate.url, "schema_registry_auth": auth}))
    ran = run_tdaflink("schemas", "list", "--config", str(config), "-v")
    assert ran.code == 0, ran.stderr
    assert set(gate.seen) == {basic(f"me:{SECRET}")}
    assert SECRET not in ran.stdout + ran.stderr
    (tmp_path / "password").chmod(0o644)
    exposed = run_tdaflink("schemas", "list", "--config", str(config), "-v")
    assert (exposed.code, f"chmod 600 '{tmp_path / 'password'}'" in exposed.stderr) == (2, True)
    assert SECRET not in exposed.stdout + exposed.stderr
    (tmp_path / "password").unlink()
    missing = run_tdaflink("schemas", "list", "--config", str(config))
    assert (missing.code, "schema_registry_auth.basic" in missing.stderr) == (2, True)


def test_without_credentials_none_are_sent(run_tdaflink: Runner, gate: Gate) -> None:
    assert run_tdaflink("schemas", "list", "--registry", gate.url).code == 0
    assert set(gate.seen) == {None}


def test_wrong_credentials_are_an_error_that_says_where_they_come_from(
    run_tdaflink: Runner, gate: Gate
) -> None:
    gate.wanted = "Bearer other"
    environ = {"SCHEMA_REGISTRY_BEARER_AUTH_TOKEN": SECRET}
    ran = run_tdaflink("schemas", "check", "--registry", gate.url, "-v", environ=environ)
    assert ran.code == 3
    assert "SCHEMA_REGISTRY_BEARER_AUTH_TOKEN" in ran.stderr
    assert SECRET not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("auth", "reason"),
    [
        ({"basic": f"me:{SECRET}"}, "schema_registry_auth.basic"),
        ({"basic": {"$env": "A"}, "bearer": {"$env": "B"}}, "either basic or bearer"),
        ({"bearer": {"$env": "NOT_SET_ANYWHERE"}}, "NOT_SET_ANYWHERE is not set"),
        ({"bearer": {}}, "schema_registry_auth.bearer"),
    ],
)
@pytest.mark.usefixtures("external")
def test_a_config_names_where_a_secret_is_and_never_holds_it(
    run_tdaflink: Runner, gate: Gate, tmp_path: Path, auth: Any, reason: str
) -> None:
    config = tmp_path / "job.json"
    config.write_text(json.dumps({"schema_registry_url": gate.url, "schema_registry_auth": auth}))
    ran = run_tdaflink("schemas", "list", "--config", str(config), "-v")
    assert (ran.code, gate.seen) == (2, [])
    assert reason in ran.stderr
    assert SECRET not in ran.stderr


@pytest.mark.parametrize("form", ["http://me:{}@127.0.0.1:9", "http://me:{}@[::1", "me:{}@127.0.0.1:9"])
def test_an_address_with_a_password_is_refused_and_not_repeated(run_tdaflink: Runner, form: str) -> None:
    ran = run_tdaflink("schemas", "list", "--registry", form.format(SECRET), "-v")
    assert (ran.code, SECRET in ran.stderr) == (2, False)
    assert "address" in ran.stderr


@pytest.mark.parametrize("words", ["list", "check", "register", "register --dry-run"])
def test_a_dead_registry_is_unreachable(run_tdaflink: Runner, words: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        ran = run_tdaflink("schemas", *words.split(), environ={"SCHEMA_REGISTRY_URL": url}, timeout=30)
    assert ran.code == 3
    assert url in ran.stderr


def test_a_registry_that_never_answers_is_unreachable(run_tdaflink: Runner) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        ran = run_tdaflink("schemas", "list", "--registry", url, "-o", "json", timeout=30)
    assert (ran.code, json.loads(ran.stderr)["error"]["kind"]) == (3, "unreachable")


@pytest.mark.parametrize("url", ["not an address", "ftp://127.0.0.1:1", "http://", "http://[::1"])
def test_what_is_no_address_is_said_to_be_none(run_tdaflink: Runner, url: str) -> None:
    ran = run_tdaflink("schemas", "list", "--registry", url)
    assert (ran.code, "--registry" in ran.stderr, "is not a valid address" in ran.stderr) == (2, True, True)


def names_the_setting(ran: Ran) -> bool:
    return ran.code == 2 and all(
        way in ran.stderr for way in ("SCHEMA_REGISTRY_URL", "--registry", "schema_registry_url")
    )


def test_no_registry_is_an_error_that_names_the_setting(run_tdaflink: Runner) -> None:
    for name in ("check", "register"):
        assert names_the_setting(run_tdaflink("schemas", name))


def test_the_shipped_schemas_are_listed_without_a_registry(run_tdaflink: Runner) -> None:
    ran = run_tdaflink("schemas", "list", "-o", "json")
    assert {(row["schema"], row["state"], row["id"]) for row in ran.json()} == {
        (schema.name, "unknown", None) for schema in load_schemas()
    }
    assert "SCHEMA_REGISTRY_URL" in ran.stderr


@pytest.mark.usefixtures("external")
def test_an_environment_without_a_registry_is_too(run_tdaflink: Runner) -> None:
    ran = run_tdaflink("schemas", "register")
    assert names_the_setting(ran)
    assert "theirs" in ran.stderr


def test_an_unknown_schema_is_not_found(run_tdaflink: Runner) -> None:
    ran = run_tdaflink("schemas", "check", "tda_job", environ={"SCHEMA_REGISTRY_URL": "http://127.0.0.1:9"})
    assert ran.code == 4
    assert "tda_job_event_v1" in ran.stderr
