"""Logs of several components in one stream of lines: merged by time, or as they come."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone

from tdaflink.adapters.component_logs import ComponentLogs
from tdaflink.domain.environment import LogLine
from tdaflink.domain.errors import NotFound, TdaflinkError
from tdaflink.domain.logs import Entry, LogRequest

_BEGINNING = datetime.min.replace(tzinfo=timezone.utc)
_QUEUED = 10_000  # a reader that is slower than the logs makes them wait; nothing is dropped
_ALIVE_SECONDS = 0.5
_FIRST_SECONDS = 5.0  # what there was when following began is sorted for so long at most
_PAUSE_SECONDS = 0.5


def read_logs(logs: ComponentLogs, request: LogRequest) -> Iterator[Entry]:
    """The lines that were asked for. Raises `NotFound` for a component that there is not."""
    components = chosen(logs.names(), request.components)
    if not request.follow:
        return _merged(logs, components, request)
    return _as_they_come(logs, components, request)


def chosen(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The components of those names; the beginning of a name means all that begin so."""
    found: dict[str, None] = {}
    for word in wanted or names:
        matching = [word] if word in names else [name for name in names if name.startswith(word)]
        if not matching:
            raise NotFound(f"no component {word!r}: there are {', '.join(names)}")
        found.update(dict.fromkeys(matching))
    return list(found)


def _merged(logs: ComponentLogs, components: Sequence[str], request: LogRequest) -> Iterator[Entry]:
    parts = [_timed(component, _past(logs, component, request)) for component in components]
    for _, _, entry in heapq.merge(*parts, key=lambda part: part[:2]):
        yield entry


def _timed(component: str, lines: Iterable[LogLine]) -> Iterator[tuple[datetime, str, Entry]]:
    """Each line with the time that it sorts by; one without a time stays behind the one before it."""
    latest = _BEGINNING
    for line in lines:
        latest = max(latest, line.time or latest)
        yield latest, component, Entry(component, line)


def _past(logs: ComponentLogs, component: str, request: LogRequest) -> Iterable[LogLine]:
    lines = _matching(logs.lines(component, request.since, follow=False), request)
    return lines if request.last is None else deque(lines, maxlen=request.last)


def _matching(lines: Iterable[LogLine], request: LogRequest) -> Iterator[LogLine]:
    return (line for line in lines if request.pattern is None or request.pattern.search(line.text))


def _as_they_come(logs: ComponentLogs, components: Sequence[str], request: LogRequest) -> Iterator[Entry]:
    """What there was, merged; then every line as it is written, until the caller ends it."""
    heard: queue.Queue[Entry | TdaflinkError] = queue.Queue(_QUEUED)
    for component in components:
        threading.Thread(target=_listen, args=(logs, component, request, heard), daemon=True).start()
    yield from _first_of(heard, components, request)
    while True:
        # With a deadline, so that an interrupt is heard.
        entry = _next(heard, _ALIVE_SECONDS)
        if entry is not None:
            yield entry


def _first_of(
    heard: queue.Queue[Entry | TdaflinkError], components: Sequence[str], request: LogRequest
) -> Iterator[Entry]:
    """The lines that were there at the start, which come in one go, in the order of their times."""
    found: dict[str, list[Entry]] = {component: [] for component in components}
    deadline = time.monotonic() + _FIRST_SECONDS
    while time.monotonic() < deadline:
        entry = _next(heard, _PAUSE_SECONDS)
        if entry is None:
            break
        found[entry.component].append(entry)
    parts = [
        _timed(name, deque((entry.line for entry in entries), maxlen=request.last))
        for name, entries in found.items()
    ]
    for _, _, entry in heapq.merge(*parts, key=lambda part: part[:2]):
        yield entry


def _next(heard: queue.Queue[Entry | TdaflinkError], seconds: float) -> Entry | None:
    try:
        entry = heard.get(timeout=seconds)
    except queue.Empty:
        return None
    if isinstance(entry, TdaflinkError):
        raise entry
    return entry


def _listen(
    logs: ComponentLogs, component: str, request: LogRequest, heard: queue.Queue[Entry | TdaflinkError]
) -> None:
    try:
        for line in _matching(logs.lines(component, request.since, follow=True), request):
            heard.put(Entry(component, line))
    except TdaflinkError as error:
        heard.put(error)
