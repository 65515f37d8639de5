"""Saved environments: a folder for each under the state folder, and the name of the current one."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tdaflink.adapters.storage.paths import ensure_dir, map_write_errors, state_folder, write_atomically
from tdaflink.adapters.storage.user_files import read_own
from tdaflink.domain.addresses import web_address
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.environments.external import PYTHON
from tdaflink.domain.environments.security import NO_KAFKA_SECURITY, NO_WEB_SECURITY, Security, read_security
from tdaflink.domain.errors import ConfigError, Locked, NotFound, StorageFailed, UsageError
from tdaflink.domain.saved_values import from_values

DEFAULT_NAME = "local"
LOCK_SECONDS = 300.0
# Variable -> an example, and where credentials belong.
_ADDRESSES = {
    "FLINK_REST_URL": (
        "http://host:8081",
        "tdaflink env add NAME --rest-url URL --kafka HOST:PORT --rest-basic env:VARIABLE refers to them",
    ),
    "SCHEMA_REGISTRY_URL": (
        "http://host:8081",
        "leave them out of it and set SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO=user:password",
    ),
}
_HIGHEST_PORT = 65535
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class EnvironmentStore:
    """The saved environments; needs only the standard library, so that `list` starts fast."""

    def __init__(self) -> None:
        self._root = state_folder()

    def resolve(self, name: str | None) -> Environment:
        """Return the environment of that name, else the current one, else `local`.

        Environment variables of this call override its endpoints.
        """
        return self.overridden(self.find(self.chosen_name(name)) or self.unsaved(name))

    @staticmethod
    def overridden(environment: Environment) -> Environment:
        """Return the environment with the endpoints that environment variables of this call name."""
        endpoints = _overridden(environment.endpoints)
        security = _still_meant(environment.security, environment.endpoints, endpoints)
        return replace(environment, endpoints=endpoints, security=security)

    def chosen_name(self, name: str | None) -> str:
        """Return `name`, else the current environment's name, else `local`."""
        return name or self.current() or DEFAULT_NAME

    def find(self, name: str) -> Environment | None:
        """Return the saved environment, without this call's environment variables."""
        path = self.folder(name) / "environment.json"
        hint = (
            f"move that file away, then tdaflink setup --env {name}, which recognizes what runs, or for the"
            f" cluster of another operator tdaflink env add {name}"
        )
        text = read_own(path, f"environment {name}", hint)
        if text is None:
            return None
        try:
            return _environment(name, json.loads(text))
        except (ValueError, RecursionError) as error:
            why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise ConfigError(f"{path} is not a saved environment: {why}", hint=hint) from None

    def unsaved(self, name: str | None) -> Environment:
        """Return the cluster that environment variables of this call name. Raises `NotFound` without them."""
        chosen = self.chosen_name(name)
        if name or not os.environ.get("FLINK_REST_URL"):
            raise _unknown(chosen, self.names())
        rest_url = _address("FLINK_REST_URL")
        # Nothing is saved, but the environment variables name a cluster.
        kafka = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
        return Environment(chosen, "external", "external", Endpoints(rest_url, kafka, kafka), python=PYTHON)

    def save(self, environment: Environment) -> None:
        """Save the environment; the current one does not change."""
        path = self.folder(environment.name) / "environment.json"
        write_atomically(path, json.dumps(asdict(environment), indent=1) + "\n")

    def forget(self, name: str) -> None:
        """Remove the environment from the list; its data must be removed before."""
        with map_write_errors(self._root):
            (self.folder(name) / "environment.json").unlink(missing_ok=True)
            try:
                meant = self.current() == name
            except ConfigError:
                meant = False  # damaged: it names none
            if meant:
                (self._root / "current").unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Remove the environment with all data that is stored here."""
        self.forget(name)
        folder = self.folder(name)
        with map_write_errors(folder):
            if folder.is_dir():
                shutil.rmtree(folder)

    def use(self, name: str) -> None:
        """Set the current environment, which must be saved."""
        if self.find(name) is None:
            raise _unknown(name, self.names())
        write_atomically(self._root / "current", name + "\n")

    def current(self) -> str | None:
        """Return the environment last set up or chosen. Raises `ConfigError` if its file is damaged."""
        path = self._root / "current"
        known = ", ".join(self.names()) or "none is saved"
        hint = f"tdaflink env use NAME writes it again ({known}); --env NAME does without it"
        text = (read_own(path, "current environment", hint) or "").strip()
        if text and not _NAME.fullmatch(text):
            raise ConfigError(f"{path} does not name an environment", hint=hint)
        return text or None

    def names(self) -> list[str]:
        """List all saved environments."""
        try:
            found = [path.parent.name for path in self._root.glob("environments/*/environment.json")]
        except OSError as error:
            raise StorageFailed(f"{self._root} cannot be read: {error.strerror}") from None
        return sorted(name for name in found if _NAME.fullmatch(name))

    def folder(self, name: str) -> Path:
        """Return the environment's own folder, whether it exists or not."""
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot name an environment",
                hint="use lower-case letters, digits, - and _, starting with a letter or digit",
            )
        return self._root / "environments" / name

    @contextmanager
    def lock(
        self, name: str, *, seconds: float = LOCK_SECONDS, waiting: Callable[[str], None] | None = None
    ) -> Iterator[None]:
        """Hold the environment's lock; `waiting` receives a message about the holder before a wait."""
        self.folder(name)
        with self._locked(f"{name}.lock", f"environment {name}", seconds, waiting):
            yield

    @contextmanager
    def lock_ports(self) -> Iterator[None]:
        """Hold the lock of port offsets, so that two new environments never choose the same."""
        with self._locked(".ports.lock", "the choice of ports", LOCK_SECONDS, None):
            yield

    @contextmanager
    def _locked(
        self, file: str, what: str, seconds: float, waiting: Callable[[str], None] | None
    ) -> Iterator[None]:
        from filelock import FileLock, Timeout

        path = ensure_dir(self._root / "environments") / file
        holder = path.with_suffix(".holder")
        lock = FileLock(path)
        with map_write_errors(path):
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if waiting:
                    waiting(f"waiting for {_holder(holder)}, which is at work on {what}")
                try:
                    lock.acquire(timeout=seconds, poll_interval=0.1)
                except Timeout:
                    raise Locked(
                        f"{_holder(holder)} is still at work on {what} after {seconds:g} s",
                        hint="wait for it or stop it, then try again",
                    ) from None
        try:
            write_atomically(holder, f"process {os.getpid()} ({' '.join(sys.argv[:8])})")
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()


