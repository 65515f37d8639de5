"""Finding the Python cause of a failure in what Flink tells: Java stack traces and the JobManager's log."""

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
_DRIVER_WORDS = {"Run python process failed"}
_FRAME = "  File "
# Flink's formats quote the message that they cannot read, and name no place of it.
_UNREADABLE = re.compile(r"Failed to deserialize [\w ]+ '(.*?)'\.?$", re.MULTILINE | re.DOTALL)
_QUOTED_CHARACTERS = 200
# The job's own words, of process mode and of threads: the record at which its workers end.
_AT_FAULT = re.compile(
    r"(?:[\w.]+Exception: <class ')?tdajob\.inflight\.RecordEndsWorker(?:'>)?: "
    r"([\w.-]{1,249})/(\d{1,10})/(\d{1,19}) was in progress (\d{1,9}) times when a worker ",
    re.ASCII,
)
_MACHINERY = re.compile(r'^  File "(?:<frozen |(?:[^"]*/)?(?:(?:pyflink|apache_beam)/|runpy\.py))')
# Where the bundle was unpacked (2.3 drops the ending) or mounted: the reader knows the file by its name.
_BUNDLE_PATH = re.compile(r"/[^\s\"]*tdaflink-[0-9a-f]+(?:\.(?:jar|zip))?/")


@dataclass(frozen=True)
class RecordAtFault:
    """A record that was in progress `ends` times when a worker of the job ended, and its beginning."""

    topic: str
    partition: int
    offset: int
    ends: int
    beginning: str | None = None

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


def python_traceback(text: str) -> str | None:
    """The last Python traceback in a text, with the exceptions that led to it.

    Flink repeats the innermost cause at the end of each chain, so the last block is the root.
    """
    found = _TRACEBACK.findall(text if text.endswith("\n") else text + "\n")
    return _BUNDLE_PATH.sub("", found[-1].rstrip()) if found else None


def own_frames(traceback: str) -> str:
    """A traceback without the frames of PyFlink, Beam and runpy, as far as others are left."""
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
    """What a job's main() wrote, out of the JobManager's log."""
    lines = [
        line for line in _PRINTED.findall(log) if line not in _DRIVER_WORDS and "Python Process " not in line
    ]
    return _BUNDLE_PATH.sub("", "\n".join(lines))


def root_cause(text: str) -> str:
    """The cause in one line: the last exception of the Python traceback, else the deepest Java cause."""
    traceback = python_traceback(text)
    if traceback:
        lines = [line for line in traceback.splitlines() if line and not line.startswith(" ")]
        return next((line for line in reversed(lines) if not line.startswith("Traceback (")), lines[-1])
    causes = re.findall(r"^Caused by: (.*)$", text, flags=re.MULTILINE)
    return (causes[-1] if causes else text.strip().split("\n", 1)[0]).strip()


def quoted_message(text: str) -> str | None:
    """The message that could not be read, or its beginning, where an exception quotes it."""
    found = _UNREADABLE.search(text)
    if found is None:
        return None
    message = found[1]
    return message if len(message) <= _QUOTED_CHARACTERS else f"{message[:_QUOTED_CHARACTERS]}…"


def record_at_fault(text: str) -> RecordAtFault | None:
    """The record at which workers of the shipped job end, where an exception names it."""
    found = _AT_FAULT.match(root_cause(text))
    if found is None:
        return None
    topic, partition, offset, ends = found.groups()
    return RecordAtFault(topic, int(partition), int(offset), int(ends))


def signature(text: str) -> str:
    """What failures of one cause share: type and place of the exception, without the record in its words."""
    kind = root_cause(text).split(":", 1)[0]
    traceback = python_traceback(text)
    frames = [line for line in (traceback or "").splitlines() if line.startswith(_FRAME)]
    return "\n".join([kind, *frames])
