"""The ledger: no loss between processes, and clear errors when it cannot be used."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tdaflink.adapters.storage.ledger import Ledger
from tdaflink.adapters.storage.ledger_migrations import MIGRATIONS
from tdaflink.domain.errors import Locked, TdaflinkError
from tdaflink.domain.jobs.history import AuditEntry, Git, JobSpec, Operation, SavepointRecord, Version

WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from tdaflink.adapters.storage.ledger import Ledger
from tdaflink.domain.jobs.history import Version
ledger = Ledger(Path(sys.argv[1]))
for i in range(50):
    ledger.record_submission(Version(f"{sys.argv[2]}-{i}", "name", "http://x", "hash", "me@here"))
    ledger.finish_submission(f"{sys.argv[2]}-{i}", "submitted")
"""


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "ledger.db")) as db, db:
        yield db


def rows(folder: Path) -> list[tuple[str, str]]:
    with database(folder) as db:
        return list(db.execute("SELECT job_id, state FROM submissions ORDER BY job_id"))


def test_four_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(i)]) for i in range(4)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    assert len(rows(tmp_path)) == 200
    assert {state for _, state in rows(tmp_path)} == {"submitted"}


def test_an_intention_is_on_disk_before_its_outcome(tmp_path: Path) -> None:
    Ledger(tmp_path).record_submission(Version("id", "name", "http://x", "hash", "me@here"))
    assert rows(tmp_path) == [("id", "submitting")]


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    Ledger(tmp_path).note(AuditEntry(1.0, "submit", "done", "id", "one", "me"))
    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("ledger.db*")} == {0}


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
    with database(tmp_path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(TdaflinkError, match="newer tdaflink"):
        Ledger(tmp_path).uploaded_path("http://a", "hash")


def test_kept_bundles_are_named_by_content(tmp_path: Path) -> None:
    path = Ledger(tmp_path).keep_bundle("tdaflink-abc.jar", b"bytes")
    assert path.read_bytes() == b"bytes"
    assert Ledger(tmp_path).keep_bundle("tdaflink-abc.jar", b"bytes") == path
    assert Ledger(tmp_path).bundle("tdaflink-abc.jar") == b"bytes"
    assert Ledger(tmp_path).bundle("tdaflink-def.jar") is None


SPEC = JobSpec(
    "tdaflink-abc.jar",
    "abc",
    "main",
    2,
    {"schema": 1},
    ("--fast",),
    {"pipeline.name": "x"},
    {"parallelism": 2},
    Git("0123", "main", True),
)


def test_versions_are_numbered_by_name_and_come_back_as_they_were_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for number, name in enumerate(["one", "two", "one"]):
        written = Version(f"id-{number}", name, "http://x", "abc", "me@here", spec=SPEC, savepoint="/s")
        ledger.record_submission(written)
        ledger.finish_submission(written.job_id, "submitted")
    ledger.record_submission(Version("id-0", "one", "http://x", "abc", "somebody else"))
    assert [(v.job_id, v.number, v.submitter) for v in ledger.versions("one")] == [
        ("id-0", 1, "me@here"),
        ("id-2", 2, "me@here"),
    ]
    found = ledger.version("id-2")
    assert found is not None
    assert (found.spec, found.savepoint, found.state) == (SPEC, "/s", "submitted")


def test_a_ledger_of_the_first_release_keeps_its_submissions(tmp_path: Path) -> None:
    with database(tmp_path) as db:
        db.executescript(MIGRATIONS[0])
        db.execute(
            "INSERT INTO submissions VALUES ('id', 'one', 'http://x', 'abc', '{}', 'me', 'submitted', 5.0)"
        )
        db.execute("PRAGMA user_version = 1")
    (found,) = Ledger(tmp_path).versions("one")
    assert (found.job_id, found.number, found.spec, found.created_at) == ("id", 1, None, 5.0)


def test_an_operation_remembers_each_step_once_and_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    one = Operation("op", "upgrade", "one", "http://x", "me", "id-0", SPEC, "savepoint", 60.0, created_at=1.0)
    ledger.save_operation(one)
    for change in ({"step": "stopping"}, {"trigger_id": "t"}, {"step": "submitting", "snapshot": "/s"}):
        one = replace(one, **change)
        ledger.save_operation(one)
    assert ledger.operations(under_way=True) == [one]
    assert [step.step for step in ledger.operation_steps("op")] == ["planned", "stopping", "submitting"]
    ledger.save_operation(replace(one, step="ended", outcome="done"))
    assert ledger.operations("one", under_way=True) == []
    assert [found.outcome for found in ledger.operations("one")] == ["done"]


def test_savepoints_and_actions_come_back(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.remember_savepoint(SavepointRecord("file:///s", "id", "one", 3.0))
    ledger.note(AuditEntry(1.0, "submit", "done", "id", "one", "me", {"parallelism": 2}))
    ledger.note(AuditEntry(2.0, "stop", "done", "id", "one", "me"))
    assert ledger.savepoints() == [SavepointRecord("file:///s", "id", "one", 3.0)]
    assert [action.action for action in ledger.actions("one")] == ["stop", "submit"]
    assert ledger.actions("one")[1].detail == {"parallelism": 2}
    assert ledger.actions("two") == []
    ledger.forget_savepoint("file:///s")
    assert ledger.savepoints() == []


def test_two_do_not_change_the_same_job_at_once(tmp_path: Path) -> None:
    with Ledger(tmp_path).lock_job("one"):
        with Ledger(tmp_path).lock_job("two"):
            pass
        with pytest.raises(Locked, match="at work on one"), Ledger(tmp_path).lock_job("one"):
            pass
    with Ledger(tmp_path).lock_job("one"):
        pass
