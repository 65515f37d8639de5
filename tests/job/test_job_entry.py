"""The module that runs a job's main(): as `python -m` would, with failures in the job's own frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ENTRY = Path(__file__).parents[2] / "jobs" / "tdaflink_entry.py"
JOB = """\
import sys
from dataclasses import dataclass

@dataclass
class Point:
    x: int

def run():
    print(__name__, sys.argv[1:], sys.modules["__main__"].Point is Point, Point(3))
    {last}

run()
"""


def entered(folder: Path, last: str) -> subprocess.CompletedProcess[str]:
    """A job that ends with the statement, as PythonDriver starts it, but without a JobManager."""
    (folder / "my_job.py").write_text(JOB.format(last=last))
    command = [sys.executable, str(ENTRY), "ab" * 16, "my_job", "--settings", "{}"]
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)


def test_a_job_sees_its_own_arguments_and_its_own_main_module(tmp_path: Path) -> None:
    done = entered(tmp_path, "pass")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "__main__ ['--settings', '{}'] True Point(x=3)\n"


def test_a_failure_is_printed_from_the_job_s_first_frame_on(tmp_path: Path) -> None:
    done = entered(tmp_path, "raise ValueError('no such sensor')")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('my_job.py", line 12, in <module>')
    assert "ValueError: no such sensor" in lines


@pytest.mark.parametrize(
    ("last", "code"), [("sys.exit('bad settings')", 1), ("sys.exit(7)", 7), ("sys.exit()", 0)]
)
def test_an_exit_keeps_its_code_and_words(tmp_path: Path, last: str, code: int) -> None:
    done = entered(tmp_path, last)
    assert done.returncode == code
    assert ("bad settings" in done.stderr) == ("bad" in last)
