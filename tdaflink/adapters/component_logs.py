"""Logs of an environment's components, from its runtime or over Flink's REST interface."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Protocol

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.local_runtime.log_files import newer_than, written_at
from tdaflink.domain.environments.environment import LogLine, Runtime
from tdaflink.domain.errors import NotFound, TdaflinkError, Unreachable

_MINUTES = 15
_POLL_SECONDS = 2.0


class ComponentLogs(Protocol):
    """The components that have logs, and the lines of each."""

    def names(self) -> Sequence[str]:
        """List the components, those that run jobs first."""

    def tail(self, component: str, lines: int) -> Sequence[str]:
        """Return the last lines of a component's log, oldest first. Raises `NotFound`."""

    def lines(self, component: str, since: datetime | None, *, follow: bool) -> Iterator[LogLine]:
        """Yield a component's log in the form of `Runtime.logs`."""


class RuntimeLogs:
    """The logs of an environment that tdaflink runs: the last 15 minutes, dead components included."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._names: Sequence[str] = ()

    def names(self) -> Sequence[str]:
        if not self._names:
            names = [component.name for component in self._runtime.components()]
            self._names = sorted(names, key=lambda name: (not name.startswith("taskmanager"), name))
        return self._names

    def tail(self, component: str, lines: int) -> Sequence[str]:
        since = datetime.now(timezone.utc) - timedelta(minutes=_MINUTES)
        recent = self._runtime.logs(component, since=since)
        return [line.text for line in deque(recent, maxlen=lines)]

    def lines(self, component: str, since: datetime | None, *, follow: bool) -> Iterator[LogLine]:
        return self._runtime.logs(component, since=since, follow=follow)


class FlinkLogs:
    """The logs of an external cluster, as its JobManager serves them."""

    def __init__(self, cluster: FlinkRest) -> None:
        self._cluster = cluster

    def names(self) -> Sequence[str]:
        return [*(manager.ident("id") for manager in self._cluster.taskmanagers()), "jobmanager"]

    def tail(self, component: str, lines: int) -> Sequence[str]:
        return self._text(component).splitlines()[-lines:]

    def lines(self, component: str, since: datetime | None, *, follow: bool) -> Iterator[LogLine]:
        texts = self._follow(component) if follow else iter(self._text(component).splitlines())
        zone = self._zone()
        return newer_than(since, (LogLine(text, written_at(text, zone=zone)) for text in texts))

    def _zone(self) -> timezone | None:
        """Return the cluster's time zone, which its logs need not name; None where it does not report one."""
        try:
            return timezone(timedelta(milliseconds=self._cluster.get("/config")["timezone-offset"]))
        except (TdaflinkError, KeyError, TypeError, ValueError, OverflowError):
            return None

    def _text(self, component: str) -> str:
        path = "/jobmanager/log" if component == "jobmanager" else f"/taskmanagers/{component}/log"
        return self._cluster.text(path)

    def _follow(self, component: str) -> Iterator[str]:
        """Yield whole lines as the log grows. Flink serves whole files only, so each poll fetches all of it.

        A line of its own reports each possible gap: a log that restarted, a JobManager that does not respond,
        a TaskManager that is gone.
        """
        read, away = 0, False
        while True:
            try:
                text = self._text(component)
            except (Unreachable, NotFound) as error:
                if not away:
                    yield f"--- the log of {component} cannot be read, retrying: {error.message}"
                away = True
            else:
                if away:
                    yield f"--- the log of {component} can be read again"
                away = False
                if len(text) < read:
                    yield f"--- the log of {component} restarted; lines in between may be missing"
                    read = 0
                end = text.rfind("\n") + 1
                yield from text[read:end].splitlines()
                read = max(read, end)
            time.sleep(_POLL_SECONDS)
