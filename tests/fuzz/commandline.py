"""Runs the command in this process, with a deadline per call and a folder that the call may use."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from tdaflink.cli.app import app, load
from tdaflink.display import console

# Allowed exit codes: done, error, usage, unreachable, not found, job failed, timed out, unhealthy.
FORESEEN = {0, 1, 2, 3, 4, 5, 6, 10}
SECONDS = 60.0
MEMORY = 2 * 2**30
# No process listens on port 1: the system refuses the connection immediately.
NOWHERE = "127.0.0.1:1"
_VARIABLES = (
    "TDA_ENVIRONMENT",
    "FLINK_REST_URL",
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_BOOTSTRAP_SERVERS_CLUSTER",
    "SCHEMA_REGISTRY_URL",
    "COLUMNS",
)


class Hang(BaseException):
    """A call exceeded its deadline."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a call."""

    code: int
    stdout: str
    stderr: str
    by_another_process: bool = False  # whose stderr is not captured

    @property
    def fault(self) -> str:
        """Return output that a user must never see; empty if there is none."""
        if "Traceback (most recent call last)" in self.stderr + self.stdout:
            return "a traceback"
        if "needs more memory than is available" in self.stderr:
            return "memory without bound"
        if self.code not in FORESEEN:
            return f"exit code {self.code}"
        if self.code and not self.stderr.strip() and not self.by_another_process:
            return "an exit code without a word"
        return ""


class CommandLine:
    """Runs the command as its entry point does."""

    def __init__(self) -> None:
        load([])
        self._command = typer.main.get_command(app)

    def call(self, *words: str, stdin: bytes = b"") -> Outcome:
        """Run the command with these words. Raises `Hang` if it does not end in time."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict") for _ in range(2))
        err.reconfigure(errors="backslashreplace")
        typed = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
        before = sys.stdin
        console.configure(output="table", verbose=False, no_color=True)  # as in a new process
        try:
            sys.stdin = typed
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _deadline(), _memory():
                code = self._ended(list(words))
        finally:
            sys.stdin = before
        return Outcome(code, _text(out), _text(err), words[:1] in (("plan",), ("apply",)))

    def _ended(self, words: list[str]) -> int:
        try:
            self._command.main(words, prog_name="tdaflink")
        except SystemExit as leaving:
            return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        return 0


def _text(stream: io.TextIOWrapper) -> str:
    with contextlib.suppress(ValueError, OSError):
        stream.flush()
    return stream.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]


@contextlib.contextmanager
def _deadline() -> Iterator[None]:
    """Raise `Hang` in the main thread after the deadline, also during a blocking system call."""

    def passed(*_: Any) -> None:
        raise Hang

    before = signal.signal(signal.SIGUSR1, passed)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(SECONDS, lambda: signal.pthread_kill(main, signal.SIGUSR1))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        signal.signal(signal.SIGUSR1, before)


@contextlib.contextmanager
def _memory() -> Iterator[None]:
    """Limit the growth of the process, so that an excessive call fails instead of the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextlib.contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """Work in a separate folder, with separate state, and without the caller's variables."""
    kept, here = dict(os.environ), Path.cwd()
    (folder / "work").mkdir(parents=True)
    for name in _VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(TDAFLINK_STATE_DIR=str(folder / "state"), NO_COLOR="1", TMPDIR=str(folder))
    os.chdir(folder / "work")
    try:
        yield folder / "work"
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(kept)


@contextlib.contextmanager
def variables(said: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the block."""
    kept = dict(os.environ)
    os.environ.update(said)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def replace_folder(source: Path, target: Path) -> None:
    """Restore `target` to the content of `source`."""
    with contextlib.suppress(FileNotFoundError):
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink()
    shutil.copytree(source, target, symlinks=True)


def described(words: tuple[str, ...], files: Mapping[str, bytes], outcome: Outcome | None) -> str:
    """Describe a failed call, so that it can be repeated by hand."""
    shown = [word if len(word) < 200 else f"{word[:200]}… ({len(word)} characters)" for word in words]
    lines = [f"tdaflink {shown!r}"]
    for name, content in files.items():
        lines.append(f"{name} ({len(content)} bytes): {content[:400]!r}")
    if outcome is not None:
        lines.append(f"{outcome.fault}: exit code {outcome.code}\n{outcome.stderr[-1500:]}")
    return "\n".join(lines)
