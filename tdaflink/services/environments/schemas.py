"""Shipped schemas compared with a schema registry: list, check, register."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from tdaflink.adapters.schema_registry import SchemaRegistry
from tdaflink.domain.config.layers import Resolved
from tdaflink.domain.environments.environment import Environment
from tdaflink.domain.errors import ConfigError, Incompatible, NotFound
from tdaflink.domain.messages.schemas import (
    SchemaChanges,
    SchemaCheck,
    SchemaStatus,
    ShippedSchema,
    schema_differences,
    standing,
)
from tdaflink.domain.progress import Reporter

_PARALLEL_CALLS = 4
_SHOWN_DIFFERENCES = 20


def registry_address(environment: Environment, resolved: Resolved) -> str:
    """Return the registry of a config, else of its environment. Raises `NoRegistry`."""
    address = resolved.config.schema_registry_url or environment.endpoints.schema_registry
    if not address:
        raise no_registry(f"the environment {environment.name} has no schema registry")
    return address


class NoRegistry(ConfigError):
    """Error of a call that needs a registry and has none."""


def no_registry(reason: str) -> NoRegistry:
    """Return the error with the ways to name a registry."""
    return NoRegistry(
        reason, hint="set SCHEMA_REGISTRY_URL, or give --registry URL, or a --config with schema_registry_url"
    )


def choose_schemas(shipped: Sequence[ShippedSchema], names: Sequence[str]) -> tuple[ShippedSchema, ...]:
    """Return the schemas with these names, topics or subjects; all without names. Raises `NotFound`."""
    by_name = {key: schema for schema in shipped for key in (schema.name, schema.topic, schema.subject)}
    for name in names:
        if name not in by_name:
            raise NotFound(
                f"there is no shipped schema {name!r}", hint=f"one of {', '.join(s.name for s in shipped)}"
            )
    chosen = [by_name[name] for name in names]
    return tuple(schema for schema in shipped if schema in chosen) if names else tuple(shipped)


def list_schemas(registry: SchemaRegistry, shipped: Sequence[ShippedSchema]) -> list[SchemaStatus]:
    """Return each shipped schema with its registered versions."""
    with ThreadPoolExecutor(_PARALLEL_CALLS) as pool:
        return list(pool.map(lambda schema: _status(registry, schema), shipped))


def list_shipped(shipped: Sequence[ShippedSchema]) -> list[SchemaStatus]:
    """Return the shipped schemas only, without a registry."""
    return [SchemaStatus(schema, "unknown", (), None) for schema in shipped]


def check_schemas(registry: SchemaRegistry, shipped: Sequence[ShippedSchema]) -> list[SchemaCheck]:
    """Check whether each shipped schema is, or could become, a version of its subject."""
    statuses = list_schemas(registry, shipped)
    with ThreadPoolExecutor(_PARALLEL_CALLS) as pool:
        return list(pool.map(lambda status: _check(registry, status), statuses))


def raise_if_incompatible(checks: Sequence[SchemaCheck]) -> None:
    """Raise `Incompatible` with every subject that the registry would refuse, and the differences."""
    refused = [check for check in checks if not check.compatible]
    if not refused:
        return
    subjects = ", ".join(f"{check.status.schema.subject} ({check.level})" for check in refused)
    raise Incompatible(
        f"the registry's latest versions are not compatible with the shipped schemas: {subjects}",
        hint="tdaflink schemas list shows the versions; the registry sets each subject's compatibility level",
        detail="\n".join(line for check in refused for line in _reason_lines(check)),
    )


def register_schemas(
    registry: SchemaRegistry, shipped: Sequence[ShippedSchema], reporter: Reporter
) -> SchemaChanges:
    """Register the missing schemas: all of them or, if one is incompatible, none."""
    with reporter.step("Schemas") as step:
        planned = plan_register(registry, shipped)
        wanted = [schema for schema in shipped if schema.subject in planned.registered]
        if not wanted:
            step.unchanged(f"all {len(shipped)} exist, unchanged")
            return planned
        for done, schema in enumerate(wanted):
            step.advance(done, len(wanted))
            registry.register(schema.subject, schema.text)
        after = list_schemas(registry, shipped)
    return SchemaChanges(planned.registered, planned.unchanged, tuple(after))


def plan_register(registry: SchemaRegistry, shipped: Sequence[ShippedSchema]) -> SchemaChanges:
    """Return the changes that `register_schemas` would make. Raises `Incompatible` as it would."""
    checks = check_schemas(registry, shipped)
    raise_if_incompatible(checks)
    statuses = [check.status for check in checks]
    new = tuple(status.schema.subject for status in statuses if status.registered is None)
    old = tuple(status.schema.subject for status in statuses if status.registered is not None)
    return SchemaChanges(new, old, tuple(statuses))


def _status(registry: SchemaRegistry, schema: ShippedSchema) -> SchemaStatus:
    versions = registry.versions(schema.subject)
    return standing(schema, versions, registry.find(schema.subject, schema.text) if versions else None)


def _check(registry: SchemaRegistry, status: SchemaStatus) -> SchemaCheck:
    subject, text = status.schema.subject, status.schema.text
    level = registry.level(subject)
    if status.state != "behind":
        return SchemaCheck(status, level, compatible=True)
    compatible, reasons = registry.compatible(subject, text)
    return SchemaCheck(status, level, compatible, reasons, _differences(registry, status.schema))


def _differences(registry: SchemaRegistry, schema: ShippedSchema) -> tuple[str, ...]:
    latest = registry.latest(schema.subject)
    try:
        registered = json.loads(latest.text) if latest and latest.text else None
    except ValueError:
        return ("the latest version is not a JSON Schema",)
    return tuple(islice(schema_differences(registered, json.loads(schema.text)), _SHOWN_DIFFERENCES))


def _reason_lines(check: SchemaCheck) -> list[str]:
    lines = [*check.reasons, *check.differences]
    return [f"{check.status.schema.subject}: {line}" for line in lines or ["the registry gives no reason"]]
