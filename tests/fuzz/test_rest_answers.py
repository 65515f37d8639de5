"""Fuzz test with mutated responses of real JobManagers: each call ends with a value or a TdaflinkError.

TDAFLINK_FUZZ is the number of responses (160 by default), TDAFLINK_FUZZ_SEED the first seed.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from support.in_process import call
from support.servers.hostile import Hostile, Raw, hostile_server, reply

from tdaflink.adapters.component_logs import FlinkLogs
from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.flink.metrics_reader import JobLoads
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.observability.cluster_snapshot import Focus
from tdaflink.services.observability.snapshot_reader import DashboardSources, SnapshotReader

ANSWERS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("flink_answers.json").read_text("utf-8")
)
JOB = "a" * 32
COUNT = int(os.environ.get("TDAFLINK_FUZZ", "160"))
SEED = int(os.environ.get("TDAFLINK_FUZZ_SEED", "20261129"))
SECONDS = 0.25  # timeout of responses that are shorter than their Content-Length
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**200, -(2**63), 1e308, 10**400),
    *(
        "",
        "x",
        "0",
        "-1",
        "NaN",
        "Infinity",
        "\u0000",
        "\x1b[2J\x1b]0;t\x07",
        "\ud800",
        "../..",
        "[bold]",
        "é" * 300,
    ),
    *([], {}, [[]], [None], [1, 2], {"id": None}, {"errors": 5}, [[[[{}]]]], "a" * 100_000),
]
BODIES = [
    *(
        b"",
        b" ",
        b"null",
        b"[]",
        b"{}",
        b"5",
        b'"x"',
        b"true",
        b"NaN",
        b"[NaN]",
        b"OK",
        b"{",
        b"\xff\xfe{}",
        b"\x00",
    ),
    *(
        b"<html>",
        b'{"errors": 5}',
        b'{"errors": ["no"]}',
        b'{"errors": [5]}',
        b"[" * 30_000,
        b"9" * 6000,
        b"1e999",
    ),
    *('{"a": 1}'.encode("utf-16"), b'{"jobs": []}', b"\xef\xbb\xbf{}", b'{"a": "\\ud800"}'),
]
STATUSES = [
    100,
    200,
    201,
    202,
    204,
    206,
    301,
    302,
    304,
    307,
    400,
    401,
    403,
    404,
    405,
    409,
    413,
    429,
    500,
    502,
    503,
    504,
    599,
]
CALLS: list[Callable[[FlinkRest], object]] = [
    lambda c: c.overview(),
    lambda c: c.jvm(),
    lambda c: c.clock(),
    lambda c: c.taskmanagers(),
    lambda c: c.jobmanager_config(),
    lambda c: c.jobmanager_log_sizes(),
    lambda c: c.jobmanager_log("jobmanager.log", skip=5),
    lambda c: c.bundles(),
    lambda c: c.upload("a.jar", b"PK"),
    lambda c: c.run("c_tda.jar", {}),
    lambda c: c.delete_bundle("c_tda.jar"),
    lambda c: c.has_applications(),
    lambda c: c.application(JOB),
    lambda c: c.application_failures(JOB),
    lambda c: c.jobs("e", ended=True),
    lambda c: c.job_state(JOB),
    lambda c: c.job_state("f" * 32),
    lambda c: c.vertices(JOB),
    lambda c: c.checkpoints(JOB),
    lambda c: c.newest_checkpoint_failed(JOB),
    lambda c: c.newest_savepoint(JOB),
    lambda c: c.failures(JOB),
    lambda c: c.job_parameters(JOB),
    lambda c: c.job_metric(JOB, "numRestarts"),
    lambda c: [c.subtasks_with_metric(JOB, vertex.id, "tda_ready") for vertex in c.vertices(JOB)],
    lambda c: c.main_under_way(),
    lambda c: c.trigger_savepoint(JOB, "b" * 32, None),
    lambda c: c.stop(JOB, "b" * 32, None, drain=False),
    lambda c: c.savepoint(JOB, "b" * 32),
    lambda c: c.trigger_checkpoint(JOB),
    lambda c: c.max_parallelism(JOB),
    lambda c: c.requirements(JOB),
    lambda c: c.require(JOB, {}),
    lambda c: c.restart_times(JOB),
    lambda c: c.cancel(JOB),
    lambda c: JobLoads(c).cluster_state(),
    lambda c: JobLoads(c).read_full(JOB),
    lambda c: JobLoads(c).read_summary(JOB),
    lambda c: JobLoads(c).read_final(JOB),
    lambda c: FlinkLogs(c).names(),
    lambda c: FlinkLogs(c).tail("jobmanager", 5),
    lambda c: SnapshotReader(DashboardSources("e", c)).read(Focus(job=JOB)),
]
COMMANDS = [
    "list",
    "list --all -o json",
    "list -o yaml",
    "status",
    "status -o json",
    "cancel nobody",
    "history",
]
# These wait for a Kafka that does not exist here, and are run by hand.
SLOW = ["status aaaa", "status tda-streaming -o json", "logs jobmanager", "savepoints list", "rollback aaaa"]
SLOW += [
    "watch --once -o json",
    "advise",
    "doctor -o json",
    "rescale aaaa 2",
    "stop aaaa --no-wait",
    "diagnose",
]


def key_of(line: str) -> str:
    method, target, _ = line.split(" ", 2)
    path, _, query = target.partition("?")
    return f"{method} {path}" + ("?get" if "get=" in query else "")


def answer_to(line: str) -> tuple[int, Any]:
    """Return the recorded response of Flink, or 404 for an unrecorded path."""
    found = ANSWERS.get(key_of(line))
    if found is None:
        return 404, {"errors": [f"Not found: {line}"]}
    return found["status"], found["body"]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container within a JSON value, with each of its keys."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield value, key
        yield from places(child)


def mutated_value(rng: random.Random, body: Any) -> Any:
    """Return the response with up to three fields removed, odd or duplicated."""
    body = json.loads(json.dumps(body))
    for _ in range(rng.randint(1, 3)):
        found = list(places(body))
        if not found:
            return copy.deepcopy(rng.choice(ODD))
        container, key = rng.choice(found)
        kind = rng.random()
        if kind < 0.3:
            del container[key]
        elif kind < 0.9 or isinstance(container, dict):
            container[key] = copy.deepcopy(rng.choice(ODD))
        else:
            container.extend(copy.deepcopy(container * rng.randint(1, 50)))
    return body


def mutated(rng: random.Random, line: str) -> bytes:
    """Return the bytes of a mutated response."""
    status, body = answer_to(line)
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = rng.randrange(12)
    if kind < 5:
        return reply(json.dumps(mutated_value(rng, body)).encode(), status)
    if kind == 5:
        return reply(rng.choice(BODIES), rng.choice([200, 202, rng.choice(STATUSES)]))
    if kind == 6:
        return reply(
            content, rng.choice(STATUSES), headers=("Location: http://127.0.0.1:9/", "Connection: close")
        )
    if kind == 7:
        whole = reply(content, status, headers=("Connection: close",))
        return whole[: rng.randrange(1, len(whole))]
    if kind == 8:
        broken = bytearray(content)
        for _ in range(rng.randint(1, 5)):
            if broken:
                broken[rng.randrange(len(broken))] = rng.randrange(256)
        return reply(bytes(broken), status)
    if kind == 9:
        packed = gzip.compress(content)
        cut = packed[: rng.randrange(1, len(packed) + 1)] if rng.random() < 0.7 else content
        return reply(
            cut, status, headers=(f"Content-Encoding: {rng.choice(['gzip', 'deflate', 'br', 'x'])}",)
        )
    if kind == 10:
        return reply(
            content, status, length=rng.choice([0, len(content) + 9, 10**15, max(0, len(content) - 3)])
        )
    broken = bytearray(reply(content, status, headers=("Connection: close",)))
    broken[rng.randrange(min(120, len(broken)))] = rng.randrange(256)
    return bytes(broken)


def misleading(rng: random.Random, chance: float) -> Raw:
    """Return a server function for the recorded responses, some of them mutated."""

    def answer(line: str, _: socket.socket) -> bytes:
        if rng.random() < chance:
            return mutated(rng, line)
        status, body = answer_to(line)
        return reply(body.encode() if isinstance(body, str) else body, status)

    return answer


@contextmanager
def server_for(seed: int) -> Iterator[tuple[random.Random, Hostile]]:
    rng = random.Random(seed)
    chance = rng.choice([1.0, 0.5, 0.2])
    with hostile_server(misleading(random.Random(seed + 1), chance)) as server:
        yield rng, server


def test_true_answers_are_taken() -> None:
    with (
        hostile_server(misleading(random.Random(0), 0.0)) as server,
        closing(FlinkRest(server.url)) as cluster,
    ):
        for ask in CALLS:
            ask(cluster)
    used = {key_of(line) for line in server.asked}
    assert not {key for key in ANSWERS if key not in used and "savepoints/0" not in key and "fff" not in key}


def test_no_call_of_the_client_ends_otherwise_than_with_an_error_of_ours() -> None:
    ends: Counter[str] = Counter()
    for seed in range(SEED, SEED + COUNT):
        with server_for(seed) as (rng, server), closing(FlinkRest(server.url, SECONDS)) as cluster:
            ask = rng.choice(CALLS)
            try:
                ask(cluster)
                ends["a value"] += 1
            except TdaflinkError as error:
                ends[error.kind] += 1
            except Exception as error:
                raise AssertionError(f"TDAFLINK_FUZZ_SEED={seed}, {server.asked}") from error
    print(f"{COUNT} answers from seed {SEED}: {dict(ends)}")
    assert set(ends) <= {
        "a value",
        "unexpected_answer",
        "unreachable",
        "refused",
        "not_found",
        "access_denied",
    }
    assert len(ends) > 3


def test_no_command_ends_with_a_traceback(tmp_path: Path) -> None:
    ends: Counter[int] = Counter()
    for seed in range(SEED, SEED + COUNT // 4):
        with server_for(seed) as (rng, server):
            words = rng.choice(COMMANDS + SLOW if "TDAFLINK_FUZZ" in os.environ else COMMANDS).split()
            done = call(tmp_path, *words, FLINK_REST_URL=server.url)
        assert done.crash is None, f"TDAFLINK_FUZZ_SEED={seed} {words} {server.asked}: {done.crash!r}"
        ends[done.code] += 1
    print(f"{COUNT // 4} commands from seed {SEED}: {dict(ends)}")
    # Done; refused; usage (ambiguous id); no Flink; no such job; failed; timed out; unhealthy.
    assert set(ends) <= {0, 1, 2, 3, 4, 5, 6, 10}
    assert ends[3] > 0
