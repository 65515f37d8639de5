"""The commands submit, list, status and cancel against a real cluster."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.command_runner import LISTED, Cluster, Ran

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.domain.polling import poll

pytestmark = pytest.mark.cluster

IDLE = """\
from beside import TABLE
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

env = StreamExecutionEnvironment.get_execution_environment()
tables = StreamTableEnvironment.create(env)
tables.execute_sql(TABLE)
tables.to_data_stream(tables.from_path("numbers")).map(lambda row: row[0]).print()
env.execute()
"""
TABLE = """\
TABLE = "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10')"
"""
RAISES_AT_START = """\
def prepare():
    raise RuntimeError("no such sensor: 42")

prepare()
"""
RAISES_ON_RECORDS = IDLE.replace(
    "env.execute()",
    """\
def digest(row):
    raise ValueError("cannot digest %d" % row[0])

tables.to_data_stream(tables.from_path("numbers")).map(digest).print()
env.execute("indigestion")""",
)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """Return a folder with scripts and the module that they import."""
    texts = {
        "beside.py": TABLE,
        "idle.py": IDLE,
        "raises_at_start.py": RAISES_AT_START,
        "raises_on_records.py": RAISES_ON_RECORDS,
        "makes_no_job.py": "print('nothing to do')\n",
        "exits.py": "import os\nos._exit(3)\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture(autouse=True)
def no_jobs_left(cluster: Cluster) -> Iterator[None]:
    """Cancel the jobs that a test leaves running."""
    yield
    alive = running(cluster)
    if alive:
        assert cluster.run("cancel", *alive, timeout=120).code == 0


def jobs(cluster: Cluster, *more: str) -> list[dict[str, Any]]:
    found = cluster.run("list", "-o", "json", *more).json()
    assert isinstance(found, list)
    return found


def running(cluster: Cluster) -> list[str]:
    """Return the ids of jobs that have not ended, from Flink's REST interface."""
    found = httpx.get(f"{cluster.rest_url}/jobs/overview", timeout=10).json()["jobs"]
    return [job["jid"] for job in found if job["end-time"] < 0]


def wait_for_state(cluster: Cluster, job_id: str, state: str) -> None:
    seen = ""
    for _ in poll(90, every=0.2):
        seen = httpx.get(f"{cluster.rest_url}/jobs/{job_id}").json()["state"]
        if seen == state:
            return
    raise AssertionError(f"{job_id} is {seen}, not {state}")


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_the_seed_s_sample_is_submitted_listed_looked_at_and_cancelled(
    cluster: Cluster, tmp_path: Path
) -> None:
    assert cluster.run("config", "init", "--production", str(tmp_path / "sample.json")).code == 0
    # Not the sample's 8 subtasks: 8 Python workers that start at once occupy two cores for a minute.
    words = ("submit", "--config", str(tmp_path / "sample.json"), "--set", "parallelism=4", "-o", "json")
    done = cluster.run(*words, timeout=300)
    submitted = done.json()
    assert set(submitted) == {"id", "name", "state", "env", "parallelism", "bundle_sha256", "rest_url"}
    assert (submitted["name"], submitted["state"]) == ("tda-streaming-production", "RUNNING")
    said = flat(done.stderr)
    assert "window_size, slide_interval, window_timeout: valid, but apply to the stream route only" in said
    assert "sets kafka_bootstrap_servers to kafka1:9092,kafka2:9093,kafka3:9094" in said

    (listed,) = jobs(cluster)
    assert set(listed) == LISTED
    assert (listed["id"], listed["parallelism"], listed["env"]) == (submitted["id"], 4, "local")
    assert listed["tasks_running"] == listed["tasks_total"] > 0

    status = cluster.run("status", submitted["id"][:10], "-o", "json").json()
    assert status["parameters"]["tdaflink.name"] == "tda-streaming-production"
    assert status["parameters"]["tdaflink.bundle"] == submitted["bundle_sha256"]
    assert status["restarts"] == 0
    table = cluster.run("status", "tda-streaming-production").stdout
    assert "RUNNING" in table
    assert "no restart" in table

    canceled = cluster.run("cancel", "tda-streaming-production", "-o", "json", timeout=120).json()
    assert canceled == [{"id": submitted["id"], "name": "tda-streaming-production", "state": "CANCELED"}]
    assert jobs(cluster) == []
    assert [job["state"] for job in jobs(cluster, "--all") if job["id"] == submitted["id"]] == ["CANCELED"]


def test_a_script_is_submitted_with_the_module_beside_it(cluster: Cluster, scripts: Path) -> None:
    done = cluster.run(
        "submit", "--job", str(scripts / "idle.py"), "--job-name", "my-idle", "-o", "json", timeout=240
    )
    assert done.json()["state"] == "RUNNING"
    assert [job["name"] for job in jobs(cluster)] == ["my-idle"]


def test_a_script_that_raises_shows_its_own_traceback(cluster: Cluster, scripts: Path) -> None:
    done = cluster.run("submit", "--job", str(scripts / "raises_at_start.py"), timeout=240)
    assert done.code == 5
    assert 'File "raises_at_start.py", line 2, in prepare' in done.stderr
    assert "RuntimeError: no such sensor: 42" in done.stderr
    assert "\tat org.apache.flink" not in done.stderr
    verbose = cluster.run("submit", "--job", str(scripts / "raises_at_start.py"), "-v", timeout=240)
    assert "at org.apache.flink" in verbose.stderr


