"""Log files of the local cluster: rolled over by Log4j, read in order, followed over rollovers."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from tdaflink.domain.environments.environment import LogLine

_POLL_SECONDS = 0.2
_TIME = re.compile(r"\[?(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)[,.](\d{3})\d*(Z|[+-]\d\d:?\d\d)?")


def read_log(path: Path, *, since: datetime | None, follow: bool) -> Iterator[LogLine]:
    """Yield the lines of `path` and of the files that it was rolled into, oldest first.

    `since` leaves out older lines. With `follow` the iterator never ends; it waits for a file that does not
    exist yet.
    """
    lines = _follow(path) if follow else _read_files(path)
    return newer_than(since, (LogLine(text, written_at(text)) for text in lines))


def newer_than(since: datetime | None, lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """Yield the lines from `since` on; a line without a time belongs to the line before it."""
    included = since is None
    for line in lines:
        if since is not None and line.time is not None:
            included = line.time >= since
        if included:
            yield line


def written_at(text: str, *, zone: timezone | None = None) -> datetime | None:
    """Parse the time at the start of a line in Log4j's format, with its zone.

    A time without a zone, as in logs of earlier versions and of other clusters, is in `zone`; None means the
    zone of this process.
    """
    match = _TIME.match(text)
    if match is None:
        return None
    seconds, thousandths, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{seconds}.{thousandths}{_offset(offset)}")
        if moment.tzinfo is None and zone is not None:
            return moment.replace(tzinfo=zone)
        return moment.astimezone()
    except (ValueError, OverflowError):  # digits that are not a valid time
        return None


def _offset(written: str | None) -> str:
    """Return the offset in the form that `fromisoformat` of every supported Python accepts."""
    if written is None:
        return ""
    return "+00:00" if written == "Z" else f"{written[:3]}:{written[-2:]}"


def _files(path: Path) -> list[Path]:
    """Return the files, oldest first: Log4j gives the newest rolled file the highest number."""
    rolled = [file for file in path.parent.glob(path.name + ".*") if file.suffix[1:].isdigit()]
    return [*sorted(rolled, key=lambda file: int(file.suffix[1:])), path]


def _read_files(path: Path) -> Iterator[str]:
    for file in _files(path):
        opened = _open(file)
        if opened is not None:
            with opened:
                yield from (line.rstrip("\r\n") for line in opened)


def _follow(path: Path) -> Iterator[str]:
    """Yield the lines of every file once, and follow the last one.

    Files are identified by their inode, since a rollover gives their names to other files.
    """
    done: dict[int, int] = {}
    while True:
        waiting = [file for file in _files(path) if _is_new(file, done)]
        opened = _open(waiting[0]) if waiting else None
        if opened is None:
            time.sleep(_POLL_SECONDS)
            continue
        with opened:
            identity = os.fstat(opened.fileno()).st_ino
            yield from _follow_file(opened, path, identity)
            done[identity] = os.fstat(opened.fileno()).st_size


def _is_new(file: Path, done: Mapping[int, int]) -> bool:
    """Return whether the file was not read; a smaller file has reused the inode of a deleted one."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return False
    return status.st_size < done.get(status.st_ino, status.st_size + 1)


def _follow_file(opened: IO[str], path: Path, identity: int) -> Iterator[str]:
    """Yield whole lines of a file, until another file has its name and its end is reached."""
    rest = ""
    last_round = False
    while True:
        for piece in opened:
            rest += piece
            if rest.endswith("\n"):
                yield rest.rstrip("\r\n")
                rest = ""
        if last_round:
            if rest:
                yield rest
            return
        last_round = _identity(path) != identity
        if not last_round:
            time.sleep(_POLL_SECONDS)


def _open(path: Path) -> IO[str] | None:
    try:
        return path.open(encoding="utf-8", errors="replace", newline="\n") if path.is_file() else None
    except FileNotFoundError:
        return None


def _identity(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
