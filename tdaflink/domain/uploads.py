"""Settings of the upload route: which files a message may name, and how they are reached."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from tdaflink.domain.fields import Bytes, Model, Reference, Seconds, Secret

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
    """Where the job finds its objects, as the cluster sees it."""

    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        default=None, description="Another service than the region's own, such as http://storage:9000."
    )
    region: str = Field(default="us-east-1", min_length=1)
    access_key: str | Reference | None = Field(
        default=None, description="Without keys: those that the workers find by themselves."
    )
    secret_key: Secret | None = Field(
        default=None, description='{"$env": NAME} or {"$file": PATH}, found on the cluster.'
    )

    @model_validator(mode="after")
    def _both_keys(self) -> S3:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key go together: give both or none")
        return self


class Uploads(Model):
    """What messages of the upload route may name."""

    roots: list[Annotated[str, AfterValidator(_root)]] = Field(
        default_factory=list, description="Folders and buckets below which files are read; none: no file is."
    )
    max_bytes: Bytes = Field(
        default=64 * 2**20, ge=1, le=2**30, description="Of a file, and of what it unpacks to."
    )
    timeout: Seconds = Field(default=30.0, gt=0, le=3600, description="To read one file, at the longest.")
    s3: S3 = Field(default_factory=S3, description="The storage of s3:// files.")
