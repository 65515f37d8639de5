"""The edge of the program: whatever a call raises ends in a short error on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from tdaflink.domain.credentials import hide_credentials
from tdaflink.domain.errors import InternalError, Interrupted, StorageFailed, TdaflinkError, UsageError
from tdaflink.domain.printable import printable, shortened

COMPLETION = "_TDAFLINK_COMPLETE"  # set by the shell that asks how a line could go on
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
    """Make a call of the command; whatever it raises ends in a short error and an exit code.

    What is written to stdout has arrived there in the end, or the call has failed.
    """
    if os.environ.get(COMPLETION):
        try:
            return call()
        except Exception:
            sys.exit(1)  # a shell that completes a line is shown nothing
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
                hint="give a file another name; - names standard input",
            )


def _flush_output(words: Sequence[str]) -> None:
    """Write out what stdout holds back, while a failure can still be reported."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
    except Exception as error:
        discard_output()
        sys.exit(report(error, words))


def discard_output() -> None:
    """Let what is still held back for stdout go nowhere, or it would fail again at the end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def report(error: BaseException, words: Sequence[str] = ()) -> int:
    """Show what went wrong on stderr; returns the exit code."""
    from tdaflink.display.errors import show_error

    reported = as_reported(error, verbose="-v" in words or "--verbose" in words)
    with suppress(Exception):  # stderr is closed: the exit code says it
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
            hint="-v shows the traceback; docs/operations.md says where to report it, and what with",
        )
    # What fails before the options are read has no verbose console yet.
    reported.detail, reported.noise = (trace, None) if verbose else (None, trace)
    return reported


def _foreseen(error: BaseException) -> TdaflinkError | None:
    """What is wrong with the input or the machine rather than with tdaflink."""
    if isinstance(error, MemoryError):
        return StorageFailed("this call needs more memory than there is", hint="give it less at a time")
    if isinstance(error, RecursionError):
        return UsageError("what was given is nested too deeply")
    if isinstance(error, UnicodeEncodeError):
        start = error.object[error.start : error.start + 1]
        if any("\ud800" <= character <= "\udfff" for character in start):
            return UsageError(f"what was given is no valid text: it has the lone surrogate {start!a}")
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
