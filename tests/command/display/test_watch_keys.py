"""The effect of each key on the dashboard's view."""

from __future__ import annotations

import pytest
from support.watch_cases import LAG, LOG, failing, job, load, replayed, snapshot, steady

from tdaflink.display.watch.view import View, focus_of, press, settled, shown
from tdaflink.domain.observability.cluster_snapshot import JobSeen
from tdaflink.domain.observability.dashboard import DashboardState

THREE = (
    JobSeen(job("alpha", 1), load(), LAG),
    JobSeen(job("beta", 5)),
    JobSeen(job("gamma", 3, state="CANCELED")),
    failing(),
)


def pressed(board: DashboardState, *keys: str, view: View | None = None) -> View | None:
    current: View | None = settled(view or View(), board)
    for key in keys:
        assert current is not None
        current = press(current, key, board, 10)
    return current


def names(board: DashboardState, *keys: str) -> list[str]:
    view = pressed(board, *keys)
    assert view is not None
    return [line.job.name for line in shown(view, board)]


def chosen(board: DashboardState, *keys: str) -> str:
    view = pressed(board, *keys)
    assert view is not None
    line = board.find(view.chosen)
    assert line is not None
    return line.job.name


@pytest.fixture
def board() -> DashboardState:
    return replayed(snapshot(jobs=THREE, log=LOG))


def test_arrows_and_letters_move_within_the_list(board: DashboardState) -> None:
    assert names(board) == ["indigestion", "alpha", "beta"]
    assert chosen(board) == "indigestion"
    assert chosen(board, "KEY_DOWN") == chosen(board, "j") == "alpha"
    assert chosen(board, "j", "j", "j", "j") == chosen(board, "G") == "beta"
    assert chosen(board, "G", "k") == chosen(board, "G", "KEY_UP") == "alpha"
    assert chosen(board, "G", "g", "k") == "indigestion"


def test_the_filter_is_typed_kept_and_cleared(board: DashboardState) -> None:
    assert names(board, "/", *"bet") == ["beta"]
    assert names(board, "/", *"bex", "KEY_BACKSPACE", "KEY_ENTER") == ["beta"]
    assert names(board, "/", *"restart", "KEY_ENTER") == ["indigestion"]
    assert len(names(board, "/", *"bet", "KEY_ENTER", "KEY_ESCAPE")) == 3
    typing = pressed(board, "/", "q")
    assert typing is not None
    assert typing.filter == "q"


def test_ended_jobs_are_shown_when_asked_for(board: DashboardState) -> None:
    assert names(board, "a") == ["indigestion", "alpha", "beta", "gamma"]
    assert names(board, "a", "a") == names(board)


def test_sorting_goes_round() -> None:
    quick = replayed(
        *(snapshot(float(s), (*THREE[:1], JobSeen(job("zeta", 9), load(float(s))))) for s in (0, 2))
    )
    assert names(quick) == ["alpha", "zeta"]
    assert names(quick, "s", "s") == ["zeta", "alpha"]  # by records per second
    assert names(quick, "s", "s", "s") == ["alpha", "zeta"]  # by lag
    view = pressed(quick, "s", "s", "s", "s", "s")
    assert view is not None
    assert view.sort == "state"


@pytest.mark.parametrize(
    ("key", "screen"),
    [("KEY_ENTER", "job"), ("e", "exceptions"), ("l", "logs"), ("b", "barcode"), ("?", "help")],
)
def test_a_screen_is_opened_and_left(board: DashboardState, key: str, screen: str) -> None:
    opened = pressed(board, "j", key)
    assert opened is not None
    assert opened.screen == screen
    for back in ("KEY_ESCAPE", key):
        left = pressed(board, back, view=opened)
        assert left is not None
        assert (left.screen, left.chosen) == ("jobs", opened.chosen)
    assert pressed(board, key, "q") is None


def test_space_and_p_pause(board: DashboardState) -> None:
    for key in ("p", " "):
        view = pressed(board, key)
        assert view is not None
        assert view.paused
    assert pressed(board, "p", "p") == settled(View(), board)


def test_streams_and_components_go_round(board: DashboardState) -> None:
    seen = []
    view: View | None = View()
    for _ in range(3):
        view = pressed(board, "n", view=view)
        assert view is not None
        seen.append(view.stream)
    assert seen == ["pump-7", "pump-8", None]
    assert pressed(board, "KEY_TAB") == settled(View(), board)
    logs = pressed(board, "l", "KEY_TAB")
    assert logs is not None
    assert logs.component == "jobmanager"


def test_only_what_is_on_the_screen_is_asked_for(board: DashboardState) -> None:
    view = settled(View(), board)
    focus = focus_of(view, board, 2)
    assert focus.job == failing().job.id
    assert len(focus.visible) == 2
    assert focus.logs_of is None
    logs = pressed(board, "l")
    assert logs is not None
    assert focus_of(logs, board, 2).logs_of == "taskmanager"


def test_a_job_that_is_gone_gives_the_choice_to_the_first(board: DashboardState) -> None:
    view = pressed(board, "G")
    assert view is not None
    assert settled(view, steady(2)).chosen == job().id
