"""A pseudo-terminal for programs that draw and read keys, with pyte as the terminal emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import pyte

from tdaflink.domain.polling import poll

T = TypeVar("T")
KEYS = {"Enter": "\r", "Esc": "\x1b", "Up": "\x1b[A", "Down": "\x1b[B", "Tab": "\t", "Ctrl-C": "\x03"}
SHOW_CURSOR, LEAVE_SCREEN = b"\x1b[?25h", b"\x1b[?1049l"


class Terminal:
    """A program in a terminal: `screen()` is the visible text, `transcript` all bytes that it wrote."""

    def __init__(
        self, words: Sequence[str], environ: Mapping[str, str], folder: Path, *, columns: int, lines: int
    ) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.transcript = b""
        self._master, self._slave = pty.openpty()
        self._size(columns, lines)
        self._before = termios.tcgetattr(self._slave)
        self._process = subprocess.Popen(
            words,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
            cwd=folder,
            start_new_session=True,
            preexec_fn=self._take_terminal,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._slave)
        self._reader.join(5)
        os.close(self._master)

    def screen(self) -> str:
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def drawn(self, draw: Callable[[pyte.Screen], T]) -> T:
        """Return the result of `draw` for the screen with its colours, while nothing is written to it."""
        with self._lock:
            return draw(self._screen)

    def press(self, *keys: str) -> None:
        """Type keys, given by their names or as characters."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())

    def resize(self, columns: int, lines: int) -> None:
        with self._lock:
            self._screen.resize(lines, columns)
        self._size(columns, lines)

    def wait_for(self, wanted: str | Callable[[str], bool], seconds: float = 60) -> str:
        """Wait until the screen shows the text or meets the condition; return it."""
        seen = ""
        for _ in poll(seconds, every=0.05):
            seen = self.screen()
            if wanted in seen if isinstance(wanted, str) else wanted(seen):
                return seen
            assert self._process.poll() is None, f"ended with {self._process.returncode}:\n{seen}"
        raise AssertionError(f"{wanted} did not come within {seconds:g} s:\n{seen}")

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for the exit code and return it; the terminal must be in its original state."""
        code = self._process.wait(15)
        after = termios.tcgetattr(self._slave)
        assert after == self._before, "the terminal was not put right"
        for _ in poll(5, every=0.05):
            if self.transcript.rfind(LEAVE_SCREEN) >= 0 and self.transcript.rfind(SHOW_CURSOR) >= 0:
                return code
        raise AssertionError("the cursor or the screen before it did not come back")

    def _take_terminal(self) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSCTTY, 0)

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self.transcript += data
                self._stream.feed(data)
