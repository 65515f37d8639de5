"""The record that an operator is busy with, noted where the end of its process does not reach.

A worker that is killed (by the system for its memory, by a fault of a library) leaves no exception that names
a record, and the job reads the same record again. So each operator notes the place of its record in a small
file that is mapped into memory: the system keeps what was written there, whatever ends the process. The next
workers of the job count, by record, how often one ended while that record was in progress. At a record with
`ENOUGH` such ends they raise `RecordEndsWorker` once in place of the next try, so that the record's name is
among the exceptions that Flink keeps of the job. The try after that is a real one, since a record may have
been in progress by chance: what is completed is forgotten.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import mmap
import os
import stat
import struct
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

ENOUGH = 2
"""Ends of a worker at a record from which on the record gets named."""
KEPT_SECONDS = 3600.0
"""An end that is longer ago has nothing to do with the restarts of now."""
MOST_SUSPECTS = 100
_HEAD = struct.Struct("<HqQ")  # number of the topic, partition, offset
_HEAD_AT = 8  # the byte 0 says whether the record there is in progress
_TOPICS_AT = 64
_NOTE, _ENDS, _LOCK = "*.note", "ends.json", "lock"

Place = tuple[str, int, int]


class RecordEndsWorker(Exception):
    """A record was in progress each time that workers of this job ended."""


@dataclass
class _Suspect:
    ends: int
    last: float  # epoch seconds
    named: bool


class InFlight:
    """The note of one operator's subtask; `begin` and `end` enclose the work on each record."""

    def __init__(
        self, owner: str, topics: Sequence[str], *, restarted: bool, root: Path | None = None
    ) -> None:
        """`owner` is the same for all subtasks of one operator of the job, and for these alone.

        Not `restarted`: what was before does not count.
        """
        self._numbers = {topic: number for number, topic in enumerate(topics)}
        self._page: bytearray | mmap.mmap = bytearray(_TOPICS_AT)  # where no file can be had
        self._file: int | None = None
        self._path: Path | None = None
        self._suspects = dict[Place, _Suspect]()
        self._folder = (root or _root()) / hashlib.sha256(owner.encode("utf-8", "replace")).hexdigest()[:16]
        try:
            _private(self._folder.parent)
            _private(self._folder)
            self._open(list(topics), restarted=restarted)
        except (OSError, ValueError) as error:
            _log.warning("cannot note the records in progress in %s: %s", self._folder, error)

    def begin(self, topic: str, partition: int, offset: int) -> None:
        """The operator gets to work on this record. Raises RecordEndsWorker."""
        if self._suspects:
            self._check((topic, partition, offset))
        page = self._page
        _HEAD.pack_into(page, _HEAD_AT, self._numbers[topic], partition, offset)
        page[0] = 1

    def end(self) -> None:
        """The operator has completed it."""
        self._page[0] = 0
        if self._suspects:
            self._forget(self._at())

    def close(self) -> None:
        """Give the note up: it stays where a record is in progress."""
        if self._path is None or self._file is None:
            return
        busy = self._page[0]
        if isinstance(self._page, mmap.mmap):
            self._page.close()
        self._page = bytearray(_TOPICS_AT)
        if not busy:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = self._path = None

    def _open(self, topics: list[str], *, restarted: bool) -> None:
        with self._only_process():
            ended = list(_ended(self._folder))
            suspects = self._saved() if restarted else {}
            now = time.time()
            for place in ended if restarted else ():
                known = suspects.get(place)
                suspects[place] = _Suspect(1 if known is None else known.ends + 1, now, named=False)
            self._save(suspects)
            self._suspects = {place: one for place, one in suspects.items() if one.ends >= ENOUGH}
            content = json.dumps(topics).encode()
            self._file, path = tempfile.mkstemp(suffix=_NOTE[1:], dir=self._folder)
            self._path = Path(path)
            os.pwrite(self._file, content, _TOPICS_AT)
            # Held until the process ends, however that comes about.
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._page = mmap.mmap(self._file, _TOPICS_AT + len(content))

    def _check(self, place: Place) -> None:
        suspect = self._suspects.get(place)
        if suspect is None or suspect.named:
            return
        suspect.named = True
        self._change(place, suspect)
        named = "/".join(map(str, place))
        raise RecordEndsWorker(f"{named} was in progress {suspect.ends} times when a worker of the job ended")

    def _forget(self, place: Place) -> None:
        if self._suspects.pop(place, None) is not None:
            self._change(place, None)

    def _at(self) -> Place:
        number, partition, offset = _HEAD.unpack_from(self._page, _HEAD_AT)
        return next(topic for topic, found in self._numbers.items() if found == number), partition, offset

    def _change(self, place: Place, suspect: _Suspect | None) -> None:
        with suppress(OSError), self._only_process():
            suspects = self._saved()
            suspects.pop(place, None)
            if suspect is not None:
                suspects[place] = suspect
            self._save(suspects)

    @contextmanager
    def _only_process(self) -> Iterator[None]:
        with (self._folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _saved(self) -> dict[Place, _Suspect]:
        """What is known of earlier ends; nothing where the file is damaged."""
        try:
            rows = json.loads((self._folder / _ENDS).read_text())
            found = {
                (str(topic), int(partition), int(offset)): _Suspect(int(ends), float(last), bool(named))
                for topic, partition, offset, ends, last, named in rows
            }
        except (OSError, ValueError, TypeError):
            return {}
        oldest = time.time() - KEPT_SECONDS
        return {place: suspect for place, suspect in found.items() if suspect.last >= oldest}

    def _save(self, suspects: dict[Place, _Suspect]) -> None:
        newest = sorted(suspects.items(), key=lambda item: -item[1].last)[:MOST_SUSPECTS]
        rows = [[*place, one.ends, one.last, one.named] for place, one in newest]
        draft = self._folder / f"{_ENDS}.new"
        draft.write_text(json.dumps(rows))
        draft.replace(self._folder / _ENDS)


def _ended(folder: Path) -> Iterator[Place]:
    """The records that processes were busy with when they ended; their notes are removed."""
    for path in sorted(folder.glob(_NOTE)):
        with path.open("rb") as note:
            try:
                fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # its process is alive
            place = _place_in(note.read(1 << 16))
            path.unlink(missing_ok=True)
        if place is not None:
            yield place


def _place_in(note: bytes) -> Place | None:
    """The record of a note that was in progress; None where there was none, or the note is damaged."""
    if note[:1] != b"\x01" or len(note) < _TOPICS_AT:
        return None
    number, partition, offset = _HEAD.unpack_from(note, _HEAD_AT)
    try:
        return str(json.loads(note[_TOPICS_AT:])[number]), partition, offset
    except (ValueError, LookupError, TypeError):
        return None


def _root() -> Path:
    return Path(tempfile.gettempdir()) / f"tdaflink-records-{os.getuid()}"


def _private(folder: Path) -> None:
    """Make a folder that nobody else may enter; OSError where it is a link, or another user's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is a link, of another user, or open to others")
