"""Forked processes behave like those that the interpreter starts."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tdaflink.adapters.python.fork_server import SCRIPT, fork_server_files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the interpreter itself runs")

FACTS = """
import json, os, sys
print(json.dumps({
    "argv": sys.argv, "name": __name__, "cwd": os.getcwd(), "mark": os.environ.get("MARK"),
    "loaded": "numpy" in sys.modules, "parent": os.getppid(), "pid": os.getpid(), "path": sys.path,
}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Provide a folder with an environment's files for Python processes; its server ends with the tests."""
    made = written(tmp_path_factory.mktemp("workers"))
    facts(made)  # the first call determines what the server imports
    yield made
    psutil.Process(facts(made)["parent"]).kill()


def written(folder: Path) -> Path:
    """Write an environment's files for Python processes to the folder; return the folder."""
    for name, text in fork_server_files(str(folder), sys.executable, str(folder / "cache")).items():
        (folder / name).write_text(text)
    (folder / SCRIPT).chmod(0o700)
    return folder


def started(folder: Path, *words: str, **options: Any) -> subprocess.Popen[str]:
    """Start the script as Flink or a worker does."""
    environ = {**os.environ, "TDAFLINK_FORKED_DESCRIPTORS": "", **options.pop("environ", {})}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([str(folder / SCRIPT), *words], env=environ, text=True, **streams, **options)


def ran(folder: Path, *words: str, **options: Any) -> tuple[int, str, str]:
    process = started(folder, *words, **options)
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def facts(folder: Path, *arguments: str, **options: Any) -> dict[str, Any]:
    code, out, err = ran(folder, "-c", FACTS, *arguments, **options)
    assert (code, err) == (0, "")
    return dict(json.loads(out))


def test_a_fork_has_what_it_was_called_with_and_what_was_imported_before(
    folder: Path, tmp_path: Path
) -> None:
    seen = facts(folder, "a", "b c", cwd=tmp_path, environ={"MARK": "ö\udcff"})
    assert seen["argv"] == ["-c", "a", "b c"]
    assert (seen["name"], seen["cwd"], seen["mark"]) == ("__main__", str(tmp_path), "ö\udcff")
    assert seen["loaded"]
    assert psutil.Process(seen["parent"]).cmdline()[1] == str(folder / "fork_server_program.py")
    assert seen["path"][0] == str(tmp_path)
    assert str(folder) not in seen["path"]


def test_descriptors_beside_the_streams_keep_their_numbers(folder: Path) -> None:
    theirs, ours = os.pipe()
    os.write(ours, b"through the pipe")
    os.close(ours)
    code = f"import os, sys; sys.stdout.write(os.read({theirs}, 100).decode())"
    try:
        done = ran(
            folder, "-c", code, pass_fds=(theirs,), environ={"TDAFLINK_FORKED_DESCRIPTORS": str(theirs)}
        )
    finally:
        os.close(theirs)
    assert done == (0, "through the pipe", "")


@pytest.mark.parametrize(
    ("code", "status", "err"),
    [
        ("raise SystemExit", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('why it ends')", 1, "why it ends\n"),
        ("import atexit, sys; atexit.register(lambda: sys.stderr.write('at the end'))", 0, "at the end"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV, ""),
    ],
)
def test_it_ends_as_the_process_ends(folder: Path, code: str, status: int, err: str) -> None:
    assert ran(folder, "-c", code) == (status, "", err)


def test_a_jobs_main_fails_with_the_traceback_of_an_interpreter(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import helper\nprint('begun', flush=True)\nhelper.fails()\n")
    (tmp_path / "helper.py").write_text("def fails():\n    raise ValueError('of the job')\n")
    environ = {"PYFLINK_GATEWAY_PORT": "1", "PYTHONPATH": str(tmp_path)}
    forked = ran(folder, "-u", "-m", "main", "--settings", "{}", environ=environ)
    process = subprocess.run(
        [sys.executable, "-u", "-m", "main"],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert forked == (1, "begun\n", process.stderr)
    assert "ValueError: of the job" in process.stderr


def test_a_package_that_the_job_brings_along_is_taken_and_not_what_was_imported_before(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "numpy.py").write_text("__version__ = 'of the job'\n")
    (tmp_path / "main.py").write_text("import numpy\nprint(numpy.__version__)\n")
    environ = {"PYFLINK_GATEWAY_PORT": "1", "PYTHONPATH": str(tmp_path)}
    code, out, err = ran(folder, "-u", "-m", "main", environ=environ)
    assert (code, out) == (0, "of the job\n")
    assert "the job brings its own numpy" in err


def test_anything_else_is_run_by_the_interpreter(folder: Path) -> None:
    done = subprocess.run(
        [str(folder / SCRIPT), "-c", FACTS], capture_output=True, text=True, check=True, timeout=60
    )
    seen = json.loads(done.stdout)
    assert seen["parent"] == os.getpid()
    assert not seen["loaded"]


def test_a_signal_reaches_the_process(folder: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = started(folder, "-c", code)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 7


def test_the_process_ends_with_the_one_that_stands_for_it(folder: Path) -> None:
    process = started(folder, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    assert process.stdout is not None
    fork = psutil.Process(int(process.stdout.readline()))
    process.kill()
    process.communicate(timeout=20)
    fork.wait(timeout=20)


def test_random_numbers_differ_from_fork_to_fork(folder: Path) -> None:
    code = "import random, numpy; print(random.random(), numpy.random.random())"
    drawn = [ran(folder, "-c", code)[1].split() for _ in range(2)]
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_where_the_server_is_killed_the_next_call_starts_another(folder: Path) -> None:
    first = facts(folder)["parent"]
    running = started(folder, "-c", "import time; print(1, flush=True); time.sleep(2); print('done')")
    assert running.stdout is not None
    running.stdout.readline()
    psutil.Process(first).kill()
    assert facts(folder)["parent"] != first
    assert running.communicate(timeout=20)[0] == "done\n"
    assert running.returncode == 1  # its exit code can no longer be determined


def test_calls_at_once_share_one_server_and_it_ends_with_those_that_called(tmp_path: Path) -> None:
    script = str(written(tmp_path) / SCRIPT)
    code = (
        "import subprocess, sys\n"
        f"calls = [subprocess.Popen([{script!r}, '-c', 'import os; print(os.getppid())'],\n"
        "    stdout=subprocess.PIPE, text=True) for _ in range(4)]\n"
        "print(*{call.communicate(timeout=100)[0].strip() for call in calls})\n"
    )
    environ = {**os.environ, "TDAFLINK_FORKED_DESCRIPTORS": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=110, check=True
    )
    (server,) = map(int, done.stdout.split())
    deadline = time.monotonic() + 20
    while psutil.pid_exists(server) and psutil.Process(server).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the server outlives all that called it"
        time.sleep(0.05)


def test_what_cannot_have_a_server_starts_afresh_and_says_so(tmp_path: Path) -> None:
    (written(tmp_path) / "lock").mkdir()
    code, out, err = ran(tmp_path, "-c", "print('works')")
    assert (code, out) == (0, "works\n")
    assert "a fresh interpreter" in err


def test_a_server_comes_up_for_a_process_that_calls_later_and_ends_with_it(tmp_path: Path) -> None:
    script = str(written(tmp_path) / SCRIPT)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as caller:
        done = subprocess.run([script, str(caller.pid)], capture_output=True, text=True, timeout=100)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        (server,) = [
            one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in (one.info["cmdline"] or [])
        ]
        caller.communicate(b"\n", timeout=20)
    server.wait(timeout=20)


def test_a_search_path_that_leads_to_the_same_packages_is_no_hindrance(folder: Path) -> None:
    numpy = importlib.util.find_spec("numpy")
    assert numpy is not None
    assert numpy.origin is not None
    code, out, err = ran(folder, "-c", FACTS, environ={"PYTHONPATH": str(Path(numpy.origin).parents[1])})
    assert (code, err) == (0, "")
    assert json.loads(out)["loaded"]


def test_machine_code_that_cannot_be_loaded_whole_is_left_to_the_process(tmp_path: Path) -> None:
    package = tmp_path / "cache" / "kernels" / "tdaflink_kernels_cut"
    package.mkdir(parents=True)
    package.parent.chmod(0o700)
    (package / "__init__.py").write_text("")
    (package / "edges.py").write_text("")
    (package / "lunes.py").write_text("cut in the midd")
    code = "import sys; print([name for name in sys.modules if name.startswith('tdaflink_kernels')])"
    assert ran(written(tmp_path), "-c", code) == (0, "[]\n", "")
    assert "SyntaxError" in (tmp_path / "log").read_text()
    psutil.Process(facts(tmp_path)["parent"]).kill()
