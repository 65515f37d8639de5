"""External clusters: REST behind a proxy, Kafka with authentication, and the places that secrets reach."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from support.command_runner import Cluster, Ran, Runner, runner
from support.servers.java_server import free_port
from support.servers.tls_proxy import (
    USER,
    Broker,
    Pems,
    make_pems,
    private,
    proxy,
    secured_broker,
    server_tls,
)

pytestmark = pytest.mark.cluster

# The password contains characters that a JAAS login must quote; the tests search for its plain part.
INPUT = "{route: requests, topic: tda_jobs, output_topic: tda_results}"
LOOKS = (
    *("status -v", "history", "env show -o yaml", "watch --once -o json", "config explain", "logs"),
    "submit --job-name other --dry-run -v",
)
PLANTED = secrets.token_hex(12)
PASSWORD = f"{PLANTED} \\x"
ON_CLUSTER = "env:KAFKA_PASSWORD"
TOKEN = f"token-{PLANTED}"


@dataclass(frozen=True)
class Outside:
    """An external cluster and broker, and a command with a state folder of its own."""

    cluster: Cluster
    pems: Pems
    broker: Broker
    password: Path
    state: Path
    run: Runner

    def add(self, name: str, *words: str, environ: dict[str, str] | None = None) -> Ran:
        return self.run("env", "add", name, *words, "-o", "json", environ=environ, timeout=60)

    def kafka(self, *, password: Path | None = None, ca: str | None = None) -> tuple[str, ...]:
        return (
            *("--kafka", self.broker.scram_tls, "--kafka-protocol", "SASL_SSL"),
            *("--kafka-mechanism", "SCRAM-SHA-512", "--kafka-user", USER),
            *("--kafka-password", f"file:{password or self.password}", "--kafka-ca", ca or self.pems.ca),
        )


@pytest.fixture(scope="module")
def outside(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("outside")
    state = tmp_path_factory.mktemp("outside-state")
    pems = make_pems(folder / "pems")
    password = private(folder / "password", PASSWORD + "\n")
    with secured_broker(cluster, pems, PASSWORD, folder / "broker") as broker:
        yield Outside(cluster, pems, broker, password, state, runner(state))


def error(ran: Ran) -> tuple[int, str, str]:
    """Return exit code, message and hint of a call that failed."""
    told = json.loads(ran.stderr.splitlines()[-1])["error"]
    assert PLANTED not in ran.stdout + ran.stderr
    return ran.code, str(told["message"]), str(told["hint"])


@pytest.mark.timeout(900)
def test_the_whole_way_through_a_proxy_and_a_secured_broker_shows_the_secret_nowhere(
    outside: Outside,
) -> None:
    said = []
    header = f"Bearer {TOKEN}"
    with proxy(outside.cluster.rest_url, header=header, tls=server_tls(outside.pems)) as url:
        rest = ("--rest-url", url, "--rest-token", "env:PLANTED_TOKEN", "--rest-ca", outside.pems.ca)
        environ = {"PLANTED_TOKEN": TOKEN}

        def run(*words: str, timeout: float = 120) -> Ran:
            ran = outside.run(*words, timeout=timeout, environ=environ)
            said.append(ran.stdout + ran.stderr)
            assert ran.code == 0, ran.stderr
            return ran

        python = ("--python", outside.cluster.python)
        added = outside.add("theirs", *rest, *outside.kafka(), *python, environ=environ).json()
        checks = {check["what"]: check for check in added["checks"]}
        assert checks["Flink"]["state"] == "ok"
        assert checks["topics"]["state"] == "missing"
        assert checks["topics"]["fix"] == "tdaflink topics create --env theirs"
        run("env", "use", "theirs")
        created = run("topics", "create", "-o", "json")
        assert "tda_jobs" in created.json()["created"]
        assert "replicas of each new topic: 1 (one per broker" in " ".join(created.stderr.split())
        words = ("submit", "--job-name", "theirs-job", "--parallelism", "1", "-v")
        run(*words, "--set", f"inputs=[{INPUT}]", timeout=240)
        try:
            run("send", "circle", "--points", "40", "--job-id", "outside-1", "-v")
            sought = ("results", "--job-id", "outside-1", "--timeout", "60", "-o", "json")
            assert '"outside-1"' in run(*sought, timeout=90).stdout
            for line in LOOKS:
                run(*line.split())
            job_id = json.loads(run("list", "-o", "json").stdout)[0]["id"]
            stopped = run("stop", "theirs-job", timeout=120)
            assert "savepoint" in stopped.stdout + stopped.stderr
        finally:
            outside.run("cancel", "theirs-job", "--env", "theirs", environ=environ, timeout=60)
    assert PLANTED not in "".join(said)
    for path in ("", "/config", "/exceptions", "/plan", "/checkpoints"):
        assert PLANTED not in httpx.get(f"{outside.cluster.rest_url}/jobs/{job_id}{path}", timeout=20).text
    assert PLANTED not in httpx.get(f"{outside.cluster.rest_url}/jobmanager/config", timeout=20).text
    assert files_with(PLANTED, outside.state) == []
    assert files_with(PLANTED, outside.cluster.folder) == []


def files_with(text: str, folder: Path) -> list[Path]:
    """Return the files below the folder that contain the text."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_broker_that_does_not_let_us_in_is_one_clear_error(outside: Outside, tmp_path: Path) -> None:
    wrong = private(tmp_path / "wrong", "another-password")
    rest = ("--rest-url", outside.cluster.rest_url)
    code, message, hint = error(outside.add("wrong", *rest, *outside.kafka(password=wrong)))
    assert (code, "rejected analyst" in message) == (3, True)
    assert "--kafka-password" in hint
    code, message, hint = error(outside.add("wrong", *rest, *outside.kafka(ca=outside.pems.stranger_ca)))
    assert (code, "no TLS connection" in message, "verify failed" in message) == (3, True, True)
    assert "--kafka-ca" in hint
    for brokers in (outside.broker.scram_tls, outside.broker.plain):
        code, message, hint = error(outside.add("wrong", *rest, "--kafka", brokers))
        assert (code, "closes PLAINTEXT connections" in message) == (3, True)
        assert "--kafka-protocol" in hint
    tls = ("--kafka-protocol", "SSL", "--kafka-ca", outside.pems.ca)
    code, message, _ = error(outside.add("wrong", *rest, "--kafka", outside.cluster.kafka, *tls))
    assert (code, "no TLS connection" in message) == (3, True)
    code, message, _ = error(outside.add("wrong", *rest, "--kafka", f"127.0.0.1:{free_port()}"))
    assert (code, "no Kafka broker answers" in message) == (3, True)
    assert outside.run("env", "show", "wrong").code == 4


