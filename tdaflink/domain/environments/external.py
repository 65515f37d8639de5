"""External clusters: conversion between the options of `env add` and an environment."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tdaflink.domain.addresses import web_address
from tdaflink.domain.environments.environment import EXTERNAL, Endpoints, Environment
from tdaflink.domain.environments.security import (
    KafkaSecrets,
    KafkaSecurity,
    Reference,
    Security,
    WebSecurity,
    read_reference,
    shown_reference,
)
from tdaflink.domain.errors import ConfigError, UsageError

ASK = "ask"
PYTHON = "python3"
_ADDRESSES = ("rest_url", "kafka", "kafka_cluster", "schema_registry", "python")
_WEB = ("token", "basic", "ca", "cert", "key")
_SIDE = ("password", "ca", "cert", "key")
OPTIONS = (
    *_ADDRESSES,
    *(f"rest_{part}" for part in _WEB),
    *("kafka_protocol", "kafka_mechanism", "kafka_user"),
    *(f"kafka_{part}" for part in _SIDE),
    *(f"kafka_{part}_cluster" for part in _SIDE),
    *(f"registry_{part}" for part in _WEB),
)
SECRETS = ("rest_token", "rest_basic", "kafka_password", "registry_token", "registry_basic")
_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")

Options = Mapping[str, str]


@dataclass(frozen=True)
class EndpointCheck:
    """The result of one check of `env add`; `fix` is the command that fixes it."""

    what: str
    state: Literal["ok", "missing", "differs", "unchecked"]
    says: str
    fix: str | None = None


@dataclass(frozen=True)
class EnvironmentView:
    """A saved environment in full. `options` are those with which `env add` recreates it.

    `alerts` is the address that receives its alerts, without its secret parts.
    """

    name: str
    current: bool
    profile: str
    runtime: str
    port_offset: int
    options: Options
    checks: tuple[EndpointCheck, ...] = ()
    alerts: str | None = None


def read_options(values: Mapping[str, Any], source: str) -> dict[str, str]:
    """Return the options in a file. Raises `ConfigError`, which names the key and not the value."""
    options = {}
    for key, value in values.items():
        if key not in OPTIONS:
            near = difflib.get_close_matches(key, OPTIONS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(OPTIONS)}"
            raise ConfigError(f"{source}: {key}: unknown key", hint=hint)
        if not isinstance(value, str):
            raise ConfigError(f"{source}: {key}: must be a text, not {type(value).__name__}")
        options[key] = value
    return options


def external_environment(name: str, options: Options) -> Environment:
    """Build the environment from options. Raises `ConfigError` and `UsageError`, which name the option."""
    for required in ("rest_url", "kafka"):
        if not options.get(required):
            raise UsageError(
                f"{option(required)} is missing", hint=f"{option(required)} {_EXAMPLES[required]}"
            )
    rest, registry = _web(options, "rest"), _web(options, "registry")
    url = _url(options["rest_url"], "rest_url")
    address = _url(options["schema_registry"], "schema_registry") if "schema_registry" in options else None
    if address is None and registry != WebSecurity():
        raise UsageError("the --registry-… options need --schema-registry URL")
    kafka = _brokers(options["kafka"], "kafka")
    endpoints = Endpoints(
        url, kafka, _brokers(options.get("kafka_cluster", kafka), "kafka_cluster"), schema_registry=address
    )
    security = Security(rest, _kafka(options), registry)
    return Environment(name, EXTERNAL, EXTERNAL, endpoints, options.get("python", PYTHON), security=security)


def options_of(environment: Environment) -> dict[str, str]:
    """Return the options that define the environment, without those that have their default."""
    ends, kafka = environment.endpoints, environment.security.kafka
    values: dict[str, str | None] = {
        "rest_url": ends.rest_url,
        "kafka": ends.kafka,
        "kafka_cluster": ends.kafka_cluster if ends.kafka_cluster != ends.kafka else None,
        "schema_registry": ends.schema_registry,
        "python": environment.python,
        "kafka_protocol": kafka.protocol if kafka.protocol != "PLAINTEXT" else None,
        "kafka_mechanism": kafka.mechanism,
        "kafka_user": kafka.user,
        **_web_options("rest", environment.security.rest),
        **_web_options("registry", environment.security.registry),
    }
    client, cluster = _side_options(kafka.client), _side_options(kafka.cluster)
    for part in _SIDE:
        values[f"kafka_{part}"] = client[part]
        values[f"kafka_{part}_cluster"] = cluster[part] if cluster[part] != client[part] else None
    return {name: value for name in OPTIONS if (value := values.get(name)) is not None}


def asked_without_cluster(options: Options) -> bool:
    """Return whether Kafka's password is prompted for here and not available on the cluster."""
    return options.get("kafka_password") == ASK and not options.get("kafka_password_cluster")


