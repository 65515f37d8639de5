"""Error text: what happened, why, and the command that mends it."""

from __future__ import annotations

import errno
import json
import sys
import traceback
from typing import Any

from tdaflink.display import console
from tdaflink.domain.errors import (
    InternalError,
    Interrupted,
    StorageFailed,
    TdaflinkError,
    UsageError,
)
from tdaflink.domain.printable import printable, printable_lines, shortened

_NAMED_LENGTH = 300


def as_reported(error: BaseException, *, verbose: bool = False) -> TdaflinkError:
    """Return the error that is shown for an exception, foreseen or not; its traceback is shown with -v."""
    if isinstance(error, TdaflinkError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("interrupted")
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-30))
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


def _short(error: BaseException) -> str:
    try:
        text = str(error).strip()
    except Exception:
        return "(it has no text)"
    return printable(shortened(text.splitlines()[0] if text else "", _NAMED_LENGTH))


def show_error(error: TdaflinkError) -> None:
    """Write the error to stderr, as JSON where the data would have been JSON."""
    if console.output_format() == "json":
        sys.stderr.write(json.dumps(_as_data(error), default=str) + "\n")
        return
    from rich.text import Text

    err = console.err()
    if error.detail:
        err.print(Text(printable_lines(error.detail.rstrip("\n"))), soft_wrap=True)
    if error.noise and console.verbose():
        err.print(Text(printable_lines(error.noise.rstrip("\n")), style="dim"), soft_wrap=True)
    err.print(Text.assemble(("Error: ", "bold red"), _indented(error.message)), soft_wrap=True)
    if error.hint:
        err.print(Text.assemble(("Try:   ", "bold"), _indented(error.hint)), soft_wrap=True)


def _indented(text: str) -> str:
    """The text with every further line set in, so that none of them looks like an error or hint of ours."""
    first, *rest = printable_lines(console.hint(text)).split("\n")
    return "\n".join([first, *(line if line.startswith(" ") else f"       {line}" for line in rest)])


def _as_data(error: TdaflinkError) -> dict[str, Any]:
    """The stable form, with calls that name the environment as in the text."""
    told = dict(error.as_dict()["error"])
    texts = {key: console.hint(told[key]) for key in ("message", "hint") if told[key]}
    return {"error": {**told, **texts}}
