"""Logs of several components as one stream of lines: merged by time, or in order of arrival."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone

from tdaflink.adapters.component_logs import ComponentLogs
from tdaflink.domain.environments.environment import LogLine
from tdaflink.domain.errors import NotFound, TdaflinkError
from tdaflink.domain.observability.logs import Entry, LogRequest

_BEGINNING = datetime.min.replace(tzinfo=timezone.utc)
_QUEUED = 10_000  # a full queue blocks the readers of the logs; nothing is dropped
_ALIVE_SECONDS = 0.5
_FIRST_SECONDS = 5.0  # existing lines are sorted for at most this time when following starts
_PAUSE_SECONDS = 0.5


def read_logs(logs: ComponentLogs, request: LogRequest) -> Iterator[Entry]:
    """Return the requested lines. Raises `NotFound` for an unknown component."""
    components = chosen(logs.names(), request.components)
    if not request.follow:
        return _merged(logs, components, request)
    return _followed(logs, components, request)


def chosen(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return the components with these names or name prefixes. Raises `NotFound`."""
    components: dict[str, None] = {}
    for word in wanted or names:
        matching = [word] if word in names else [name for name in names if name.startswith(word)]
        if not matching:
            raise NotFound(f"no component {word!r} (available: {', '.join(names)})")
        components.update(dict.fromkeys(matching))
    return list(components)


def _merged(logs: ComponentLogs, components: Sequence[str], request: LogRequest) -> Iterator[Entry]:
    parts = [_timed(component, _past(logs, component, request)) for component in components]
    for _, _, entry in heapq.merge(*parts, key=lambda part: part[:2]):
        yield entry


def _timed(component: str, lines: Iterable[LogLine]) -> Iterator[tuple[datetime, str, Entry]]:
    """Yield each line with its sort time; a line without a time keeps its place after the previous one."""
    latest = _BEGINNING
    for line in lines:
        latest = max(latest, line.time or latest)
        yield latest, component, Entry(component, line)


def _past(logs: ComponentLogs, component: str, request: LogRequest) -> Iterable[LogLine]:
    lines = _matching(logs.lines(component, request.since, follow=False), request)
    return lines if request.last is None else deque(lines, maxlen=request.last)


def _matching(lines: Iterable[LogLine], request: LogRequest) -> Iterator[LogLine]:
    return (line for line in lines if request.pattern is None or request.pattern.search(line.text))


def _followed(logs: ComponentLogs, components: Sequence[str], request: LogRequest) -> Iterator[Entry]:
    """Yield existing lines, merged; then every new line, until the caller stops."""
    lines_read: queue.Queue[Entry | TdaflinkError] = queue.Queue(_QUEUED)
    for component in components:
        threading.Thread(target=_follow, args=(logs, component, request, lines_read), daemon=True).start()
    yield from _existing_lines(lines_read, components, request)
    while True:
        # With a timeout, so that an interrupt is handled.
        entry = _next(lines_read, _ALIVE_SECONDS)
        if entry is not None:
            yield entry


def _existing_lines(
    lines_read: queue.Queue[Entry | TdaflinkError], components: Sequence[str], request: LogRequest
) -> Iterator[Entry]:
    """Yield the existing lines, which arrive without a pause, in the order of their times."""
    by_component: dict[str, list[Entry]] = {component: [] for component in components}
    deadline = time.monotonic() + _FIRST_SECONDS
    while time.monotonic() < deadline:
        entry = _next(lines_read, _PAUSE_SECONDS)
        if entry is None:
            break
        by_component[entry.component].append(entry)
    parts = [
        _timed(name, deque((entry.line for entry in entries), maxlen=request.last))
        for name, entries in by_component.items()
    ]
    for _, _, entry in heapq.merge(*parts, key=lambda part: part[:2]):
        yield entry


def _next(lines_read: queue.Queue[Entry | TdaflinkError], seconds: float) -> Entry | None:
    try:
        entry = lines_read.get(timeout=seconds)
    except queue.Empty:
        return None
    if isinstance(entry, TdaflinkError):
        raise entry
    return entry


def _follow(
    logs: ComponentLogs, component: str, request: LogRequest, lines_read: queue.Queue[Entry | TdaflinkError]
) -> None:
    try:
        for line in _matching(logs.lines(component, request.since, follow=True), request):
            lines_read.put(Entry(component, line))
    except TdaflinkError as error:
        lines_read.put(error)