def option(name: str) -> str:
    """Return the option as it is typed."""
    return "--" + name.replace("_", "-")


_EXAMPLES = {
    "rest_url": "https://flink.example:8081",
    "schema_registry": "https://schemas.example:8081",
    "kafka": "broker-1.example:9092,broker-2.example:9092",
}


def _web(options: Options, name: str) -> WebSecurity:
    security = WebSecurity(
        basic=_secret(options, f"{name}_basic"),
        bearer=_secret(options, f"{name}_token"),
        ca=_path(options, f"{name}_ca"),
        certificate=_path(options, f"{name}_cert"),
        key=_path(options, f"{name}_key"),
    )
    security.check(name)
    return security


def _kafka(options: Options) -> KafkaSecurity:
    parts = {
        "password": _secret(options, "kafka_password"),
        **{part: _path(options, f"kafka_{part}") for part in _SIDE[1:]},
    }
    # By default a file has the same path on the cluster as on this machine.
    theirs = {
        "password": _secret(options, "kafka_password_cluster"),
        **{part: _absolute(options, f"kafka_{part}_cluster") for part in _SIDE[1:]},
    }
    security = KafkaSecurity(
        options.get("kafka_protocol", "PLAINTEXT").upper(),
        options["kafka_mechanism"].upper() if "kafka_mechanism" in options else None,
        options.get("kafka_user"),
        _side(parts),
        _side({part: theirs[part] or parts[part] for part in _SIDE}),
    )
    security.check()
    return security


def _side(parts: Mapping[str, Any]) -> KafkaSecrets:
    return KafkaSecrets(parts["password"], parts["ca"], parts["cert"], parts["key"])


def _side_options(side: KafkaSecrets) -> dict[str, str | None]:
    password = shown_reference(side.password)
    return {"password": password, "ca": side.ca, "cert": side.certificate, "key": side.key}


def _web_options(name: str, security: WebSecurity) -> dict[str, str | None]:
    return {
        f"{name}_basic": shown_reference(security.basic),
        f"{name}_token": shown_reference(security.bearer),
        f"{name}_ca": security.ca,
        f"{name}_cert": security.certificate,
        f"{name}_key": security.key,
    }


def _secret(options: Options, name: str) -> Reference | None:
    if name not in options:
        return None
    reference = read_reference(options[name], option(name))
    if "$file" in reference and not name.endswith("_cluster"):
        return {"$file": str(Path(reference["$file"]).expanduser().absolute())}
    return reference


def _path(options: Options, name: str) -> str | None:
    return str(Path(options[name]).expanduser().absolute()) if name in options else None


def _absolute(options: Options, name: str) -> str | None:
    path = options.get(name)
    if path is not None and not path.startswith("/"):
        raise ConfigError(
            f"{option(name)} {path!r} is not absolute: give an absolute path on the cluster's machines"
        )
    return path


def _url(text: str, name: str) -> str:
    refer = f"remove user and password from the address; --{name.split('_')[0]}-basic refers to them"
    return web_address(text, option(name), _EXAMPLES[name], credentials=refer)


def _brokers(text: str, name: str) -> str:
    brokers = [broker.strip() for broker in text.split(",")]
    for broker in brokers:
        match = _BROKER.fullmatch(broker)
        if not match or not 0 < int(match[2]) < 65536:
            raise ConfigError(
                f"{option(name)} {text!r}: {broker!r} is not host:port", hint=_EXAMPLES["kafka"]
            )
    return ",".join(brokers)
