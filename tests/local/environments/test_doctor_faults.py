"""Faults injected into a real environment: doctor names each one, and the fix that it shows repairs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from containers.debian import Unavailable, unpack
from support.command_runner import Cluster, Runner, command_environ, command_line

from tdaflink.adapters.jars.cache import JarCache
from tdaflink.adapters.storage.paths import cache_folder
from tdaflink.adapters.storage.shipped_profiles import load_lock

if TYPE_CHECKING:
    from support.servers.prometheus_process import Prometheus
    from support.servers.registry_process import Registry

pytestmark = pytest.mark.cluster


def problems(cluster: Cluster, **environ: str) -> dict[str, dict[str, str]]:
    """Return the problems that doctor reports now, by check."""
    ran = cluster.run("doctor", "-o", "json", environ=environ)
    found = [r for r in json.loads(ran.stdout)["results"] if r["state"] == "problem"]
    assert ran.code == (10 if found else 0), ran.stderr
    assert all(result["why"] and result["fix"] for result in found)
    return {result["check"]: result for result in found}


def type_in(cluster: Cluster, line: str, **environ: str) -> str:
    """Run a fix in a shell, unchanged, and return its output."""
    tool = str(Path(command_line()[0]).parent)
    variables = command_environ(cluster.state, **environ)
    variables["PATH"] = os.pathsep.join([tool, variables["PATH"]])
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=280, env=variables, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_nothing_is_wrong_with_what_setup_made(cluster: Cluster) -> None:
    ran = cluster.run("doctor")
    assert ran.code == 0, ran.stdout + ran.stderr
    assert "local is healthy" in ran.stdout
    assert "gudhi 3.13" in ran.stdout


def test_a_cluster_of_somebody_else_is_looked_at_from_outside(cluster: Cluster, run_tdaflink: Runner) -> None:
    """Checks that need the cluster's machines are unknown, which is not a problem."""
    addresses = {"FLINK_REST_URL": cluster.rest_url, "KAFKA_BOOTSTRAP_SERVERS": cluster.kafka}
    report = run_tdaflink("doctor", "-o", "json", environ=addresses)
    results = json.loads(report.stdout)["results"]
    # Topics of an external cluster are compared with the catalogue in its full size.
    assert {r["check"] for r in results if r["state"] == "problem"} == {"topics"}
    assert {r["check"] for r in results if r["state"] == "unknown"} >= {"python", "metrics"}
    assert {"flink", "kafka", "java", "connector", "clocks"} <= {
        r["check"] for r in results if r["state"] == "ok"
    }


def test_the_fixes_for_a_saved_cluster_of_somebody_else_name_it(
    cluster: Cluster, run_tdaflink: Runner
) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    saved = ("--rest-url", cluster.rest_url, "--kafka", cluster.kafka)
    assert run_tdaflink("env", "add", "theirs", *saved).code == 0
    assert run_tdaflink("env", "use", "theirs").code == 0
    admin.delete_topics(["tda_uploads"])["tda_uploads"].result(30)
    try:
        found = json.loads(run_tdaflink("doctor", "--env", "theirs", "-o", "json").stdout)["results"]
        assert all("--env theirs" in one["fix"] for one in found if "tdaflink" in one["fix"])
        (missing,) = [one for one in found if one["text"] == "tda_uploads is missing"]
        assert missing["fix"] == "tdaflink topics create tda_uploads --env theirs"
        assert run_tdaflink(*missing["fix"].split()[1:]).code == 0
        assert "tda_uploads" in admin.list_topics(timeout=10).topics
        admin.delete_topics(["tda_uploads"])["tda_uploads"].result(30)
    finally:
        assert cluster.run("topics", "create").code == 0
    assert problems(cluster) == {}


def test_metrics_that_arrive_and_a_prometheus_that_is_gone(cluster: Cluster, prometheus: Prometheus) -> None:
    expression = "count(flink_jobmanager_numRegisteredTaskManagers)"
    prometheus.wait_for("TaskManagers", expression, 1)
    seen = json.loads(cluster.run("doctor", "--prometheus", prometheus.url, "-o", "json").stdout)["results"]
    (arrived,) = [result for result in seen if result["check"] == "metrics"]
    assert arrived["state"] == "ok", arrived
    gone = cluster.run("doctor", "--prometheus", "http://127.0.0.1:9", "-o", "json")
    assert gone.code == 10
    (missing,) = [r for r in json.loads(gone.stdout)["results"] if r["state"] == "problem"]
    assert "no Prometheus answers at http://127.0.0.1:9" in missing["text"]
    assert missing["fix"]


