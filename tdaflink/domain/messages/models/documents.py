"""JSON Schemas of the message models, one self-contained document each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tdaflink.domain.messages.models.inputs import JobEvent, StreamEvent, UploadEvent
from tdaflink.domain.messages.models.outputs import ErrorEvent, Event, ResultEvent, StreamResultEvent

DRAFT = "https://json-schema.org/draft/2020-12/schema"
MODELS: Mapping[str, type[BaseModel]] = {
    "tda_job_event_v1": JobEvent,
    "tda_upload_event_v1": UploadEvent,
    "tda_stream_event_v1": StreamEvent,
    "tda_result_event_v1": ResultEvent,
    "tda_stream_result_event_v1": StreamResultEvent,
    "tda_error_event_v1": ErrorEvent,
    "tda_event_v1": Event,
}


class _Plain(GenerateJsonSchema):
    """Pydantic's schema without titles that repeat names and without null as the default."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        document = super().default_schema(schema)
        if document.get("default", "") is None:
            del document["default"]
        return document

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002
        return value  # the models define fields and examples in reading order


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a message by its schema name, in draft 2020-12."""
    body = MODELS[name].model_json_schema(schema_generator=_Plain)
    parts = {"$defs": body.pop("$defs")} if "$defs" in body else {}
    return {"$schema": DRAFT, **body, "title": name, **parts}
