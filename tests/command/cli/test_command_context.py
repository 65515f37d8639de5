"""The context of a command: its environment is resolved once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.command_runner import command_environ
from support.servers.replying import replying

from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.domain.environments.environment import Endpoints, Environment

# Runs the command as `tdaflink` does, and counts how often it opens the file of the saved environment.
COUNTING = """
import atexit, sys
opened = 0
def count(event, arguments):
    global opened
    opened += event == "open" and str(arguments[0]).endswith("environment.json")
def report():
    reads = opened
    with open(REPORT_TO, "w") as file:
        file.write(str(reads))
sys.addaudithook(count)
atexit.register(report)
from tdaflink.__main__ import main
main()
"""
REPLIES = {
    "/jobs/overview": {"jobs": []},
    "/overview": {"taskmanagers": 1, "slots-total": 4, "slots-available": 4, "flink-version": "2.2.1"},
    "/jobmanager/config": [],
}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("list",), 0),
        (("status",), 0),
        (("history",), 0),
        (("config", "show"), 0),
        (("submit", "--job", "job.py", "--dry-run"), 0),
        (
            ("submit", "--job", "job.py", "--from", "latest"),
            4,
        ),  # no state exists
        (("upgrade", "tda"), 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_command_reads_its_environment_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int
) -> None:
    monkeypatch.setenv("TDAFLINK_STATE_DIR", str(tmp_path))
    with replying(REPLIES) as url:
        endpoints = Endpoints(url, "127.0.0.1:1", "127.0.0.1:1")
        store = EnvironmentStore()
        store.save(Environment("theirs", "external", "external", endpoints, sys.executable))
        store.use("theirs")
        (tmp_path / "job.py").write_text("print()\n")
        report = tmp_path / "reads.txt"
        done = subprocess.run(
            [sys.executable, "-c", f"REPORT_TO = {str(report)!r}\n{COUNTING}", *words, "-o", "json"],
            capture_output=True,
            text=True,
            timeout=60,
            env=command_environ(tmp_path),
            cwd=tmp_path,
        )
    assert (done.returncode, report.read_text()) == (code, "1"), done.stderr
