"""The ledger's tables: each migration raises their version from its index by one; the list is append-only."""

from __future__ import annotations

import sqlite3

MIGRATIONS = (
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
    # Values in queries are columns; all others are one JSON text.
    """
    ALTER TABLE submissions ADD COLUMN document TEXT;
    CREATE INDEX submissions_by_name ON submissions (name, created_at);
    CREATE TABLE operations (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        outcome TEXT NOT NULL,
        document TEXT NOT NULL,
        created_at REAL NOT NULL
    );
    CREATE TABLE operation_steps (
        operation_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        step TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (operation_id, number)
    );
    CREATE TABLE savepoints (
        path TEXT PRIMARY KEY,
        job_id TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at REAL NOT NULL
    );
    CREATE TABLE actions (
        at REAL NOT NULL,
        action TEXT NOT NULL,
        outcome TEXT NOT NULL,
        job_id TEXT NOT NULL,
        name TEXT NOT NULL,
        submitter TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    """,
)


def migrate(db: sqlite3.Connection) -> None:
    """Migrate the database to the newest version. Raises `sqlite3.DatabaseError` if its version is newer."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == len(MIGRATIONS):
        return
    if version > len(MIGRATIONS):
        raise sqlite3.DatabaseError("it was written by a newer tdaflink: upgrade tdaflink")
    db.execute("PRAGMA journal_mode = WAL")
    # The lock is taken before the version is read again: two concurrent first users migrate once.
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    for migration in MIGRATIONS[version:]:
        for statement in migration.split(";"):
            if statement.strip():
                db.execute(statement)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    db.execute("COMMIT")
