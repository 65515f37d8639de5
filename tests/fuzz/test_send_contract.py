"""Contract of `send` and the job: both accept the same messages with the same values, and refuse the same.

Messages and files are drawn from a seed: valid ones, each with some damage. TDAFLINK_FUZZ_SEED and
TDAFLINK_FUZZ_COUNT set another seed and number.
"""

from __future__ import annotations

import io
import json
import math
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tdajob.errors import MessageError as JobError
from tdajob.errors import Origin
from tdajob.messages.requests import Rules, parse_request
from tdajob.messages.streams import parse_stream_message
from tdajob.settings.job import LimitSettings, QueryDefaults
from tdajob.topology import registry
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.validation import check_matrix, check_points, check_query
from tdajob.topology.values import ComputationError, Limits
from tdajob.uploads.message import parse_upload

from tdaflink.adapters.storage import point_files
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.messages.records import encode
from tdaflink.services.data.send import SendRequest, prepare
from tdaformats import algorithms

SEED = int(os.environ.get("TDAFLINK_FUZZ_SEED", "20"))
COUNT = int(os.environ.get("TDAFLINK_FUZZ_COUNT", "600"))
NOW_MS = 1_795_000_000_000
DEFAULTS = QueryDefaults("vietoris_rips", 1, None, 0.0, None, 2, "auto", {}, "all")
LIMITS = LimitSettings(
    max_points=100_000,
    max_predicted_bytes=1 << 30,
    compute_timeout_s=60.0,
    max_ambient_dimension=5,
    max_message_bytes=16 << 20,
    max_future_s=1e12,
)
ROUTES = {"tda_jobs": "requests", "tda_uploads": "uploads", "tda_stream_input": "streams"}
# Errors of `send` for messages that the job accepts: fields that would be ignored, and points that readers
# interpret differently.
COMMON = {parameter.name for parameter in algorithms.COMMON}
STRICTER = ("is no field of", "is null", "is not a parameter of any algorithm")


def rules() -> Rules:
    registry.load_built_in()
    names = [name for name in registry.names() if type(registry.get(name)).__module__.startswith("tdajob.")]
    return Rules(
        DEFAULTS, LIMITS, {name: [p.name for p in registry.get(name).parameters()] for name in names}
    )


RULES = rules()


def job_reads(route: str, raw: bytes) -> Any:
    """Parse a record by the job's readers: points and computation; raises the readers' errors."""
    origin = Origin(route, "topic", 0, 7, NOW_MS)
    if route == "streams":
        found = parse_stream_message(raw, origin, LIMITS)
        return found.key, found.points.tolist(), found.message_id
    if route == "uploads":
        upload = parse_upload(raw, origin, RULES)
        check(upload.question.query)
        return upload.job_id, upload.uri, upload.options
    request = parse_request(raw, origin, RULES)
    check(request.question.query)
    limits = Limits(LIMITS.max_points, 1 << 40, 60.0, 5)
    (check_matrix if request.distances else check_points)(request.points, limits)
    if request.distances and not registry.get(request.question.query.algorithm).takes_distances:
        raise ComputationError("bad_field", "distances")
    return request.job_id, request.points.tolist(), request.distances


def check(query: Any) -> None:
    check_query(query)
    params = resolved_parameters(query.algorithm, registry.get(query.algorithm).parameters(), query.params)
    epsilon = params.get("epsilon", 0.5)
    if not (isinstance(epsilon, (int, float)) and 0 < epsilon < 1):
        raise ComputationError("bad_parameter", "epsilon")


ODD_NUMBERS: tuple[Any, ...] = (
    0, -1, 2**53, 2**53 + 1, -(2**53) - 1, 10**400, 1e150, 1.1e150, 1e308, 5e-324, -0.0, True, None, "1",
    "1_0", "١", [], {}, float("nan"), float("inf"), 1e22, 0.1,
)  # fmt: skip
ODD_TEXTS: tuple[Any, ...] = (
    "", " ", "a", "x" * 1024, "x" * 1025, "é" * 600, "\ud800", "a:b", 'q"', "\x00", None, 5, True, [], {},
    "\u2028",
)  # fmt: skip
ODD_TIMES: tuple[Any, ...] = (
    "2024-01-01T00:00:00Z", "2024-13-45", "2024-01-01", "2024-02-30T00:00:00Z", "2024-01-01 00:00:00+01:00",
    0, -1, 1_704_110_400, 1_704_110_400_000, 1_704_110_400_000_000, 10**30, 1.5, True, None, "", [],
    "٢٠٢٤-01-01T00:00:00Z",
)  # fmt: skip
KEYS = (
    "job_id", "stream_id", "point_cloud", "points", "distances", "dimension", "timestamp", "timestamps",
    "message_id", "algorithm", "parameters", "uri", "format", "columns", "key", "delimiter", "header",
    "file_id", "note", "coordinates", "max_dimension", "epsilon", "landmarks", "metric", "max_dim", "",
)  # fmt: skip
PARAMETERS: tuple[tuple[str, Any], ...] = (
    ("max_dimension", 1), ("max_dimension", 11), ("max_persistence", None), ("max_persistence", -1),
    ("pairs", "top:3"), ("pairs", "top:x"), ("betti_at", 1.5), ("homology_coeff_field", 4),
    ("homology_coeff_field", 3), ("engine", "auto"), ("engine", "fast"), ("epsilon", 0.5), ("epsilon", 1.5),
    ("landmarks", 5), ("landmarks", 0), ("strong", True), ("metric", "manhattan"), ("metric", "l2"),
    ("period", [1.0]), ("precision", "float32"), ("precision", "safe"), ("order", 2), ("neighbors", 3),
    ("max_dim", 2), ("min_persistence", 0.0), ("min_persistence", None),
)  # fmt: skip
ALGORITHMS = ("vietoris_rips", "alpha", "witness", "sparse_rips", "dtm_rips", "cech", "rips", "", None, 5)