def test_a_missing_topic_and_one_with_too_few_partitions(cluster: Cluster) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.kafka})
    admin.delete_topics(["tda_uploads"])["tda_uploads"].result(30)
    missing = problems(cluster)["topics"]
    assert missing["text"] == "tda_uploads is missing"
    type_in(cluster, missing["fix"])
    assert "topics" not in problems(cluster)
    admin.delete_topics(["tda_uploads"])["tda_uploads"].result(30)
    admin.create_topics([NewTopic("tda_uploads", 1, 1)])["tda_uploads"].result(30)
    short = problems(cluster)["topics"]
    assert short["text"] == "tda_uploads has 1 of 3 partitions"
    type_in(cluster, short["fix"])
    assert "topics" not in problems(cluster)


@pytest.mark.registry
def test_a_dead_registry_and_one_without_the_schemas(cluster: Cluster, registry: Registry) -> None:
    dead = problems(cluster, SCHEMA_REGISTRY_URL="http://127.0.0.1:9")["registry"]
    assert "no schema registry answers at http://127.0.0.1:9" in dead["text"]
    assert "SCHEMA_REGISTRY_URL" in dead["fix"]
    empty = problems(cluster, SCHEMA_REGISTRY_URL=registry.url)["registry"]
    assert "are not registered" in empty["text"]
    type_in(cluster, empty["fix"])
    assert "registry" not in problems(cluster, SCHEMA_REGISTRY_URL=registry.url)


