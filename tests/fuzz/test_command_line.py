"""Fuzz test of the command line: files, options, configs, plans and tdaflink's own state files.

For any input a call ends in time, within bounded memory, without a traceback, with a documented exit code. A
run in CI takes seconds; by hand:

    TDAFLINK_FUZZ_ROUNDS=1000 TDAFLINK_FUZZ_SEED=7 pytest tests/fuzz/test_command_line.py -n 0 -s
"""

from __future__ import annotations

import json
import os
import random
import socket
import sqlite3
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":  # the deadline and the memory limit require POSIX and /proc
    pytest.skip("the fuzz needs Linux", allow_module_level=True)

from fuzz.commandline import NOWHERE, CommandLine, Hang, described, replace_folder, variables, workplace
from fuzz.garbage import SCALARS, WORDS, as_json, as_yaml, damaged, mutated, value

from tdaflink.domain.jobs.saved_plans import SCHEMA, SavedPlan
from tdaflink.resources import jobs_folder

ROUNDS = int(os.environ.get("TDAFLINK_FUZZ_ROUNDS", "30"))
SEED = int(os.environ.get("TDAFLINK_FUZZ_SEED", "11"))
SAMPLE = json.loads((jobs_folder() / "sample-config.json").read_text(encoding="utf-8"))


@dataclass
class Case:
    """One call: its words, its standard input, and files to create before it."""

    words: list[str]
    files: dict[str, bytes] = field(default_factory=dict)
    stdin: bytes = b""
    variables: dict[str, str] = field(default_factory=dict)


@dataclass
class Fuzz:
    """A working folder, with one saved environment whose cluster does not exist."""

    command: CommandLine
    folder: Path
    template: Path

    @property
    def state(self) -> Path:
        return self.folder.parent / "state"

    def run(self, make: Callable[[random.Random], Case], name: str) -> None:
        """Run `ROUNDS` calls, and collect the failures."""
        print(f"{name}: {ROUNDS} inputs, seed {SEED}")
        faults, codes = [], Counter[int]()
        for number in range(ROUNDS):
            case = make(random.Random(f"{SEED}/{name}/{number}"))
            for path, content in case.files.items():
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / path).write_bytes(content)
            try:
                with variables(case.variables):
                    outcome = self.command.call(*case.words, stdin=case.stdin)
            except Hang:
                faults.append(f"input {number}: a hang: " + described(tuple(case.words), case.files, None))
                continue
            codes[outcome.code] += 1
            if outcome.fault:
                said = {**case.files, **{name: os.fsencode(text) for name, text in case.variables.items()}}
                faults.append(f"input {number}: " + described(tuple(case.words), said, outcome))
        print(f"{name}: exit codes {dict(sorted(codes.items()))}, {len(faults)} faults")
        assert not faults, f"{len(faults)} of {ROUNDS}, seed {SEED}\n\n" + "\n\n".join(faults[:20])

    def restore(self) -> None:
        replace_folder(self.template, self.state)


@pytest.fixture(scope="module")
def command() -> CommandLine:
    return CommandLine()


@pytest.fixture
def fuzz(tmp_path: Path, command: CommandLine) -> Iterator[Fuzz]:
    with workplace(tmp_path) as folder:
        words = ("--rest-url", f"http://{NOWHERE}", "--kafka", NOWHERE, "--no-check")
        assert command.call("env", "add", "ext", *words).code == 0
        assert command.call("env", "use", "ext").code == 0
        made = Fuzz(command, folder, tmp_path / "template")
        replace_folder(made.state, made.template)
        yield made


def test_files_that_are_configs(fuzz: Fuzz) -> None:
    def make(rng: random.Random) -> Case:
        document = rng.choice([SAMPLE, mutated(rng, SAMPLE), mutated(rng, SAMPLE), value(rng)])
        yaml = rng.random() < 0.6
        content = as_yaml(rng, document) if yaml else as_json(rng, document)
        name = "config.yaml" if yaml else "config.json"
        return Case(
            ["config", rng.choice(["validate", "validate", "explain", "show"]), name], {name: content}
        )

    fuzz.run(_config_words(make), "configs")


