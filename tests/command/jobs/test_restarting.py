"""Jobs that are restarted: their state and settings, and the messages about lost jobs.

A server with a few replies replaces the JobManager; ledger, storage and command are real.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.command_runner import Ran, Runner

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.ledger import Ledger
from tdaflink.adapters.storage.state_storage import state_files
from tdaflink.display.progress import ConsoleReporter
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.errors import Refused
from tdaflink.domain.jobs.history import AuditEntry, JobSpec, Operation, Version
from tdaflink.domain.jobs.state_snapshots import MAGIC
from tdaflink.services.control import JobControlContext
from tdaflink.services.jobs.bundle import shipped_bundle
from tdaflink.services.jobs.run_request import JobPackage
from tdaflink.services.jobs.topic_readers import (
    refuse_further_topics,
    refuse_reader_elsewhere,
    refuse_second_reader,
)
from tdaflink.services.upgrades.versions import job_from, last_version

NAME = "sensors"
OLD, NEW = "a" * 32, "b" * 32
SETTINGS = {
    "schema": 1,
    "job_name": NAME,
    "parallelism": 3,
    "inputs": [{"route": "streams", "topic": "points", "output_topic": "windows", "window": None}],
    "kafka": {
        "bootstrap_servers": "127.0.0.1:1",
        "group_id": f"tdaflink-far-{NAME}",
        "start_from": "committed",
        "delivery": "exactly_once",
        "properties": {},
    },
    "query": {"algorithm": "alpha", "max_dimension": 2, "max_persistence": None},
    "plugins": [],
}


class JobManager(ThreadingHTTPServer):
    """A JobManager with the jobs that a test adds, and with the location of their state."""

    def __init__(self, state: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state
        self.jobs: dict[str, tuple[str, str, dict[str, str]]] = {}

    def reply(self, path: str) -> Any:
        jobs = [
            {
                "jid": job_id,
                "name": name,
                "state": state,
                "start-time": 1_700_000_000_000 + number,
                "end-time": -1,
                "duration": 1000,
                "tasks": {"total": 1, "running": 1},
            }
            for number, (job_id, (name, state, _)) in enumerate(self.jobs.items())
        ]
        if path == "/jobs/overview":
            return {"jobs": jobs}
        if path == "/jobmanager/config":
            return [
                {"key": "execution.checkpointing.dir", "value": f"file://{self.state}/checkpoints"},
                {"key": "execution.checkpointing.savepoint-dir", "value": f"file://{self.state}/savepoints"},
            ]
        _, _, job_id, *rest = path.split("/")
        known = self.jobs.get(job_id)
        if known is None:
            return None
        if rest == ["config"]:
            return {"execution-config": {"user-config": known[2]}}
        return {"state": known[1], "status": known[1], "vertices": []}


class _Handler(BaseHTTPRequestHandler):
    server: JobManager

    def do_GET(self) -> None:
        found = self.server.reply(self.path.partition("?")[0])
        body = json.dumps({"errors": ["Job not found"]} if found is None else found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Discard the request log."""


@pytest.fixture
def jobmanager(tmp_path: Path) -> Iterator[JobManager]:
    server = JobManager(tmp_path / "flink")
    threading.Thread(target=server.serve_forever).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def environment(tmp_path: Path, jobmanager: JobManager) -> Environment:
    """Save an external environment."""
    endpoints = Endpoints(f"http://127.0.0.1:{jobmanager.server_port}", "127.0.0.1:9", "127.0.0.1:9")
    found = Environment("far", "external", "external", endpoints, "python")
    folder = tmp_path / "environments" / "far"
    folder.mkdir(parents=True)
    (folder / "environment.json").write_text(json.dumps(asdict(found)))
    return found


@pytest.fixture
def ledger(tmp_path: Path, environment: Environment) -> Ledger:
    return Ledger(tmp_path / "environments" / environment.name)


@pytest.fixture
def control(environment: Environment, ledger: Ledger) -> Iterator[JobControlContext]:
    cluster = FlinkRest(environment.endpoints.rest_url)
    yield JobControlContext(environment, cluster, ledger, ConsoleReporter(), state_files)
    cluster.close()


