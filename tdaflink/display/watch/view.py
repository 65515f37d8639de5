"""State of the dashboard's view, and its changes by keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tdaflink.domain.observability.cluster_snapshot import Focus
from tdaflink.domain.observability.dashboard import DashboardState, JobRow

Screen = Literal["jobs", "job", "exceptions", "logs", "barcode", "help"]
Sort = Literal["state", "name", "records", "lag", "p95"]

SORTS: tuple[Sort, ...] = ("state", "name", "records", "lag", "p95")
_TROUBLE_FIRST = ("FAILED", "FAILING", "RESTARTING")


@dataclass(frozen=True)
class View:
    """The state of the screen. `chosen` is a job's id, `stream` that of the barcode (None: any)."""

    screen: Screen = "jobs"
    chosen: str | None = None
    filter: str = ""
    typing: bool = False
    sort: Sort = "state"
    ended: bool = False
    paused: bool = False
    scroll: int = 0
    stream: str | None = None
    component: str | None = None


def shown(view: View, board: DashboardState) -> list[JobRow]:
    """Return the jobs of the list: those that match the filter, in the selected order."""
    pattern = view.filter.lower()
    lines = [
        line
        for line in board.jobs
        if pattern in f"{line.job.name} {line.job.id} {line.job.state}".lower()
        and (view.ended or not line.job.ended or line.job.state == "FAILED")
    ]
    return sorted(lines, key=_ORDERS[view.sort])


def settled(view: View, board: DashboardState) -> View:
    """Return the view with an existing job selected: the chosen one, else the first of the list."""
    lines = shown(view, board)
    if any(line.job.id == view.chosen for line in lines):
        return view
    if view.screen != "jobs" and board.find(view.chosen):
        return view
    return replace(view, chosen=lines[0].job.id if lines else None)


def focus_of(view: View, board: DashboardState | None, rows: int) -> Focus:
    """Return the contents that the next snapshot needs, with `rows` jobs on the screen."""
    visible = () if board is None else tuple(line.job.id for line in window(view, board, rows))
    logs_of = (view.component or "taskmanager") if view.screen == "logs" else None
    return Focus(job=view.chosen, visible=visible, stream=view.stream, logs_of=logs_of)


def window(view: View, board: DashboardState, rows: int) -> Sequence[JobRow]:
    """Return the `rows` jobs of the list around the chosen one."""
    lines = shown(view, board)
    place = next((i for i, line in enumerate(lines) if line.job.id == view.chosen), 0)
    first = max(0, min(place - rows // 2, len(lines) - rows))
    return lines[first : first + rows]


def press(view: View, key: str, board: DashboardState, page: int) -> View | None:
    """Return the view after a key; None to quit. `page` is the number of lines of a page."""
    if view.typing:
        return _type(view, key)
    if key in ("q", "Q"):
        return None
    if key in _MOVES:
        return _move(view, _MOVES[key](page), board)
    action = _ACTIONS.get(key)
    return view if action is None else settled(action(view, board), board)


def _type(view: View, key: str) -> View:
    """Handle a key while the filter is typed."""
    if key == "KEY_ENTER":
        return replace(view, typing=False)
    if key == "KEY_ESCAPE":
        return replace(view, typing=False, filter="")
    if key in ("KEY_BACKSPACE", "KEY_DELETE"):
        return replace(view, filter=view.filter[:-1])
    return replace(view, filter=view.filter + key) if len(key) == 1 and key.isprintable() else view


def _move(view: View, step: int, board: DashboardState) -> View:
    if view.screen != "jobs":
        return replace(view, scroll=max(0, view.scroll + step))
    ids = [line.job.id for line in shown(view, board)]
    if not ids:
        return view
    place = ids.index(view.chosen) if view.chosen in ids else 0
    return replace(view, chosen=ids[max(0, min(place + step, len(ids) - 1))])


def _open(screen: Screen) -> Callable[[View, DashboardState], View]:
    def opened(view: View, _board: DashboardState) -> View:
        back = view.screen == screen
        return replace(view, screen="jobs" if back else screen, scroll=0)

    return opened


def _back(view: View, _board: DashboardState) -> View:
    if view.screen == "jobs":
        return replace(view, filter="")
    return replace(view, screen="jobs", scroll=0)


def _next_sort(view: View, _board: DashboardState) -> View:
    return replace(view, sort=SORTS[(SORTS.index(view.sort) + 1) % len(SORTS)])


def _next_stream(view: View, board: DashboardState) -> View:
    """Select the next known stream; after the last one, the newest result of any stream."""
    streams = [None, *sorted(board.streams)]
    place = streams.index(view.stream) if view.stream in streams else 0
    return replace(view, stream=streams[(place + 1) % len(streams)])


def _next_component(view: View, board: DashboardState) -> View:
    names = list(board.log.components) if board.log is not None else []
    if view.screen != "logs" or not names or board.log is None:
        return view
    place = names.index(board.log.component) if board.log.component in names else -1
    return replace(view, component=names[(place + 1) % len(names)], scroll=0)


_MOVES: dict[str, Callable[[int], int]] = {
    "KEY_UP": lambda _: -1,
    "k": lambda _: -1,
    "KEY_DOWN": lambda _: 1,
    "j": lambda _: 1,
    "KEY_PGUP": lambda page: -page,
    "KEY_PGDOWN": lambda page: page,
    "KEY_HOME": lambda _: -(10**6),
    "g": lambda _: -(10**6),
    "KEY_END": lambda _: 10**6,
    "G": lambda _: 10**6,
}
_ACTIONS: dict[str, Callable[[View, DashboardState], View]] = {
    "KEY_ENTER": _open("job"),
    "e": _open("exceptions"),
    "l": _open("logs"),
    "b": _open("barcode"),
    "?": _open("help"),
    "h": _open("help"),
    "KEY_ESCAPE": _back,
    "KEY_BACKSPACE": _back,
    "/": lambda view, _: replace(view, screen="jobs", typing=True, filter=""),
    "s": _next_sort,
    "a": lambda view, _: replace(view, ended=not view.ended),
    "p": lambda view, _: replace(view, paused=not view.paused),
    " ": lambda view, _: replace(view, paused=not view.paused),
    "n": _next_stream,
    "KEY_TAB": _next_component,
    "\t": _next_component,
}
_ORDERS: dict[Sort, Callable[[JobRow], tuple[object, ...]]] = {
    "state": lambda line: (
        line.job.ended and line.job.state != "FAILED",
        line.job.state not in _TROUBLE_FIRST,
        line.job.name,
        line.job.id,
    ),
    "name": lambda line: (line.job.name, line.job.id),
    "records": lambda line: (-(line.rates.records or 0.0), line.job.name, line.job.id),
    "lag": lambda line: (-(line.total_lag or 0), line.job.name, line.job.id),
    "p95": lambda line: (-_p95(line), line.job.name, line.job.id),
}


def _p95(line: JobRow) -> float:
    computation = line.load.computation if line.load is not None else None
    return (computation.p95 if computation else None) or 0.0
