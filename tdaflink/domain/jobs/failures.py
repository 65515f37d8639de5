"""Extraction of the Python cause of a failure from Flink's Java stack traces and the JobManager's log."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TRACEBACK = re.compile(
    r"Traceback \(most recent call last\):\n"
    r"(?:.*\n)*?"
    r"(?=\tat |Caused by: |\s*\.\.\. \d+ more|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,|\Z)"
)
# PythonDriver logs what main() prints, each line with the prefix of a log line.
_PRINTED = re.compile(r"^\d{4}-.*\bPythonDriver\b[^-\n]* - (.*)$", re.MULTILINE)
_DRIVER_LINES = {"Run python process failed"}
_FRAME = "  File "
# Flink's formats quote the message that they cannot deserialize, without its topic or offset.
_UNREADABLE = re.compile(r"Failed to deserialize [\w ]+ '(.*?)'\.?$", re.MULTILINE | re.DOTALL)
_QUOTED_CHARACTERS = 200
# The job's own error, in process and thread mode: the record at which its workers end.
_AT_FAULT = re.compile(
    r"(?:[\w.]+Exception: <class ')?tdajob(?:\.\w+)+\.RecordEndsWorker(?:'>)?: "
    r"([\w.-]{1,249})/(\d{1,10})/(\d{1,19}) was in progress (\d{1,9}) times when a worker ",
    re.ASCII,
)
_MACHINERY = re.compile(r'^  File "(?:<frozen |(?:[^"]*/)?(?:(?:pyflink|apache_beam)/|runpy\.py))')
# The folder in which the bundle was unpacked (2.3 drops the ending) or mounted; the file name is enough.
_BUNDLE_PATH = re.compile(r"/[^\s\"]*tdaflink-[0-9a-f]+(?:\.(?:jar|zip))?/")


@dataclass(frozen=True)
class RecordAtFault:
    """A record that was in progress `ends` times when a worker of the job ended; `beginning` is its text."""

    topic: str
    partition: int
    offset: int
    ends: int
    beginning: str | None = None

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


def python_traceback(text: str) -> str | None:
    """Return the last Python traceback in a text, with the exceptions that led to it.

    Flink repeats the innermost cause at the end of each chain, so the last block is the root.
    """
    tracebacks = _TRACEBACK.findall(text if text.endswith("\n") else text + "\n")
    return _BUNDLE_PATH.sub("", tracebacks[-1].rstrip()) if tracebacks else None


def own_frames(traceback: str) -> str:
    """Remove the frames of PyFlink, Beam and runpy from a traceback, unless no others remain."""
    kept: list[str] = []
    hidden = False
    for line in traceback.splitlines():
        if line.startswith(_FRAME):
            hidden = bool(_MACHINERY.match(line))
        elif not line.startswith("    "):
            hidden = False
        if not hidden:
            kept.append(line)
    return "\n".join(kept) if any(line.startswith(_FRAME) for line in kept) else traceback


def printed_by_main(log: str) -> str:
    """Return the output of a job's main(), extracted from the JobManager's log."""
    lines = [
        line for line in _PRINTED.findall(log) if line not in _DRIVER_LINES and "Python Process " not in line
    ]
    return _BUNDLE_PATH.sub("", "\n".join(lines))


def root_cause(text: str) -> str:
    """Return the cause in one line: the Python traceback's last exception, else the deepest Java cause."""
    traceback = python_traceback(text)
    if traceback:
        lines = [line for line in traceback.splitlines() if line and not line.startswith(" ")]
        return next((line for line in reversed(lines) if not line.startswith("Traceback (")), lines[-1])
    causes = re.findall(r"^Caused by: (.*)$", text, flags=re.MULTILINE)
    return (causes[-1] if causes else text.strip().split("\n", 1)[0]).strip()


def quoted_message(text: str) -> str | None:
    """Return the message that could not be deserialized, or its beginning, if an exception quotes it."""
    match = _UNREADABLE.search(text)
    if match is None:
        return None
    message = match[1]
    return message if len(message) <= _QUOTED_CHARACTERS else f"{message[:_QUOTED_CHARACTERS]}…"


def record_at_fault(text: str) -> RecordAtFault | None:
    """Return the record at which workers of the shipped job end, if an exception names it."""
    match = _AT_FAULT.match(root_cause(text))
    if match is None:
        return None
    topic, partition, offset, ends = match.groups()
    return RecordAtFault(topic, int(partition), int(offset), int(ends))


def signature(text: str) -> str:
    """Identify a cause by the exception's type and frames, without the record in its message."""
    kind = root_cause(text).split(":", 1)[0]
    traceback = python_traceback(text)
    frames = [line for line in (traceback or "").splitlines() if line.startswith(_FRAME)]
    return "\n".join([kind, *frames])
