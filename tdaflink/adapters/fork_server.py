"""The script that Flink runs in the interpreter's place, so that its Python processes are forks of one."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

SCRIPT = "python"
_PROGRAM = "fork_server_program.py"


def forks(folder: Path) -> bool:
    """Whether processes fork that are started by the script in that folder."""
    # PyFlink's start script does not quote its path, and elsewhere a fork of so much is not safe.
    return sys.platform == "linux" and not any(character.isspace() for character in str(folder))


def fork_server_files(folder: str, python: str, cache: str) -> dict[str, str]:
    """File name -> its text, for the folder that holds them, and that the processes' user may write to.

    `cache` is the cache folder of the machine, where jobs keep the machine code that they compile.
    """
    words = (python, "-I", "-S", f"{folder}/{_PROGRAM}", folder, f"{cache}/kernels")
    return {
        SCRIPT: f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n',
        _PROGRAM: (Path(__file__).parent / _PROGRAM).read_text(encoding="utf-8"),
    }