def spec_of(**changes: Any) -> JobSpec:
    bundle = shipped_bundle()
    return JobSpec(
        bundle.name,
        bundle.sha256,
        bundle.module,
        3,
        {**SETTINGS, **changes},
        flink_config={"execution.checkpointing.interval": "7000 ms"},
        config={"job_name": NAME, "parallelism": 3, "algorithm": "alpha"},
    )


def submitted(
    ledger: Ledger, job_id: str, spec: JobSpec | None = None, *, name: str = NAME, at: float = 1.0
) -> None:
    """Record a submission that was accepted, with its bundle."""
    bundle = shipped_bundle()
    ledger.keep_bundle(bundle.name, bundle.content)
    spec = spec or spec_of()
    ledger.record_submission(
        Version(job_id, name, "http://x", spec.bundle_sha256, "me@here", spec=spec, created_at=at)
    )
    ledger.finish_submission(job_id, "submitted")


def checkpoint(jobmanager: JobManager, job_id: str, number: int = 4) -> str:
    folder = jobmanager.state / "checkpoints" / job_id / f"chk-{number}"
    folder.mkdir(parents=True)
    (folder / "_metadata").write_bytes(MAGIC + b"state")
    return f"file://{folder}"


def planned(done: Ran) -> tuple[dict[str, Any], str]:
    """Return the settings and the state of a dry run."""
    plan = done.json()
    return plan["settings"], plan["calls"][1]["body"].get("savepointPath", "")


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ("FINISHED", ("submit", "--job-name", NAME, "--from", "latest")),
        ("FINISHED", ("submit", "--from", "latest")),
        ("CANCELED", ("resume", NAME)),
        ("FAILED", ("resume", OLD[:7])),
        (None, ("resume",)),  # lost with its JobManager: no cluster lists it
    ],
)
def test_however_it_ended_it_has_its_settings_its_bundle_and_its_state(
    run_tdaflink: Runner, jobmanager: JobManager, ledger: Ledger, ended: str | None, words: tuple[str, ...]
) -> None:
    submitted(ledger, OLD)
    path = checkpoint(jobmanager, OLD)
    if ended:
        jobmanager.jobs[OLD] = (NAME, ended, {})
    done = run_tdaflink(*words, "--dry-run", "-o", "json", "--env", "far")
    # The brokers are at their current addresses; everything else is unchanged.
    moved = {**SETTINGS["kafka"], "bootstrap_servers": "127.0.0.1:9"}  # type: ignore[dict-item]
    assert planned(done) == ({**SETTINGS, "kafka": moved}, path)
    assert done.json()["bundle_sha256"] == shipped_bundle().sha256
    assert "resumes version 1" in done.stderr


def test_only_the_newest_version_that_ran_counts(ledger: Ledger, control: JobControlContext) -> None:
    submitted(ledger, OLD, at=1.0)
    submitted(ledger, NEW, spec_of(query={"algorithm": "witness"}), at=2.0)
    ledger.finish_submission(NEW, "failed")
    last = last_version(control, NAME)
    assert last is not None
    assert last.job_id == OLD
    ledger.note(
        AuditEntry(
            3.0, "rescale", "done", OLD, NAME, "me", {"live": True, "parallelism": 5, "partitions": {}}
        )
    )
    rescaled = last_version(control, NAME)
    assert rescaled is not None
    assert rescaled.spec is not None
    assert (rescaled.spec.parallelism, (rescaled.spec.settings or {})["parallelism"]) == (5, 5)


def test_a_new_ledger_learns_from_the_cluster_what_has_ended(
    run_tdaflink: Runner, jobmanager: JobManager, environment: Environment
) -> None:
    facts = {
        "tdaflink.name": NAME,
        "tdaflink.bundle": spec_of().bundle_sha256,
        "tdaflink.submitter": "other@there",
        "tdaflink.spec": json.dumps(asdict(spec_of())),
    }
    jobmanager.jobs[OLD] = (NAME, "CANCELED", facts)
    path = checkpoint(jobmanager, OLD)
    done = run_tdaflink("resume", NAME, "--dry-run", "-o", "json", "--env", environment.name)
    settings, state = planned(done)
    assert (settings["query"], state) == (SETTINGS["query"], path)