def sound(rng: random.Random) -> dict[str, Any]:
    """Return a valid message of any route."""
    points = [[round(rng.uniform(-9, 9), 3) for _ in range(2)] for _ in range(rng.randint(1, 4))]
    if rng.random() < 0.3:
        points = [{"coordinates": point, "timestamp": 1_704_110_400_000} for point in points]  # type: ignore[misc]
    route = rng.choice(("requests", "requests", "streams", "uploads"))
    if route == "streams":
        message: dict[str, Any] = {"stream_id": "s", "points": points}
        if rng.random() < 0.5:
            message["timestamps"] = [rng.choice(ODD_TIMES) for _ in points]
        if rng.random() < 0.3:
            message["message_id"] = rng.choice(ODD_TEXTS)
        return message
    message = {"job_id": "a"}
    if rng.random() < 0.4:
        message["algorithm"] = rng.choice(ALGORITHMS)
    if rng.random() < 0.5:
        message["parameters"] = dict(rng.sample(PARAMETERS, rng.randint(0, 2)))
    if route == "uploads":
        forms = (
            ("file:///data/a.csv", {"columns": ["x"], "header": True}),
            ("s3://bucket/a.npz", {"key": "k"}),
            ("file:///a.dat", {"format": "csv", "delimiter": ";"}),
            ("s3://b/a.csv", {}),
            ("http://x/a.csv", {}),
        )
        uri, options = rng.choice(forms)
        return {**message, "uri": uri, **options}
    if rng.random() < 0.3:
        size = rng.randint(1, 3)
        rows = [[abs(i - j) * 1.5 for j in range(size)] for i in range(size)]
        return {**message, "point_cloud": {"distances": rows}}
    return {**message, "timestamp": rng.choice(ODD_TIMES), "point_cloud": {"points": points, "dimension": 2}}


def damaged(rng: random.Random, node: Any) -> Any:
    """Return the value with one change somewhere in it."""
    if isinstance(node, dict) and node and rng.random() < 0.8:
        key = rng.choice(list(node))
        if rng.random() < 0.15:
            return {**node, rng.choice(KEYS): rng.choice(ODD_TEXTS + ODD_NUMBERS)}
        if rng.random() < 0.15:
            return {name: value for name, value in node.items() if name != key}
        return {**node, key: damaged(rng, node[key])}
    if isinstance(node, list) and node and rng.random() < 0.8:
        place = rng.randrange(len(node))
        return [*node[:place], damaged(rng, node[place]), *node[place + 1 :]]
    return rng.choice(ODD_NUMBERS + ODD_TEXTS + ODD_TIMES)


def text_of(rng: random.Random, message: Any) -> str:
    text = json.dumps(message, ensure_ascii=rng.random() < 0.8)
    if rng.random() < 0.05:
        text = text.replace("{", '{"job_id": "first", ', 1)
    return text


def sent(file: Path) -> list[tuple[str, bytes]] | TdaflinkError:
    """Return route and bytes of the messages that `send FILE` would write, or its error."""
    try:
        outgoing = prepare(str(file), SendRequest())
        return [(ROUTES[outgoing.topic], encode(message)) for message in outgoing.messages]
    except TdaflinkError as error:
        return error


def job_verdict(route: str, raw: bytes) -> Any:
    try:
        return job_reads(route, raw)
    except (JobError, ComputationError) as error:
        return error