def _config_words(make: Callable[[random.Random], Case]) -> Callable[[random.Random], Case]:
    """`show` and `explain` take the file as an option."""

    def made(rng: random.Random) -> Case:
        case = make(rng)
        _, verb, name = case.words
        return case if verb == "validate" else Case(["config", verb, "--config", name], case.files)

    return made


def test_files_that_are_sent(fuzz: Fuzz) -> None:
    def make(rng: random.Random) -> Case:
        name, content = rng.choice([_csv, _json, _json_lines, _npy])(rng)
        words = ["send", name, "--dry-run"]
        for _ in range(rng.randrange(3)):
            words += rng.choice(_OF_SEND)(rng)
        if rng.random() < 0.1:
            return Case(["send", "-", *words[2:]], stdin=content)
        return Case(words, {name: content})

    fuzz.run(make, "sent")


def _csv(rng: random.Random) -> tuple[str, bytes]:
    separator = rng.choice([",", ";", "\t", "|", " "])
    plain = ["0", "1.5", "-2e3", "7", "1e-5"] * rng.choice([3, 12, 100])
    width = rng.choice([None, 2, 3])
    cells = [
        "0",
        "1.5",
        "-2e3",
        "NaN",
        "inf",
        "1e999",
        "",
        "x",
        "٣",
        "1_000",
        "0x1",
        '"a',
        "2024-01-01",
        "9" * 5000,
    ]
    rows = [
        separator.join(rng.choice([*plain, *cells]) for _ in range(width or rng.randrange(1, 5)))
        for _ in range(rng.randrange(6))
    ]
    if rng.random() < 0.05:
        rows.append('"' + "z" * 140_000 + '"')
    if rng.random() < 0.05:
        rows.append(separator.join("1" for _ in range(70_000)))
    return "points.csv", damaged(rng, "\n".join(rows).encode())


def _message(rng: random.Random) -> Any:
    message = {
        "job_id": "j",
        "timestamp": "2026-01-01T00:00:00Z",
        "point_cloud": {"points": [[0.0, 1.0], [1.0, 0.0]], "dimension": 2},
        "algorithm": "alpha",
        "parameters": {"max_dimension": 1},
    }
    return rng.choice([message, mutated(rng, message), mutated(rng, message), value(rng)])


def _json(rng: random.Random) -> tuple[str, bytes]:
    return "points.json", as_json(rng, _message(rng))


def _json_lines(rng: random.Random) -> tuple[str, bytes]:
    return "points.jsonl", b"\n".join(as_json(rng, _message(rng)) for _ in range(rng.randrange(4)))


def _npy(rng: random.Random) -> tuple[str, bytes]:
    kind = rng.choice(
        ["<f8", "<f4", "<i8", "<U5", "|O", "|b1", "<M8[s]", "<c16", "<f16", "|S3", "|V8", "x", "<f2"]
    )
    shape = rng.choice(
        [
            "(3, 2)",
            "()",
            "(0,)",
            "(0, 0)",
            "(10**12, 2)",
            "(1000000000000, 2)",
            "(-1, 2)",
            "(2,)",
            "(2, 2, 2)",
            "x",
            "(1000000, 0)",
            "(0, 1000000000000)",
            "(9223372036854775807, 9223372036854775807)",
            "(3.0, 2)",
        ]
    )
    header = f"{{'descr': '{kind}', 'fortran_order': {rng.choice([True, False, 5])}, 'shape': {shape}, }}"
    if rng.random() < 0.1:
        header = rng.choice(
            ["{", "None", "(" * 5000, "{'descr': [('a', '<f8')], 'fortran_order': 0, 'shape': (1,)}"]
        )
    encoded = header.encode()
    size = rng.choice([len(encoded), len(encoded), 0, 65535])
    body = bytes(rng.randrange(256) for _ in range(rng.choice([0, 48, 47, 480])))
    return "points.npy", damaged(rng, b"\x93NUMPY\x01\x00" + struct.pack("<H", size) + encoded + body)