def test_a_path_has_the_settings_of_the_job_that_left_it(
    run_tdaflink: Runner, jobmanager: JobManager, ledger: Ledger
) -> None:
    submitted(ledger, OLD)
    path = checkpoint(jobmanager, OLD)
    done = run_tdaflink("submit", "--from", path, "--dry-run", "-o", "json", "--env", "far")
    settings, state = planned(done)
    assert (settings["job_name"], settings["query"], state) == (NAME, SETTINGS["query"], path)


def test_state_of_unknown_settings_is_not_given_the_defaults(
    run_tdaflink: Runner, jobmanager: JobManager, environment: Environment
) -> None:
    path = checkpoint(jobmanager, OLD)
    done = run_tdaflink("submit", "--from", path, "--dry-run", "--env", environment.name)
    assert done.code == 1
    assert "are not known here" in done.stderr
    assert "--fresh-config" in done.stderr


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (("stop", NAME), True),
        (("upgrade", NAME), True),
        (("cancel", NAME), True),
        (("savepoint", NAME), False),
        (("cancel", NAME), False),
        (("status", NAME), False),
    ],
)
def test_a_job_that_is_gone_names_the_change_that_was_interrupted(
    run_tdaflink: Runner, jobmanager: JobManager, ledger: Ledger, words: tuple[str, ...], known: bool
) -> None:
    submitted(ledger, OLD)
    ledger.save_operation(
        Operation(
            "o1", "upgrade", NAME, "http://x", "me", OLD, spec_of(), "savepoint", 1.0, step="submitting"
        )
    )
    if known:
        jobmanager.jobs[OLD] = (NAME, "FINISHED", {})
    done = run_tdaflink(*words, "--env", "far")
    # A job that has ended needs no cancellation; that is not an error.
    assert done.code == (0 if known and words[0] == "cancel" else 4), done.stderr
    assert f"tdaflink upgrade {NAME} --resume --env far finishes it" in " ".join(done.stderr.split())


@pytest.mark.parametrize("words", [("stop", NAME), ("cancel", NAME), ("status", NAME), ("status", OLD[:9])])
def test_a_job_that_no_cluster_knows_can_be_started_again(
    run_tdaflink: Runner, ledger: Ledger, words: tuple[str, ...]
) -> None:
    submitted(ledger, OLD)
    done = run_tdaflink(*words, "--env", "far")
    assert done.code == 4
    assert f"Try:   tdaflink resume {NAME} --env far starts it again from its state" in done.stderr


def test_an_old_id_says_what_runs_now(run_tdaflink: Runner, jobmanager: JobManager, ledger: Ledger) -> None:
    submitted(ledger, OLD)
    jobmanager.jobs[OLD] = (NAME, "FINISHED", {})
    jobmanager.jobs[NEW] = (NAME, "RUNNING", {})
    done = run_tdaflink("stop", OLD[:8], "--env", "far")
    assert done.code == 4
    assert f"it runs as {NEW[:12]} now" in done.stderr
    assert f"tdaflink status {NEW[:12]} --env far" in done.stderr


def test_an_interrupted_change_is_not_passed_over(
    run_tdaflink: Runner, jobmanager: JobManager, ledger: Ledger
) -> None:
    submitted(ledger, OLD)
    checkpoint(jobmanager, OLD)
    ledger.save_operation(
        Operation(
            "o1", "upgrade", NAME, "http://x", "me", OLD, spec_of(), "savepoint", 1.0, step="submitting"
        )
    )
    words = ("submit", "--job-name", NAME, "--from", "latest", "--set", "max_dimension=0", "--dry-run")
    done = run_tdaflink(*words, "--env", "far")
    assert (done.code, "was interrupted at the step 'submitting'" in done.stderr) == (1, True), done.stderr
    assert f"tdaflink upgrade {NAME} --resume --env far finishes it" in done.stderr


# -- readers of topics


def new_job(control: JobControlContext, **changes: Any) -> JobPackage:
    bundle = shipped_bundle()
    control.ledger.keep_bundle(bundle.name, bundle.content)
    return job_from(replace(spec_of(**changes)), "another", control)


OTHER_TOPIC = [{"route": "streams", "topic": "others", "output_topic": "windows", "window": None}]
OTHER_KAFKA = {**SETTINGS["kafka"], "bootstrap_servers": "10.0.0.1:9092"}  # type: ignore[dict-item]