def test_plain_logins_and_client_certificates_open_a_broker(outside: Outside) -> None:
    rest = ("--rest-url", outside.cluster.rest_url)
    login = ("--kafka-protocol", "sasl_plaintext", "--kafka-mechanism", "plain", "--kafka-user", "plainuser")
    typed = ("--kafka-password", "ask", "--kafka-password-cluster", ON_CLUSTER)
    words = ("env", "add", "plain", *rest, "--kafka", outside.broker.plain, *login, *typed, "-o", "json")
    added = outside.run(*words, stdin=PASSWORD + "\n").json()
    kept = Path(added["options"]["kafka_password"].removeprefix("file:"))
    assert (kept.stat().st_mode & 0o777, kept.read_text("utf-8")) == (0o600, PASSWORD + "\n")
    assert added["options"]["kafka_password_cluster"] == ON_CLUSTER
    assert outside.run("topics", "list", "--env", "plain").code == 0
    kept.chmod(0o640)
    refused = outside.run("topics", "list", "--env", "plain", "-o", "json")
    assert (refused.code, "chmod 600" in error(refused)[2]) == (2, True)
    assert outside.run("env", "remove", "plain", "--yes").code == 0
    assert not kept.exists()

    tls = ("--kafka-protocol", "SSL", "--kafka-ca", outside.pems.ca)
    own = ("--kafka-cert", outside.pems.client, "--kafka-key", outside.pems.client_key)
    kafka = ("--kafka", outside.broker.certificates)
    assert outside.add("certificates", *rest, *kafka, *tls, *own).code == 0
    code, message, hint = error(outside.add("without", *rest, *kafka, *tls))
    assert (code, "no TLS connection" in message, "--kafka-cert" in hint) == (3, True, True)
    outside.run("env", "remove", "certificates", "--yes")


