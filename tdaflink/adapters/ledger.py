"""The ledger: what was submitted and done to jobs from here, kept in SQLite beside the environment."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tdaflink.adapters.folders import make_folder, writing
from tdaflink.adapters.ledger_schema import migrate
from tdaflink.domain.errors import Locked, TdaflinkError
from tdaflink.domain.ledger import (
    Action,
    Git,
    JobSpec,
    Operation,
    OperationStep,
    SavepointRecord,
    Version,
)

_BUSY_SECONDS = 10.0
_SUBMISSION = "job_id, name, rest_url, bundle_sha256, submitter, state, created_at, document"


class Ledger:
    """Safe for several processes at once; every change is one transaction."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "ledger.db"

    # -- versions

    def intend(self, version: Version) -> None:
        """Write down a submission before it is made, so that a job can always be traced to its maker.

        One that is known already stays as it is.
        """
        document = {
            "spec": None if version.spec is None else asdict(version.spec),
            "action": version.action,
            "savepoint": version.savepoint,
            "origin": version.origin,
            "tdaflink": version.tdaflink,
        }
        settings = None if version.spec is None else version.spec.settings
        with self._transaction() as db:
            db.execute(
                f"INSERT OR IGNORE INTO submissions ({_SUBMISSION}, settings)"  # noqa: S608 - a constant
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    version.job_id,
                    version.name,
                    version.rest_url,
                    version.bundle_sha256,
                    version.submitter,
                    version.state,
                    version.created_at or time.time(),
                    json.dumps(document, sort_keys=True),
                    None if settings is None else json.dumps(settings, sort_keys=True),
                ),
            )

    def conclude(self, job_id: str, state: str) -> None:
        """Write down how a submission ended: submitted, refused or failed."""
        with self._transaction() as db:
            db.execute("UPDATE submissions SET state = ? WHERE job_id = ?", (state, job_id))

    def versions(self, name: str | None = None) -> list[Version]:
        """All submissions, or those of one name, the oldest first, numbered by name unless refused."""
        query = f"SELECT {_SUBMISSION} FROM submissions ORDER BY created_at, rowid"  # noqa: S608 - likewise
        with self._transaction() as db:
            found = [_version(row) for row in db.execute(query)]
        numbered, counts = [], dict[str, int]()
        for version in found:
            taken = version.state != "refused"
            counts[version.name] = counts.get(version.name, 0) + taken
            numbered.append(replace(version, number=counts[version.name] if taken else 0))
        return [version for version in numbered if name in (None, version.name)]

    def version(self, job_id: str) -> Version | None:
        """The submission that made a job."""
        return next((version for version in self.versions() if version.job_id == job_id), None)

    # -- operations

    def save_operation(self, operation: Operation) -> None:
        """Write down where an operation stands; a step that is new is added to its steps."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO operations VALUES (?, ?, ?, ?, ?)",
                (
                    operation.id,
                    operation.name,
                    operation.outcome,
                    json.dumps(asdict(operation), sort_keys=True),
                    operation.created_at,
                ),
            )
            query = "SELECT number, step FROM operation_steps WHERE operation_id = ? ORDER BY number DESC"
            number, step = db.execute(query, (operation.id,)).fetchone() or (0, "")
            if step != operation.step:
                values = (operation.id, number + 1, operation.step, time.time())
                db.execute("INSERT INTO operation_steps VALUES (?, ?, ?, ?)", values)

    def operations(self, name: str | None = None, *, under_way: bool = False) -> list[Operation]:
        """Operations, the oldest first; `under_way` leaves out those that have ended."""
        with self._transaction() as db:
            rows = db.execute("SELECT document FROM operations ORDER BY created_at, rowid").fetchall()
        found = [_operation(json.loads(text)) for (text,) in rows]
        return [
            operation
            for operation in found
            if name in (None, operation.name) and not (under_way and operation.outcome)
        ]

    def operation_steps(self, operation_id: str) -> list[OperationStep]:
        """The steps of an operation in order."""
        query = "SELECT * FROM operation_steps WHERE operation_id = ? ORDER BY number"
        with self._transaction() as db:
            return [OperationStep(*row) for row in db.execute(query, (operation_id,))]

    # -- savepoints and actions

    def remember_savepoint(self, record: SavepointRecord) -> None:
        """Write down whose savepoint lies where."""
        values = (record.path, record.job_id, record.name, record.created_at)
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO savepoints VALUES (?, ?, ?, ?)", values)

    def forget_savepoint(self, path: str) -> None:
        """Take a savepoint that was removed off the list."""
        with self._transaction() as db:
            db.execute("DELETE FROM savepoints WHERE path = ?", (path,))

    def savepoints(self) -> list[SavepointRecord]:
        """The savepoints that were asked for from here, the oldest first."""
        with self._transaction() as db:
            query = "SELECT path, job_id, name, created_at FROM savepoints ORDER BY created_at"
            return [SavepointRecord(*row) for row in db.execute(query)]

    def note(self, action: Action) -> None:
        """Write down a control action."""
        detail = json.dumps(dict(action.detail), sort_keys=True)
        values = (
            action.at,
            action.action,
            action.outcome,
            action.job_id,
            action.name,
            action.submitter,
            detail,
        )
        with self._transaction() as db:
            db.execute("INSERT INTO actions VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def actions(self, name: str | None = None) -> list[Action]:
        """Control actions, the newest first."""
        with self._transaction() as db:
            rows = db.execute("SELECT * FROM actions ORDER BY at DESC, rowid DESC").fetchall()
        found = [
            Action(at, action, outcome, job_id, job, submitter, json.loads(detail))
            for at, action, outcome, job_id, job, submitter, detail in rows
        ]
        return [action for action in found if name in (None, action.name)]

    # -- bundles

    def uploaded_path(self, rest_url: str, bundle_sha256: str) -> str | None:
        """Where an earlier upload of the same bundle lies on that JobManager."""
        with self._transaction() as db:
            query = "SELECT path FROM uploads WHERE rest_url = ? AND bundle_sha256 = ?"
            row = db.execute(query, (rest_url, bundle_sha256)).fetchone()
        return str(row[0]) if row else None

    def remember_upload(self, rest_url: str, bundle_sha256: str, path: str) -> None:
        """Remember where a bundle was uploaded to."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?)", (rest_url, bundle_sha256, path))

    def other_uploads(self, rest_url: str, bundle_sha256: str) -> dict[str, str]:
        """Hash and path of every further bundle that was uploaded to that JobManager."""
        with self._transaction() as db:
            query = "SELECT bundle_sha256, path FROM uploads WHERE rest_url = ? AND bundle_sha256 != ?"
            return dict(db.execute(query, (rest_url, bundle_sha256)).fetchall())

    def forget_upload(self, rest_url: str, bundle_sha256: str) -> None:
        """Forget where a bundle was uploaded to."""
        with self._transaction() as db:
            query = "DELETE FROM uploads WHERE rest_url = ? AND bundle_sha256 = ?"
            db.execute(query, (rest_url, bundle_sha256))

    def keep_bundle(self, name: str, content: bytes) -> Path:
        """Keep a bundle by its content beside the ledger, so that it can be submitted again."""
        path = self._folder / "bundles" / name
        if not path.exists():
            make_folder(path.parent)
            part = path.with_suffix(f".{time.monotonic_ns()}.part")
            with writing(part):
                part.write_bytes(content)
                part.replace(path)
        return path

    def bundle(self, name: str) -> bytes | None:
        """The bytes of a bundle that was kept."""
        path = self._folder / "bundles" / name
        return path.read_bytes() if path.is_file() else None

    @contextmanager
    def working_on(self, name: str) -> Iterator[None]:
        """Change the jobs of a name alone; the right ends with the process. Raises `Locked` at once."""
        from filelock import FileLock, Timeout

        folder = make_folder(self._folder / "operations")
        try:
            with FileLock(folder / f"{name}.lock", timeout=0):
                yield
        except Timeout:
            raise Locked(
                f"another tdaflink is at work on {name}",
                hint="wait for it, or stop it: tdaflink upgrade --resume then goes on",
            ) from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # A config may hold a password in plain text by mistake: nobody else reads it here.
            self._path.touch(mode=0o600)
            db = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                migrate(db)
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            finally:
                db.close()
        except (sqlite3.Error, OSError) as error:
            raise TdaflinkError(
                f"the ledger {self._path} cannot be used: {error}",
                hint="free the disk or mend the permissions; a damaged ledger may be moved away",
            ) from error


def _version(row: tuple[Any, ...]) -> Version:
    *columns, text = row
    job_id, name, rest_url, sha256, submitter, state, created_at = columns
    more: Mapping[str, Any] = json.loads(text) if text else {}
    return Version(
        job_id,
        name,
        rest_url,
        sha256,
        submitter,
        spec=_spec(more.get("spec")),
        state=state,
        action=more.get("action", "submit"),
        savepoint=more.get("savepoint"),
        origin=more.get("origin"),
        tdaflink=more.get("tdaflink", ""),
        created_at=created_at,
    )


def _spec(values: Mapping[str, Any] | None) -> JobSpec | None:
    if values is None:
        return None
    git = values.get("git")
    return JobSpec(**{**values, "args": tuple(values["args"]), "git": Git(**git) if git else None})


def _operation(values: Mapping[str, Any]) -> Operation:
    return Operation(**{**values, "target": _spec(values["target"])})
