"""The dashboard's screens as text: snapshots reduced to its state and drawn at a fixed width."""

from __future__ import annotations

import math
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from support.watch_cases import (
    ALERTS,
    CLUSTER,
    LAG,
    LOG,
    START,
    failing,
    failure,
    job,
    load,
    replayed,
    screen,
    snapshot,
    steady,
)

from tdaflink.display.diagrams.barcode import ASCII
from tdaflink.display.format import (
    format_age,
    format_clock,
    format_count,
    format_day_and_clock,
    format_rate,
    format_seconds,
    format_size,
)
from tdaflink.display.watch import cells
from tdaflink.display.watch.frame import Size, frame
from tdaflink.display.watch.panels import log_lines
from tdaflink.display.watch.view import View
from tdaflink.domain.observability.cluster_snapshot import JobSeen, Memory, RateHistory

OVERVIEW = """\
tdaflink local  http://127.0.0.1:8081  08:00:12 UTC
Flink 2.2.1  1 TaskManager  slots 3 of 8 in use
TaskManager heap 30% of 1.1 GiB metaspace 27%  JobManager heap 16% metaspace 34%
  STATE      NAME               FOR  REC/S           WIN/S     P95    LAG   CKPT
  RESTARTING indigestion      1h00m      -               -       -      -      -
> RUNNING    tda-streaming    1h00m   50.0   ██████    5.0   34 ms     30     4s

tda-streaming  100000000000  RUNNING  parallelism 2  tasks 8/8  no restart
computation  p50 12 ms  p95 34 ms  p99 56 ms  a window every 10 s
             pairs/s 500  160 results  0 refused
lag          tda_stream_input 30 (250 uncommitted)
event time   07:59:57 UTC, 15s behind the clock (the newest window, of pump-7)
checkpoint   4s ago, took 250 ms, 48 KiB; 12 completed, 1 failed, every 10 s

pump-7  #901-1000  vietoris_rips  100 points  Betti 1, 1  12 ms
H0  ┃█████████████████████████████████████████████████████████▶ [0, ∞)
    ┃██████████████▌                                            [0, 0.25)
    ┃██████                                                     [0, 0.1)
H1  ┃                 ▐███████████████████████████████████████▶ [0.3, ∞)
    ┃           ▐███████████                                    [0.2, 0.4)
    ┗━━━━━━━━━━━┷━━━━━━━━━━┷━━━━━━━━━━━┷━━━━━━━━━━┷━━━━━━━━━━━┷
    0           0.2        0.4         0.6        0.8         1

Enter open  e exceptions  l logs  b barcode  / filter  s sort  ? help  q quit"""

FAILING = """\
indigestion  200000000000  RESTARTING  parallelism 1  tasks 0/1  4 restarts
Root cause: ValueError: cannot digest 7
checkpoint   none completed yet, every 10 s
! restarted 4 times; 2 of the last 2 exceptions have one cause
  > the same record would fail again; the traceback shows the line: tdaflink
    status 20000000 -v --env local"""

WIDE_LIST = [
    "STATE NAME FOR REC/S WIN/S P50 P95 P99 PAIRS/S LAG CKPT RESTARTS",
    "> RUNNING tda-streaming 1h00m 50.0 ██████ 5.0 ██████ 12 ms 34 ms 56 ms 500 30 4s 0",
]

TASKS = """\
TASK                 KIND     SUBTASKS  BUSY BACKPR.  IDLE  SKEW      IN     OUT
streams-source -> s… source          2   1 %     0 %  99 %  1.1x       0    1000
stream-windows       compute         2  48 %     0 %  55 %  1.2x    1000     200
answers-rows -> ans… sink            2   0 %     0 % 100 %  1.0x     200     200"""

HELP_END = "on the screen, with the time of its last response."


def test_the_overview_at_80_columns() -> None:
    assert "\n".join(screen(steady(12, failing()), View(chosen=job().id))) == OVERVIEW


def test_a_job_in_trouble_comes_first_with_its_root_cause_and_what_to_do() -> None:
    lines = screen(steady(12, failing()), View())
    assert lines[4].startswith("> RESTARTING indigestion")
    assert "\n".join(lines[7:13]) == FAILING


def test_a_wide_screen_has_more_columns_the_barcode_beside_the_job_and_the_tasks_below() -> None:
    lines = screen(steady(), View(), 200, 60)
    assert len(lines) == 60
    assert [" ".join(line.split()) for line in lines[2:4]] == WIDE_LIST
    assert lines[5].startswith("tda-streaming  100000000000  RUNNING")
    assert lines[5].endswith("pump-7  #901-1000  vietoris_rips  100 points  Betti 1, 1  12 ms")
    assert any(line.startswith("stream-windows") and "48 %" in line for line in lines)


