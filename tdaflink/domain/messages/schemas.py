"""Shipped schemas and their state at a schema registry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# The libraries by which registries compare versions support drafts up to this one; Apicurio's fails on a
# later one. The shipped schemas use no keyword whose meaning differs in the two drafts; a test checks that.
COMPARABLE_DRAFT = "http://json-schema.org/draft-07/schema#"

State = Literal["current", "missing", "behind", "ahead", "unknown"]
_ANNOTATIONS = frozenset({"$schema", "$id", "$comment", "title", "description", "examples", "default"})
_MAPS_OF_NAMES = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})


@dataclass(frozen=True)
class ShippedSchema:
    """The schema of a topic's values: its name, such as tda_job_event_v1, and its JSON Schema."""

    name: str
    topic: str
    document: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """The subject at a registry, named like those of Confluent's serializers."""
        return f"{self.topic}-value"

    @property
    def text(self) -> str:
        """The text that is registered, always the same, so that a lookup finds it."""
        return json.dumps({**self.document, "$schema": COMPARABLE_DRAFT}, separators=(",", ":"))


@dataclass(frozen=True)
class RegisteredSchema:
    """A version of a subject; `text` is None where the registry's response has none."""

    id: int
    version: int
    text: str | None = None


@dataclass(frozen=True)
class SchemaStatus:
    """A shipped schema compared with its subject.

    "current": the latest version is the shipped schema; "ahead": an earlier version is; "behind": no version
    is; "missing": the subject has no version; "unknown": no registry was queried. `registered` is the
    registry's version of the shipped schema.
    """

    schema: ShippedSchema
    state: State
    versions: tuple[int, ...]
    registered: RegisteredSchema | None


@dataclass(frozen=True)
class SchemaCheck:
    """The registry's verdict on the shipped schema as the next version, by the compatibility `level`.

    `reasons` are the registry's own messages; `differences` are those of the latest version.
    """

    status: SchemaStatus
    level: str
    compatible: bool
    reasons: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class SchemaChanges:
    """The changes of `register`, done or planned: subjects, and the resulting state of each schema."""

    registered: tuple[str, ...]
    unchanged: tuple[str, ...]
    schemas: tuple[SchemaStatus, ...]


def standing(
    schema: ShippedSchema, versions: tuple[int, ...], registered: RegisteredSchema | None
) -> SchemaStatus:
    """Return the state of a shipped schema from its subject's versions and the registered one of them."""
    if not versions:
        return SchemaStatus(schema, "missing", (), None)
    if registered is None:
        return SchemaStatus(schema, "behind", versions, None)
    state: State = "current" if registered.version == max(versions) else "ahead"
    return SchemaStatus(schema, state, versions, registered)


def schema_differences(there: Any, shipped: Any, path: str = "") -> Iterator[str]:
    """Yield the differing constraints of two JSON Schemas; annotations (titles, examples…) are ignored."""
    if there == shipped:
        return
    if isinstance(there, Mapping) and isinstance(shipped, Mapping):
        ignored = frozenset() if path.rpartition("/")[2] in _MAPS_OF_NAMES else _ANNOTATIONS
        for key in (key for key in [*there, *(k for k in shipped if k not in there)] if key not in ignored):
            yield from _difference_at(f"{path}/{key}", there, shipped, key)
    elif isinstance(there, list) and isinstance(shipped, list) and len(there) == len(shipped):
        for index, (theirs, ours) in enumerate(zip(there, shipped, strict=True)):
            yield from schema_differences(theirs, ours, f"{path}/{index}")
    else:
        yield f"{path}: {_shown(there)} at the registry, {_shown(shipped)} shipped"


def _difference_at(
    path: str, there: Mapping[str, Any], shipped: Mapping[str, Any], key: str
) -> Iterator[str]:
    if key not in shipped:
        yield f"{path}: {_shown(there[key])} at the registry, not shipped"
    elif key not in there:
        yield f"{path}: not at the registry, {_shown(shipped[key])} shipped"
    else:
        yield from schema_differences(there[key], shipped[key], path)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
