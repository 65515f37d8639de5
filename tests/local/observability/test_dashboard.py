"""watch and status on a real cluster, with keys in a real terminal and failures of real jobs."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer
from support.command_runner import Cluster, command_environ, command_line
from support.servers.prometheus_process import Programs, Prometheus, running_prometheus
from support.stream_samples import Streams, job, make_streams
from support.terminal import Terminal

from tdaflink.domain.polling import poll

pytestmark = pytest.mark.cluster

ALWAYS = """\
groups:
  - name: always
    rules:
      - alert: TooMuch
        expr: vector(1)
        labels: {severity: critical}
        annotations: {summary: More than there is room for}
"""
FAILS = """\
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

env = StreamExecutionEnvironment.get_execution_environment()
tables = StreamTableEnvironment.create(env)
tables.execute_sql("CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '10')")


def digest(row):
    raise ValueError("cannot digest this")


tables.to_data_stream(tables.from_path("numbers")).map(digest).print()
env.execute("indigestion")
"""
READS_JSON = """\
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

env = StreamExecutionEnvironment.get_execution_environment()
tables = StreamTableEnvironment.create(env)
tables.execute_sql(
    "CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'TOPIC', 'format' = 'json',"
    " 'properties.bootstrap.servers' = 'KAFKA', 'scan.startup.mode' = 'earliest-offset')"
)
tables.to_data_stream(tables.from_path("numbers")).print()
env.execute("reads-json")
"""
SLOW = FAILS.replace('raise ValueError("cannot digest this")', "time.sleep(0.2)").replace(
    ").map(digest)", ").rebalance().map(digest)"
)
SLOW = "import time\n\n" + SLOW.replace('"indigestion"', '"slow"')


def message(stream: str, number: int) -> dict[str, Any]:
    """Return a message of five points, one second after the previous one of its stream."""
    points = [[(number * 7 + i * 3) % 11 / 11, (number * 5 + i) % 13 / 13] for i in range(5)]
    return {
        "stream_id": stream,
        "timestamp": f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z",
        "points": points,
    }


@pytest.fixture(scope="module")
def streams(cluster: Cluster) -> Streams:
    return make_streams(cluster)


@pytest.fixture(scope="module")
def jobs(cluster: Cluster, streams: Streams, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the shipped job, with results for 20 windows, and a script that fails on each record."""
    folder = tmp_path_factory.mktemp("dashboard")
    (folder / "fails.py").write_text(FAILS)
    window = {"kind": "count", "size": 10, "slide": 5, "timeout": None}
    with job(streams, folder, window) as name:
        streams.send([message("pump-7", number) for number in range(21)])
        streams.records(20)
        words = ("submit", "--job", str(folder / "fails.py"), "--no-wait", "-o", "json")
        failing = cluster.run(*words, timeout=240).json()["id"]
        try:
            yield name
        finally:
            cluster.run("cancel", failing, timeout=90)


def watching(cluster: Cluster, *words: str, columns: int = 80, lines: int = 24, **environ: str) -> Terminal:
    return Terminal(
        command_line("watch", "--every", "1", *words),
        command_environ(cluster.state, **environ),
        cluster.state,
        columns=columns,
        lines=lines,
    )


def test_the_snapshot_has_the_numbers_of_what_was_sent(cluster: Cluster, jobs: str) -> None:
    for _ in poll(30, every=0.5):  # Flink's metrics are reported later than the records
        snapshot = cluster.run("watch", "--once", "-o", "json").json()
        (seen,) = [one for one in snapshot["jobs"] if one["job"]["name"] == jobs]
        done = (seen["load"] or {}).get("computation") or {}
        if done.get("windows") == 20 and seen["load"]["records_in"] == 21:
            break
    assert (seen["load"]["records_in"], done["windows"], done["answered"]) == (21, 20, 20)
    assert done["points"] == 20 * 10
    assert 0 < done["p50"] <= done["p95"] <= done["p99"]
    (lag,) = seen["lag"].values()
    assert (lag["lag"], lag["partitions"]) == (0, 2)
    assert snapshot["cluster"]["slots_total"] == 8
    assert snapshot["problems"] == {}
    assert all(snapshot["cluster"]["taskmanager"][f"{kind}_used"] > 0 for kind in ("heap", "metaspace"))


