"""What becomes of an exception that no check has foreseen: an error record, never a restart.

A restarted job reads the same record again: whatever fails by a record's content would fail for ever. So each
entry of an operator (a request, an upload, a message of a stream, a timer, a window) catches everything but
`StateAccessError` and answers with what `internal_error` makes of it.
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
SKIPPED_REASON = "is named in the job's setting skip: it was passed over without being read"


class StateAccessError(Exception):
    """Flink's state could not be read or written: only a restart from a checkpoint makes it consistent."""


def internal_error(error: BaseException) -> tuple[str, Mapping[str, object]]:
    """The reason of an error record, and its further fields: the exception's type and place in the code."""
    kind = _type_of(error)
    ours, innermost = _places_of(error.__traceback__)
    within = "" if innermost == ours else f", in {innermost}"
    text = _text_of(error)
    reason = f"{kind} at {ours}{within}{': ' if text else ''}{text}"
    return reason, {"exception": {"type": kind, "place": ours}}


def log_failure(log: logging.Logger, error: BaseException, what: str, *about: object) -> None:
    """Log an exception with its traceback, whatever its text is.

    Beam's handler of a worker's log fails at a lone surrogate, and its exception would end the operator.
    """
    with suppress(Exception):
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        text = f"{what % about}\n{trace}"
        log.error("%s", text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _type_of(error: BaseException) -> str:
    found = type(error)
    return (
        found.__qualname__ if found.__module__ == "builtins" else f"{found.__module__}.{found.__qualname__}"
    )


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:_MAX_TEXT]
    except Exception:  # an exception of foreign code may fail at its own message
        return ""


def _places_of(trace: TracebackType | None) -> tuple[str, str]:
    """module:line of the innermost frame of this package, if there is one, and of the innermost of all."""
    ours, innermost = "", "unknown:0"
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", "unknown"))
        innermost = f"{module}:{trace.tb_lineno}"
        if module.partition(".")[0] in _OUR_PACKAGES:
            ours = innermost
        trace = trace.tb_next
    return ours or innermost, innermost
