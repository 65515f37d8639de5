"""Tables that are written without Rich, equal to those that Rich draws."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdaflink.display import console
from tdaflink.display.jobs.listing import show_jobs
from tdaflink.domain.jobs.job import Job

NAMES = st.text(st.characters(max_codepoint=0x2FF), min_size=1, max_size=60) | st.text(
    " -az[]/é你", max_size=90
)


@st.composite
def job(draw: st.DrawFn) -> Job:
    return Job(
        id=draw(st.text("0123456789abcdef", min_size=32, max_size=32)),
        name=draw(NAMES),
        state=draw(st.sampled_from(["RUNNING", "FAILED", "CANCELED", "RESTARTING", "INITIALIZING"])),
        start_time="2026-11-29T18:00:00.000Z",
        duration_ms=draw(st.integers(0, 10**9)),
        parallelism=draw(st.integers(1, 10**12)),
        tasks_running=draw(st.integers(0, 999)),
        tasks_total=999,
        env="local",
    )


def shown(jobs: Sequence[Job], **environ: str) -> tuple[str, str]:
    """Return stdout and stderr of `list` in pipes."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
            patch.delenv(name, raising=False)
        for name, value in environ.items():
            patch.setenv(name, value)
        console.configure(output="table", verbose=False, no_color=False)
        show_jobs(jobs, "tdaflink submit --env local")
    return out.getvalue(), err.getvalue()


@given(st.lists(job(), min_size=1, max_size=4), st.sampled_from([{}, {"COLUMNS": "90"}, {"COLUMNS": "200"}]))
@settings(max_examples=60, deadline=None)
def test_a_piped_table_is_as_rich_draws_it(jobs: list[Job], environ: dict[str, str]) -> None:
    # With TTY_COMPATIBLE set, Rich draws the table; 0 means that the pipe is not a terminal.
    assert shown(jobs, **environ) == shown(jobs, **environ, TTY_COMPATIBLE="0")


def test_a_forced_colour_reaches_the_pipe() -> None:
    running = Job("a" * 32, "tda", "RUNNING", "2026-11-29T18:00:00.000Z", 5, 1, 1, 1, "local")
    assert "\x1b[32mRUNNING" in shown([running], FORCE_COLOR="1")[0]
    assert "\x1b" not in shown([running])[0]


@pytest.mark.parametrize("columns", ["40", "200"])
def test_an_empty_list_says_what_starts_a_job(columns: str) -> None:
    out, err = shown([], COLUMNS=columns)
    assert out == ""
    assert " ".join(err.split()) == (
        "No jobs are running. tdaflink submit --env local starts one; list --all shows ended ones."
    )
    assert max(map(len, err.splitlines())) <= int(columns)
