"""Locks between processes, also of different users of one machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tdaflink.domain.errors import Locked


@contextmanager
def submission_lock(rest_url: str, seconds: float) -> Iterator[None]:
    """Hold the right to run a main() on the JobManager at `rest_url`.

    Flink's PythonDriver keeps its gateway in a static field, so two runs at once wedge the JobManager.
    The lock lies in a folder that every user of the machine can write to. Raises `Locked` after `seconds`.
    """
    from filelock import FileLock, Timeout

    folder = Path(tempfile.gettempdir()) / "tdaflink-locks"
    folder.mkdir(exist_ok=True)
    with suppress(PermissionError):
        # Without the sticky bit: Linux refuses to open another user's file for writing in a sticky folder.
        os.chmod(folder, 0o777)  # noqa: S103 - it holds nothing but empty lock files
    name = hashlib.sha256(rest_url.encode()).hexdigest()[:24]
    try:
        with FileLock(folder / f"{name}.lock", timeout=seconds, mode=0o666):
            yield
    except Timeout:
        raise Locked(
            f"another submission to {rest_url} has been under way for more than {seconds:g} s",
            hint="wait for it, or end it if it hangs",
        ) from None
