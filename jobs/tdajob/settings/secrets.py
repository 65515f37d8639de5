"""Secrets that the settings refer to, read on the cluster, where the job's main() runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tdajob.settings.json_object import SettingsError

_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def check_property(value: object, path: str) -> None:
    reference = isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("$env", "$file")
    if reference and isinstance(next(iter(value.values())), str):  # type: ignore[attr-defined]
        return
    if not isinstance(value, str):
        raise SettingsError(f'{path}: must be a text, {{"$env": NAME}} or {{"$file": PATH}}')


def resolve(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    ((kind, name),) = value.items()
    if kind == "$env":
        if name not in os.environ:
            raise SettingsError(f"{path}: the environment variable {name} is not set on this machine")
        return os.environ[name]
    try:
        return Path(name).read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise SettingsError(f"{path}: cannot read {name}: {error.strerror}") from None


def check_login(login: object, path: str) -> None:
    """Raise SettingsError unless `login` is {"mechanism", "user", "password"} with a supported mechanism."""
    if not isinstance(login, dict) or set(login) != {"mechanism", "user", "password"}:
        raise SettingsError(f"{path}: must have mechanism, user and password, and nothing else")
    if login["mechanism"] not in _LOGIN_MODULES:
        raise SettingsError(f"{path}.mechanism: must be one of {', '.join(_LOGIN_MODULES)}")
    if not isinstance(login["user"], str) or not isinstance(login["password"], dict):
        raise SettingsError(f"{path}: user must be a text and password a reference to one")
    check_property(login["password"], f"{path}.password")


def login_text(login: Mapping[str, Any], path: str, packages: str) -> str:
    """Return the value of Kafka's `sasl.jaas.config`; `packages` is the prefix of Kafka's class name."""
    user = _quoted(login["user"], f"{path}.user")
    password = _quoted(resolve(login["password"], f"{path}.password"), f"{path}.password")
    module = packages + _LOGIN_MODULES[login["mechanism"]]
    return f"{module} required username={user} password={password};"


def _quoted(value: str, path: str) -> str:
    if not value.isprintable():
        raise SettingsError(f"{path}: has a line break or another control character")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
