"""The imports of a call of the command: modules are counted, because seconds depend on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from support.command_runner import command_environ
from support.servers.replying import replying

from tdaflink.cli.app import app, load
from tdaflink.cli.help_page import PAGE
from tdaflink.cli.plain_values import read_plainly

# Runs the command as `tdaflink` does, and writes the imported modules when it ends.
REPORT = """
import atexit, sys
def report():
    names = sorted(name for name, module in sys.modules.items() if module is not None)
    with open(REPORT_TO, "w") as file:
        file.write("\\n".join(names))
atexit.register(report)
from tdaflink.__main__ import main
main()
"""
# A call that only reads a cluster needs none of these; only their users import docker, confluent_kafka, jgo.
CLIENTS = {"docker", "confluent_kafka", "jgo", "blessed", "matplotlib", "pyarrow", "platformdirs", "filelock"}
ASYNCHRONOUS = {"asyncio", "anyio", "trio"}
HEAVY = CLIENTS | ASYNCHRONOUS | {"pydantic", "pydantic_core", "yaml", "psutil", "requests"}
JOB = {
    "jid": "a" * 32,
    "name": "tda",
    "state": "RUNNING",
    "start-time": 1700000000000,
    "duration": 61000,
    "tasks": {"total": 3, "running": 3},
}
REPLIES: dict[str, Any] = {
    "/jobs/overview": {"jobs": [JOB]},
    f"/jobs/{JOB['jid']}": {"vertices": [{"id": "v", "name": "source", "parallelism": 2, "tasks": {}}]},
    "/overview": {"taskmanagers": 1, "slots-total": 4, "slots-available": 1, "flink-version": "2.2.1"},
}


@pytest.fixture(scope="module")
def rest_url() -> Iterator[str]:
    """Start a JobManager with the few replies that `list` and `status` request; yield its URL."""
    with replying(REPLIES) as url:
        yield url


class Call:
    """A caller of the command in a separate folder."""

    def __init__(self, folder: Path, rest_url: str) -> None:
        self._folder = folder
        self._environ = command_environ(folder, FLINK_REST_URL=rest_url)

    def imported(self, *words: str, planted: str = "") -> set[str]:
        """Return the names of all modules that the call imports; the call must succeed."""
        report = self._folder / "imported.txt"
        program = f"REPORT_TO = {str(report)!r}\n{planted}\n{REPORT}"
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            capture_output=True,
            text=True,
            timeout=60,
            env=self._environ,
            cwd=self._folder,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return set(report.read_text(encoding="utf-8").splitlines())


@pytest.fixture
def call(tmp_path: Path, rest_url: str) -> Call:
    return Call(tmp_path, rest_url)


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def in_excess(modules: set[str], refused: set[str], bound: int) -> list[str]:
    """Return the violations: imported packages that are refused, and the count if it exceeds the bound."""
    found = sorted(packages(modules) & refused)
    return found if len(modules) <= bound else [*found, f"{len(modules)} modules, more than {bound}"]


# Bounds: the counts with Python 3.12, Typer 0.29.2 and httpx 0.28.1, and a tenth more for other versions.
@pytest.mark.parametrize(
    ("words", "refused", "bound"),
    [
        (("--help",), HEAVY | {"typer", "rich", "httpx"}, 60),  # 40: the interpreter's own and a file
        (("-h",), HEAVY | {"typer", "rich", "httpx"}, 60),
        (("--version",), HEAVY | {"rich", "httpx"}, 195),  # 178: Typer and all modules of commands
        (("list", "--help"), HEAVY | {"rich", "httpx"}, 175),  # 160: Typer and one module of commands
        (("list", "-o", "json"), HEAVY | {"rich"}, 360),  # 326: with httpx
        (("list",), HEAVY | {"rich"}, 360),  # 326: into a pipe, without styles
        (("status", "-o", "json"), HEAVY | {"rich"}, 383),  # 348
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_call_imports_only_what_it_needs(
    call: Call, words: tuple[str, ...], refused: set[str], bound: int
) -> None:
    assert in_excess(call.imported(*words), refused, bound) == []


def test_a_dry_run_of_submit_imports_no_client(call: Call, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("print()\n")
    words = ("submit", "--job", "job.py", "--dry-run", "-o", "json")
    # Its config is a pydantic model, and profiles are YAML: 419 counted, including empty packages.
    assert in_excess(call.imported(*words), CLIENTS | ASYNCHRONOUS | {"httpx", "rich", "psutil"}, 435) == []


@pytest.mark.parametrize("package", ["pydantic", "rich.console", "psutil"])
def test_a_planted_import_is_noticed(call: Call, package: str) -> None:
    found = in_excess(call.imported("list", planted=f"import {package}"), HEAVY | {"rich"}, 360)
    assert package.partition(".")[0] in found


def test_the_printed_help_is_what_typer_makes(tmp_path: Path) -> None:
    def printed(*words: str, columns: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "tdaflink", *words],
            capture_output=True,
            text=True,
            timeout=60,
            env=command_environ(tmp_path, COLUMNS=columns),
            cwd=Path(PAGE).parents[2],
        ).stdout.replace("python -m tdaflink", "tdaflink")

    page = Path(PAGE).read_text(encoding="utf-8")
    assert printed("--help", columns="100") == page
    assert printed("--help", "--help", columns="100") == page  # two words: Typer renders it
    assert printed("--help", columns="60") == printed("--help", "--help", columns="60") != page


@cache
def commands() -> dict[str, Any]:
    """Return every command that takes parameters, by its words."""
    load([])

    def walk(words: str, node: Any) -> Iterator[tuple[str, Any]]:
        for name, child in getattr(node, "commands", {}).items():
            yield from walk(f"{words} {name}".strip(), child)
        if not getattr(node, "commands", None):
            yield words, node

    return dict(walk("", typer.main.get_command(app)))


TEXTS = [
    "",
    "7",
    "-3",
    "007",
    "1_0",
    "2.50",
    ".5",
    "1e3",
    "nan",
    " 4 ",
    "table",
    "json",
    "TABLE",
    "now",
    "a b",
    "ü",
]


@pytest.mark.parametrize("words", sorted(commands()))
def test_plain_values_are_read_as_typer_reads_them(words: str, tmp_path: Path) -> None:
    """Typed values, texts, defaults and missing values of each parameter are read as Typer reads them."""
    there = tmp_path / "there"
    there.touch()
    command = commands()[words]
    context = typer.main.get_command(app).context_class(command)
    for parameter in command.params:
        texts = [*TEXTS, str(there), str(tmp_path / "missing"), None, parameter.default, True]
        several = parameter.multiple or parameter.nargs == -1
        values = [[text, text] if several and isinstance(text, str) else text for text in texts]
        by_typer = [outcome(parameter, context, value) for value in values]
        read_plainly([parameter])
        assert [outcome(parameter, context, value) for value in values] == by_typer, parameter.name
        del parameter.process_value


def outcome(parameter: Any, context: Any, value: Any) -> tuple[str, Any]:
    """Return the parameter's type and value for an input, or its error."""
    try:
        read = parameter.process_value(context, value)
    except Exception as refusal:
        return type(refusal).__name__, str(refusal)
    return repr(type(read)), [repr(item) for item in read] if isinstance(read, list) else repr(read)


def test_a_parameter_that_typer_describes_otherwise_is_left_to_it() -> None:
    class Parameter:
        multiple, nargs, required, callback = False, 1, False, None

        def process_value(self, _: object, value: str) -> str:
            return f"read by Typer: {value}"

    (parameter,) = read_plainly([Parameter()])
    assert parameter.process_value(None, "7") == "read by Typer: 7"


def test_refused_values_are_typers_to_explain(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tdaflink", "list", "-o", "xml"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**command_environ(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 2
    assert "'xml' is not one of 'table', 'json', 'yaml'" in done.stderr
