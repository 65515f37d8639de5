"""No windows: each message fires separately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tdajob.windows.contents import content
from tdajob.windows.state.rows import Rows
from tdajob.windows.state_machine import OnTime, WindowStateMachine
from tdajob.windows.values import Firing


@dataclass(frozen=True)
class _OneFiring(OnTime):
    firings: int = 1


class SingleMachine(WindowStateMachine[_OneFiring]):
    """Fires each message with points immediately; no point is late, waits or is kept."""

    def _plan(self, rows: Rows) -> _OneFiring:  # noqa: ARG002 -- signature of the base class
        return _OneFiring()

    def _apply(self, rows: Rows, plan: _OneFiring) -> list[Firing]:  # noqa: ARG002 -- likewise
        return [self._firing(content(rows), closed_by="message")]

    def flush(self, closed_by: str, limit: int) -> tuple[list[Firing], bool]:  # noqa: ARG002
        return [], True

    def _own_header(self) -> dict[str, Any]:
        return {}

    def _load_own(self, header: Mapping[str, Any], tables: Mapping[int, bytes]) -> None:
        pass