def _address(variable: str) -> str:
    """Return the address in a variable. Raises `ConfigError`, which shows no credentials."""
    example, credentials = _ADDRESSES[variable]
    return web_address(os.environ[variable], variable, example, credentials=credentials)


def _holder(path: Path) -> str:
    try:
        return (read_own(path, "lock", "") or "").strip() or "another tdaflink"
    except ConfigError:
        return "another tdaflink"


def _environment(name: str, values: Any) -> Environment:
    """Convert the JSON of a saved environment. Raises `ValueError` if it is not valid."""
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    security = read_security(values["security"]) if "security" in values else Security()
    environment = from_values(Environment, {key: values[key] for key in values if key != "security"})
    if environment.name != name:
        raise ValueError(f"it is of the environment {environment.name!r}, not {name!r}")
    if not 0 <= environment.port_offset <= _HIGHEST_PORT:
        raise ValueError(f"port_offset is {environment.port_offset}, not in 0 to {_HIGHEST_PORT}")
    return replace(environment, security=security)


def _unknown(name: str, names: list[str]) -> NotFound:
    known = f"saved: {', '.join(names)}" if names else "none is saved yet"
    other = f"; or --env {names[0]}, which tdaflink env use {names[0]} makes the default" if names else ""
    return NotFound(f"no environment named {name!r} ({known})", hint=f"tdaflink setup --env {name}{other}")


def _still_meant(security: Security, saved: Endpoints, now: Endpoints) -> Security:
    """Return the security of unchanged endpoints: secrets are sent to the saved endpoints only."""
    return Security(
        security.rest if now.rest_url == saved.rest_url else NO_WEB_SECURITY,
        security.kafka if now.kafka == saved.kafka else NO_KAFKA_SECURITY,
        security.registry if now.schema_registry == saved.schema_registry else NO_WEB_SECURITY,
    )


def _overridden(endpoints: Endpoints) -> Endpoints:
    variables = {
        "rest_url": "FLINK_REST_URL",
        "kafka": "KAFKA_BOOTSTRAP_SERVERS",
        "kafka_cluster": "KAFKA_BOOTSTRAP_SERVERS_CLUSTER",
        "schema_registry": "SCHEMA_REGISTRY_URL",
    }
    named: dict[str, Any] = {
        field: _address(name) if name in _ADDRESSES else os.environ[name]
        for field, name in variables.items()
        if os.environ.get(name)
    }
    if "rest_url" in named:
        named["rest_standby"] = ()
    return replace(endpoints, **named)
