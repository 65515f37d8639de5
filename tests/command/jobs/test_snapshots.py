"""Checkpoints and savepoints in a storage: only complete ones count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tdaflink.adapters.storage.state_storage import LocalFiles, state_files
from tdaflink.domain.errors import UsageError
from tdaflink.domain.jobs.state_snapshots import MAGIC, canonical, found_snapshots
from tdaflink.services.jobs.state_snapshots import age

JOB = "c48cca565a9c021894685268a48beeb7"


@pytest.mark.parametrize("spelt", ["/a/b", "/a/b/", "file:/a/b", "file:///a/b/"])
def test_a_place_has_one_spelling(spelt: str) -> None:
    assert canonical(spelt) == "file:///a/b"
    assert canonical("s3://bucket/a/") == "s3://bucket/a"


def test_only_what_has_its_metadata_is_a_snapshot(tmp_path: Path) -> None:
    root = tmp_path / "checkpoints"
    for number in (4, 5):
        folder = root / JOB / f"chk-{number}"
        folder.mkdir(parents=True)
        (folder / "state").write_bytes(b"x" * 10)
    (root / JOB / "shared").mkdir()
    (root / JOB / "shared" / "sst").write_bytes(b"x" * 99)
    complete = root / JOB / "chk-4" / "_metadata"
    complete.write_bytes(MAGIC + b"rest")
    os.utime(complete, (7.0, 7.0))
    files = LocalFiles()
    (found,) = found_snapshots(f"file://{root}", "checkpoint", files.walk(f"file://{root}"))
    assert (found.path, found.job, found.created_at) == (f"file://{root}/{JOB}/chk-4", JOB, 7.0)
    assert found.size_bytes == 10 + len(MAGIC) + 4
    assert files.head(f"{found.path}/_metadata", 4) == MAGIC
    files.remove(found.path)
    assert found_snapshots(f"file://{root}", "checkpoint", files.walk(f"file://{root}")) == []


def test_a_storage_that_is_not_there_is_empty(tmp_path: Path) -> None:
    files = LocalFiles()
    assert files.walk(f"file://{tmp_path}/gone") == []
    assert files.head(f"file://{tmp_path}/gone/_metadata", 4) == b""


def test_a_storage_of_another_kind_is_named() -> None:
    with pytest.raises(UsageError, match=r"hdfs://x/y: tdaflink lists checkpoints below file:// and s3://"):
        state_files("hdfs://x/y", {})


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "3 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_ages_are_told_in_the_largest_unit_that_fits(seconds: float, words: str) -> None:
    assert age(seconds) == words
