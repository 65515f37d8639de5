"""Locations of uploads: strict parsing of URIs, and the roots below which files may be read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from posixpath import normpath
from urllib.parse import unquote

from tdaformats.errors import MessageError

SCHEMES = ("file", "s3")
MAX_URI = 2048  # characters
_SHOWN = 200
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class UploadUri:
    """A file or a folder. `path` is absolute for `file`, where `bucket` is empty, and the key for `s3`."""

    scheme: str
    bucket: str
    path: str

    def holds(self, other: UploadUri) -> bool:
        """Return whether `other` is below this folder, judged by the names alone."""
        folder = self.path if not self.path or self.path.endswith("/") else f"{self.path}/"
        alike = (self.scheme, self.bucket) == (other.scheme, other.bucket)
        return alike and other.path.startswith(folder)


def parse_uri(uri: str) -> UploadUri:
    """Parse the URI of a file; raises MessageError `bad_uri`, or `forbidden_uri` for another scheme."""
    place = _place(uri)
    if not place.path or place.path.endswith("/"):
        raise _bad(uri, "names no file: end it with the file's name")
    return place


def parse_root(uri: str) -> UploadUri:
    """Parse the URI of a folder or a bucket; raises MessageError as `parse_uri`."""
    place = _place(uri)
    if place.scheme == "file" and not normpath(place.path).strip("/"):
        raise _bad(uri, "is the whole machine: name a folder")
    return place


def check_root(place: UploadUri, roots: Iterable[UploadUri]) -> None:
    """Raise MessageError `forbidden_uri` if the scheme or the S3 key shows that the place is below no root.

    A local path can be checked only after its links are resolved: that happens where the file is opened.
    """
    same = [root for root in roots if root.scheme == place.scheme]
    if not same or (place.scheme == "s3" and not any(root.holds(place) for root in same)):
        raise forbidden(place.scheme)


def forbidden(scheme: str) -> MessageError:
    """Return the error for a place outside all roots; its text does not reveal the roots."""
    example = "file:///data/" if scheme == "file" else "s3://bucket/prefix/"
    return MessageError(
        "forbidden_uri",
        "is in no folder that this job may read: move the file to such a folder, or add its folder to"
        f" uploads.roots in the job's config, such as {example}",
    )


def shown(uri: str) -> str:
    """Quote a URI for a message, without credentials."""
    scheme, mark, rest = uri.partition("://")
    if "@" in rest.partition("/")[0]:
        rest = f"…@{rest.rpartition('@')[2]}"
    return repr(f"{scheme}{mark}{rest}"[:_SHOWN])


def _place(uri: str) -> UploadUri:
    if len(uri) > MAX_URI:
        raise _bad(uri, f"has {len(uri)} characters, more than {MAX_URI}")
    scheme, mark, rest = uri.partition("://")
    if not mark:
        raise _bad(uri, "is no URI: begin it with file:/// or s3://bucket/")
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        raise MessageError(
            "forbidden_uri", f"{shown(uri)}: {scheme[:20]} is not read: use file:/// or s3://bucket/"
        )
    host, _, path = rest.partition("/")
    if "@" in host:
        raise _bad(uri, "holds credentials: leave them out; the job has its own in uploads.s3")
    path = _decoded(uri, path)
    return _local(uri, host, path) if scheme == "file" else _object(uri, host, path)


def _decoded(uri: str, path: str) -> str:
    if "?" in uri or "#" in uri:
        raise _bad(uri, "has a query or a fragment: in a name write ? as %3F and # as %23")
    if _BAD_ESCAPE.search(uri):
        raise _bad(uri, "has a % that begins no escape: in a name write % as %25")
    try:
        path = unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise _bad(uri, "has escapes that are not UTF-8") from None
    if _CONTROL.search(uri) or _CONTROL.search(path):
        raise _bad(uri, "has a control character")
    return path


def _local(uri: str, host: str, path: str) -> UploadUri:
    if host not in ("", "localhost"):
        raise _bad(uri, "names a host: a local file has three slashes, as in file:///data/cloud.csv")
    return UploadUri("file", "", f"/{path}")


def _object(uri: str, bucket: str, key: str) -> UploadUri:
    if not _BUCKET.fullmatch(bucket):
        raise _bad(uri, "names no bucket: write s3://bucket/key")
    # Some services resolve `a/../b` to `b`, which would defeat a check of the prefix.
    if {"", ".", ".."} & set(key.removesuffix("/").split("/")) and key:
        raise _bad(uri, "has an empty part, a . or a .. in its key: write it out")
    return UploadUri("s3", bucket, key)


def _bad(uri: str, reason: str) -> MessageError:
    return MessageError("bad_uri", f"{shown(uri)}: {reason}")
