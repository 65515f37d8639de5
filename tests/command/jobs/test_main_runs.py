"""Runs of main() with a lost response of Flink: a REST interface with the responses of 2.2.1 and 2.3.0."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.errors import Refused
from tdaflink.services.jobs.bundle import script_bundle
from tdaflink.services.jobs.main_runs import way_to_run
from tdaflink.services.jobs.run_request import JobPackage

JOB = "ab" * 16
PACKAGE = "org.apache.flink.runtime"


@dataclass
class Flink:
    """The state of a REST interface and its runs; the first `lost` responses to a run do not arrive.

    The job of a lost run is listed once `dumps` thread dumps have shown its main().
    """

    applications: bool
    lost: int = 0
    dumps: int = 0
    outcome: str = "RUNNING"
    runs: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    def answer(self, path: str) -> tuple[int, Any]:
        kind, *rest = path.strip("/").split("/")
        if kind == "applications" and not self.applications:
            return 404, {"errors": [f"Unable to load requested file {path}."]}
        if path == "/jobmanager/thread-dump":
            return 200, {"threadInfos": self._threads()}
        if path == "/applications/overview":
            return 200, {"applications": []}
        if rest[0] not in self.known:
            name = "Application" if kind == "applications" else "Job"
            return 500, {
                "errors": [f"{PACKAGE}.messages.Flink{name}NotFoundException: no {name} ({rest[0]})"]
            }
        if path.endswith("/exceptions"):
            trace = "a.B: outer\n\tat x\nCaused by: c.D: Python process exits with code: 1\n"
            return 200, {"exceptionHistory": {"entries": [{"stacktrace": trace}]}}
        jobs = [{"jid": rest[0]}] if self.outcome == "RUNNING" else []
        return 200, {"status": self.outcome, "jobs": jobs}

    def _threads(self) -> list[dict[str, str]]:
        if not self.dumps:
            return []
        self.dumps -= 1
        if not self.dumps:
            self.known.add(JOB)
        return [{"threadName": "flink-jar-runner-thread-1", "stringifiedThreadInfo": ""}]

    def run(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        way = path.rpartition("/")[2]
        self.runs.append((way, body))
        if way == "run":
            if not self.lost:
                self.known.add(body["jobId"])
            return 200, {"jobid": body["jobId"]}
        if body["applicationId"] in self.known:
            return 400, {"errors": [f"{PACKAGE}.client.DuplicateApplicationSubmissionException: known"]}
        self.known.add(body["applicationId"])
        return 202, {"applicationid": body["applicationId"]}


@contextmanager
def serving(flink: Flink) -> Iterator[FlinkRest]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*flink.answer(self.path))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = flink.run(self.path, body)
            if flink.lost:
                flink.lost -= 1
                self.close_connection = True
                return
            self._answer(status, answer)

        def _answer(self, status: int, answer: Any) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            """Discard the request log: only the tests write to the output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            with closing(FlinkRest(f"http://127.0.0.1:{server.server_port}")) as client:
                yield client
        finally:
            server.shutdown()
            thread.join()


def run_main(flink: Flink, folder: Path) -> str:
    (folder / "script.py").write_text("print()\n")
    job = JobPackage("mine", 1, script_bundle(folder / "script.py"), None, ("--size", "3"))
    env = Environment("theirs", "external", "external", Endpoints("http://x", "k", "k"), "python3")
    with serving(flink) as client:
        return way_to_run(client)(client, job, env, "1_b.jar", "/up/1_b.jar", JOB)


def test_without_applications_main_is_run_as_before(tmp_path: Path) -> None:
    flink = Flink(applications=False)
    assert run_main(flink, tmp_path) == JOB
    ((way, body),) = flink.runs
    assert (way, "applicationId" in body) == ("run", False)
    assert body["programArgsList"][-4:] == ["-pym", "script", "--size", "3"]


@pytest.mark.parametrize(("dumps", "runs"), [(3, 1), (0, 2)])
def test_main_is_run_again_only_where_none_runs_and_no_job_came_of_it(
    tmp_path: Path, dumps: int, runs: int
) -> None:
    flink = Flink(applications=False, lost=1, dumps=dumps)
    assert run_main(flink, tmp_path) == JOB
    assert [body["jobId"] for _, body in flink.runs] == [JOB] * runs


def test_an_application_has_the_id_of_its_job(tmp_path: Path) -> None:
    flink = Flink(applications=True)
    assert run_main(flink, tmp_path) == JOB
    ((way, body),) = flink.runs
    assert (way, body["applicationId"], body["jobId"]) == ("run-application", JOB, JOB)
    assert body["programArgsList"][-4:] == ["-pym", "script", "--size", "3"]


def test_a_lost_answer_does_not_start_main_twice(tmp_path: Path) -> None:
    flink = Flink(applications=True, lost=1)
    assert run_main(flink, tmp_path) == JOB
    assert len(flink.runs) == 1


def test_an_application_without_a_job_is_refused_with_its_exceptions(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        run_main(Flink(applications=True, outcome="FAILED"), tmp_path)
    assert caught.value.reason == "c.D: Python process exits with code: 1"
    assert "a.B: outer" in str(caught.value.noise)