_OF_SEND: list[Callable[[random.Random], list[str]]] = [
    lambda rng: ["--set", rng.choice(WORDS)],
    lambda rng: ["--set", f"epsilon={rng.choice(SCALARS)}"[:6000]],
    lambda rng: ["--job-id", rng.choice(WORDS)],
    lambda rng: ["--algorithm", rng.choice([*WORDS, "alpha", "witness"])],
    lambda rng: ["--stream", rng.choice(WORDS)],
    lambda rng: ["--format", rng.choice([*WORDS, "csv", "npy", "json"])],
    lambda rng: ["--delimiter", rng.choice(WORDS)],
    lambda rng: ["--batch", rng.choice(WORDS)],
    lambda rng: ["--count", rng.choice(["0", "-1", "2", "x", "1.5", "9" * 5000])],
]

# Commands that change nothing outside the folder and use no package registry. `{x}` is replaced by garbage.
_CALLS = (
    "{x}",
    "{x} {x}",
    "list {o}",
    "status {x}",
    "cancel {x} --dry-run",
    "stop {x} --dry-run",
    "savepoint {x} {o}",
    "upgrade {x} --set {x} --dry-run",
    "upgrade ext --window {x} --parallelism {x}",
    "rescale {x} {x}",
    "rollback {x} {o}",
    "history {x} {o}",
    "savepoints list {o}",
    "config show --set {x}",
    "config explain --set {x} --set {x} {o}",
    "config show --window {x} --parallelism {x}",
    "config show --window-size {x} --slide-interval {x}",
    "config validate {x}",
    "config init {x}",
    "config show --config {x}",
    "send {x} --dry-run {o}",
    "send circle --dry-run --points {n}",
    "send circle --dry-run --count {n} --noise {x}",
    "send sphere --dry-run --seed {x} --set {x} --job-id {x}",
    "send torus --stream {x} --batch {x} --dry-run --points 20",
    "submit --job {x} --include {x} --dry-run",
    "submit --config {x} --dry-run",
    "submit --requirements {x} --dry-run",
    "submit --from {x} --set {x} --dry-run",
    "advise --points {x} {o}",
    "advise --points {n} --rate {x}",
    "plan {x} submit",
    "plan {x} {x}",
    "plan --out {x} submit",
    "setup --dry-run --webhook {x}",
    "plan {x} setup --env {x}",
    "apply {x}",
    "results --plot {x} --env nowhere",
    "results --plot {x}.png --env nowhere --count {x}",
    "results --timeout {x} --env nowhere",
    "diagnose --out {x} --env nowhere",
    "env add {x} --rest-url {x} --kafka {x} --no-check",
    "env add new --config {x} --no-check",
    "env add new2 --rest-url http://127.0.0.1:1 --kafka 127.0.0.1:1 --rest-ca {x} --rest-token {x}",
    "env add new3 --rest-url https://127.0.0.1:1 --kafka 127.0.0.1:1 --kafka-password {x} --rest-ca {x}",
    "env use {x}",
    "env show {x}",
    "env remove {x} --yes",
    "teardown --env {x} --dry-run",
    "setup --env {x} --dry-run --port-offset {x}",
    "logs {x} --grep {x} --since {x} --env nowhere",
    "compose export {x} --profile {x}",
    "schemas check --config {x} --env nowhere",
    "jars list {o}",
    "sbom {o}",
    "topics list --env nowhere {o}",
)
_OPTIONS = (
    "-o json",
    "-o yaml",
    "-o {x}",
    "-v",
    "--env {x}",
    "--no-color",
    "--{x}",
    "--help",
    "--output={x}",
)
_NUMBERS = (
    "99999999999999999999",
    "-1",
    "0",
    "1e9",
    "1e999",
    "NaN",
    "9" * 5000,
    "1_000",
    "x",
    "3",
    "١٢",
    "0x10",
)


