"""Restarts of a job with its previous settings, bundle and state, after each way in which it can end.

The tests share one job and run in order.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from support.command_runner import Cluster
from support.faults.steady_job import WORKS, Steady, interrupt, steady_config, steady_on

from tdaflink.domain.polling import poll

pytestmark = [pytest.mark.cluster, pytest.mark.group("breaking"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def steady(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steady]:
    """Run a job with a custom algorithm, windows, two subtasks and exactly-once delivery."""
    steady = steady_on(cluster, tmp_path_factory.mktemp("restarts"))
    file = steady_config(steady, algorithm="brittle", parallelism=2, betti_at=0.5)
    try:
        include = ("--include", steady.version(WORKS))
        cluster.run("submit", "--config", file, *include, "-o", "json", timeout=240).json()
        yield steady
    finally:
        alive = [job["id"] for job in steady.running()]
        if alive:
            cluster.run("cancel", *alive, timeout=90)


def versions(steady: Steady) -> list[dict[str, Any]]:
    """Return the versions of the job, the newest first."""
    found = steady.cluster.run("history", steady.name, "-o", "json").json()["versions"]
    assert isinstance(found, list)
    return found


def test_after_a_stop_the_same_job_goes_on(steady: Steady) -> None:
    run, name = steady.cluster.run, steady.name
    with steady.feed("a") as sent:
        stopped = run("stop", name, timeout=120)
        assert f"Next: tdaflink resume {name} --env local" in stopped.stderr
        again = run("submit", "--job-name", name, "--from", "latest", "-o", "json", timeout=240)
    assert again.json()["parallelism"] == 2
    assert "resumes version 1" in again.stderr
    assert "with the same settings and the same bundle" in again.stderr
    first, second = versions(steady)[-1], versions(steady)[0]
    assert second["spec"] == first["spec"]
    assert second["origin"] == first["job_id"]
    steady.check("a", sent)


def test_after_a_cancel_what_options_change_is_shown_and_holds(steady: Steady) -> None:
    run, name = steady.cluster.run, steady.name
    before = versions(steady)[0]["spec"]["settings"]
    with steady.feed("b") as sent:
        (job,) = steady.running()
        assert run("cancel", job["id"], timeout=120).code == 0
        gone = run("savepoint", name)
        assert (gone.code, f"tdaflink resume {name}" in gone.stderr) == (4, True), gone.stderr
        fresh = run("resume", name, "--fresh-config", "--dry-run", "-o", "json", timeout=120)
        assert fresh.json()["settings"]["query"]["algorithm"] == "vietoris_rips"
        assert "betti_at: 0.5 → -" in fresh.stderr
        again = run("resume", name, "--set", "max_dimension=0", "-o", "json", timeout=240)
    assert again.json()["state"] == "RUNNING"
    assert "query.max_dimension: 1 → 0" in again.stderr
    after = versions(steady)[0]["spec"]["settings"]
    assert after == {**before, "query": {**before["query"], "max_dimension": 0}}
    steady.check("b", sent)


@pytest.mark.parametrize("by", ["submit", "resume"])
def test_a_killed_upgrade_is_finished_by_whatever_starts_the_job_again(steady: Steady, by: str) -> None:
    run, name = steady.cluster.run, steady.name
    wanted = {"submit": "1", "resume": "2"}[by]
    with steady.feed(by) as sent:
        words = ("upgrade", name, "--set", f"betti_at={wanted}.5")
        assert interrupt(steady.cluster, name, words, signal.SIGKILL, lambda one: one.step == "submitting")
        for other in (("stop", name), ("savepoint", name), ("status", name), ("upgrade", name)):
            gone = run(*other, timeout=60)
            if gone.code == 4:  # otherwise the new job is already starting
                assert f"tdaflink upgrade {name} --resume --env local" in gone.stderr
        start = ("submit", "--job-name", name, "--from", "latest") if by == "submit" else ("resume", name)
        done = run(*start, "-o", "json", timeout=240).json()
    assert (done["name"], done["parallelism"], done["state"]) == (name, 2, "RUNNING")
    assert [job["id"] for job in steady.running()] == [done["id"]]
    settings = versions(steady)[0]["spec"]["settings"]
    assert (settings["query"]["algorithm"], settings["query"]["betti_at"]) == ("brittle", float(wanted) + 0.5)
    assert run("upgrade", "--resume").code == 4
    steady.check(by, sent)


def test_what_the_refusal_to_stop_a_restarting_job_advises_works(steady: Steady) -> None:
    run, name = steady.cluster.run, steady.name
    trouble = steady.folder / "trouble"
    fails = WORKS.replace("if [-77.0, -77.0] in points.tolist():", f"if os.path.exists({str(trouble)!r}):")
    upgraded = run("upgrade", name, "--include", steady.version(fails), timeout=240)
    assert upgraded.code == 0, upgraded.stderr
    with steady.feed("trouble") as sent:
        trouble.touch()
        # A job that has not failed yet can be stopped. The delay between restarts grows.
        for _ in poll(90, every=0.5):
            (job,) = steady.running()
            if job["state"] == "RESTARTING" and run("status", name, "-o", "json").json()["restarts"] > 1:
                break
        for _ in poll(90, every=0.5):
            refused = run("stop", name, "-o", "json", timeout=120)
            if refused.code == 5:
                break
        trouble.unlink()
        hint = json.loads(refused.stderr.splitlines()[-1])["error"]["hint"]
        calls = [call.split() for call in re.findall(r"tdaflink (.+? --env local)", hint)]
        assert [call[0] for call in calls] == ["status", "cancel", "resume"]
        for call in calls:
            typed = run(*call, timeout=240)
            assert typed.code == 0, f"{call}\n{typed.stderr}"
    assert [job["state"] for job in steady.running()] == ["RUNNING"]
    steady.check("trouble", sent)


@pytest.mark.parametrize(
    ("words", "code", "advised"),
    [
        (("status", "no-such-job"), 4, ["list --all"]),
        (("results", "--topic", "tda_events"), 2, ["events"]),
        (("submit", "--set", "input_topic=none-such", "--from", "none"), 4, ["topics list", "topics create"]),
        (("upgrade",), 2, ["list"]),
        (("upgrade", "--resume"), 4, ["history"]),
    ],
)
def test_what_hints_show_can_be_typed(
    cluster: Cluster, words: tuple[str, ...], code: int, advised: list[str]
) -> None:
    refused = cluster.run(*words, "-o", "json", timeout=60)
    assert refused.code == code, refused.stderr
    hint = json.loads(refused.stderr.splitlines()[-1])["error"]["hint"]
    for call in advised:
        assert f"tdaflink {call}" in hint
        typed = cluster.run(*call.split(), timeout=60)
        assert typed.code == 0, f"{call}\n{typed.stderr}"


def test_no_second_job_reads_the_same_topics(steady: Steady) -> None:
    run = steady.cluster.run
    config = json.loads((steady.folder / "config.json").read_text())
    other = steady.folder / "other.json"
    other.write_text(json.dumps({**config, "job_name": f"{steady.name}-too", "algorithm": "vietoris_rips"}))
    refused = run("submit", "--config", str(other), timeout=120)
    assert refused.code == 1
    assert f"{steady.name} (" in refused.stderr
    assert f"already reads {steady.streams.input}, {steady.requests}" in refused.stderr
    for way in (f"tdaflink upgrade {steady.name}", f"tdaflink stop {steady.name}", "--allow-duplicate"):
        assert way in refused.stderr
    assert "--job-name" not in refused.stderr


def test_a_new_group_says_what_it_reads_again_and_may_leave_it_out(steady: Steady) -> None:
    run = steady.cluster.run
    (job,) = steady.running()
    assert run("stop", job["id"], timeout=120).code == 0
    name = f"{steady.name}-too"
    other = ("submit", "--config", str(steady.folder / "other.json"), "--no-wait")
    skipping = run(*other, "--start-from", "latest", timeout=240)
    assert (skipping.code, "has no committed offsets" in skipping.stderr) == (0, False), skipping.stderr
    run("cancel", name, timeout=120)
    again = run(*other, "--from", "none", timeout=240)
    run("cancel", name, timeout=120)
    assert again.code == 0, again.stderr
    assert f"tdaflink-local-{name} has no committed offsets" in again.stderr
    assert f" of {steady.requests} (from offset 0)" in again.stderr
    assert "--start-from latest skips them" in again.stderr


def test_a_job_that_does_not_come_up_is_cancelled(steady: Steady) -> None:
    run = steady.cluster.run
    script = steady.folder / "dies.py"
    script.write_text(
        """\
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

env = StreamExecutionEnvironment.get_execution_environment()
tables = StreamTableEnvironment.create(env)
tables.execute_sql("CREATE TABLE n (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10')")

def digest(row):
    raise ValueError("cannot digest %d" % row[0])

tables.to_data_stream(tables.from_path("n")).map(digest).print()
env.execute("dies")
"""
    )
    done = run("submit", "--job", str(script), "-o", "json", timeout=240)
    assert done.code == 5, done.stderr
    assert [job for job in run("list", "-o", "json").json() if job["name"] == "dies"] == []
    assert run("status", "dies").stdout.startswith("Root cause: ValueError: cannot digest")