def test_keys_lead_through_the_screens_and_out(cluster: Cluster, jobs: str) -> None:
    with watching(cluster) as terminal:
        terminal.wait_for(lambda screen: "Root cause: ValueError: cannot digest this" in screen)
        terminal.wait_for("exceptions have one cause")
        terminal.press("e")
        shown = terminal.wait_for('File "fails.py", line 10, in digest')
        assert "Exceptions of indigestion" in shown
        terminal.press("Esc")  # Esc and a key directly after it would be one key
        terminal.wait_for("Enter open")
        terminal.press("/", *jobs, "Enter")
        shown = terminal.wait_for(f"matching '{jobs}'")
        assert f"> RUNNING    {jobs[:12]}" in shown
        terminal.wait_for("a window every 5 points")
        terminal.wait_for("pump-7  #96-105")
        terminal.press("Enter")
        terminal.wait_for("BACKPR.")
        terminal.press("b")
        terminal.wait_for("H1  ┃")
        terminal.press("l")
        terminal.wait_for("Log of taskmanager-1")
        terminal.press("Tab")
        terminal.wait_for("Log of jobmanager")
        terminal.press("?")
        terminal.wait_for("PgUp PgDn g G")
        terminal.press("?", "p")
        terminal.wait_for("PAUSED")
        terminal.press("p")
        terminal.resize(150, 45)
        shown = terminal.wait_for("RESTARTS")
        assert len(shown.split("\n")) == 45
        terminal.press("q")
        assert terminal.ended() == 0


@pytest.mark.parametrize(("end", "code"), [("Ctrl-C", 130), (signal.SIGTERM, 143)])
def test_the_terminal_is_put_right_when_it_is_interrupted(
    cluster: Cluster, end: str | signal.Signals, code: int
) -> None:
    with watching(cluster) as terminal:
        terminal.wait_for("slots")
        if isinstance(end, signal.Signals):
            terminal.send_signal(end)
        else:
            terminal.press(end)
        assert terminal.ended() == code
        assert b"Traceback" not in terminal.transcript