def test_an_open_job_shows_where_its_time_goes() -> None:
    assert TASKS in "\n".join(screen(steady(), View(screen="job")))


def test_the_exceptions_of_a_job_are_its_python_tracebacks() -> None:
    lines = screen(steady(2, failing()), View(screen="exceptions", chosen=failing().job.id))
    assert lines[3] == "Exceptions of indigestion 200000000000"
    assert lines[4] == "2027-01-15T07:59:30.000Z  ValueError: cannot digest 7"
    assert '  File "my_job.py", line 9, in digest' in lines
    unknown = screen(steady(2), View(screen="exceptions", chosen=job().id))
    assert unknown[4] == "Flink has no exception of this job."


def test_the_log_shows_its_end_and_scrolls_upwards() -> None:
    board = replayed(snapshot(log=LOG))
    lines = screen(board, View(screen="logs"))
    assert lines[3] == "Log of taskmanager-1  of taskmanager-1, jobmanager, kafka"
    assert lines[22].endswith("line 59")
    assert screen(board, View(screen="logs", scroll=10))[22].endswith("line 49")
    assert screen(board, View(screen="logs", scroll=10**6))[4].endswith("line 0")


def test_help_fits_a_small_screen() -> None:
    lines = screen(steady(2), View(screen="help"))
    assert HELP_END in lines


def test_what_does_not_answer_is_named_with_since_when_and_its_last_values_stay() -> None:
    silent = snapshot(
        20.0,
        cluster=None,
        newest=None,
        problems={"flink": "no Flink REST interface answers", "kafka": "none"},
    )
    silent = replace(silent, jobs=None)
    board = replayed(*(snapshot(float(s)) for s in (0, 2, 4)), silent)
    lines = screen(board, View(), now=START + 30)
    told = "! Flink last response 08:00:04 UTC (26s ago): no Flink REST interface answers"
    assert lines[3].startswith(told[:79])
    assert lines[4] == "! Kafka last response 08:00:04 UTC (26s ago): none"
    assert any("RUNNING    tda-streaming" in line for line in lines)
    assert "H0  ┃" in "\n".join(lines)
    recovered = replayed(snapshot(0.0), silent, snapshot(22.0))
    assert not any("last response" in line for line in screen(recovered, View()))


def test_a_cluster_that_has_never_answered_says_so() -> None:
    board = replayed(snapshot(cluster=None, jobs=(), newest=None, problems={"flink": "refused"}))
    lines = screen(board, View())
    assert lines[1] == "no response from the cluster yet"
    assert lines[2] == "! Flink has not responded yet: refused"


def test_a_refresh_that_takes_long_shows_how_old_the_screen_is() -> None:
    lines = screen(steady(2), View(), now=START + 62)
    assert lines[0].endswith("08:00:02 UTC  1m00s ago, slow responses")
    paused = screen(steady(2), View(paused=True), now=START + 62)
    assert paused[0].endswith("08:00:02 UTC  PAUSED 1m00s ago")


def test_alerts_that_fire_are_named_as_many_as_there_is_room_for() -> None:
    board = replayed(snapshot(alerts=ALERTS))
    lines = screen(board, View())
    assert lines[3] == "! TdaNoResults (critical): No results of pump-7 for 60 s"
    assert lines[4] == "! TdaLagGrows (warning): The lag of tda_jobs grows  and 1 more alerts"
    assert len([line for line in screen(board, View(), 200, 60) if line.startswith("! ")]) == 3


def test_fifty_jobs_scroll_with_the_chosen_one_in_sight() -> None:
    many = tuple(JobSeen(job(f"job-{n:02d}", n)) for n in range(50))
    board = replayed(snapshot(jobs=many))
    lines = screen(board, View(chosen=many[40].job.id))
    assert any(line.startswith("> RUNNING    job-40") for line in lines)
    assert "6 of 50 jobs, sorted by state" in lines
    assert len(lines) == 24


def test_what_is_not_known_yet_is_a_dash_and_no_zero() -> None:
    board = replayed(snapshot(jobs=(JobSeen(job()),), newest=None))
    lines = screen(board, View())
    assert lines[4].split() == ["RUNNING", "tda-streaming", "1h00m", *["-"] * 5] or lines[4].split()[1:] == [
        "RUNNING",
        "tda-streaming",
        "1h00m",
        *["-"] * 5,
    ]
    assert "no result yet" in lines


