"""The commands of console blocks in README and docs, run on a real cluster in the order of their page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_runner import Cluster, Ran, runner
from support.texts.docs_commands import PAGES, Shown, shown

pytestmark = pytest.mark.cluster

JOB = "tda-streaming"
# Pages whose commands need more than the shared cluster, and the tests that run them.
ELSEWHERE = {
    "application.md": "a cluster for one job: tests/local/environments/test_application_cluster.py",
    "environments.md": "containers and somebody's S3: tests/compose",
    "messages.md": "a schema registry: tests/registry",
    "monitoring.md": "a setup of its own with metrics: tests/local/observability/test_monitoring.py",
    "uploads.md": "roots and an S3 service of the reader's: tests/local/data/test_uploads.py",
}
NOT_RUN = {
    "upgrade --resume": "only after an interruption: tests/local/jobs/test_upgrades.py",
    f"rollback {JOB} --to 3": "3 stands for a version of the reader's: tests/local/jobs/test_upgrades.py",
}
RUN = [page for page in PAGES if page.name not in ELSEWHERE and any(shown(page, console_only=True))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a working directory with the file that the pages send."""
    (tmp_path / "my-points.csv").write_text("x,y\n0,0\n1,0\n1,1\n0,1\n")
    return tmp_path


@pytest.fixture
def no_job(cluster: Cluster) -> Iterator[None]:
    """Cancel jobs with the name that the pages use, before and after a test."""
    end_jobs(cluster)
    yield
    end_jobs(cluster)


def end_jobs(cluster: Cluster) -> None:
    for job in cluster.run("list", "-o", "json").json():
        if job["name"] == JOB:
            cluster.run("cancel", job["id"], "--yes", timeout=90)


def call(cluster: Cluster, folder: Path, shown: Shown) -> Ran:
    """Run the command as shown; add `--from none` to `submit`, since earlier pages leave state."""
    words = list(shown.words)
    if words[0] == "submit" and "--from" not in words:
        words += ["--from", "none"]
    return runner(cluster.state, cwd=folder)(*words, timeout=240)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
@pytest.mark.usefixtures("no_job")
def test_the_commands_of_a_page_do_what_it_says(cluster: Cluster, folder: Path, page: Path) -> None:
    if page.name == "upgrades.md":  # the page begins with a running job
        assert cluster.run("submit", "--from", "none", timeout=240).code == 0
    for one in shown(page, console_only=True):
        if " ".join(one.words) in NOT_RUN:
            continue
        done = call(cluster, folder, one)
        assert done.code == 0, f"{one.line}\n{done.stdout}\n{done.stderr}"
    made = [
        word
        for one in shown(page, console_only=True)
        for word in one.words
        if word.endswith((".html", ".png"))
    ]
    assert all((folder / name).stat().st_size > 1000 for name in made)


def test_what_is_not_run_is_still_shown() -> None:
    lines = {" ".join(one.words) for page in PAGES for one in shown(page, console_only=True)}
    assert set(NOT_RUN) <= lines
    assert set(ELSEWHERE) <= {page.name for page in PAGES}
