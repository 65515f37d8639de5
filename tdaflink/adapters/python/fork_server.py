"""The script that Flink runs instead of the interpreter, so that its Python processes are forks."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

SCRIPT = "python"
_PROGRAM = "fork_server_program.py"


def forks(folder: Path) -> bool:
    """Return whether the script in that folder starts processes by forking."""
    # PyFlink's start script does not quote its path. A fork with these libraries is safe on Linux only.
    return sys.platform == "linux" and not any(character.isspace() for character in str(folder))


def fork_server_files(folder: str, python: str, cache: str) -> dict[str, str]:
    """Return the text of each file by name, for `folder`, which the processes' user may write to.

    `cache` is the cache folder of the machine, where jobs store the machine code that they compile.
    """
    command = (python, "-I", "-S", f"{folder}/{_PROGRAM}", folder, f"{cache}/kernels")
    return {
        SCRIPT: f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n',
        _PROGRAM: (Path(__file__).parent / _PROGRAM).read_text(encoding="utf-8"),
    }