def test_options(fuzz: Fuzz) -> None:
    def make(rng: random.Random) -> Case:
        words: list[str] = []
        for part in rng.choice(_CALLS).split():
            if part == "{o}":
                words += rng.choice(_OPTIONS).split()
            else:
                words.append(part)
        filled = [
            word.replace("{x}", rng.choice(WORDS)).replace("{n}", rng.choice(_NUMBERS)).replace("\x00", "")
            for word in words
        ]
        return Case(filled)

    (fuzz.folder / "folder").mkdir()
    os.mkfifo(fuzz.folder / "fifo")
    fuzz.run(make, "options")


_VARIABLES = (
    "TDA_ENVIRONMENT",
    "FLINK_REST_URL",
    "KAFKA_BOOTSTRAP_SERVERS",
    "SCHEMA_REGISTRY_URL",
    "TDAFLINK_STATE_DIR",
    "TDAFLINK_CACHE_DIR",
    "XDG_RUNTIME_DIR",
    "TMPDIR",
    "HOME",
    "COLUMNS",
    "TERM",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SUDO_UID",
    "NO_COLOR",
)


def test_variables(fuzz: Fuzz) -> None:
    def make(rng: random.Random) -> Case:
        words = rng.choice(
            [*_READERS, "config show", "send circle --dry-run", "env list -o json", "python list"]
        )
        said = {rng.choice(_VARIABLES): _as_variable(rng.choice(WORDS)) for _ in range(rng.randrange(1, 3))}
        if "/" in said.values():  # the root folder, which other programs use, too
            said = {"COLUMNS": "0"}
        return Case(words.split(), variables=said)

    fuzz.run(make, "variables")


