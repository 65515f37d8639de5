"""Invalid input, accidental or malicious: values, texts, and documents of them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

SCALARS: Sequence[Any] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**53 + 1,
    2**63,
    2**64,
    -(2**63),
    10**30,
    10**4290,
    0.0,
    -0.0,
    0.5,
    1e308,
    5e-324,
    1e-300,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    " ",
    "x",
    "0",
    "1e3",
    "NaN",
    "null",
    "true",
    "2024-13-45",
    "2024-01-01T99:00:00Z",
    "\x00",
    "\x1b[31m",
    "\ud800",
    "\u202e",
    "é",
    "日本",
    "😀",
    "a" * 300,
    "a" * 70_000,
    "../../etc/passwd",
    "/dev/zero",
    "[/data]",
    ":smile:",
    "$_$",
    "%s%n",
    "{0}",
    "http://[::1",
    "http://u:secret@h:99999",
    "file:///",
    "s3://",
    "a\nb",
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"a": {"b": [1, {"c": None}]}},
)
# Texts as typed by a user: for options, and as lines of YAML.
WORDS: Sequence[str] = (
    "",
    " ",
    "-",
    "--",
    "=",
    "=1",
    "a=",
    "a=b=c",
    ".",
    "..",
    ".a=1",
    "a.=1",
    "a..b=1",
    "[a]=1",
    "a[0]=1",
    "a{b}=1",
    "x=NaN",
    "x=1e999",
    "x=.inf",
    "x=[",
    "x={a: [1}",
    "x=&a [*a]",
    "x=!!int x",
    "x=!!python/object:os.system a",
    "x=2024-13-45",
    "x=*a",
    "x=|",
    "x=%",
    "x=@",
    "x=`",
    "x=? a",
    "x=- a",
    "x=<<: *b",
    "x=0x" + "f" * 5000,
    "x=" + "[" * 3000,
    "x=" + "9" * 5000,
    "window=tumbling:0s",
    "parallelism=1e9",
    "flink.a.b=[1, {c: 2}]",
    "algorithm_params.max_dimension=NaN",
    "job_name=" + "n" * 5000,
    "inputs=[1]",
    "inputs=[{topic: 3}]",
    "99999999999999999999",
    "9" * 5000,
    "-1",
    "0",
    "1e9",
    "1e999",
    "NaN",
    "inf",
    "-inf",
    "0x10",
    "1_000",
    "١٢",
    "\udcff",
    "caf\udce9.csv",
    "\ud800",
    "\u202eabc",
    "a\x1b]0;t\x07b",
    "\x85",
    "\x9b31m",
    "/dev/null",
    "/dev/zero",
    "/",
    "/proc/self/mem",
    "/nonexistent/a",
    "x" * 300,
    "y" * 5000,
    "[[0,1],[2,3]]",
    '{"points": [[0, 1]]}',
    "http://",
    "http://[",
    "http://h:99999999",
    "ftp://x",
    "file:///etc/passwd",
    "s3://b/\x01",
    "tumbling:9e99s",
    "sliding:60s/0s",
    "count:1/2/3/4",
    "session:-1m",
    "count:99999999999999999999/1/1s",
    "none",
    "*",
    "[a-",
    "**/*",
    "local",
    "ext",
    "Ext",
    "ext/../ext",
    "prod",
    "now",
    "0d",
    "-5m",
    "(",
    "a{99999}",
    "(a+)+$",
    "env:",
    "file:",
    "ask",
)
_YAML_LINES = (
    "a: &a [*a]",
    "&x a: *x",
    "? [1, 2]\n: 3",
    "- - - -",
    "a: !!int x",
    "a: !!timestamp 2024-13-45",
    "a: 2024-13-45",
    "a: !!binary ===",
    "a: !!float z",
    "a: !!set {1, 2}",
    "!!python/none a",
    "%YAML 9.9",
    "--- 1\n--- 2",
    "a: [1,",
    "a: {b",
    "\t a: 1",
    "a: 'x",
    'a: "\\x',
    "a: 1\na: 2",
    "<<: 1",
    "<<: [1, {a: 2}]",
    "a: &a {b: *a}",
    "*nothing",
    "a: |\n x\ny",
    "a: 1e-1",
    "a: 010",
    "a: 1:30",
    "a: no",
    "a: .NaN",
    "a: 0o9",
    "a: " + "9" * 5000,
    "\ufeffa: 1",
    "a: " + "[" * 2000,
    "{" * 2000,
    "a:\n" + "".join(" " * i + "b:\n" for i in range(1, 300)),
    "a: !<x> 1",
)


def value(rng: random.Random, depth: int = 0) -> Any:
    """Return any JSON value, and a few values that are not JSON."""
    if depth > 4 or rng.random() < 0.6:
        return rng.choice(SCALARS)
    if rng.random() < 0.5:
        return [value(rng, depth + 1) for _ in range(rng.randrange(5))]
    return {str(rng.choice(SCALARS))[:50]: value(rng, depth + 1) for _ in range(rng.randrange(5))}


def mutated(rng: random.Random, document: Any) -> Any:
    """Return the document with one value changed, removed or added."""
    if isinstance(document, dict) and document and rng.random() < 0.85:
        key = rng.choice(sorted(document))
        changed = dict(document)
        action = rng.random()
        if action < 0.15:
            del changed[key]
        elif action < 0.25:
            changed[str(rng.choice(SCALARS))[:60]] = value(rng)
        else:
            changed[key] = mutated(rng, document[key])
        return changed
    if isinstance(document, list) and document and rng.random() < 0.8:
        changed_list = list(document)
        place = rng.randrange(len(changed_list))
        changed_list[place] = mutated(rng, changed_list[place])
        return changed_list
    return value(rng)


def as_json(rng: random.Random, document: Any) -> bytes:
    """Encode a document as JSON, sometimes with invalid tokens, or truncated."""
    text = json.dumps(document, ensure_ascii=rng.random() < 0.7)
    return damaged(rng, text.encode("utf-8", "surrogatepass"))


def as_yaml(rng: random.Random, document: Any) -> bytes:
    """Encode a document as YAML (a superset of JSON), sometimes with lines that are traps."""
    lines = as_json(rng, document).split(b"\n")
    if isinstance(document, dict) and rng.random() < 0.7:
        lines = [
            f"{key}: {json.dumps(item)}".encode("utf-8", "surrogatepass") for key, item in document.items()
        ]
    if rng.random() < 0.6:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(_YAML_LINES).encode())
    return damaged(rng, b"\n".join(lines))


def damaged(rng: random.Random, content: bytes) -> bytes:
    """Return the content unchanged, or with a typical fault of files."""
    action = rng.random()
    if action < 0.75:
        return content
    place = rng.randrange(len(content) + 1)
    if action < 0.8:
        return content[:place]
    if action < 0.9:
        return (
            content[:place]
            + rng.choice([b"\xff", b"\x00", b"\x1b", b",", b"}", b"[" * 3000, b"\r", b"9" * 5000])
            + content[place:]
        )
    return rng.choice(
        [
            b"",
            b"\xef\xbb\xbf" + content,
            content.decode("utf-8", "replace").encode("utf-16"),
            b"\x1f\x8b" + content,
            b"PAR1" + content,
            b"PK\x03\x04" + content,
            bytes(rng.randrange(256) for _ in range(200)),
            b"[" * 100_000,
            b'{"a":' * 20_000,
            content * 2,
        ]
    )
