"""The command in this process, for tests that call it hundreds of times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from tdaflink.cli.app import app, load


@dataclass(frozen=True)
class Called:
    """The outcome of a call; `crash` is an exception that the command does not handle."""

    code: int
    stdout: str
    stderr: str
    crash: BaseException | None


def call(folder: Path, *words: str, **variables: str | None) -> Called:
    """Call the command with a separate state folder; a variable of None is not set."""
    load([])
    environ = {
        "TDAFLINK_STATE_DIR": str(folder),
        "TDA_ENVIRONMENT": None,
        "COLUMNS": "120",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "SCHEMA_REGISTRY_URL": None,  # no registry
        **variables,
    }
    done = CliRunner().invoke(app, list(words), env=environ)
    crash = done.exception if not isinstance(done.exception, SystemExit) else None
    return Called(done.exit_code, done.stdout, done.stderr, crash)