def test_a_restart_loop_is_reported_as_a_failure_with_its_cause(cluster: Cluster, scripts: Path) -> None:
    done = cluster.run("submit", "--job", str(scripts / "raises_on_records.py"), timeout=240)
    assert done.code == 5
    assert 'File "raises_on_records.py", line 10, in digest' in done.stderr
    assert "keeps restarting: ValueError: cannot digest" in flat(done.stderr)
    assert "site-packages/apache_beam" not in done.stderr
    status = cluster.run("status", "indigestion")
    assert status.stdout.startswith("Root cause: ValueError: cannot digest")


@pytest.mark.parametrize(
    ("script", "words"),
    [("makes_no_job.py", "without calling env.execute()"), ("exits.py", "exits with code: 3")],
)
def test_a_script_that_makes_no_job_says_so(cluster: Cluster, scripts: Path, script: str, words: str) -> None:
    done = cluster.run("submit", "--job", str(scripts / script), timeout=240)
    assert done.code == 5
    assert words in flat(done.stderr)
    assert httpx.get(f"{cluster.rest_url}/overview").json()["taskmanagers"] == 1


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("submit", "--set", "paralelism=2"), 2, "did you mean parallelism?"),
        (
            ("submit", "--parallelism", "9", "--from", "none"),
            1,
            "needs 9 slots (parallelism 9), and 8 of the cluster's 8 are free",
        ),
        (("submit", "--set", "input_topic=no_such_topic"), 4, "no topic no_such_topic"),
        (("submit", "--job", "gone.py"), 4, "there is no file gone.py"),
        (("submit", "--config", "gone.json"), 4, "there is no file gone.json"),
        (("submit", "--from", "/no-savepoint"), 4, "is not a complete savepoint or checkpoint"),
        (("status", "no-such-job"), 4, "no job on this cluster has the id, id prefix or name 'no-such-job'"),
        (("cancel", "no-such-job"), 4, "no job on this cluster"),
        (("list", "--env", "nowhere"), 4, "nowhere"),
    ],
)
def test_what_cannot_be_done_says_why(cluster: Cluster, words: tuple[str, ...], code: int, says: str) -> None:
    done = cluster.run(*words, timeout=120)
    assert (done.code, done.stdout) == (code, "")
    assert says in flat(done.stderr)
    assert running(cluster) == []


def test_errors_are_json_where_data_would_be(cluster: Cluster) -> None:
    done = cluster.run("status", "no-such-job", "-o", "json")
    error = json.loads(done.stderr)["error"]
    assert (error["code"], error["kind"], error["hint"]) == (4, "not_found", "tdaflink list --all")


def test_a_dead_endpoint_is_unreachable(cluster: Cluster) -> None:
    done = cluster.run("list", environ={"FLINK_REST_URL": "http://127.0.0.1:1"}, timeout=30)
    assert done.code == 3
    assert "no Flink REST interface answers at http://127.0.0.1:1" in flat(done.stderr)


def test_a_dry_run_shows_everything_and_changes_nothing(cluster: Cluster) -> None:
    plan = cluster.run("submit", "--dry-run", "--parallelism", "3", "-o", "json").json()
    assert plan["settings"]["inputs"][0]["source_parallelism"] == 3
    assert "tdajob/flink/pipeline.py" in plan["bundle_files"]
    assert [(call["method"], call["path"].split("<")[0]) for call in plan["calls"]] == [
        ("POST", "/jars/upload"),
        ("POST", "/jars/"),
    ]
    flink = plan["calls"][1]["body"]["flinkConfiguration"]
    assert flink["python.fn-execution.bundle.size"] == "300"
    # `status`, on any machine, compares bundles with this value, which it reads from the job's parameters.
    assert "tdaflink.bundle_size:''300''" in flink["pipeline.global-job-parameters"]
    assert jobs(cluster, "--all") == [job for job in jobs(cluster, "--all") if job["state"] != "RUNNING"]
    summary = cluster.run("submit", "--dry-run").stdout.splitlines()
    assert len(summary) < 12
    assert "  requests: tda_jobs to tda_results" in summary
    assert '"schema": 1' in cluster.run("submit", "--dry-run", "-v").stdout


def test_five_submissions_at_once_are_five_jobs_in_the_cluster(cluster: Cluster, scripts: Path) -> None:
    results: dict[int, Ran] = {}

    def submit(number: int) -> None:
        words = ("submit", "--job", str(scripts / "idle.py"), "--job-name", f"idle-{number}", "-o", "json")
        results[number] = cluster.run(*words, timeout=300)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {results[number].json()["state"] for number in range(5)} == {"RUNNING"}
    found = jobs(cluster)
    assert sorted(job["name"] for job in found) == [f"idle-{number}" for number in range(5)]
    assert {job["id"] for job in found} == {results[number].json()["id"] for number in range(5)}
    # The five jobs share one upload, whose name contains the hash of the bundle.
    bundle = results[0].json()["bundle_sha256"]
    uploaded = httpx.get(f"{cluster.rest_url}/jars").json()["files"]
    assert len([jar for jar in uploaded if bundle[:24] in jar["name"]]) == 1


def test_a_job_that_never_came_is_told_from_a_refusal(cluster: Cluster) -> None:
    """An unknown job has no state: a submission whose response was lost is repeated only in this case."""
    rest = FlinkRest(cluster.rest_url)
    try:
        assert rest.job_state("0123456789abcdef0123456789abcdef") is None
    finally:
        rest.close()


def test_a_page_of_another_origin_may_not_read_answers(cluster: Cluster) -> None:
    answer = httpx.get(f"{cluster.rest_url}/jobs/overview", headers={"Origin": "http://evil.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == cluster.rest_url