@pytest.fixture
def guarded(registry: Registry) -> Iterator[str]:
    """Start a proxy of the real registry that requires a password, and yield its address."""

    class Gate(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.headers.get("authorization") != httpx.BasicAuth("us", "right")._auth_header:
                self._reply(401, b'{"error_code": 40101, "message": "Unauthorized"}')
                return
            kind = {"content-type": "application/json"}
            passed = httpx.request(self.command, registry.url + self.path, content=body, headers=kind)
            self._reply(passed.status_code, passed.content)

        def do_POST(self) -> None:
            self.do_GET()

        def _reply(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Gate) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.registry
def test_a_wrong_password(cluster: Cluster, guarded: str) -> None:
    variable = "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO"
    wrong = {"SCHEMA_REGISTRY_URL": guarded, variable: "us:wrong-one"}
    refused = problems(cluster, **wrong)["registry"]
    assert "requires other credentials" in refused["text"]
    assert f"set {variable}" in refused["fix"]
    assert "wrong-one" not in json.dumps(refused)
    mended = {**wrong, variable: "us:right"}
    type_in(cluster, problems(cluster, **mended)["registry"]["fix"], **mended)
    assert "registry" not in problems(cluster, **mended)


def test_a_tampered_jar(cluster: Cluster, tmp_path: Path) -> None:
    cache = JarCache()
    smallest = min(
        load_lock().only(["flink/lib", "kafka/libs", "kafka/agent"]).jars, key=lambda jar: jar.size
    )
    for path in {cache.path(jar) for jar in load_lock().jars if cache.has(jar)}:
        place = tmp_path / "jars" / path.parent.name / path.name
        place.parent.mkdir(parents=True)
        if path == cache.path(smallest):
            place.write_bytes(path.read_bytes()[:-1] + b"?")
        else:
            place.symlink_to(path)
    environ = {"TDAFLINK_CACHE_DIR": str(tmp_path)}
    tampered = problems(cluster, **environ)["jars"]
    assert str(smallest.coordinates) in tampered["text"]
    type_in(cluster, tampered["fix"], **environ)
    assert "jars" not in problems(cluster, **environ)


@pytest.fixture
def little_disk(cluster: Cluster) -> Iterator[Path]:
    """Mount a full file system at the checkpoint folder."""
    folder = cluster.folder / "checkpoints"
    folder.mkdir(exist_ok=True)
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [*sudo, "mount", "-t", "tmpfs", "-o", f"size=2m,uid={os.getuid()}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    (folder / "somebody-elses.bin").write_bytes(bytes(2 * 2**20))
    yield folder
    subprocess.run([*sudo, "umount", str(folder)], check=True)


def test_a_full_checkpoint_disk(cluster: Cluster, little_disk: Path) -> None:
    full = problems(cluster)["storage"]
    assert f"cannot write checkpoints to {little_disk}: No space left on device" in full["text"]
    largest = type_in(cluster, full["fix"]).splitlines()
    (culprit,) = [line.split()[-1] for line in largest if line.endswith(".bin")]
    type_in(cluster, f"rm {culprit}")
    assert "storage" not in problems(cluster)


@pytest.fixture(scope="module")
def faketime() -> str:
    """Return the path of libfaketime, which changes the time that a program reads."""
    home = cache_folder() / "tests" / "faketime"
    try:
        if not list(home.glob("**/libfaketime.so.1")):
            unpack(["libfaketime"], home)
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no libfaketime: {error}")
    return str(next(home.glob("**/libfaketime.so.1")))


@contextmanager
def jobs_run_with(cluster: Cluster, python: Path) -> Iterator[None]:
    """Set another interpreter for jobs in the environment's record."""
    record = cluster.folder / "environment.json"
    before = record.read_text(encoding="utf-8")
    record.write_text(json.dumps({**json.loads(before), "python": str(python)}), encoding="utf-8")
    try:
        yield
    finally:
        record.write_text(before, encoding="utf-8")


def can_be_typed(fix: str) -> bool:
    """Return whether the program of a fix is installed here, or the fix names its machine or package."""
    elsewhere = fix.startswith(("on the machine that runs this container", "install chrony, then: "))
    return elsewhere or shutil.which(fix.removeprefix("sudo ").split()[0]) is not None


@pytest.mark.parametrize(("shown", "word"), [("+90m", "ahead of"), ("-90m", "behind")])
def test_a_clock_that_is_wrong(
    cluster: Cluster, faketime: str, tmp_path: Path, shown: str, word: str
) -> None:
    """doctor reports a TaskManager's clock offset, here of its Python: a test cannot set the machine's."""
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nLD_PRELOAD={faketime} FAKETIME={shown} exec {cluster.python} "$@"\n', encoding="utf-8"
    )
    python.chmod(0o755)
    with jobs_run_with(cluster, python):
        wrong = problems(cluster)["clocks"]
    assert re.match(rf"the clock of taskmanager-1 is 5[34]\d\d s {word} this machine's", wrong["text"])
    assert can_be_typed(wrong["fix"])
    assert "clocks" not in problems(cluster)


@pytest.fixture
def without_gudhi(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    """Let the environment run jobs with an interpreter that has all packages except gudhi."""
    subprocess.run([cluster.python, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    (packages,) = (tmp_path / "bare").glob("lib/*/site-packages")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([cluster.python, "-c", where], capture_output=True, text=True, check=True)
    for entry in Path(found.stdout.strip()).iterdir():
        if not entry.name.startswith(("gudhi", "_", "tdaflink")):
            (packages / entry.name).symlink_to(entry)
    python = tmp_path / "bare" / "bin" / "python"
    with jobs_run_with(cluster, python):
        yield python


def test_no_gudhi_on_a_taskmanager(cluster: Cluster, without_gudhi: Path) -> None:
    lacking = problems(cluster)["python"]
    assert "taskmanager-1" in lacking["text"]
    assert "cannot import gudhi: ModuleNotFoundError" in lacking["text"]
    assert lacking["fix"].startswith(f"{without_gudhi} -m pip install 'gudhi==")
    type_in(cluster, lacking["fix"])
    assert "python" not in problems(cluster)


@pytest.mark.breaks_cluster
@pytest.mark.timeout(420)
def test_a_connector_of_another_flink(cluster: Cluster, tmp_path: Path) -> None:
    """doctor and submit report a connector built for another Flink version, and the fix removes it."""
    running = cluster.processes()["jobmanager"]
    command, environ, folder = running.cmdline(), running.environ(), running.cwd()
    (right,) = [
        part for part in command[command.index("-classpath") + 1].split(":") if "connector-kafka" in part
    ]
    wrong = tmp_path / "flink-sql-connector-kafka-4.0.1-2.0.jar"
    shutil.copyfile(right, wrong)
    running.kill()
    running.wait(30)
    words = [word.replace(right, str(wrong)) for word in command]
    quiet = subprocess.DEVNULL
    changed = subprocess.Popen(
        words, env=environ, cwd=folder, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        for _ in range(120):
            found = problems(cluster)
            if "flink" not in found:
                break
        assert "4.0.1-2.0, built for Flink 2.0; the cluster is 2.2" in found["connector"]["text"]
        warned = cluster.run("submit", "--job-name", "warned", "--from", "none", "--no-wait", timeout=240)
        assert f"{found['connector']['text']}: jobs fail when they start" in " ".join(warned.stderr.split())
        assert warned.code == 0, warned.stderr
        assert cluster.run("cancel", "warned", timeout=90).code == 0
        type_in(cluster, found["connector"]["fix"])
        assert problems(cluster) == {}
    finally:
        changed.kill()
        changed.wait()
