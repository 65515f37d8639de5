"""The shipped schemas, and how they stand at a schema registry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# Registries compare versions by libraries that know the drafts up to this one; Apicurio's fails on a later
# one. The shipped schemas use no keyword that the two drafts read differently; a test holds that.
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
        """What a registry calls it, as Confluent's serializers do."""
        return f"{self.topic}-value"

    @property
    def text(self) -> str:
        """The one text that is registered, always the same, so that it is found again."""
        return json.dumps({**self.document, "$schema": COMPARABLE_DRAFT}, separators=(",", ":"))


@dataclass(frozen=True)
class RegisteredSchema:
    """A version of a subject; `text` is None where the registry's answer has none."""

    id: int
    version: int
    text: str | None = None


@dataclass(frozen=True)
class SchemaStatus:
    """A shipped schema and its subject side by side.

    "current": the latest version is the shipped one; "behind": no version is; "ahead": an earlier one is;
    "missing": there is none; "unknown": no registry was asked. `registered` is the shipped one
    as the registry has it.
    """

    schema: ShippedSchema
    state: State
    versions: tuple[int, ...]
    registered: RegisteredSchema | None


@dataclass(frozen=True)
class SchemaCheck:
    """Whether the shipped schema may become the next version, by the subject's compatibility `level`.

    `reasons` are the registry's own words; `differences` are where the latest version says something else.
    """

    status: SchemaStatus
    level: str
    compatible: bool
    reasons: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class SchemaChanges:
    """What `register` did or would do: subjects, and how each schema stands then."""

    registered: tuple[str, ...]
    unchanged: tuple[str, ...]
    schemas: tuple[SchemaStatus, ...]


def standing(
    schema: ShippedSchema, versions: tuple[int, ...], registered: RegisteredSchema | None
) -> SchemaStatus:
    """How a shipped schema stands, from its subject's versions and from itself among them."""
    if not versions:
        return SchemaStatus(schema, "missing", (), None)
    if registered is None:
        return SchemaStatus(schema, "behind", versions, None)
    state: State = "current" if registered.version == max(versions) else "ahead"
    return SchemaStatus(schema, state, versions, registered)


def schema_differences(there: Any, shipped: Any, path: str = "") -> Iterator[str]:
    """Where two JSON Schemas demand something else; what only explains (titles, examples…) is left out."""
    if there == shipped:
        return
    if isinstance(there, Mapping) and isinstance(shipped, Mapping):
        explains = frozenset() if path.rpartition("/")[2] in _MAPS_OF_NAMES else _ANNOTATIONS
        for key in (key for key in [*there, *(k for k in shipped if k not in there)] if key not in explains):
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
