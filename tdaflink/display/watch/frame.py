"""One frame of the dashboard, drawn from board and view in a given number of lines and columns."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group
from rich.text import Text

from tdaflink.display.diagrams.barcode import UNICODE, Glyphs
from tdaflink.display.format import format_age, format_clock
from tdaflink.display.watch import cells, job_panel, panels
from tdaflink.display.watch.view import View, shown, window
from tdaflink.domain.environments.command_hints import Commands
from tdaflink.domain.observability.dashboard import DashboardState, JobRow

_HELP = """\
Up Down j k      move in the list, or in a text    Enter  open the selected job
PgUp PgDn g G    by a page, to start and end       e      its exceptions
/                filter by name, id or state       l      logs; Tab: next component
s                sort: state, name, records,       b      newest barcode
                 lag, p95                          n      barcode of the next stream
a                show or hide ended jobs           Esc    back
p Space          pause                             ?      this page
q Ctrl-C         quit

REC/S            records per second that the sources read, average of ten seconds
WIN/S, PAIRS/S   windows computed, and persistence pairs found, per second
P95              95th percentile of the computation time, in the slowest subtask
LAG              records of the job's topics that it has not read
CKPT             time since the last completed checkpoint
uncommitted      records since that checkpoint: read again after a failure

Unknown values are shown as "-", never as 0. Each refresh reads the selected job
and some of the others in turn. If a source does not respond, its last values stay
on the screen, with the time of its last response."""


_ASCII = {"…": "~"}


@dataclass(frozen=True)
class Size:
    """Size of the terminal, in cells."""

    width: int
    height: int


def frame(
    board: DashboardState | None,
    view: View,
    size: Size,
    *,
    now: float,
    every: float,
    glyphs: Glyphs = UNICODE,
    keys: bool = True,
) -> Group:
    """Draw a frame. `now` is in epoch seconds, `every` the seconds between two refreshes.

    Without `keys` it is static output: no line of keys, and no higher than its content.
    """
    if board is None:
        return Group(Text("reading the cluster ..."))
    top = _top(board, view, size, now, every)
    bottom = [_bottom(view)] if keys else []
    room = size.height - len(top) - len(bottom)
    body = _body(board, view, Size(size.width, room), glyphs)[:room]
    body += [Text("")] * (room - len(body)) if keys else []
    lines = [_cropped(line, size.width) for line in (*top, *body, *bottom)]
    return Group(*(lines if glyphs is UNICODE else map(_in_ascii, lines)))


def list_rows(size: Size) -> int:
    """Return the number of jobs that the list shows at once."""
    return max(3, size.height // 3 if size.height < 36 else size.height // 2)


def _cropped(line: Text, width: int) -> Text:
    line.no_wrap, line.overflow = True, "crop"
    line.truncate(width)
    return line


def _in_ascii(line: Text) -> Text:
    """Replace each character that is not ASCII."""
    if not line.plain.isascii():
        line.plain = "".join(c if c.isascii() else _ASCII.get(c, "?") for c in line.plain)
    return line


def _top(board: DashboardState, view: View, size: Size, now: float, every: float) -> list[Text]:
    old = now - board.taken_at
    stamp = f"{format_clock(board.taken_at)} UTC"
    if view.paused:
        stamp += f"  PAUSED {format_age(old)} ago"
    elif old > 3 * every + 2:
        stamp += f"  {format_age(old)} ago, slow responses"
    title = Text.assemble(("tdaflink ", ""), (board.env, "bold"), f"  {board.rest_url}  ", (stamp, ""))
    lines = [title, *panels.cluster_lines(board, size.width)]
    lines += [panels.stale_line(stale, now, size.width) for stale in board.stale if stale.source != "logs"]
    return [*lines, *panels.alert_lines(board, size.width, 2 if size.height < 40 else 6)]


def _bottom(view: View) -> Text:
    if view.typing:
        return Text(f"/{view.filter}_   Enter keeps, Esc clears", style="reverse")
    keys = "Enter open  e exceptions  l logs  b barcode  / filter  s sort  ? help  q quit"
    if view.screen != "jobs":
        keys = "Up Down PgUp PgDn move  Esc back  ? help  q quit"
        keys = f"Tab next component  {keys}" if view.screen == "logs" else keys
    return Text(keys, style="dim")


def _body(board: DashboardState, view: View, size: Size, glyphs: Glyphs) -> list[Text]:
    line = board.find(view.chosen)
    if view.screen == "help":
        return _scrolled("Keys", [Text(text) for text in _HELP.splitlines()], view, size)
    if view.screen == "barcode":
        return panels.barcode_lines(board, view.stream, size.width, size.height, glyphs)
    if view.screen == "logs":
        return _log(board, view, size)
    if line is None or view.screen == "jobs":
        return _overview(board, view, line, size, glyphs)
    if view.screen == "exceptions":
        title = f"Exceptions of {line.job.name} {line.job.id[:12]}"
        return _scrolled(title, job_panel.exception_lines(line, size.width), view, size)
    return _scrolled("", _whole_job(line, board, size.width), view, size)


def _whole_job(line: JobRow, board: DashboardState, width: int) -> list[Text]:
    lines = job_panel.job_lines(line, board, width)
    if line.load is not None and line.load.vertices:
        lines += [Text(""), *job_panel.vertex_lines(line.load.vertices, width)]
    return lines


def _log(board: DashboardState, view: View, size: Size) -> list[Text]:
    """Draw the end of the log; scrolling moves upwards from there."""
    lines = panels.log_lines(board, size.width)
    others = "" if board.log is None else "  of " + ", ".join(board.log.components)
    title = f"Log of {board.log.component}{others}" if board.log is not None else "Log"
    room = size.height - 1
    last = max(min(room, len(lines)), len(lines) - view.scroll)
    return [Text(title, style="bold"), *lines[max(0, last - room) : last]]


def _scrolled(title: str, lines: list[Text], view: View, size: Size) -> list[Text]:
    heading = [Text(title, style="bold")] if title else []
    room = size.height - len(heading)
    first = max(0, min(view.scroll, len(lines) - room))
    return [*heading, *lines[first : first + room]]


def _overview(
    board: DashboardState, view: View, line: JobRow | None, size: Size, glyphs: Glyphs
) -> list[Text]:
    lines = _list(board, view, size, glyphs)
    if line is None:
        return lines
    lines.append(Text(""))
    room = size.height - len(lines)
    if size.width >= panels.WIDEST:
        return [*lines, *_two_columns(board, view, line, Size(size.width, room), glyphs)]
    panel = job_panel.job_lines(line, board, size.width)
    rest = room - len(panel) - 1
    picture = panels.barcode_lines(board, view.stream, size.width, rest, glyphs) if rest > 0 else []
    return [*lines, *panel, *([Text(""), *picture] if picture else [])]


def _list(board: DashboardState, view: View, size: Size, glyphs: Glyphs) -> list[Text]:
    columns = panels.job_columns(size.width)
    lines = [cells.row(columns, [column.heading for column in columns], size.width, style="bold")]
    rows = window(view, board, list_rows(size))
    for line in rows:
        chosen = line.job.id == view.chosen
        lines.append(panels.job_row(line, size.width, chosen=chosen, unicode=glyphs is UNICODE))
    every = shown(view, board)
    hidden = len(board.jobs) - len(every)
    if not rows:
        matching = f" match {view.filter!r}" if view.filter else ""
        lines.append(Text(f"no jobs{matching}{_hidden(hidden, board.commands)}"))
    elif len(every) > len(rows) or view.filter or view.sort != "state":
        summary = f"{len(rows)} of {len(every)} jobs, sorted by {view.sort}"
        matching = f", matching {view.filter!r}" if view.filter else ""
        lines.append(Text(summary + matching, style="dim"))
    return lines


def _hidden(number: int, commands: Commands) -> str:
    return f" ({number} not shown; a shows ended ones)" if number else f"; {commands.start()} starts one"


def _two_columns(board: DashboardState, view: View, line: JobRow, size: Size, glyphs: Glyphs) -> list[Text]:
    """Draw the selected job at the left, the newest barcode at the right, and the tasks below if they fit."""
    left, right = size.width * 11 // 20, size.width - size.width * 11 // 20 - 3
    panel = job_panel.job_lines(line, board, left)
    picture = panels.barcode_lines(board, view.stream, right, max(8, min(size.height, 20)), glyphs)
    lines = []
    for index in range(max(len(panel), len(picture))):
        left_text = panel[index].copy() if index < len(panel) else Text("")
        left_text.truncate(left, pad=True)
        right_text = picture[index] if index < len(picture) else Text("")
        lines.append(left_text.append("   ").append_text(right_text))
    vertices = line.load.vertices if line.load is not None else ()
    if vertices and size.height - len(lines) > len(vertices) + 2:
        lines += [Text(""), *job_panel.vertex_lines(vertices, size.width)]
    return lines
