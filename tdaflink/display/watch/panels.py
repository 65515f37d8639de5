"""The parts of the dashboard, each as lines of a given width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from tdaflink.display.barcode import Glyphs, barcode, barcode_text
from tdaflink.display.watch import words
from tdaflink.display.watch.words import Column, row
from tdaflink.domain.board import Board, JobLine, Stale
from tdaflink.domain.failures import own_frames
from tdaflink.domain.findings import Finding, memory_share
from tdaflink.domain.snapshot import ClusterState, JobLoad, TopicLag, VertexLoad
from tdaflink.domain.travelling import outputs_of, slide_of

WIDE = 120
STATE_STYLES = {
    "RUNNING": "green",
    "FAILED": "bold red",
    "FAILING": "bold red",
    "RESTARTING": "bold yellow",
    "CANCELED": "dim",
    "FINISHED": "dim",
}
_NAMES = {"flink": "Flink", "kafka": "Kafka", "prometheus": "Prometheus", "logs": "The log"}


def cluster_lines(board: Board, width: int) -> list[Text]:
    """Slots and memory, in one line or two."""
    state = board.cluster
    if state is None:
        return [Text("no answer from the cluster yet", style="dim")]
    used = state.slots_total - state.slots_available
    managers = f"{state.taskmanagers} TaskManager{'' if state.taskmanagers == 1 else 's'}"
    first = Text.assemble(
        f"Flink {state.flink_version}  ",
        (managers, "bold red" if state.taskmanagers == 0 else ""),
        f"  slots {used} of {state.slots_total} in use",
    )
    second = Text.assemble(*_memory_words(state))
    if first.cell_len + second.cell_len + 2 <= width:
        return [first.append("  ").append_text(second)]
    return [first, second]


def _memory_words(state: ClusterState) -> list[str | tuple[str, str]]:
    """How full heap and metaspace of the fullest TaskManager and of the JobManager are."""
    found: list[str | tuple[str, str]] = []
    for name, memory in (("TaskManager", state.taskmanager), ("JobManager", state.jobmanager)):
        heap, metaspace = memory_share(memory, "heap"), memory_share(memory, "metaspace")
        if heap is None and metaspace is None:
            continue
        found += [
            f"{'  ' if found else ''}{name} heap ",
            (_percent(heap), _fullness(heap)),
            f" of {words.size(memory.heap_max)}" if name == "TaskManager" else "",
            " metaspace ",
            (_percent(metaspace), _fullness(metaspace)),
        ]
    return found


def _percent(share: float | None) -> str:
    return words.UNKNOWN if share is None else f"{share:.0%}"


def _fullness(share: float | None) -> str:
    if share is None or share < 0.75:
        return ""
    return "yellow" if share < 0.9 else "bold red"


def stale_line(stale: Stale, now: float, width: int) -> Text:
    """Since when a source has been silent, and why."""
    name = _NAMES[stale.source]
    since = "has not answered yet"
    if stale.since is not None:
        since = f"does not answer since {words.clock(stale.since)} UTC ({words.age(now - stale.since)} ago)"
    line = Text(f"! {name} {since}: {stale.reason}", style="bold yellow", no_wrap=True)
    line.truncate(width, overflow="ellipsis")
    return line


def alert_lines(board: Board, width: int, most: int) -> list[Text]:
    """The alerts that fire, as many as there is room for."""
    alerts = board.alerts or ()
    lines = []
    for alert in alerts[:most]:
        line = Text(f"! {alert.name} ({alert.severity or 'alert'}): {alert.summary}", style="bold red")
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    if len(alerts) > most > 0:
        lines[-1].append(f"  and {len(alerts) - most} more alerts")
        lines[-1].truncate(width, overflow="ellipsis")
    return lines


def job_columns(width: int) -> list[Column]:
    """The columns of the list of jobs, as many as the width holds."""
    spark = 8 if width < WIDE else 24
    columns = [
        Column("", 1),
        Column("STATE", 10),
        Column("NAME", 0),
        Column("FOR", 6, right=True),
        Column("REC/S", 6, right=True),
        Column("", spark),
        Column("WIN/S", 6, right=True),
    ]
    if width >= WIDE:
        columns += [Column("", spark), Column("P50", 7, right=True)]
    columns.append(Column("P95", 7, right=True))
    if width >= WIDE:
        columns += [Column("P99", 7, right=True), Column("PAIRS/S", 7, right=True)]
    columns += [Column("LAG", 6, right=True), Column("CKPT", 6, right=True)]
    if width >= WIDE:
        columns.append(Column("RESTARTS", 8, right=True))
    return columns


def job_row(line: JobLine, width: int, *, chosen: bool, unicode: bool) -> Text:
    """One job of the list."""
    wide, load, rates = width >= WIDE, line.load, line.rates
    computation = load.computation if load is not None else None
    spark = 8 if not wide else 24
    cells: list[str | Text] = [
        ">" if chosen else " ",
        Text(line.job.state, style=STATE_STYLES.get(line.job.state, "")),
        line.job.name,
        words.age(line.job.duration_ms / 1000),
        words.rate(rates.records),
        Text(words.sparkline(line.records, spark, unicode=unicode), style="cyan"),
        words.rate(rates.windows),
    ]
    if wide:
        cells += [
            Text(words.sparkline(line.windows, spark, unicode=unicode), style="cyan"),
            words.seconds(computation.p50 if computation else None),
        ]
    cells.append(words.seconds(computation.p95 if computation else None))
    if wide:
        cells += [words.seconds(computation.p99 if computation else None), words.rate(rates.pairs)]
    cells += [words.count(line.total_lag), _checkpoint_age(line)]
    if wide:
        cells.append(words.UNKNOWN if load is None or load.restarts is None else str(load.restarts))
    return row(job_columns(width), cells, width, style="bold" if chosen else "")


def _checkpoint_age(line: JobLine) -> str:
    done = line.load.checkpoints if line.load is not None else None
    return words.age(done.latest_age_ms / 1000) if done and done.latest_age_ms is not None else words.UNKNOWN


def job_lines(line: JobLine, board: Board, width: int) -> list[Text]:
    """A job in some lines: its root cause, what is wrong, and how it does."""
    job, load = line.job, line.load
    state = Text(job.state, style=STATE_STYLES.get(job.state, ""))
    restarts = "" if load is None or load.restarts is None else f"  {_restarts(load.restarts)}"
    head = Text.assemble(
        (job.name, "bold"),
        f"  {job.id[:12]}  ",
        state,
        f"  parallelism {job.parallelism}  tasks {job.tasks_running}/{job.tasks_total}{restarts}",
    )
    if load is None:
        return [head, Text("no data yet", style="dim")]
    lines = [head]
    if line.cause is not None and (job.state != "RUNNING" or load.restarts):
        lines += words.wrapped(f"Root cause: {line.cause}", width, rest="  ", style="red")[:2]
    lines += [
        *_computation_lines(line, load, width),
        *_lag_lines(line.lag, width),
        *_event_time(load, board),
        _checkpoint_line(load),
    ]
    return [*lines, *finding_lines(line.findings, width)]


def _restarts(number: int) -> str:
    return "no restart" if number == 0 else f"{number} restart{'' if number == 1 else 's'}"


def _computation_lines(line: JobLine, load: JobLoad, width: int) -> list[Text]:
    done = load.computation
    if done is None:
        return []
    if done.p50 is None:
        return [Text("computation  no data yet: nothing has been computed since the job started")]
    slide = slide_of(load.parameters)
    slow = slide is not None and slide.seconds is not None and (done.p95 or 0) > slide.seconds
    text = Text("computation  ")
    text.append(
        f"p50 {words.seconds(done.p50)}  p95 {words.seconds(done.p95)}  p99 {words.seconds(done.p99)}",
        style="bold red" if slow else "",
    )
    if slide is not None:
        text.append(f"  a window every {slide}")
    more = (
        f"  pairs/s {words.rate(line.rates.pairs)}  {words.count(done.answered)} answered"
        f"  {words.count(done.errors)} refused"
    )
    if text.cell_len + len(more) <= width:
        return [text.append(more)]
    return [text, Text(" " * 11 + more)]


def _lag_lines(lag: Mapping[str, TopicLag] | None, width: int) -> list[Text]:
    if not lag:
        return []
    told = [
        f"{topic} {words.count(seen.lag)}"
        + (f" ({words.count(seen.committed_lag)} uncommitted)" if seen.committed_lag else "")
        for topic, seen in lag.items()
    ]
    return words.wrapped("  ".join(told), width, first="lag          ", rest=" " * 13)


def _event_time(load: JobLoad, board: Board) -> list[Text]:
    """How far event time has come: Flink's watermark, or the end of the newest window."""
    if load.watermark is not None:
        moment = load.watermark / 1000
        told = (
            f"watermark    {words.clock(moment)} UTC, {words.age(board.taken_at - moment)} behind the clock"
        )
        return [Text(told)]
    newest = board.newest
    if newest is None or newest.event_time is None or newest.topic not in outputs_of(load.parameters):
        return []
    end = words.moment_of(newest.event_time)
    if end is None:
        return []
    behind = f"{words.age(board.taken_at - end)} behind the clock"
    return [Text(f"event time   {words.clock(end)} UTC, {behind} (the newest window, of {newest.stream})")]


