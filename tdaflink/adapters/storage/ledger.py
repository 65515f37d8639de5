"""The ledger: submissions and control actions of this command, in SQLite in the environment's folder."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from tdaflink.adapters.storage.ledger_migrations import migrate
from tdaflink.adapters.storage.paths import ensure_dir, map_write_errors, require_own
from tdaflink.adapters.storage.user_files import MEBIBYTE, read_bytes
from tdaflink.domain.errors import Locked, TdaflinkError
from tdaflink.domain.jobs.history import AuditEntry, Operation, OperationStep, SavepointRecord, Version
from tdaflink.domain.saved_values import from_values

_BUSY_SECONDS = 10.0
_SUBMISSION = "job_id, name, rest_url, bundle_sha256, submitter, state, created_at, document"

_STEPS = "SELECT operation_id, number, step, at FROM operation_steps WHERE operation_id = ? ORDER BY number"
_BUNDLE = re.compile(r"tdaflink-([0-9a-f]{24})\.jar")
_LARGEST_BUNDLE = 128 * MEBIBYTE
Row = TypeVar("Row")


class Ledger:
    """The ledger of one environment. Safe for several processes; every change is one transaction."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "ledger.db"

    # -- versions

    def record_submission(self, version: Version) -> None:
        """Record a submission before it is made, so that a job can always be traced to its submitter.

        A recorded submission is not changed.
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

    def finish_submission(self, job_id: str, state: str) -> None:
        """Record the outcome of a submission: submitted, refused or failed."""
        with self._transaction() as db:
            db.execute("UPDATE submissions SET state = ? WHERE job_id = ?", (state, job_id))

    def versions(self, name: str | None = None) -> list[Version]:
        """Return all submissions or those of one name, the oldest first, numbered by name unless refused."""
        query = f"SELECT {_SUBMISSION} FROM submissions ORDER BY created_at, rowid"  # noqa: S608 - likewise
        with self._transaction() as db:
            submissions = [self._read(Version, _version_of, row) for row in db.execute(query)]
        numbered, counts = [], dict[str, int]()
        for version in submissions:
            taken = version.state != "refused"
            counts[version.name] = counts.get(version.name, 0) + taken
            numbered.append(replace(version, number=counts[version.name] if taken else 0))
        return [version for version in numbered if name in (None, version.name)]

    def version(self, job_id: str) -> Version | None:
        """Return the submission of a job."""
        return next((version for version in self.versions() if version.job_id == job_id), None)

    # -- operations

    def save_operation(self, operation: Operation) -> None:
        """Save the state of an operation; a new step is added to its steps."""
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
            rows = db.execute(_STEPS, (operation.id,)).fetchall()
            steps = [self._read(OperationStep, _columns_of(OperationStep), row) for row in rows]
            last = steps[-1] if steps else OperationStep(operation.id, 0, "", 0.0)
            if last.step != operation.step:
                values = (operation.id, last.number + 1, operation.step, time.time())
                db.execute("INSERT INTO operation_steps VALUES (?, ?, ?, ?)", values)

    def operations(self, name: str | None = None, *, under_way: bool = False) -> list[Operation]:
        """Return operations, the oldest first; with `under_way`, only those that have not ended."""
        with self._transaction() as db:
            rows = db.execute("SELECT document FROM operations ORDER BY created_at, rowid").fetchall()
        operations = [self._read(Operation, _document_of, row) for row in rows]
        return [
            operation
            for operation in operations
            if name in (None, operation.name) and not (under_way and operation.outcome)
        ]

    def operation_steps(self, operation_id: str) -> list[OperationStep]:
        """Return the steps of an operation in order."""
        with self._transaction() as db:
            rows = db.execute(_STEPS, (operation_id,)).fetchall()
        return [self._read(OperationStep, _columns_of(OperationStep), row) for row in rows]

    # -- savepoints and actions

    def remember_savepoint(self, record: SavepointRecord) -> None:
        """Record the path of a job's savepoint."""
        values = (record.path, record.job_id, record.name, record.created_at)
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO savepoints VALUES (?, ?, ?, ?)", values)

    def forget_savepoint(self, path: str) -> None:
        """Remove the record of a removed savepoint."""
        with self._transaction() as db:
            db.execute("DELETE FROM savepoints WHERE path = ?", (path,))

    def savepoints(self) -> list[SavepointRecord]:
        """Return the savepoints that were requested by this command, the oldest first."""
        with self._transaction() as db:
            query = "SELECT path, job_id, name, created_at FROM savepoints ORDER BY created_at"
            rows = db.execute(query).fetchall()
        return [self._read(SavepointRecord, _columns_of(SavepointRecord), row) for row in rows]

    def note(self, action: AuditEntry) -> None:
        """Record a control action."""
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

    def actions(self, name: str | None = None) -> list[AuditEntry]:
        """Return control actions, the newest first."""
        with self._transaction() as db:
            rows = db.execute("SELECT * FROM actions ORDER BY at DESC, rowid DESC").fetchall()
        actions = [self._read(AuditEntry, _action_of, row) for row in rows]
        return [action for action in actions if name in (None, action.name)]

    # -- bundles

    def uploaded_path(self, rest_url: str, bundle_sha256: str) -> str | None:
        """Return the path of an earlier upload of the same bundle on that JobManager."""
        with self._transaction() as db:
            query = "SELECT path FROM uploads WHERE rest_url = ? AND bundle_sha256 = ?"
            row = db.execute(query, (rest_url, bundle_sha256)).fetchone()
        return str(row[0]) if row else None

    def remember_upload(self, rest_url: str, bundle_sha256: str, path: str) -> None:
        """Record the path of an uploaded bundle."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?)", (rest_url, bundle_sha256, path))

    def other_uploads(self, rest_url: str, bundle_sha256: str) -> dict[str, str]:
        """Return hash and path of all other bundles that were uploaded to that JobManager."""
        with self._transaction() as db:
            query = "SELECT bundle_sha256, path FROM uploads WHERE rest_url = ? AND bundle_sha256 != ?"
            rows = db.execute(query, (rest_url, bundle_sha256)).fetchall()
        return {str(sha256): str(path) for sha256, path in rows}

    def forget_upload(self, rest_url: str, bundle_sha256: str) -> None:
        """Remove the record of an uploaded bundle."""
        with self._transaction() as db:
            query = "DELETE FROM uploads WHERE rest_url = ? AND bundle_sha256 = ?"
            db.execute(query, (rest_url, bundle_sha256))

    def keep_bundle(self, name: str, content: bytes) -> Path:
        """Save a bundle by a name from its content in the ledger's folder, for later submissions."""
        path = self._folder / "bundles" / name
        if not path.exists():
            ensure_dir(path.parent)
            part = path.with_suffix(f".{time.monotonic_ns()}.part")
            with map_write_errors(part):
                part.write_bytes(content)
                part.replace(path)
        return path

    def bundle(self, name: str) -> bytes | None:
        """Return a saved bundle; None if it is missing or its content does not match the hash in its name."""
        path = self._folder / "bundles" / name
        if Path(name).name != name or not path.is_file():
            return None
        require_own(path, f"move it away: tdaflink submit recreates {name}")
        content = read_bytes(path, "bundle", limit=_LARGEST_BUNDLE)
        named = _BUNDLE.fullmatch(name)
        if named and not hashlib.sha256(content).hexdigest().startswith(named[1]):
            return None
        return content

    @contextmanager
    def lock_job(self, name: str) -> Iterator[None]:
        """Hold the lock for changes to the jobs of a name, at most until this process ends.

        Raises `Locked` immediately if another process holds it.
        """
        from filelock import FileLock, Timeout

        folder = ensure_dir(self._folder / "operations")
        try:
            with FileLock(folder / f"{name}.lock", timeout=0):
                yield
        except Timeout:
            raise Locked(
                f"another tdaflink is at work on {name}",
                hint="wait for it, or stop it and continue with tdaflink upgrade --resume",
            ) from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            ensure_dir(self._folder)
            # A config may contain a password in plain text by mistake: other users may not read it here.
            self._path.touch(mode=0o600)
            if not self._path.is_file():
                raise self._unusable("it is not a file")
            db = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                migrate(db)
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            finally:
                db.close()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise self._unusable(str(error)) from error
            raise Locked(
                f"another process has locked the ledger {self._path} for more than {_BUSY_SECONDS:g} s",
                hint="wait for it or stop it, then try again",
            ) from None
        except (sqlite3.Error, OSError, OverflowError, UnicodeError) as error:
            raise self._unusable(str(error)) from error

    def _read(self, kind: type[Row], form: Callable[[Sequence[Any]], Any], row: Sequence[Any]) -> Row:
        """Convert a row. Raises `TdaflinkError` if it is damaged or was edited."""
        try:
            return from_values(kind, form(row))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise self._unusable(f"a row is damaged: {why}") from None

    def _unusable(self, why: str) -> TdaflinkError:
        return TdaflinkError(
            f"the ledger {self._path} cannot be used: {why}",
            hint=f"free the disk or correct the permissions; a damaged ledger may be moved away: mv"
            f" '{self._path}' '{self._path}.damaged' (history and rollback then start again)",
        )


def _version_of(row: Sequence[Any]) -> dict[str, Any]:
    *columns, text = row
    more = json.loads(text) if text else {}
    return {**dict(zip(_SUBMISSION.split(", ")[:-1], columns, strict=True)), **more}


def _document_of(row: Sequence[Any]) -> Any:
    return json.loads(row[0])


def _action_of(row: Sequence[Any]) -> dict[str, Any]:
    *columns, detail = row
    names = (field.name for field in fields(AuditEntry))
    return dict(zip(names, (*columns, json.loads(detail)), strict=True))


def _columns_of(kind: type) -> Callable[[Sequence[Any]], dict[str, Any]]:
    names = [field.name for field in fields(kind)]
    return lambda row: dict(zip(names, row, strict=True))
