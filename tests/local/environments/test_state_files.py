"""Listing, reading and removing savepoints on a real S3 service, without Flink."""

from __future__ import annotations

import pytest
from support.servers.s3_service import BUCKET, S3Service

from tdaflink.adapters.storage.state_storage import S3Access, S3Files, s3_access
from tdaflink.domain.errors import Refused, Unreachable
from tdaflink.domain.jobs.state_snapshots import MAGIC, found_snapshots

SAVEPOINT = "savepoints/savepoint-c48cca-eeace5b4cd0b"
ROOT = f"s3://{BUCKET}/savepoints"


def test_savepoints_are_listed_read_and_removed(s3: S3Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_key)
    place = s3.put(f"{SAVEPOINT}/_metadata", MAGIC + b"rest").removesuffix("/_metadata")
    s3.put(f"{SAVEPOINT}/state", b"x" * 10)
    s3.put("savepoints/savepoint-c48cca-000000000000/state", b"incomplete")
    files = S3Files(s3_access({"s3.endpoint": s3.endpoint}))
    (found,) = found_snapshots(ROOT, "savepoint", files.walk(ROOT))
    assert (found.path, found.job, found.size_bytes) == (place, "c48cca", 10 + len(MAGIC) + 4)
    assert found.created_at > 1.7e9
    assert files.head(f"{place}/_metadata", len(MAGIC)) == MAGIC
    assert files.head(f"{place}/gone", len(MAGIC)) == b""
    files.remove(place)
    assert found_snapshots(ROOT, "savepoint", files.walk(ROOT)) == []
    assert files.walk(f"s3://{BUCKET}/nothing") == []


def test_wrong_keys_and_a_dead_service_say_so(s3: S3Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(Refused, match=f"S3 refused {ROOT}"):
        S3Files(s3_access({"s3.endpoint": s3.endpoint})).walk(ROOT)
    with pytest.raises(Unreachable, match="no S3 service answers"):
        S3Files(S3Access("http://127.0.0.1:1")).walk(ROOT)
