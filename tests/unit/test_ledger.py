"""The ledger: nothing lost between processes, and clear words when it cannot be used."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tdaflink.adapters.ledger import Ledger
from tdaflink.domain.errors import TdaflinkError

WRITER = """
import sys
from pathlib import Path
from tdaflink.adapters.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for i in range(50):
    ledger.intend(f"{sys.argv[2]}-{i}", "name", "http://x", "hash", {"a": i}, "me@here")
    ledger.conclude(f"{sys.argv[2]}-{i}", "submitted")
"""


def rows(folder: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(folder / "ledger.db") as db:
        return list(db.execute("SELECT job_id, state FROM submissions ORDER BY job_id"))


def test_four_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(i)]) for i in range(4)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    assert len(rows(tmp_path)) == 200
    assert {state for _, state in rows(tmp_path)} == {"submitted"}


def test_an_intention_is_on_disk_before_its_outcome(tmp_path: Path) -> None:
    Ledger(tmp_path).intend("id", "name", "http://x", "hash", None, "me@here")
    assert rows(tmp_path) == [("id", "submitting")]


def test_uploads_are_remembered_by_cluster_and_content(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.remember_upload("http://a", "hash", "/up/1_x.jar")
    assert ledger.uploaded_path("http://a", "hash") == "/up/1_x.jar"
    assert ledger.uploaded_path("http://b", "hash") is None


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"this is no database, and it is long enough to be read as one" * 50)
    with pytest.raises(TdaflinkError, match=r"ledger\.db cannot be used: file is not a database"):
        Ledger(tmp_path).uploaded_path("http://a", "hash")


def test_a_newer_ledger_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(TdaflinkError, match="newer tdaflink"):
        Ledger(tmp_path).uploaded_path("http://a", "hash")


def test_kept_bundles_are_named_by_content(tmp_path: Path) -> None:
    path = Ledger(tmp_path).keep_bundle("tdaflink-abc.jar", b"bytes")
    assert path.read_bytes() == b"bytes"
    assert Ledger(tmp_path).keep_bundle("tdaflink-abc.jar", b"bytes") == path