def test_no_jobs_and_a_filter_that_matches_none_say_so() -> None:
    empty = replayed(snapshot(jobs=()))
    assert "no jobs; tdaflink submit --env local starts one" in screen(empty, View())
    ended = replayed(snapshot(jobs=(JobSeen(job(state="CANCELED")),)))
    assert "no jobs (1 not shown; a shows ended ones)" in screen(ended, View())
    assert "no jobs match 'zebra' (1 not shown; a shows ended ones)" in screen(
        steady(2), View(filter="zebra")
    )


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (60, 15), (40, 10)])
def test_a_terminal_without_unicode_and_colour_gets_ascii_alone(size: tuple[int, int]) -> None:
    board = steady(12, failing())
    for name in ("jobs", "job", "exceptions", "logs", "barcode", "help"):
        lines = screen(board, View(screen=name), *size, glyphs=ASCII)  # type: ignore[arg-type]
        assert len(lines) == size[1]
        assert all(line.isascii() for line in lines)


def test_colour_marks_what_is_wrong() -> None:
    out = StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True, color_system="standard")
    full = replace(CLUSTER, taskmanager=Memory(95, 100, 10, 100))
    board = replayed(snapshot(cluster=full))
    console.print(frame(board, View(), Size(80, 24), now=START, every=2.0))
    assert "\x1b[1;31m95%\x1b[0m" in out.getvalue()


def test_what_prometheus_remembers_comes_before_what_was_seen() -> None:
    past = RateHistory(records=(10.0, 20.0), windows=(1.0,))
    first = snapshot(0.0, (JobSeen(job(), load(0.0), LAG, past),))
    line = replayed(first, snapshot(12.0)).jobs[0]
    assert line.records == (10.0, 20.0, pytest.approx(50.0))
    assert line.windows == (1.0, pytest.approx(5.0))


def test_a_job_that_is_not_running_has_no_rates() -> None:
    told = load(6.0, records_per_second=50.0)
    gone = replace(job(), state="RESTARTING", tasks_running=0)
    board = replayed(snapshot(0.0), snapshot(2.0), snapshot(6.0, (JobSeen(gone, told, LAG),)))
    assert (board.jobs[0].rates.records, board.jobs[0].rates.windows) == (None, None)


def test_until_ten_seconds_have_been_seen_flink_s_own_average_is_shown() -> None:
    seen = [snapshot(float(s), (JobSeen(job(), load(float(s), records_per_second=7.0)),)) for s in (0, 2, 12)]
    assert [replayed(*seen[:n]).jobs[0].rates.records for n in (1, 2, 3)] == [7.0, 7.0, pytest.approx(50.0)]


def test_a_restart_counts_anew_and_gives_no_false_rate() -> None:
    before = [snapshot(float(s)) for s in (0, 2, 4)]
    after = snapshot(6.0, (JobSeen(job(), load(0.0, taken_at=START + 6, restarts=1, records_in=10)),))
    line = replayed(*before, after).jobs[0]
    assert line.rates.records is None
    assert "Root cause" not in "\n".join(screen(replayed(*before, after), View()))
    with_cause = load(0.0, taken_at=START + 8, restarts=1, records_in=20, failures=(failure(),))
    board = replayed(*before, after, snapshot(8.0, (JobSeen(job(), with_cause, LAG),)))
    assert board.jobs[0].rates.records == pytest.approx(5.0)
    assert "Last failure 38s ago: ValueError: cannot digest 7" in screen(board, View())


def test_a_log_line_that_is_too_long_goes_on_below() -> None:
    message = "java.lang.IllegalStateException: " + " ".join(f"word{k}" for k in range(40))
    line = f"2027-01-15 07:59:00,000+01:00 ERROR {'org.apache.flink.runtime.Task':<60} [] - {message}"
    board = replayed(snapshot(log=replace(LOG, lines=[line, "\tat a.Frame(你)\x1b[2J"])))
    shown = screen(board, View(screen="logs"))
    assert "".join(shown[4:]).replace(" ", "").find(message.replace(" ", "")) > 0
    assert any(r"    at a.Frame(你)\x1b[2J" in text for text in shown)
    assert max(map(len, shown)) <= 80


@pytest.mark.parametrize("zone", ["", "+09:00", "Z", "-0330"])
def test_the_level_of_a_log_line_gives_its_colour_with_and_without_a_zone(zone: str) -> None:
    lines = [f"2027-01-15 07:59:00,000{zone} {level:<5} a.B - x" for level in ("ERROR", "WARN", "INFO")]
    styles = [str(line.style) for line in log_lines(replayed(snapshot(log=replace(LOG, lines=lines))), 80)]
    assert styles == ["red", "yellow", ""]


def test_numbers_that_are_none_are_shown_as_unknown() -> None:
    for shown in (format_age, format_count, format_rate, format_seconds, format_size):
        assert [shown(value) for value in (math.nan, math.inf, -math.inf)] == ["-", "-", "-"]
    greatest = 2**63 / 1000  # the watermark at the end of a bounded stream
    assert (format_clock(greatest), format_day_and_clock(greatest)) == ("-", "-")
    assert cells.moment_of("soon") is None
    assert cells.sparkline([math.nan, 1.0, math.inf, -1.0, 2.0], 5) == "▁▅▁▁█"
