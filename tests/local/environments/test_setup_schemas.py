"""Registration of the schemas by setup, if a registry is configured."""

from __future__ import annotations

import pytest
from support.command_runner import Cluster
from support.servers.registry_process import Registry

pytestmark = [pytest.mark.cluster, pytest.mark.registry]


def test_setup_registers_once_and_says_nothing_where_there_is_no_registry(
    cluster: Cluster, registry: Registry
) -> None:
    without = cluster.run("setup", "--env", cluster.name, "-o", "json")
    assert without.json()["schemas_registered"] == []
    assert "Schemas" not in without.stderr
    environ = {"SCHEMA_REGISTRY_URL": registry.url}
    first = cluster.run("setup", "--env", cluster.name, environ=environ)
    assert first.code == 0, first.stderr
    assert "Schemas registered" in first.stdout
    assert {"tda_jobs-value", "tda_stream_output-value"} <= set(registry.call("GET", "/subjects"))
    again = cluster.run("setup", "--env", cluster.name, "-o", "json", environ=environ)
    assert (again.json()["changed"], again.json()["schemas_registered"]) == (False, [])
    assert "Schemas all 7 exist, unchanged" in again.stderr