def _checkpoint_line(load: JobLoad) -> Text:
    done = load.checkpoints
    every = f", every {load.checkpoint_interval_ms / 1000:g} s" if load.checkpoint_interval_ms else ""
    if done is None or done.latest_id is None:
        return Text(f"checkpoint   none completed yet{every}")
    return Text(
        f"checkpoint   {words.age((done.latest_age_ms or 0) / 1000)} ago,"
        f" took {words.seconds((done.latest_duration_ms or 0) / 1000)},"
        f" {words.size(done.latest_size_bytes)}; {done.completed} done, {done.failed} failed{every}"
    )


def finding_lines(found: Sequence[Finding], width: int) -> list[Text]:
    """Each finding with what to do about it."""
    lines: list[Text] = []
    for one in found:
        style = "bold red" if one.severity == "error" else "yellow"
        lines += words.wrapped(one.text, width, first="! ", rest="  ", style=style)
        lines += words.wrapped(f"{one.advice}: {one.command}", width, first="  > ", rest="    ")
    return lines


def vertex_lines(vertices: Sequence[VertexLoad], width: int) -> list[Text]:
    """Where the time goes, task by task."""
    columns = [
        Column("TASK", 0),
        Column("KIND", 8),
        Column("SUBTASKS", 8, right=True),
        Column("BUSY", 5, right=True),
        Column("HELD UP", 7, right=True),
        Column("IDLE", 5, right=True),
        Column("SKEW", 5, right=True),
        Column("IN", 7, right=True),
        Column("OUT", 7, right=True),
    ]
    lines = [row(columns, [column.heading for column in columns], width, style="bold")]
    for vertex in vertices:
        cells = [
            vertex.name.removeprefix("Source: "),
            vertex.kind,
            str(vertex.parallelism),
            _per_mille(vertex.busiest),
            _per_mille(vertex.backpressured),
            _per_mille(vertex.idle),
            words.UNKNOWN if vertex.skew is None else f"{vertex.skew:.1f}x",
            words.count(vertex.records_in),
            words.count(vertex.records_out),
        ]
        lines.append(row(columns, cells, width, style="bold red" if (vertex.busiest or 0) >= 900 else ""))
    return lines


