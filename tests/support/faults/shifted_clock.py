"""A movable wall clock for the processes of one environment; the machine's clock is unchanged."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("shifted_clock.c")


class ShiftedClock:
    """The clock of the processes that are started with `environ`, and of their children."""

    def __init__(self, folder: Path, compiler: str) -> None:
        self._library = folder / "shifted_clock.so"
        self._file = folder / "shift"
        self.jump_to(0)
        words = [compiler, "-shared", "-fPIC", "-O2", "-o", str(self._library), str(_SOURCE), "-ldl"]
        subprocess.run(words, check=True)

    @property
    def environ(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "SHIFTED_CLOCK": str(self._file)}

    def jump_to(self, seconds: int) -> None:
        """Set the clock ahead of the machine's by that many seconds, from now on."""
        with self._file.open("r+b" if self._file.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("=q", seconds))


def c_compiler() -> str | None:
    """Return the path of a C compiler; None if there is none."""
    return shutil.which("cc") or shutil.which("gcc")
