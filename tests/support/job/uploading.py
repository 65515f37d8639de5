"""Helpers for tests of the uploads route: uploads from messages, and access to their files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from tdajob.errors import Origin
from tdajob.messages.requests import Rules
from tdajob.settings import job
from tdajob.uploads.fetcher import UploadAccess
from tdajob.uploads.message import Upload, parse_upload

from support.job.settings_json import settings_document, settings_text

ORIGIN = Origin("uploads", "tda_uploads", 1, 9, 1_704_110_500_000)
OWN = {"vietoris_rips": ["landmarks"], "alpha": [], "witness": ["landmarks", "strong"]}
CLOUD = [[0.5, -1.0], [2.0, 3e-3], [0.0, 7.25]]


def upload(uri: Any, **fields: Any) -> Upload:
    """Return the upload of a message that names `uri`."""
    return parsed({"job_id": "u", "uri": uri, **fields})


def parsed(message: Any, **changes: Any) -> Upload:
    chosen = job.load(settings_text(**changes))
    raw = message if isinstance(message, bytes) or message is None else json.dumps(message).encode()
    return parse_upload(raw, ORIGIN, Rules(chosen.query, chosen.limits, OWN))


def access_to(*roots: str | Path, max_points: int = 1000, **uploads: Any) -> UploadAccess:
    """Open access below the roots, which are folders or URIs; `uploads` are further settings."""
    named = [root if isinstance(root, str) else root.as_uri() for root in roots]
    document = settings_document()
    document["uploads"].update({"roots": named, "max_bytes": 1 << 20, **uploads})
    return UploadAccess(job.load(json.dumps(document)).uploads, max_points)


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npz(*arrays: Any, packed: bool = True, **named: Any) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, *arrays, **named)
    return buffer.getvalue()


def table(columns: dict[str, Any], **options: Any) -> bytes:
    """Return the bytes of a Parquet file."""
    buffer = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), buffer, **options)
    return bytes(buffer.getvalue())