def _per_mille(value: float | None) -> str:
    return words.UNKNOWN if value is None else f"{value / 10:.0f} %"


def exception_lines(line: JobLine, width: int) -> list[Text]:
    """The exceptions that Flink remembers of a job, newest first, the Python traceback where there is one."""
    failures = line.load.failures if line.load is not None else None
    if not failures:
        return [Text("Flink remembers no exception of this job.")]
    lines: list[Text] = []
    for failure in failures:
        lines += words.wrapped(f"{failure.timestamp}  {failure.cause}", width, rest="  ", style="bold red")
        told = own_frames(failure.traceback) if failure.traceback else failure.text
        lines += [Text(text, no_wrap=True) for text in told.splitlines()]
        lines.append(Text(""))
    return lines


def log_lines(board: Board) -> list[Text]:
    """The end of the log that was asked for."""
    if board.log is None:
        silent = next((stale for stale in board.stale if stale.source == "logs"), None)
        return [Text(silent.reason if silent else "reading the log ...", style="dim")]
    return [Text(text.expandtabs(4), no_wrap=True, style=_log_style(text)) for text in board.log.lines]


def _log_style(text: str) -> str:
    level = text[24:30]
    if "ERROR" in level:
        return "red"
    return "yellow" if "WARN" in level else ""


def barcode_lines(board: Board, stream: str | None, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """The newest barcode in `height` lines; nothing where not even one bar of each dimension fits."""
    newest = board.newest
    if newest is None:
        whose = f"of stream {stream}" if stream is not None else "yet"
        return [Text(f"no result {whose}", style="dim")] if height > 0 else []
    result = newest.result
    betti = ", ".join(map(str, result.betti))
    title = Text.assemble(
        (newest.stream, "bold"),
        f"  {result.window + '  ' if result.window else ''}{result.algorithm}  {result.num_points} points"
        f"  Betti {betti}  {words.seconds(result.seconds)}",
    )
    title.truncate(width, overflow="ellipsis")
    for longest in range(10, 0, -1):
        drawn = barcode(
            result.bars,
            dimensions=len(result.betti),
            end=result.cut,
            width=width,
            longest=longest,
            glyphs=glyphs,
        )
        if len(drawn) + 1 <= height:
            return [title, *barcode_text(drawn).split("\n")]
    return []
