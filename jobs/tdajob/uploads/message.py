"""Parsing of upload messages: bytes into an `Upload`, or a `MessageError`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from tdaformats.table_values import Options
from tdaformats.tables import ENDINGS, FORMATS, OPTIONS_OF
from tdaformats.upload_uris import UploadUri, parse_uri, shown
from tdajob.errors import MessageError, Origin
from tdajob.messages import strict_json
from tdajob.messages.parameters import RequestedComputation, resolve_request
from tdajob.messages.requests import Rules, document_of, identifier, kind_of, read_timestamp


@dataclass(frozen=True)
class Upload:
    """A file and the requested computation; `own_timestamp` is false where Kafka's timestamp is used."""

    job_id: str
    uri: str
    place: UploadUri
    format: str
    options: Options
    question: RequestedComputation
    timestamp_ms: int
    own_timestamp: bool


def parse_upload(value: bytes | None, origin: Origin, rules: Rules) -> Upload:
    """Parse a message of the uploads route. Raises MessageError, with the request id as its key."""
    raw, document = document_of(value, rules.limits.max_message_bytes, rules.limits.max_predicted_bytes)
    field = "job_id" if document.get("job_id") is not None or "file_id" not in document else "file_id"
    job_id = identifier(document, field)
    try:
        strict_json.check(raw, document)
        uri, place = _place(document.get("uri"))
        form = _format(document.get("format"), uri, place)
        options = _options(document, form)
        timestamp, own = read_timestamp(document.get("timestamp"), origin, rules.limits.max_future_s)
        requested = resolve_request(
            document.get("algorithm"), document.get("parameters"), rules.defaults, rules.algorithms
        )
    except MessageError as error:
        error.key = job_id
        raise
    return Upload(job_id, uri, place, form, options, requested, timestamp, own)


def _place(value: Any) -> tuple[str, UploadUri]:
    if value is None:
        raise MessageError("missing_field", "uri: is missing")
    if not isinstance(value, str):
        raise MessageError("bad_uri", f"uri: must be a text, not {kind_of(value)}")
    try:
        return value, parse_uri(value)
    except MessageError as error:
        raise MessageError(error.code, f"uri: {error.reason}") from None


def _format(value: Any, uri: str, place: UploadUri) -> str:
    if value is None:
        ending = PurePosixPath(place.path).suffix
        if ending.lower() not in ENDINGS:
            raise MessageError(
                "unknown_format",
                f"uri: {shown(uri)}: its ending {ending[:20]!r} is of no known format: add the field format,"
                f" one of {', '.join(FORMATS)}",
            )
        return ENDINGS[ending.lower()]
    if not isinstance(value, str) or value not in FORMATS:
        raise MessageError("unknown_format", f"format: {value!r:.60} is none of {', '.join(FORMATS)}")
    return value


def _options(document: Mapping[str, Any], form: str) -> Options:
    for field, forms in OPTIONS_OF.items():
        if document.get(field) is not None and form not in forms:
            raise MessageError("bad_field", f"{field}: belongs to {' and '.join(forms)}, not to {form}")
    delimiter = _text(document, "delimiter")
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
        raise MessageError(
            "bad_field", f"delimiter: must be one ASCII character, no quote and no newline, not {delimiter!r}"
        )
    header = document.get("header")
    if header is not None and not isinstance(header, bool):
        raise MessageError("bad_field", f"header: must be true or false, not {header!r:.60}")
    return Options(_columns(document.get("columns")), _text(document, "key"), delimiter, header)


def _text(document: Mapping[str, Any], field: str) -> str | None:
    value = document.get(field)
    if value is not None and (not isinstance(value, str) or not value):
        raise MessageError("bad_field", f"{field}: must be a text that is not empty, not {value!r:.60}")
    return value


def _columns(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise MessageError("bad_field", f"columns: must be a list of names, not {value!r:.60}")
    if len(set(value)) < len(value):
        raise MessageError("bad_field", f"columns: has a name more than once: {value!r:.60}")
    return tuple(value)
