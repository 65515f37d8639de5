"""Standard streams that take every text, and say in one line that they cannot be written."""

from __future__ import annotations

import codecs
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # the printed help does without these imports
    from typing import Any

    from tdaflink.domain.errors import OutputFailed

GLYPHS = "tdaflink.glyphs"  # the name of the error handler
# ASCII by another name. Under its own, Click takes it for a mistake and writes UTF-8 to the terminal.
_ASCII = "tdaflink_ascii"
# What is written where an encoding has not our own signs; other letters are escaped.
_INSTEAD = {
    "…": "...",
    "→": "->",
    "✓": "+",
    "✗": "x",
    "·": "-",
    "×": "x",
    "∞": "inf",
    "√": "sqrt ",
    "α": "alpha",
    "β": "beta",
    "ε": "epsilon",
    "²": "^2",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "–": "-",
    "—": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "━": "-",
    "─": "-",
    "╌": ".",
    "╴": " ",
    "█": "=",
    "▌": "=",
    "▐": "=",
    "▶": ">",
    "┃": "|",
    "│": "|",
    "┗": "+",
    "┷": "+",
}


def prepare_streams() -> None:
    """Let stdout and stderr take any text, and put something in place of a stream that is closed.

    A descriptor that is closed at the start would go to the next file or connection that is opened.
    """
    codecs.register_error(GLYPHS, _replaced)
    codecs.register(_ascii)
    for number, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        _fill(number, flags)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole call
    sys.stdout = sys.__stdout__ = _wrapped(sys.stdout, 1, Stdout)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _wrapped(sys.stderr, 2, Stderr)  # type: ignore[misc]


class Stdout(io.TextIOWrapper):
    """Standard output; raises `OutputFailed` where it cannot be written, and takes nothing after that."""

    _failed = False

    def write(self, text: str) -> int:
        if self._failed or text == "":  # with which Click finds out whether a stream takes text
            return len(text)
        try:
            return super().write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._fails(error) from error

    def flush(self) -> None:
        if self._failed:
            return
        try:
            super().flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._fails(error) from error

    def _fails(self, error: OSError) -> OutputFailed:
        self._failed = True
        from tdaflink.domain.errors import OutputFailed

        discard(self.fileno())  # what is still in the buffer would fail once more when the program ends
        return OutputFailed(f"standard output could not be written: {error.strerror}")


class Stderr(io.TextIOWrapper):
    """Standard error; where it cannot be written, there is no place to say so."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            return


def discard(descriptor: int) -> None:
    """Let what is written to a descriptor go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def can_show(text: str, stream: Any) -> bool:
    """Whether the stream's encoding has every sign of the text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _fill(number: int, flags: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, flags)  # the lowest number that is free: this one
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)


def _wrapped(stream: Any, number: int, kind: type[Stdout] | type[Stderr]) -> Any:
    if stream is None:
        raw = io.FileIO(number, "w", closefd=False)
        return kind(io.BufferedWriter(raw), encoding="utf-8", errors=GLYPHS, line_buffering=number == 2)
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    encoding, buffered = stream.encoding, stream.line_buffering
    through = stream.write_through
    if codecs.lookup(encoding).name == "ascii":
        encoding = _ASCII
    return kind(
        stream.detach(), encoding=encoding, errors=GLYPHS, line_buffering=buffered, write_through=through
    )


def _ascii(name: str) -> codecs.CodecInfo | None:
    if name != _ASCII:
        return None
    found = codecs.lookup("ascii")
    return codecs.CodecInfo(
        name=_ASCII,
        encode=found.encode,
        decode=found.decode,
        incrementalencoder=found.incrementalencoder,
        incrementaldecoder=found.incrementaldecoder,
        streamreader=found.streamreader,
        streamwriter=found.streamwriter,
    )


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(sign) or _escaped(sign) for sign in signs), error.end


def _escaped(sign: str) -> str:
    return sign.encode("ascii", "backslashreplace").decode("ascii")