def test_messages(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    counts: Counter[str] = Counter()
    for number in range(COUNT):
        message = sound(rng)
        for _ in range(rng.choice((0, 1, 1, 2))):
            message = damaged(rng, message)
        text = text_of(rng, message)
        file = tmp_path / "m.json"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        context = f"seed {SEED}, number {number}: {text[:300]}"
        found = sent(file)
        if isinstance(found, TdaflinkError):
            counts["refused"] += 1
            refused_rightly(message, text, found, context)
            continue
        for route, raw in found:
            counts[route] += 1
            verdict = job_verdict(route, raw)
            if message.get("algorithm") is None and set(message.get("parameters") or ()) - COMMON:
                continue  # the job's config determines their algorithm
            assert not isinstance(verdict, Exception), f"{context}: sent, and the job says {verdict}"
            same_values(route, message, verdict, context)
    print(f"seed {SEED}: {dict(counts)}")
    assert min(counts[kind] for kind in (*ROUTES.values(), "refused")) > COUNT // 100


def refused_rightly(message: Any, text: str, error: TdaflinkError, context: str) -> None:
    """Assert that the job refuses the message as well, except where `send` is stricter."""
    if not isinstance(message, dict) or any(word in error.message for word in STRICTER):
        return
    named = {"requests": "point_cloud", "streams": "stream_id", "uploads": "uri"}
    route = next((route for route, key in named.items() if key in message), None)
    if route is None or ("uri" in message and "point_cloud" in message):
        return  # not a message of any route
    if route == "requests" and ("timestamps" in error.message or "message_id" in error.message):
        return  # fields that only a job with windowed requests reads
    whole = text if "job_id" in message or route == "streams" else text.replace("{", '{"job_id": "x", ', 1)
    verdict = job_verdict(route, whole.encode("utf-8", "surrogatepass"))
    assert isinstance(verdict, Exception), (
        f"{context}: not sent ({error.message}), and the job takes it: {verdict}"
    )


def same_values(route: str, message: Any, verdict: Any, context: str) -> None:
    if route == "uploads":
        assert verdict[1] == message["uri"], context
        return
    if not isinstance(message, dict):
        return
    cloud = message.get("point_cloud", message)
    listed = cloud.get("distances") or cloud.get("points")
    plain = [point["coordinates"] if isinstance(point, dict) else point for point in listed]
    assert verdict[1] == plain, context


def table(rng: random.Random) -> tuple[str, bytes, list[list[float]] | None]:
    """Return a file, and its points if it is valid."""
    width = rng.randint(1, 4)
    rows = [
        [rng.choice((round(rng.uniform(-5, 5), 3), rng.randint(-9, 9))) for _ in range(width)]
        for _ in range(5)
    ]
    rows[0][0] = 0.5  # no header of numbers, no pairs of integers
    form = rng.choice(("csv", "csv", "csv", "npy", "npz"))
    if form != "csv":
        buffer = io.BytesIO()
        (np.save if form == "npy" else np.savez_compressed)(buffer, np.array(rows, dtype=float))  # type: ignore[operator]
        content = bytearray(buffer.getvalue())
        spoil = rng.random() < 0.5
        if spoil:
            content[rng.randrange(len(content))] = rng.randrange(256)
        return f"t.{form}", bytes(content), None if spoil else [[float(x) for x in row] for row in rows]
    sign = rng.choice(",;\t|")
    cells = [[repr(value) for value in row] for row in rows]
    header = rng.random() < 0.5
    lines = [[f"c{place}" for place in range(width)], *cells] if header else cells
    spoil = rng.random() < 0.6
    if spoil:
        line = rng.choice(lines)
        line[rng.randrange(width)] = rng.choice(
            (
                "",
                "x",
                "1_000",
                "١",
                "nan",
                "1e999",
                str(2**53 + 1),
                "0x1",
                "1,5",
                '"',
                "1e5",
                " 7 ",
                "9" * 140_000,
            )
        )
    content_text = "\n".join(sign.join(line) for line in lines) + "\n"
    return "t.csv", content_text.encode(), None if spoil else [[float(x) for x in row] for row in rows]


def test_tables(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    counts: Counter[str] = Counter()
    for number in range(COUNT // 2):
        name, content, rows = table(rng)
        file = tmp_path / name
        file.write_bytes(content)
        context = f"seed {SEED}, number {number}: {content[:200]!r}"
        found = sent(file)
        if isinstance(found, TdaflinkError):
            counts["refused"] += 1
            assert rows is None, f"{context}: {found.message}"
            assert len(found.message) < 600, context
            continue
        counts["sent"] += 1
        ((route, raw),) = found
        verdict = job_verdict(route, raw)
        assert not isinstance(verdict, Exception), f"{context}: sent, and the job says {verdict}"
        assert all(math.isfinite(value) for point in verdict[1] for value in point)
        if rows is not None:
            assert verdict[1] == rows, context
    print(f"seed {SEED}: {dict(counts)}")
    assert min(counts.values()) > COUNT // 20


@pytest.mark.parametrize("form", ["csv", "npy", "npz", "parquet", "json"])
def test_bytes_of_any_kind_end_in_points_or_in_an_error(tmp_path: Path, form: str) -> None:
    rng = random.Random(SEED)
    codes: set[int] = set()
    sound_bytes = {
        "npy": b"\x93NUMPY\x01\x00",
        "npz": b"PK\x03\x04",
        "parquet": b"PAR1",
        "json": b'{"points": [[',
        "csv": b"x,",
    }
    for _ in range(COUNT // 10):
        noise = bytes(rng.randrange(256) for _ in range(rng.randint(0, 60)))
        file = tmp_path / f"n.{form}"
        file.write_bytes(rng.choice((b"", sound_bytes[form])) + noise)
        try:
            assert point_files.read(str(file)).payloads
        except TdaflinkError as error:
            codes.add(error.exit_code)
    assert codes <= {1, 2}
