"""Terminals and pipes of every kind: other encodings, closed or full outputs, unusual sizes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command_runner import Ran, Runner, command_environ, command_line, runner
from support.servers.replying import replying

from tdaflink.display import console
from tdaflink.display.environments.topics import show_lag
from tdaflink.domain.messages.topics import LagRow

JOB = {
    "jid": "a" * 32,
    "name": "tda-streaming",
    "state": "RUNNING",
    "start-time": 1_700_000_000_000,
    "duration": 3_661_000,
    "tasks": {"total": 12, "running": 12},
}
REPLIES: dict[str, Any] = {
    "/jobs/overview": {"jobs": [JOB, {**JOB, "jid": "b" * 32, "name": "naïve → ∞ 你"}]},
    "/overview": {"taskmanagers": 1, "slots-total": 4, "slots-available": 1, "flink-version": "2.2.1"},
    **{
        f"/jobs/{one * 32}": {"vertices": [{"id": "v", "name": "source", "parallelism": 2, "tasks": {}}]}
        for one in "ab"
    },
}


@pytest.fixture(scope="module")
def rest_url() -> Iterator[str]:
    """Start a JobManager with the few replies that `list` and `status` request; yield its URL."""
    with replying(REPLIES) as url:
        yield url


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def run(state: Path, rest_url: str) -> Runner:
    """Return the command with the URL of a JobManager."""
    command = runner(state)

    def called(*words: str, environ: dict[str, str] | None = None, **options: Any) -> Ran:
        return command(*words, environ={"FLINK_REST_URL": rest_url, **(environ or {})}, **options)

    return called


def in_shell(state: Path, rest_url: str, words: str, redirection: str) -> subprocess.CompletedProcess[str]:
    call = " ".join(command_line(words))
    return subprocess.run(
        ["sh", "-c", f"{call} {redirection}"],
        env=command_environ(state, FLINK_REST_URL=rest_url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_every_encoding_has_signs_for_what_is_shown(encoding: str, state: Path, rest_url: str) -> None:
    for words in (["list"], ["send", "--help"]):
        done = subprocess.run(
            command_line(*words),
            env=command_environ(
                state, PYTHONIOENCODING=encoding, FLINK_REST_URL=rest_url, PYTHONUTF8="0", COLUMNS="90"
            ),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
        text = done.stdout.decode(encoding)
        if words == ["list"]:
            shown = {"ascii": r"na\xefve -> inf \u4f60", "utf-8": "naïve → ∞ 你"}
            assert shown.get(encoding, r"naïve -> inf \u4f60") in text


@pytest.mark.parametrize("words", ["list", "status -o yaml", "send circle --dry-run", "--version", "--help"])
@pytest.mark.parametrize(
    ("redirection", "reason"), [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")]
)
def test_an_output_that_cannot_be_written_is_one_line_and_an_exit_code(
    words: str, redirection: str, reason: str, state: Path, rest_url: str
) -> None:
    done = in_shell(state, rest_url, words, redirection)
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert "standard output could not be written" in line
    assert reason in line


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_a_lost_standard_error_changes_nothing_else(redirection: str, state: Path, rest_url: str) -> None:
    done = in_shell(state, rest_url, "list -o json", redirection)
    assert (done.returncode, json.loads(done.stdout)[0]["id"]) == (0, "a" * 32)
    assert in_shell(state, rest_url, "status nowhere", redirection).returncode == 4


@pytest.mark.parametrize("columns", ["0", "-5", "nonsense", "²", "1", "99999999999999999999"])
def test_a_size_that_is_none_is_ignored(columns: str, run: Runner) -> None:
    done = run("status", environ={"COLUMNS": columns, "LINES": columns})
    assert (done.code, "Traceback" in done.stderr) == (0, False)
    assert "RUNNING" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 200


@pytest.mark.parametrize("columns", ["60", "80", "90", "200"])
def test_a_name_stays_in_one_piece(columns: str, run: Runner) -> None:
    done = run("list", environ={"COLUMNS": columns})
    rows = done.stdout.splitlines()
    assert len(rows) == 3
    assert "tda-streaming" in rows[1]
    assert "RUNNING" in rows[1]
    assert max(map(len, rows)) <= int(columns)
    assert ("STARTED" in rows[0]) == (int(columns) >= 90)


def test_topics_keep_their_names_apart_at_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    console.configure(output="table", verbose=False, no_color=True)
    topics = ("tda_stream_input", "tda_stream_output", "tda_stream_in")
    show_lag(
        [LagRow("tda-streaming", "a" * 32, topic, 123_456, 1200, 3, 6, 1234.5) for topic in topics],
        lines=False,
    )
    rows = capsys.readouterr().out.splitlines()
    assert max(map(len, rows)) <= 80
    for topic in topics:
        assert [row for row in rows if row.split()[:2] == ["tda-streaming", topic]], rows
