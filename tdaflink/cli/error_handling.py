"""Error handling at the edge of the program: every exception becomes a short error and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tdaflink.domain.environments.credentials import hide_credentials
from tdaflink.domain.errors import InternalError, Interrupted, StorageFailed, TdaflinkError, UsageError
from tdaflink.domain.printable import printable, shortened

COMPLETION = "_TDAFLINK_COMPLETE"  # set by a shell that requests completions
_NAMED_LENGTH = 300
# A full disk or standard output, a broken disk, no more files or processes.
_OF_THE_MACHINE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.EAGAIN,
    errno.EROFS,
    errno.EBADF,
}


def guarded(words: Sequence[str], call: Callable[[], Any]) -> Any:
    """Run a call of the command; every exception ends in a short error and an exit code.

    If stdout cannot be flushed at the end, the call fails.
    """
    if os.environ.get(COMPLETION):
        try:
            return call()
        except Exception:
            sys.exit(1)  # errors are not shown while a shell completes a line
    try:
        _require_text(words)
        result = call()
    except SystemExit:
        _flush_output(words)
        raise
    except BrokenPipeError:
        discard_output()
        sys.exit(0)
    except (Exception, KeyboardInterrupt) as error:
        code = report(error, words)
        try:
            sys.stdout.flush()
        except Exception:
            discard_output()
        sys.exit(code)
    _flush_output(words)
    return result


def _require_text(words: Sequence[str]) -> None:
    for number, word in enumerate(words, 1):
        if not word.isascii() and any("\ud800" <= character <= "\udfff" for character in word):
            raise UsageError(
                f"argument {number} is not UTF-8: {word!a}",
                hint="rename the file, or use - for standard input",
            )


def _flush_output(words: Sequence[str]) -> None:
    """Flush stdout while a failure can still be reported."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
    except Exception as error:
        discard_output()
        sys.exit(report(error, words))


def discard_output() -> None:
    """Discard buffered output, which would fail again when the interpreter exits."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def report(error: BaseException, words: Sequence[str] = ()) -> int:
    """Show an error on stderr and return the exit code."""
    from tdaflink.display.errors import show_error

    reported = as_reported(error, verbose="-v" in words or "--verbose" in words)
    with suppress(Exception):  # stderr is closed: the exit code remains
        show_error(reported)
    return reported.exit_code


def as_reported(error: BaseException, *, verbose: bool = False) -> TdaflinkError:
    """Return the error that is shown for an exception, foreseen or not; its traceback is shown with -v."""
    if isinstance(error, TdaflinkError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("interrupted")
    import traceback

    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-30))
    trace = hide_credentials(trace)
    reported = _foreseen(error)
    if reported is None:
        reported = InternalError(
            f"tdaflink failed unexpectedly: {type(error).__name__}: {_short(error)}",
            hint="-v shows the traceback; docs/operations.md describes how to report it",
        )
    # An error before the options are parsed has no verbose console yet.
    reported.detail, reported.noise = (trace, None) if verbose else (None, trace)
    return reported


def _foreseen(error: BaseException) -> TdaflinkError | None:
    """Return the error for a fault of the input or the machine rather than of tdaflink, else None."""
    if isinstance(error, MemoryError):
        return StorageFailed("this call needs more memory than is available", hint="use smaller input")
    if isinstance(error, RecursionError):
        return UsageError("the input is nested too deeply")
    if isinstance(error, UnicodeEncodeError):
        start = error.object[error.start : error.start + 1]
        if any("\ud800" <= character <= "\udfff" for character in start):
            return UsageError(f"the input is not valid text: it contains the lone surrogate {start!a}")
        return StorageFailed(
            f"{start!a} cannot be written in the encoding {error.encoding}", hint="export PYTHONUTF8=1"
        )
    if isinstance(error, OSError) and (error.filename or error.errno in _OF_THE_MACHINE):
        place = f"{error.filename}: " if error.filename else ""
        return StorageFailed(f"{place}{error.strerror or error}")
    return None


def _short(error: BaseException) -> str:
    try:
        text = str(error).strip()
    except Exception:
        return "(it has no text)"
    return printable(shortened(text.splitlines()[0] if text else "", _NAMED_LENGTH))
