"""Error handling of the program: an unexpected error ends in a short message and a separate exit code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.command_runner import Runner, command_environ, command_line

from tdaflink.cli.error_handling import guarded
from tdaflink.domain.errors import NotFound


def nested(depth: int) -> int:
    return nested(depth + 1)


def ended(capsys: pytest.CaptureFixture[str], error: BaseException | None, *words: str) -> tuple[int, str]:
    """Return exit code and stderr of a call that raises `error`; None: of one that recurses endlessly."""

    def call() -> None:
        if error is None:
            nested(0)
        raise error or AssertionError

    with pytest.raises(SystemExit) as left:
        guarded(words, call)
    assert isinstance(left.value.code, int)
    return left.value.code, capsys.readouterr().err


def test_an_unforeseen_exception_is_named_and_its_traceback_shown_with_v_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, text = ended(capsys, ZeroDivisionError("by\x1b[31m zero\nsecond line"))
    assert code == 70
    assert "ZeroDivisionError: by" in text
    assert "Traceback" not in text
    assert "\x1b" not in text
    assert "docs/operations.md" in text
    code, text = ended(capsys, ZeroDivisionError("by zero"), "list", "-v")
    assert code == 70
    assert "Traceback (most recent call last)" in text


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NotFound("no such job"), 4, "no such job"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (BrokenPipeError(32, "Broken pipe"), 0, ""),
        (MemoryError(), 1, "more memory than is available"),
        (None, 2, "nested too deeply"),
        (UnicodeEncodeError("utf-8", "a\ud800", 1, 2, "surrogates not allowed"), 2, "lone surrogate"),
        (PermissionError(13, "Permission denied", "/some/file"), 1, "/some/file: Permission denied"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_is_wrong_with_the_input_or_the_machine_has_the_code_of_that(
    capsys: pytest.CaptureFixture[str], error: BaseException | None, code: int, said: str
) -> None:
    found, text = ended(capsys, error)
    assert (found, said in text, "Traceback" in text) == (code, True, False)


def test_an_argument_that_is_no_utf8_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = ended(capsys, None, "send", os.fsdecode(b"caf\xe9.csv"))
    assert code == 2
    assert "argument 2 is not UTF-8" in text
    assert "caf" in text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_standard_output_is_an_error(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command_line("config", "schema"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=command_environ(tmp_path),
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("diagnose", "--out", "folder"), "--out folder/tdaflink-theirs-"),
        (("plan", "fifo", "submit"), "plan fifo: that is a FIFO"),
        (("plan", "missing/p", "submit"), "there is no folder"),
        (("config", "init", "missing/c.json"), "there is no folder"),
        (("results", "--plot", "link.png"), "that is a FIFO"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    run_tdaflink: Runner, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link.png").symlink_to("fifo")
    # Nothing listens there: an attempt to connect would end with exit code 3.
    addresses = ("--rest-url", "http://127.0.0.1:1", "--kafka", "127.0.0.1:1", "--no-check")
    assert run_tdaflink("env", "add", "theirs", *addresses).code == 0
    ran = run_tdaflink(*words, environ={"TDA_ENVIRONMENT": "theirs"})
    assert (ran.code, said in ran.stderr) == (2, True), ran.stderr
    assert (tmp_path / "fifo").is_fifo()
    assert not (tmp_path / "missing").exists()
