"""Hostile and malformed responses, on sockets: each call ends in time, in bounded memory, with a reason."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.in_process import call
from support.servers.hostile import Hostile, drip, hostile_server, path_of, recorded, reply

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.monitoring.prometheus import Prometheus
from tdaflink.adapters.schema_registry import SchemaRegistry
from tdaflink.adapters.web.calls import CHUNK, BadAnswer, Limits, TooSlow
from tdaflink.adapters.web.client import WebClient
from tdaflink.adapters.web.probe import probe
from tdaflink.domain.errors import NotFound, Refused, UnexpectedAnswer, Unreachable

JOB = {
    "jid": "a" * 32,
    "name": "tda",
    "state": "RUNNING",
    "start-time": 1_700_000_000_000,
    "duration": 61_000,
    "tasks": {"total": 3, "running": 3},
}
VERTEX = {"id": "v", "name": "source", "parallelism": 2, "tasks": {"RUNNING": 2}}
OVERVIEW = {"taskmanagers": 1, "slots-total": 4, "slots-available": 1, "flink-version": "2.2.1"}
GOOD = {"/jobs/overview": {"jobs": [JOB]}, f"/jobs/{'a' * 32}": {"vertices": [VERTEX]}, "/overview": OVERVIEW}
Said = Callable[[Hostile, socket.socket], bytes]


def with_job(**changes: Any) -> bytes:
    return reply({"jobs": [{name: value for name, value in {**JOB, **changes}.items() if value is not ...}]})


# Responses of servers other than Flink, and a word of the reported reason.
STRANGERS = {
    "a page to sign in": (reply(b"<!DOCTYPE html><title>Sign in</title>", kind="text/html"), "text/html"),
    "nothing": (reply(b""), "empty"),
    "no content": (reply(b"", 204), "empty"),
    "null": (reply(None), "not null"),
    "a list": (reply([]), "not a list"),
    "a number": (reply(5), "not 5"),
    "a text": (reply("jobs"), "not a text"),
    "no key": (reply({}), "jobs is missing"),
    "a null key": (reply({"jobs": None}), "jobs is null"),
    "another type": (reply({"jobs": {"a": 1}}), "jobs must be a list"),
    "entries that are none": (reply({"jobs": [1]}), "jobs[0] must be an object, not 1"),
    "a field less": (with_job(state=...), "jobs[0].state is missing"),
    "a null name": (with_job(name=None), "jobs[0].name is null"),
    "an id that is a path": (with_job(jid="../../cluster"), "jobs[0].jid must be an id"),
    "an id that is a number": (with_job(jid=5), "jobs[0].jid must be a text, not 5"),
    "a time beyond all dates": (with_job(**{"start-time": 10**17}), "start-time must be a time"),
    "a fraction": (with_job(duration=1.5), "duration must be a whole number"),
    "a truth": (with_job(duration=True), "duration must be a whole number, not true"),
    "an endless number": (with_job(duration=2**70), "duration must be a whole number"),
    "tasks that are none": (with_job(tasks=[3]), "tasks must be an object"),
    "fewer than no tasks": (with_job(tasks={"total": -1, "running": 0}), "total must be 0 or more"),
    "infinity": (reply(b'{"jobs": [1e999]}'), "must be an object"),
    "NaN": (reply(b'{"jobs": NaN}'), "contains NaN"),
    "too many digits": (reply(b'{"jobs": ' + b"9" * 5000 + b"}"), "too many digits"),
    "deep nesting": (reply(b"[" * 100_000), "nested too deeply"),
    "no UTF-8": (reply(b'{"jobs": "\xff"}'), "byte 10 is not UTF-8"),
    "a piece of JSON": (reply(b'{"jobs": [{"jid": "'), "not JSON"),
    "other words": (reply(b"OK", kind="text/plain"), "not JSON"),
    "bad gzip": (reply(b"no gzip at all", headers=("Content-Encoding: gzip",)), "not gzip"),
    "cut gzip": (reply(gzip.compress(b"[1]" * 999)[:-9], headers=("Content-Encoding: gzip",)), "cut off"),
    "another encoding": (reply(b"{}", headers=("Content-Encoding: br",)), "'br' is not supported"),
    "a redirect": (reply(b"", 302, headers=("Location: https://me:pw@login.example/?token=t",)), "redirects"),
    "a gateway": (reply(b"<h1>Bad gateway</h1>", 502, kind="text/html"), "status 502 with text/html"),
    "errors that are none": (reply({"errors": 5}, 500), "status 500"),
    "an error of another": (reply({"message": "no"}, 404), "status 404"),
    "no HTTP": (b"\x15\x03\x01 this is no HTTP\r\n\r\n", "not HTTP"),
    "a status that is none": (b"HTTP/1.1 abc\r\n\r\n", "not HTTP"),
    "a chunk that is none": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", ""),
    "too many headers": (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200_000 + b"\r\n", "not HTTP"),
    "an endless header": (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 1_000_000 + b"\r\n\r\n", "not HTTP"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_flink_ends_list_with_exit_code_3_and_the_reason(name: str, tmp_path: Path) -> None:
    said, reason = STRANGERS[name]
    with hostile_server(lambda *_: said) as server:
        done = call(tmp_path, "list", "-o", "json", FLINK_REST_URL=server.url)
    assert done.crash is None
    assert (done.code, done.stdout) == (3, ""), done
    error = json.loads(done.stderr)["error"]
    assert reason in error["message"], error
    assert "pw" not in done.stderr
    assert "token" not in done.stderr
    if reason:
        assert error["kind"] == "unexpected_answer"
        assert f"the service at {server.url} is not Flink's REST interface" in error["message"]
        assert "FLINK_REST_URL" in error["hint"]


def dripping(beginning: bytes, piece: bytes) -> Said:
    def answer(server: Hostile, connection: socket.socket) -> bytes:
        connection.sendall(beginning)
        return drip(server, connection, piece, 0.01)

    return answer


_HEAD = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "status line": dripping(b"", b"H"),
    "headers": dripping(_HEAD + b"A: ", b"b"),
    "whole headers": dripping(_HEAD, b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": dripping(_HEAD + b"Content-Length: 99999999\r\n\r\n", b" "),
    "chunks": dripping(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n"),
    "body until the end": dripping(_HEAD + b"\r\n", b"["),
}


@pytest.mark.parametrize("name", DRIPS)
def test_an_answer_that_drips_ends_with_the_time_for_the_whole_call(name: str) -> None:
    servers: list[Hostile] = []
    with hostile_server(lambda _, connection: DRIPS[name](servers[0], connection)) as server:
        servers.append(server)
        client = WebClient(limits=Limits(whole=0.6))
        with closing(client), pytest.raises((TooSlow, BadAnswer)) as caught:
            client.request("GET", server.url)
    if name != "whole headers":
        assert "not complete after 0.6 s" in str(caught.value)


def test_silence_ends_a_call_and_says_so() -> None:
    servers: list[Hostile] = []
    with hostile_server(lambda _, connection: drip(servers[0], connection, b"", 0.05)) as server:
        servers.append(server)
        with (
            closing(FlinkRest(server.url, 0.3)) as cluster,
            pytest.raises(Unreachable, match=r"silent for 0\.3 s"),
        ):
            cluster.overview()


@pytest.mark.parametrize("packed", [False, True])
def test_an_endless_body_and_a_gzip_bomb_are_not_kept(packed: bool) -> None:
    most = 4 << 20
    content = gzip.compress(bytes(256 << 20)) if packed else bytes(most + CHUNK)
    headers = ("Content-Encoding: gzip",) if packed else ()
    said = reply(content, headers=headers)
    with hostile_server(lambda *_: said) as server, closing(WebClient(limits=Limits(size=most))) as client:
        tracemalloc.start()
        try:
            with pytest.raises(BadAnswer, match="larger than 4 MB"):
                client.request("GET", server.url)
            assert tracemalloc.get_traced_memory()[1] < 4 * most
        finally:
            tracemalloc.stop()


def test_a_body_that_is_cut_off_is_no_answer() -> None:
    said = reply(b'{"jobs": []}', length=5000, headers=("Connection: close",))
    with (
        hostile_server(lambda *_: said) as server,
        closing(FlinkRest(server.url)) as cluster,
        pytest.raises(Unreachable, match="closed before the end"),
    ):
        cluster.bundles()


def test_a_cut_off_change_is_not_sent_a_second_time() -> None:
    with hostile_server(lambda *_: b"") as server, closing(FlinkRest(server.url)) as cluster:
        with pytest.raises(Unreachable):
            cluster.cancel("a" * 32)
        assert len(server.asked) == 1


def test_a_sign_in_page_has_not_cancelled_a_job() -> None:
    said = reply(b"<html>welcome</html>", kind="text/html")
    with hostile_server(lambda *_: said) as server, closing(FlinkRest(server.url)) as cluster:
        with pytest.raises(UnexpectedAnswer):
            cluster.cancel("a" * 32)
        with pytest.raises(UnexpectedAnswer, match="no log"):
            cluster.text("/jobmanager/log")


def test_flinks_own_errors_stay_flinks() -> None:
    words = {"errors": ["Service temporarily unavailable", "Caused by: no leader"]}
    with (
        hostile_server(lambda *_: reply(words, 503)) as server,
        closing(FlinkRest(server.url)) as cluster,
        pytest.raises(Refused, match="no leader"),
    ):
        cluster.overview()
    with (
        hostile_server(recorded({})) as server,
        closing(FlinkRest(server.url)) as cluster,
        pytest.raises(NotFound, match="has no /jobs/"),
    ):
        cluster.vertices("b" * 32)


def test_connections_are_used_again_and_a_closed_one_is_replaced() -> None:
    connections: list[socket.socket] = []

    def answer(_: str, connection: socket.socket) -> bytes:
        connections.append(connection)
        return reply(OVERVIEW)

    with hostile_server(answer) as server, closing(FlinkRest(server.url)) as cluster:
        cluster.overview()
        cluster.overview()
        assert connections[0] is connections[1]
        connections[0].shutdown(socket.SHUT_RDWR)
        assert cluster.slots() == (1, 4)
        assert connections[2] is not connections[1]


def test_packed_answers_and_numbers_of_every_spelling_are_read() -> None:
    jobs = {"jobs": [{**JOB, "name": "\ud800x", "duration": 61000.0}]}
    packed = reply(gzip.compress(json.dumps(jobs).encode()), headers=("Content-Encoding: gzip",))

    def answer(line: str, _: socket.socket) -> bytes:
        return (
            packed
            if path_of(line) == "/jobs/overview"
            else reply(b"\xef\xbb\xbf" + json.dumps({"vertices": [VERTEX]}).encode())
        )

    with hostile_server(answer) as server, closing(FlinkRest(server.url)) as cluster:
        (job,) = cluster.jobs("e", ended=True)
    assert (job.name, job.duration_ms, job.parallelism) == ("\ufffdx", 61000, 2)


def test_a_list_of_20000_jobs_asks_for_the_parallelism_of_some(tmp_path: Path) -> None:
    ended = [{**JOB, "jid": f"{n:032x}", "state": "FINISHED", "start-time": n} for n in range(20_000)]
    answers: dict[str, Any] = {f"/jobs/{job['jid']}": {"vertices": [VERTEX]} for job in ended}
    with hostile_server(recorded({**GOOD, **answers, "/jobs/overview": {"jobs": [*ended, JOB]}})) as server:
        done = call(tmp_path, "list", "--all", "-o", "json", FLINK_REST_URL=server.url)
    jobs = json.loads(done.stdout)
    assert (done.code, len(jobs)) == (0, 20_001)
    assert [job["parallelism"] for job in jobs[:3]] == [2, 2, 2]  # the running job, and the newest ones
    assert jobs[-1]["parallelism"] == 0
    assert len(server.asked) < 400


@pytest.mark.parametrize("name", ["a page to sign in", "null", "a list", "bad gzip", "a gateway", "no HTTP"])
def test_what_is_no_registry_and_no_prometheus_is_said_likewise(name: str) -> None:
    with hostile_server(lambda *_: STRANGERS[name][0]) as server:
        with closing(SchemaRegistry(server.url)) as registry, pytest.raises(UnexpectedAnswer) as caught:
            registry.latest("subject")
        assert "is not a schema registry" in str(caught.value)
        with closing(Prometheus(server.url)) as prometheus, pytest.raises(UnexpectedAnswer) as caught:
            prometheus.firing()
        assert "is not Prometheus" in str(caught.value)
        assert caught.value.exit_code == 3
        assert probe(server.url, 1.0) is None


@pytest.mark.parametrize(
    "data",
    [{}, {"alerts": 1}, {"alerts": [{"state": "firing", "labels": []}]}, {"result": [{"values": [1]}]}],
)
def test_odd_data_of_prometheus_is_refused(data: Any) -> None:
    said = reply({"status": "success", "data": data})
    with hostile_server(lambda *_: said) as server, closing(Prometheus(server.url)) as prometheus:
        for ask in (prometheus.firing, prometheus.targets, lambda: prometheus.history(60, 5)):
            with pytest.raises(UnexpectedAnswer):
                ask()


def test_threads_share_a_client() -> None:
    with hostile_server(recorded(GOOD)) as server, closing(FlinkRest(server.url)) as cluster:
        found: list[tuple[int, int]] = []
        threads = [
            threading.Thread(target=lambda: found.extend(cluster.slots() for _ in range(20)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [(1, 4)] * 160