def _as_variable(text: str) -> str:
    """Return the part of the text that an environment variable can contain."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape" if "\udcff" in text else "replace"))


@pytest.mark.parametrize(
    "words",
    [
        "config validate {}",
        "config show --config {}",
        "config init {} --force",
        "send {} --dry-run",
        "submit --job {} --dry-run",
        "submit --config {} --dry-run",
        "plan {} submit",
        "apply {}",
        "results --plot {} --env nowhere",
        "diagnose --out {}",
        "compose export {}/in --profile dev",
        "env add new --config {} --no-check",
        "env add new --rest-url https://127.0.0.1:1 --kafka 127.0.0.1:1 --rest-ca {}",
        "env add new --rest-url https://127.0.0.1:1 --kafka 127.0.0.1:1 --rest-token file:{}",
        "setup --env new --application {} --dry-run",
    ],
)
def test_what_is_no_regular_file(fuzz: Fuzz, words: str) -> None:
    os.mkfifo(fuzz.folder / "fifo.yaml")
    (fuzz.folder / "link.json").symlink_to(fuzz.folder / "fifo.yaml")
    (fuzz.folder / "loop.json").symlink_to("loop.json")
    (fuzz.folder / "device.png").symlink_to("/dev/zero")
    (fuzz.folder / "folder.py").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.csv")  # relative: the whole path may be too long for a socket
    before = {path.name: (path.lstat().st_ino, path.lstat().st_mode) for path in fuzz.folder.iterdir()}
    names = [*before, "/dev/null", "/dev/full", "missing/file.json", "fifo.yaml/below", "/"]
    for name in names if "export" not in words else set(names) - {"folder.py", "/"}:
        outcome = fuzz.command.call(*words.replace("{}", name).split())
        assert not outcome.fault, described((words, name), {}, outcome)
        assert outcome.code != 0, described((words, name), {}, outcome)
    after = {path.name: (path.lstat().st_ino, path.lstat().st_mode) for path in fuzz.folder.iterdir()}
    assert after == before


_READERS = (
    "env list",
    "env show ext",
    "list",
    "history",
    "savepoints list",
    "status",
    "history ext",
    "env list -v",
)


def test_own_files(fuzz: Fuzz) -> None:
    environment = json.loads((fuzz.template / "environments/ext/environment.json").read_text())
    running = {"component": "jobmanager", "pid": 1, "create_time": 1.0, "settings": "", "tag": ""}

    def make(rng: random.Random) -> Case:
        fuzz.restore()
        home = fuzz.state / "environments/ext"
        kind = rng.randrange(6)
        if kind < 3:
            (home / "environment.json").write_bytes(as_json(rng, mutated(rng, environment)))
        elif kind == 3:
            (fuzz.state / "current").write_bytes(
                damaged(rng, str(rng.choice(WORDS)).encode("utf-8", "replace"))
            )
        elif kind == 4:
            _spoil_ledger(rng, home / "ledger.db")
        else:
            local = {
                **environment,
                "name": "loc",
                "runtime": "process",
                "profile": "local",
                "python": sys.executable,
            }
            there = fuzz.state / "environments/loc"
            (there / "run").mkdir(parents=True)
            (there / "environment.json").write_text(json.dumps(local))
            (there / "run/jobmanager.json").write_bytes(as_json(rng, mutated(rng, running)))
            (there / "application.json").write_bytes(as_json(rng, value(rng)))
            return Case(["status", "--env", "loc"])
        return Case(rng.choice(_READERS).split())

    fuzz.run(make, "own files")


_TABLES = {
    "submissions": 9,
    "operations": 5,
    "operation_steps": 4,
    "savepoints": 4,
    "actions": 7,
    "uploads": 3,
}


def _spoil_ledger(rng: random.Random, path: Path) -> None:
    """Create a ledger with odd rows, of another version, or of random bytes."""
    from tdaflink.adapters.storage.ledger import Ledger

    Ledger(path.parent).versions()
    action = rng.random()
    if action < 0.6:
        with sqlite3.connect(path) as db:
            table = rng.choice(sorted(_TABLES))
            _put(db, table, [_cell(rng) for _ in range(_TABLES[table])])
        db.close()
    elif action < 0.7:
        with sqlite3.connect(path) as db:
            db.execute(
                rng.choice(["PRAGMA user_version = 99", "DROP TABLE actions", "PRAGMA user_version = 1"])
            )
        db.close()
    elif action < 0.8:
        path.unlink()
        rng.choice([path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero")])()
    else:
        content = bytearray(path.read_bytes())
        for _ in range(rng.choice([1, 50, 2000])):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(bytes(content[: rng.choice([len(content), len(content) // 2, 10, 0])]))


def _cell(rng: random.Random) -> Any:
    found = rng.choice(
        [*SCALARS, b"\xff\xfe", "{}", "[]", '{"spec": 5}', '{"spec": {}}', '{"target": null}', "[" * 5000]
    )
    if isinstance(found, str):
        return found.encode("utf-8", "replace").decode()
    return found if not isinstance(found, int | list | dict) or _fits(found) else str(found)[:50]


def _fits(found: Any) -> bool:
    return isinstance(found, int) and abs(found) < 2**62


def _put(db: sqlite3.Connection, table: str, cells: list[Any]) -> None:
    insert = f"INSERT INTO {table} VALUES ({', '.join('?' for _ in cells)})"  # noqa: S608 - of this file
    try:
        db.execute(insert, cells)
    except sqlite3.IntegrityError:  # a NOT NULL column
        db.execute(insert, [cell if isinstance(cell, str | bytes) else b"" for cell in cells])


def test_plans(fuzz: Fuzz) -> None:
    plan = SavedPlan(
        SCHEMA, "0.1", "2026-01-01", str(fuzz.folder), ("submit", "--env", "ext"), {"a": [1]}, {"x": "tda"}
    )

    def make(rng: random.Random) -> Case:
        content = as_json(rng, mutated(rng, json.loads(plan.to_json())))
        if content.strip() == plan.to_json().strip().encode():
            content = b"{}"
        return Case(["apply", "plan.json"], {"plan.json": content})

    fuzz.run(make, "plans")
