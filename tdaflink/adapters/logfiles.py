"""Log files of the local cluster: rolled over by Log4j, read in order, followed over rollings."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from tdaflink.domain.environment import LogLine

_POLL_SECONDS = 0.2
_TIME = re.compile(r"\[?(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)[,.](\d{3})\d*(Z|[+-]\d\d:?\d\d)?")


def read_log(path: Path, *, since: datetime | None, follow: bool) -> Iterator[LogLine]:
    """The lines of `path` and of the files that it was rolled into, oldest first.

    `since` leaves out lines that are older. With `follow` it never ends by itself; a file that does not
    exist yet is waited for.
    """
    lines = _followed(path) if follow else _kept(path)
    return newer_than(since, (LogLine(text, written_at(text)) for text in lines))


def newer_than(since: datetime | None, lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """The lines from `since` on; one without a time belongs to the one before it."""
    wanted = since is None
    for line in lines:
        if since is not None and line.time is not None:
            wanted = line.time >= since
        if wanted:
            yield line


def written_at(text: str, *, zone: timezone | None = None) -> datetime | None:
    """Read the time at the start of a line as Log4j writes it, with the zone that it names.

    Where it names none, as in logs of earlier versions and of other clusters, it is taken to be of `zone`;
    None means the zone of this process.
    """
    found = _TIME.match(text)
    if found is None:
        return None
    whole, thousandths, offset = found.groups()
    try:
        moment = datetime.fromisoformat(f"{whole}.{thousandths}{_offset(offset)}")
        if moment.tzinfo is None and zone is not None:
            return moment.replace(tzinfo=zone)
        return moment.astimezone()
    except (ValueError, OverflowError):  # digits that are no time
        return None


def _offset(written: str | None) -> str:
    """The offset in the form that `fromisoformat` of each Python reads."""
    if written is None:
        return ""
    return "+00:00" if written == "Z" else f"{written[:3]}:{written[-2:]}"


def _files(path: Path) -> list[Path]:
    """Oldest first: Log4j gives the newest rolled file the highest number."""
    rolled = [found for found in path.parent.glob(path.name + ".*") if found.suffix[1:].isdigit()]
    return [*sorted(rolled, key=lambda found: int(found.suffix[1:])), path]


def _kept(path: Path) -> Iterator[str]:
    for file in _files(path):
        opened = _open(file)
        if opened is not None:
            with opened:
                yield from (line.rstrip("\r\n") for line in opened)


def _followed(path: Path) -> Iterator[str]:
    """Every file once, by its identity, since a name passes from file to file; the last one as it grows."""
    done: dict[int, int] = {}
    while True:
        waiting = [file for file in _files(path) if _is_new(file, done)]
        opened = _open(waiting[0]) if waiting else None
        if opened is None:
            time.sleep(_POLL_SECONDS)
            continue
        with opened:
            identity = os.fstat(opened.fileno()).st_ino
            yield from _grown(opened, path, identity)
            done[identity] = os.fstat(opened.fileno()).st_size


def _is_new(file: Path, done: Mapping[int, int]) -> bool:
    """Whether the file was not read; a smaller one has but got the identity of one that was deleted."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return False
    return found.st_size < done.get(found.st_ino, found.st_size + 1)


def _grown(opened: IO[str], path: Path, identity: int) -> Iterator[str]:
    """Whole lines of a file, until another one has its name and nothing more comes."""
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
