"""The ledger: what was submitted from here, kept in SQLite beside the environment."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tdaflink.domain.errors import TdaflinkError

_BUSY_SECONDS = 10.0
# Each entry brings the schema from its index to the next version; entries are only ever added.
_MIGRATIONS = (
    """
    CREATE TABLE submissions (
        job_id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        rest_url TEXT NOT NULL,
        bundle_sha256 TEXT NOT NULL,
        settings TEXT,
        submitter TEXT NOT NULL,
        state TEXT NOT NULL,
        created_at REAL NOT NULL
    );
    CREATE TABLE uploads (
        rest_url TEXT NOT NULL,
        bundle_sha256 TEXT NOT NULL,
        path TEXT NOT NULL,
        PRIMARY KEY (rest_url, bundle_sha256)
    );
    """,
)


class Ledger:
    """Safe for several processes at once; every change is one transaction."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "ledger.db"

    def intend(
        self,
        job_id: str,
        name: str,
        rest_url: str,
        bundle_sha256: str,
        settings: Mapping[str, Any] | None,
        submitter: str,
    ) -> None:
        """Write down a submission before it is made, so that a job can always be traced to its maker."""
        text = None if settings is None else json.dumps(settings, sort_keys=True)
        with self._transaction() as db:
            db.execute(
                "INSERT INTO submissions VALUES (?, ?, ?, ?, ?, ?, 'submitting', ?)",
                (job_id, name, rest_url, bundle_sha256, text, submitter, time.time()),
            )

    def conclude(self, job_id: str, state: str) -> None:
        """Write down how a submission ended: submitted or refused."""
        with self._transaction() as db:
            db.execute("UPDATE submissions SET state = ? WHERE job_id = ?", (state, job_id))

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

    def keep_bundle(self, name: str, content: bytes) -> Path:
        """Keep a bundle by its content beside the ledger, so that it can be submitted again."""
        path = self._folder / "bundles" / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(content)
            part.replace(path)
        return path

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                _migrate(db)
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


def _migrate(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == len(_MIGRATIONS):
        return
    if version > len(_MIGRATIONS):
        raise sqlite3.DatabaseError("it was written by a newer tdaflink: upgrade tdaflink")
    db.execute("PRAGMA journal_mode = WAL")
    # The lock is taken before the version is read again: two first users at once migrate once.
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    for migration in _MIGRATIONS[version:]:
        for statement in migration.split(";"):
            if statement.strip():
                db.execute(statement)
    db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
    db.execute("COMMIT")
