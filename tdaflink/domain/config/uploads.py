"""Settings of the upload route: allowed files and their storage."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from tdaflink.domain.config.fields import Bytes, Model, Reference, Seconds, Secret

_BUCKET = r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}"
_PART = r"(?:[^/?#%\x00-\x1f\x7f]|%[0-9A-Fa-f]{2})+"
_ROOT = re.compile(rf"(?:file://(?:/{_PART})+|s3://{_BUCKET}(?:/{_PART})*)/?")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?")


def _root(uri: str) -> str:
    if not _ROOT.fullmatch(uri) or {".", ".."} & set(uri.split("/")):
        raise ValueError(
            "a root is a folder, such as file:///data/, or a bucket or prefix, such as s3://bucket/prefix/"
        )
    return uri


def _endpoint(address: str) -> str:
    if not _ENDPOINT.fullmatch(address):
        raise ValueError("an endpoint is http:// or https:// and a host, such as http://storage:9000")
    return address


class S3(Model):
    """The S3 storage, as the cluster sees it."""

    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        default=None,
        description="Address of an S3 service such as http://storage:9000. Default: that of the region.",
    )
    region: str = Field(default="us-east-1", min_length=1)
    access_key: str | Reference | None = Field(
        default=None, description="Access key. Default: the credentials of the workers' environment."
    )
    secret_key: Secret | None = Field(
        default=None,
        description='Reference that the cluster resolves: {"$env": NAME} or {"$file": PATH}.',
    )

    @model_validator(mode="after")
    def _both_keys(self) -> S3:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key must be given together: give both or none")
        return self


class Uploads(Model):
    """Files that messages of the upload route may refer to."""

    roots: list[Annotated[str, AfterValidator(_root)]] = Field(
        default_factory=list,
        description="Folders and buckets whose files may be read; none: no file is read.",
    )
    max_bytes: Bytes = Field(
        default=64 * 2**20, ge=1, le=2**30, description="Largest size of a file, and of its unpacked content."
    )
    timeout: Seconds = Field(default=30.0, gt=0, le=3600, description="Limit for reading one file.")
    s3: S3 = Field(default_factory=S3, description="Storage of s3:// files.")
