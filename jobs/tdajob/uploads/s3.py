"""Objects of S3, read with pyarrow's client."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tdaformats.bounds import Bounds
from tdajob.errors import MessageError

_CHUNK = 8 << 20
_ATTEMPTS = 3
_AWS_ERROR = re.compile(r"AWS Error ([A-Z0-9_]+)")
_HTTP_STATUS = re.compile(r"HTTP status ([0-9]{3})")
_MISSING = ("NO_SUCH_BUCKET", "NO_SUCH_KEY", "RESOURCE_NOT_FOUND")
_DENIED = (
    "ACCESS_DENIED",
    "INVALID_ACCESS_KEY_ID",
    "INVALID_CLIENT_TOKEN_ID",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "REQUEST_EXPIRED",
    "SIGNATURE_DOES_NOT_MATCH",
    "UNRECOGNIZED_CLIENT",
)
_UNREACHABLE = ("NETWORK_CONNECTION", "SERVICE_UNAVAILABLE", "SLOW_DOWN", "THROTTLING", "INTERNAL_FAILURE")


@dataclass(frozen=True)
class S3Access:
    """The service and the keys; the defaults are the region's endpoint and the keys of the process."""

    endpoint: str | None
    region: str
    access_key: str | None
    secret_key: str | None
    timeout_s: float


def read_s3(bucket: str, key: str, access: S3Access, bounds: Bounds) -> bytes:
    """Return the bytes of an object.

    Raises MessageError not_found, access_denied, file_too_large, bad_file, storage_unreachable or
    storage_failed.
    """
    try:
        return _read(_client(access), f"{bucket}/{key}", bounds)
    except FileNotFoundError:
        raise _missing() from None
    except OSError as error:
        raise _refusal(str(error), access) from None


def _read(client: Any, path: str, bounds: Bounds) -> bytes:
    with client.open_input_file(path) as file:
        before = _version(file)
        bounds.check_file(file.size())
        # Read into zeroed memory: pyarrow does not check that it received the requested number of bytes, and
        # would return uninitialized memory for an object that has become shorter.
        content = bytearray(file.size())
        with memoryview(content) as view:
            for start in range(0, len(content), _CHUNK):
                file.readinto(view[start : start + _CHUNK])
    with client.open_input_file(path) as file:
        after = _version(file)
    if before != after:
        raise MessageError(
            "bad_file", "changed while it was read: send the message again when the object is complete"
        )
    return bytes(content)


def _version(file: Any) -> tuple[Any, ...]:
    metadata = file.metadata()
    return file.size(), metadata.get("ETag"), metadata.get("Last-Modified")


@lru_cache(maxsize=1)
def _client(access: S3Access) -> Any:
    from pyarrow import fs

    options: dict[str, Any] = {}
    if access.endpoint is not None:
        scheme, _, options["endpoint_override"] = access.endpoint.partition("://")
        options["scheme"] = scheme
    return fs.S3FileSystem(
        access_key=access.access_key,
        secret_key=access.secret_key,
        region=access.region,
        connect_timeout=access.timeout_s,
        request_timeout=access.timeout_s,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        **options,
    )


def _missing() -> MessageError:
    return MessageError("not_found", "no such object in the storage: check bucket and key")


def _refusal(text: str, access: S3Access) -> MessageError:
    aws_error = _AWS_ERROR.search(text)
    name = aws_error[1] if aws_error else ""
    status = _HTTP_STATUS.search(text)
    service = access.endpoint or f"the S3 of {access.region}"
    if name in _MISSING:
        return _missing()
    if name in _DENIED:
        return MessageError(
            "access_denied",
            f"{service} denies access to this job ({name}): check uploads.s3.access_key and secret_key, and"
            " their permissions",
        )
    if name == "REQUEST_TIMEOUT" or "curlCode: 28" in text:
        return MessageError("fetch_timeout", f"{service} did not respond in time: send the message again")
    if name in _UNREACHABLE or (status and status[1].startswith("5")):
        return MessageError(
            "storage_unreachable",
            f"{service} is unavailable ({text[-200:]}): check uploads.s3.endpoint and send the message again",
        )
    return MessageError("storage_failed", f"{service}: {text[:300]}; check uploads.s3")