def test_a_proxy_before_rest_opens_to_the_right_proof_alone(outside: Outside, tmp_path: Path) -> None:
    url, pems, kafka = outside.cluster.rest_url, outside.pems, ("--kafka", outside.cluster.kafka)
    user = private(tmp_path / "user", f"me:{PLANTED}")
    basic = "Basic " + base64.b64encode(f"me:{PLANTED}".encode()).decode()
    with proxy(url, header=basic) as gate:
        assert outside.add("gate", "--rest-url", gate, *kafka, "--rest-basic", f"file:{user}").code == 0
        assert outside.run("list", "--env", "gate", "-o", "json").json() is not None
        # The secret is sent to the saved address only.
        with proxy(url, header=basic) as other:
            elsewhere = outside.run("list", "--env", "gate", "-o", "json", environ={"FLINK_REST_URL": other})
            assert (error(elsewhere)[0], "requires other credentials" in error(elsewhere)[1]) == (3, True)
        code, message, hint = error(outside.add("shut", "--rest-url", gate, *kafka))
        assert (code, "requires other credentials (status 401)" in message) == (3, True)
        assert "--rest-basic" in hint
    with proxy(url, tls=server_tls(pems, client_certificates=True)) as gate:
        trusted = ("--rest-url", gate, *kafka, "--rest-ca", pems.ca)
        own = ("--rest-cert", pems.client, "--rest-key", pems.client_key)
        assert outside.add("certified", *trusted, *own).code == 0
        code, message, _ = error(outside.add("shut", *trusted))
        assert (code, "requires a client certificate" in message) == (3, True)
        strange = ("--rest-cert", pems.stranger, "--rest-key", pems.stranger_key)
        code, message, _ = error(outside.add("shut", *trusted, *strange))
        assert (code, "client certificate" in message) == (3, True)
        code, message, hint = error(outside.add("shut", "--rest-url", gate, *kafka))
        assert (code, "is not trusted" in message, "--rest-ca" in hint) == (3, True, True)
        mixed = ("--rest-cert", pems.client, "--rest-key", pems.stranger_key)
        assert error(outside.add("shut", *trusted, *mixed))[0] == 2
    plain = url.replace("http:", "https:")
    code, message, _ = error(outside.add("shut", "--rest-url", plain, *kafka))
    assert (code, "does not speak TLS" in message) == (3, True)
    assert "shut" not in outside.run("env", "list").stdout


@pytest.mark.timeout(600)
def test_a_job_opens_a_broker_by_a_client_certificate_whose_key_stays_where_it_is(outside: Outside) -> None:
    pems, env = outside.pems, ("--env", "certified-job")
    tls = ("--kafka-protocol", "SSL", "--kafka-ca", pems.ca)
    own = ("--kafka-cert", pems.client, "--kafka-key", pems.client_key)
    rest = ("--rest-url", outside.cluster.rest_url, "--python", outside.cluster.python)
    assert outside.add("certified-job", *rest, "--kafka", outside.broker.certificates, *tls, *own).code == 0
    assert outside.run("topics", "create", *env, timeout=60).code == 0
    words = ("submit", *env, "--job-name", "certified-job", "--parallelism", "1", "-o", "json")
    job_id = outside.run(*words, "--set", f"inputs=[{INPUT}]", timeout=240).json()["id"]
    try:
        sent = outside.run("send", "circle", *env, "--points", "40", "--job-id", "certified-1", timeout=60)
        assert sent.code == 0, sent.stderr
        sought = ("results", *env, "--job-id", "certified-1", "--timeout", "60", "-o", "json")
        assert '"certified-1"' in outside.run(*sought, timeout=90).stdout
        key = Path(pems.client_key).read_text("utf-8").splitlines()[1]
        for path in ("", "/config", "/exceptions", "/plan"):
            assert key not in httpx.get(f"{outside.cluster.rest_url}/jobs/{job_id}{path}", timeout=20).text
        assert files_with(key, outside.state) == []
        assert files_with(key, outside.cluster.folder) == []
    finally:
        outside.run("cancel", "certified-job", *env, timeout=60)