def test_a_dead_endpoint_is_said_and_does_not_end_the_dashboard(cluster: Cluster) -> None:
    dead = {"FLINK_REST_URL": "http://127.0.0.1:1", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    once = cluster.run("watch", "--once", environ=dead, timeout=30)
    assert (once.code, once.stdout) == (3, "")
    assert "no Flink REST interface answers at http://127.0.0.1:1" in " ".join(once.stderr.split())
    with watching(cluster, **dead) as terminal:
        terminal.wait_for("! Flink has not responded yet: no Flink REST interface answers")
        terminal.wait_for("! Kafka has not responded yet")
        terminal.press("q")
        assert terminal.ended() == 0


def test_prometheus_adds_the_alerts_that_fire(cluster: Cluster, programs: Programs, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "prometheus.yml").write_text("global: {}\nrule_files: [always.yml]\n")
    (rules / "always.yml").write_text(ALWAYS)
    with running_prometheus(programs, rules, tmp_path / "prometheus") as prometheus:
        prometheus.wait_for_alert("TooMuch")
        once = ("watch", "--once", "--prometheus", prometheus.url)
        alerts = cluster.run(*once, "-o", "json").json()["alerts"]
        assert [(alert["name"], alert["severity"]) for alert in alerts] == [("TooMuch", "critical")]
        assert "! TooMuch (critical): More than there is room for" in cluster.run(*once).stdout
    gone = cluster.run(*once, "-o", "json").json()
    assert gone["alerts"] is None
    assert gone["problems"]["prometheus"].startswith("no Prometheus answers at")


def test_prometheus_adds_what_was_before(cluster: Cluster, prometheus: Prometheus, jobs: str) -> None:
    for _ in poll(60, every=1.0):
        once = ("watch", "--once", "--prometheus", prometheus.url, "-o", "json")
        (seen,) = [one for one in cluster.run(*once).json()["jobs"] if one["job"]["name"] == jobs]
        if seen["history"] and seen["history"]["records"] and seen["history"]["windows"]:
            return
    raise AssertionError(f"Prometheus has no history of {jobs}: {seen['history']}")


@pytest.mark.parametrize("words", [(), ("-o", "json")])
def test_without_a_terminal_it_says_what_to_do(cluster: Cluster, words: tuple[str, ...]) -> None:
    done = cluster.run("watch", *words)
    assert done.code == 2
    assert "tdaflink watch --once" in done.stderr


@pytest.mark.usefixtures("jobs")
def test_status_names_the_root_cause_its_place_and_what_to_do(cluster: Cluster) -> None:
    for _ in poll(60, every=0.5):
        status = cluster.run("status", "indigestion", "-o", "json").json()
        if (status["restarts"] or 0) >= 2:
            break
    newest = status["exceptions"][0]
    assert newest["cause"] == "ValueError: cannot digest this"
    assert newest["taskmanager"].startswith("taskmanager-1")
    (finding,) = [one for one in status["findings"] if one["kind"] == "restarting"]
    assert finding["command"] == f"tdaflink status {status['id'][:8]} -v --env local"
    shown = cluster.run("status", "indigestion").stdout
    assert shown.startswith("Root cause: ValueError: cannot digest this\nTraceback")
    assert finding["command"] in " ".join(shown.split())


def test_status_names_the_message_that_could_not_be_read(cluster: Cluster, tmp_path: Path) -> None:
    topic = make_streams(cluster).input
    script = tmp_path / "reads_json.py"
    script.write_text(READS_JSON.replace("TOPIC", topic).replace("KAFKA", cluster.kafka))
    producer = Producer({"bootstrap.servers": cluster.kafka})
    for message in (b'{"n": 1}', b'{"n": \x1b[31mred', b'{"n": 2}'):
        producer.produce(topic, message, b"one partition")
    assert producer.flush(30) == 0
    words = ("submit", "--job", str(script), "--from", "none", "--no-wait", "-o", "json")
    identity = cluster.run(*words, timeout=240).json()["id"]
    try:
        for _ in poll(60, every=0.5):
            failures = cluster.run("status", identity, "-o", "json").json()["exceptions"]
            if failures:
                break
        assert failures[0]["record"] == '{"n": \x1b[31mred'
        shown = cluster.run("status", identity).stdout
        assert """by the message '{"n": \\x1b[31mred'""" in " ".join(shown.split())
    finally:
        cluster.run("cancel", identity, timeout=90)


def test_status_of_a_healthy_job_has_its_lag_its_event_time_and_no_finding(
    cluster: Cluster, streams: Streams, jobs: str
) -> None:
    status = cluster.run("status", jobs, "-o", "json").json()
    assert status["lag"] == {streams.input: 0}
    assert status["findings"] == []
    # A count window ends at its last point, here that of the last message.
    assert status["watermark"] == 1767225620000
    kinds = {vertex["name"].split(" -> ")[0]: vertex["kind"] for vertex in status["vertices"]}
    assert kinds["stream-windows"] == "compute"
    assert kinds["Source: streams-source"] == "source"
    assert "p95" in cluster.run("status", jobs).stdout


def test_status_without_kafka_warns_and_shows_the_rest(cluster: Cluster, jobs: str) -> None:
    done = cluster.run("status", jobs, environ={"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, timeout=30)
    assert done.code == 0
    assert "no Kafka broker answers at 127.0.0.1:1" in " ".join(done.stderr.split())
    assert "RUNNING" in done.stdout


def test_a_slow_task_is_found_and_the_command_that_helps_is_named(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    words = ("submit", "--job", str(tmp_path / "slow.py"), "-o", "json")
    identity = cluster.run(*words, timeout=240).json()["id"]
    try:
        for _ in poll(60, every=0.5):
            status = cluster.run("status", identity, "-o", "json").json()
            found = [one for one in status["findings"] if one["kind"] == "bottleneck"]
            if found:
                break
        assert found[0]["text"].startswith("Map, Map is busy ")
        assert found[0]["command"] == f"tdaflink rescale {identity[:8]} --parallelism 2 --env local"
    finally:
        cluster.run("cancel", identity, timeout=90)


@pytest.mark.breaks_cluster
def test_a_taskmanager_that_is_killed_is_shown_and_so_is_its_return(cluster: Cluster) -> None:
    with watching(cluster) as terminal:
        terminal.wait_for("1 TaskManager ")
        cluster.processes()["taskmanager-1"].kill()
        terminal.wait_for("0 TaskManagers", seconds=90)
        assert httpx.get(f"{cluster.rest_url}/overview").json()["taskmanagers"] == 0
        cluster.run("setup", "-o", "json", timeout=200).json()
        terminal.wait_for("1 TaskManager ")
        terminal.press("q")
        assert terminal.ended() == 0
        assert b"Traceback" not in terminal.transcript


@pytest.mark.breaks_cluster
def test_a_jobmanager_that_hangs_leaves_the_last_screen_with_its_age(cluster: Cluster) -> None:
    hung = cluster.processes()["jobmanager"]
    with watching(cluster) as terminal:
        terminal.wait_for("slots")
        hung.suspend()
        try:
            shown = terminal.wait_for("! Flink last response")
            assert "slots" in shown
        finally:
            hung.resume()
        terminal.wait_for(lambda screen: "slots" in screen and "last response" not in screen)
        terminal.press("q")
        assert terminal.ended() == 0


@pytest.mark.usefixtures("jobs")
def test_the_snapshot_is_json_that_any_reader_takes(cluster: Cluster) -> None:
    text = cluster.run("watch", "--once", "-o", "json").stdout

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    assert json.loads(text, parse_constant=refuse)["env"] == "local"
