"""A registry behind a proxy, with the credentials of a saved environment."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from support.command_runner import Runner
from support.servers.registry_process import Registry
from support.servers.tls_proxy import private, proxy

PLANTED = secrets.token_hex(12)
OTHERS = ("--rest-url", "http://127.0.0.1:1", "--kafka", "127.0.0.1:1", "--no-check")


def test_a_registry_behind_a_password_is_entered_from_the_saved_environment(
    registry: Registry, tmp_path: Path, run_tdaflink: Runner
) -> None:
    user = private(tmp_path / "user", f"me:{PLANTED}")
    basic = "Basic " + base64.b64encode(f"me:{PLANTED}".encode()).decode()
    with proxy(registry.url, header=basic) as gate:
        where = (*OTHERS, "--schema-registry", gate + urlsplit(registry.url).path)
        assert run_tdaflink("env", "add", "shut", *where).code == 0
        refused = run_tdaflink("schemas", "register", "--env", "shut", "-o", "json")
        error = json.loads(refused.stderr.splitlines()[-1])["error"]
        assert (refused.code, "requires other credentials (status 401)" in error["message"]) == (3, True)
        assert "--registry-basic" in error["hint"]

        opened = ("--registry-basic", f"file:{user}")
        added = run_tdaflink("env", "add", "opened", *where, *opened)
        done = run_tdaflink("schemas", "register", "--env", "opened", "-o", "json")
        listed = run_tdaflink("schemas", "list", "--env", "opened", "-o", "json")
        assert {row["state"] for row in done.json()["schemas"]} == {"current"}
        assert {row["state"] for row in listed.json()} == {"current"}
        assert all(PLANTED not in ran.stdout + ran.stderr for ran in (added, done, listed))
        user.chmod(0o644)
        exposed = run_tdaflink("schemas", "list", "--env", "opened")
        assert (exposed.code, f"chmod 600 '{user}'" in exposed.stderr) == (2, True)