@pytest.mark.parametrize("by", ["ledger", "cluster"])
@pytest.mark.parametrize(
    ("changes", "refused"),
    [({}, True), ({"inputs": OTHER_TOPIC}, False), ({"kafka": OTHER_KAFKA}, False)],
)
def test_a_topic_has_one_reader(
    jobmanager: JobManager,
    ledger: Ledger,
    control: JobControlContext,
    by: str,
    changes: dict[str, Any],
    refused: bool,
) -> None:
    facts = {"tdaflink.spec": json.dumps(asdict(spec_of()))} if by == "cluster" else {}
    jobmanager.jobs[OLD] = (NAME, "RUNNING", facts)
    if by == "ledger":
        submitted(ledger, OLD)
    job = new_job(control, **changes)
    if not refused:
        refuse_second_reader(job, control, by_topics=True)
        return
    with pytest.raises(Refused, match=f"{NAME} .* already reads points") as found:
        refuse_second_reader(job, control, by_topics=True)
    assert f"tdaflink upgrade {NAME} --env far" in str(found.value.hint)
    # A duplicate that was allowed must not prevent the rollback of an upgrade.
    refuse_second_reader(job, control, by_topics=False)


def test_an_upgrade_takes_no_topic_of_another_job(
    jobmanager: JobManager, ledger: Ledger, control: JobControlContext
) -> None:
    submitted(ledger, OLD)
    submitted(ledger, NEW, spec_of(inputs=OTHER_TOPIC), name="beside")
    jobmanager.jobs |= {OLD: (NAME, "RUNNING", {}), NEW: ("beside", "RUNNING", {})}
    running = next(job for job in control.cluster.jobs("far", ended=False) if job.id == OLD)
    refuse_further_topics(running, new_job(control), control)
    with pytest.raises(Refused, match=r"beside .* already reads others"):
        refuse_further_topics(running, new_job(control, inputs=OTHER_TOPIC), control)


@pytest.mark.parametrize(
    ("kafka", "inputs", "refused"),
    [("127.0.0.1:9", None, True), ("127.0.0.1:10", None, False), ("127.0.0.1:9", OTHER_TOPIC, False)],
)
def test_a_topic_has_one_reader_in_all_environments_with_its_kafka(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    jobmanager: JobManager,
    ledger: Ledger,
    control: JobControlContext,
    kafka: str,
    inputs: Any,
    refused: bool,
) -> None:
    monkeypatch.setenv("TDAFLINK_STATE_DIR", str(tmp_path))
    submitted(ledger, OLD)
    jobmanager.jobs[OLD] = (NAME, "RUNNING", {})
    job = new_job(control, **({"inputs": inputs} if inputs else {}))
    beside = Environment(
        "beside", "local", "process", Endpoints("http://127.0.0.1:1", kafka, kafka), "python"
    )
    store = EnvironmentStore()
    if not refused:
        refuse_reader_elsewhere(job, beside, store, control.reporter)
        return
    with pytest.raises(Refused, match=f"{NAME} of the environment far already reads points") as found:
        refuse_reader_elsewhere(job, beside, store, control.reporter)
    assert f"tdaflink stop {NAME} --env far" in str(found.value.hint)
    jobmanager.shutdown()
    jobmanager.server_close()
    refuse_reader_elsewhere(job, beside, store, control.reporter)  # a cluster that is down has no readers


def test_a_name_is_not_offered_where_it_would_answer_twice(
    jobmanager: JobManager, control: JobControlContext
) -> None:
    jobmanager.jobs[OLD] = ("another", "RUNNING", {})
    with pytest.raises(Refused, match="already running") as found:
        refuse_second_reader(new_job(control), control, by_topics=True)
    assert "--job-name" not in str(found.value.hint)


def test_jobs_of_others_and_jobs_that_have_ended_are_no_readers(
    jobmanager: JobManager, ledger: Ledger, control: JobControlContext
) -> None:
    submitted(ledger, OLD)
    jobmanager.jobs[OLD] = (NAME, "CANCELED", {})
    jobmanager.jobs[NEW] = ("theirs", "RUNNING", {"tdaflink.spec": "of another form"})
    refuse_second_reader(new_job(control), control, by_topics=True)
