"""The end of a component's log, from the runtime that runs it or over Flink's REST interface."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Protocol

from tdaflink.adapters.flink import FlinkRest
from tdaflink.domain.environment import Runtime

_MINUTES = 15


class ComponentLogs(Protocol):
    """Whose logs there are, and how each ends."""

    def names(self) -> Sequence[str]:
        """The components, those that run jobs first."""

    def tail(self, component: str, lines: int) -> Sequence[str]:
        """The last lines of a component's log, oldest first. Raises `NotFound`."""


class RuntimeLogs:
    """Of an environment that tdaflink runs: the last 15 minutes, dead components included."""

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
        found = self._runtime.logs(component, since=since)
        return [line.text for line in deque(found, maxlen=lines)]


class FlinkLogs:
    """Of a cluster that somebody else runs: what its JobManager gives."""

    def __init__(self, cluster: FlinkRest) -> None:
        self._cluster = cluster

    def names(self) -> Sequence[str]:
        found = self._cluster.get("/taskmanagers")["taskmanagers"]
        return [*(str(manager["id"]) for manager in found), "jobmanager"]

    def tail(self, component: str, lines: int) -> Sequence[str]:
        path = "/jobmanager/log" if component == "jobmanager" else f"/taskmanagers/{component}/log"
        return self._cluster.text(path).splitlines()[-lines:]
