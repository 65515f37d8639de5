"""Standard streams that accept any text and report write errors in one line."""

from __future__ import annotations

import codecs
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # printing the help does not need these imports
    from typing import Any

    from tdaflink.domain.errors import OutputFailed

GLYPHS = "tdaflink.glyphs"  # the name of the error handler
# ASCII under another name: Click treats "ascii" as a misconfiguration and writes UTF-8 to the terminal.
_ASCII = "tdaflink_ascii"
# Replacements of our own glyphs that an encoding does not have; other characters are escaped.
_REPLACEMENTS = {
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
    """Make stdout and stderr accept any text, and replace closed streams.

    A descriptor that is closed at the start would be reused by the next file or connection.
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
    """Standard output; raises `OutputFailed` if it cannot be written, and ignores all later output."""

    _failed = False

    def write(self, text: str) -> int:
        if self._failed or text == "":  # Click writes "" to detect whether a stream accepts text
            return len(text)
        try:
            return super().write(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._output_failed(error) from error

    def flush(self) -> None:
        if self._failed:
            return
        try:
            super().flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise self._output_failed(error) from error

    def _output_failed(self, error: OSError) -> OutputFailed:
        self._failed = True
        from tdaflink.domain.errors import OutputFailed

        discard(self.fileno())  # the rest of the buffer would fail again when the program ends
        return OutputFailed(f"standard output could not be written: {error.strerror}")


class Stderr(io.TextIOWrapper):
    """Standard error; write errors are ignored, because there is no place to report them."""

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
    """Redirect a descriptor to the null device."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def can_show(text: str, stream: Any) -> bool:
    """Return whether the stream's encoding has every character of the text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _fill(number: int, flags: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, flags)  # the lowest free number, which is this one
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
    codec = codecs.lookup("ascii")
    return codecs.CodecInfo(
        name=_ASCII,
        encode=codec.encode,
        decode=codec.decode,
        incrementalencoder=codec.incrementalencoder,
        incrementaldecoder=codec.incrementaldecoder,
        streamreader=codec.streamreader,
        streamwriter=codec.streamwriter,
    )


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(_REPLACEMENTS.get(character) or _escaped(character) for character in characters), error.end


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")
