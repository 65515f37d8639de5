"""Unexpected exceptions: each becomes an error record, never a restart of the job.

A restarted job reads the same record again, so an exception caused by a record's content would recur
forever. Each entry point of an operator (a request, an upload, a message of a stream, a timer, a window)
therefore catches everything but `StateAccessError` and sends an error record with the fields of
`internal_error`.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType

CODE = "internal_error"
_OUR_PACKAGES = ("tdajob", "tdaformats")
_MAX_TEXT = 500  # characters of the exception's own message


SKIPPED = "skipped"
SKIPPED_REASON = "is listed in the job's setting skip and was skipped without being read"


class StateAccessError(Exception):
    """Flink's state cannot be read or written: only a restart from a checkpoint makes it consistent."""


def internal_error(error: BaseException) -> tuple[str, Mapping[str, object]]:
    """Return an error record's reason, and its further fields: the exception's type and code location."""
    kind = _type_of(error)
    ours, innermost = _places_of(error.__traceback__)
    inner = "" if innermost == ours else f", in {innermost}"
    text = _text_of(error)
    reason = f"{kind} at {ours}{inner}{': ' if text else ''}{text}"
    return reason, {"exception": {"type": kind, "place": ours}}


def log_failure(log: logging.Logger, error: BaseException, template: str, *arguments: object) -> None:
    """Log an exception with its traceback, under a message of `template` and its `arguments`.

    Lone surrogates are escaped: Beam's log handler of a worker fails at them, and its exception would end the
    operator.
    """
    with suppress(Exception):
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        text = f"{template % arguments}\n{trace}"
        log.error("%s", text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _type_of(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:_MAX_TEXT]
    except Exception:  # the __str__ of a library's exception may raise
        return ""


def _places_of(trace: TracebackType | None) -> tuple[str, str]:
    """Return module:line of the innermost frame of the job's packages, if any, and of the innermost frame."""
    ours, innermost = "", "unknown:0"
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", "unknown"))
        innermost = f"{module}:{trace.tb_lineno}"
        if module.partition(".")[0] in _OUR_PACKAGES:
            ours = innermost
        trace = trace.tb_next
    return ours or innermost, innermost
