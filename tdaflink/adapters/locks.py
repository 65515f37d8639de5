"""Locks between processes, also of different users of one machine."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tdaflink.domain.errors import Locked


@contextmanager
def submission_lock(rest_url: str, seconds: float) -> Iterator[None]:
    """Hold the right to run a main() on the JobManager at `rest_url`.

    Flink's PythonDriver keeps its gateway in a static field, so two runs at once wedge the JobManager.
    The lock lies in a folder that every user of the machine can write to. Raises `Locked` after `seconds`.
    """
    from filelock import FileLock, Timeout

    name = hashlib.sha256(rest_url.encode()).hexdigest()[:24]
    try:
        with FileLock(_shared_folder() / f"{name}.lock", timeout=seconds, mode=0o666):
            yield
    except Timeout:
        raise Locked(
            f"another submission to {rest_url} has been under way for more than {seconds:g} s",
            hint="wait for it, or end it if it hangs",
        ) from None


class PortClaims:
    """Port offsets that nobody else on this machine may choose until this is closed.

    A port that was found free is bound seconds later; in between another setup would find it free, too.
    """

    def __init__(self) -> None:
        self._held = ExitStack()

    def __enter__(self) -> PortClaims:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def take(self, offset: int) -> bool:
        """Whether the offset is this setup's from now on."""
        from filelock import FileLock, Timeout

        lock = FileLock(_shared_folder() / f"ports-{offset}.lock", timeout=0, mode=0o666)
        try:
            self._held.enter_context(lock)
        except Timeout:
            return False
        return True


def _shared_folder() -> Path:
    """Where every user of the machine keeps locks."""
    folder = Path(tempfile.gettempdir()) / "tdaflink-locks"
    folder.mkdir(exist_ok=True)
    with suppress(PermissionError):
        # Without the sticky bit: Linux refuses to open another user's file for writing in a sticky folder.
        os.chmod(folder, 0o777)  # noqa: S103 - it holds nothing but empty lock files
    return folder
