"""The record that an operator is processing, in a file that survives the end of its process.

A worker that is killed (by the kernel when memory runs out, or by a crash in a library) leaves no exception
that names a record, and the job reads the same record again. So each operator writes the position of its
record to a small file that is mapped into memory: the kernel keeps what was written, however the process
ends. The next workers of the job count, by record, how often a worker ended while that record was in
progress. At a record with `ENOUGH` such ends they raise `RecordEndsWorker` once instead of the next attempt,
so that the record is named in the exceptions that Flink keeps of the job. The attempt after that is a real
one, since a record may have been in progress by chance: a completed record is removed from the counts.
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
"""Number of worker ends at a record from which on the record is named."""
KEPT_SECONDS = 3600.0
"""Older ends of workers are not related to the current restarts."""
MOST_SUSPECTS = 100
_HEAD = struct.Struct("<HqQ")  # number of the topic, partition, offset
_HEAD_AT = 8  # byte 0 is 1 while the record at this offset is in progress
_TOPICS_AT = 64
_NOTE, _ENDS, _LOCK = "*.note", "ends.json", "lock"

RecordPosition = tuple[str, int, int]


class RecordEndsWorker(Exception):
    """Workers of this job ended several times while the same record was in progress."""


@dataclass
class _Suspect:
    ends: int
    last: float  # epoch seconds
    named: bool


class InFlight:
    """The note of the record in progress of one subtask; call `begin` and `end` around each record."""

    def __init__(
        self, owner: str, topics: Sequence[str], *, restarted: bool, root: Path | None = None
    ) -> None:
        """Open the note; `owner` identifies the operator of the job, and is the same for all its subtasks.

        Without `restarted` the counts of earlier runs are dropped. Without a usable folder the note is kept
        in memory only.
        """
        self._numbers = {topic: number for number, topic in enumerate(topics)}
        self._page: bytearray | mmap.mmap = bytearray(_TOPICS_AT)  # used if no file can be created
        self._file: int | None = None
        self._path: Path | None = None
        self._suspects = dict[RecordPosition, _Suspect]()
        self._folder = (root or _root()) / hashlib.sha256(owner.encode("utf-8", "replace")).hexdigest()[:16]
        try:
            _make_private(self._folder.parent)
            _make_private(self._folder)
            self._open(list(topics), restarted=restarted)
        except (OSError, ValueError) as error:
            _log.warning(
                "cannot save the record in progress in %s: %s; a record that ends workers will not be named",
                self._folder,
                error,
            )

    def begin(self, topic: str, partition: int, offset: int) -> None:
        """Note that the operator starts to process this record. Raises RecordEndsWorker."""
        if self._suspects:
            self._check((topic, partition, offset))
        page = self._page
        _HEAD.pack_into(page, _HEAD_AT, self._numbers[topic], partition, offset)
        page[0] = 1

    def end(self) -> None:
        """Note that the record is completed."""
        self._page[0] = 0
        if self._suspects:
            self._remove(self._record_in_page())

    def close(self) -> None:
        """Close the note; its file is kept if a record is in progress."""
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
        with self._locked():
            interrupted = list(_take_interrupted(self._folder))
            suspects = self._load() if restarted else {}
            now = time.time()
            for place in interrupted if restarted else ():
                earlier = suspects.get(place)
                suspects[place] = _Suspect(1 if earlier is None else earlier.ends + 1, now, named=False)
            self._save(suspects)
            self._suspects = {place: suspect for place, suspect in suspects.items() if suspect.ends >= ENOUGH}
            content = json.dumps(topics).encode()
            self._file, path = tempfile.mkstemp(suffix=_NOTE[1:], dir=self._folder)
            self._path = Path(path)
            os.pwrite(self._file, content, _TOPICS_AT)
            # Held until the process ends, however it ends.
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._page = mmap.mmap(self._file, _TOPICS_AT + len(content))

    def _check(self, place: RecordPosition) -> None:
        suspect = self._suspects.get(place)
        if suspect is None or suspect.named:
            return
        suspect.named = True
        self._update(place, suspect)
        named = "/".join(map(str, place))
        raise RecordEndsWorker(f"{named} was in progress {suspect.ends} times when a worker of the job ended")

    def _remove(self, place: RecordPosition) -> None:
        if self._suspects.pop(place, None) is not None:
            self._update(place, None)

    def _record_in_page(self) -> RecordPosition:
        number, partition, offset = _HEAD.unpack_from(self._page, _HEAD_AT)
        return next(topic for topic, index in self._numbers.items() if index == number), partition, offset

    def _update(self, place: RecordPosition, suspect: _Suspect | None) -> None:
        with suppress(OSError), self._locked():
            suspects = self._load()
            suspects.pop(place, None)
            if suspect is not None:
                suspects[place] = suspect
            self._save(suspects)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _load(self) -> dict[RecordPosition, _Suspect]:
        """Return the recent suspects of the file; none if it is missing or damaged."""
        try:
            rows = json.loads((self._folder / _ENDS).read_text())
            suspects = {
                (str(topic), int(partition), int(offset)): _Suspect(int(ends), float(last), bool(named))
                for topic, partition, offset, ends, last, named in rows
            }
        except (OSError, ValueError, TypeError):
            return {}
        oldest = time.time() - KEPT_SECONDS
        return {place: suspect for place, suspect in suspects.items() if suspect.last >= oldest}

    def _save(self, suspects: dict[RecordPosition, _Suspect]) -> None:
        newest = sorted(suspects.items(), key=lambda item: -item[1].last)[:MOST_SUSPECTS]
        rows = [[*place, suspect.ends, suspect.last, suspect.named] for place, suspect in newest]
        draft = self._folder / f"{_ENDS}.new"
        draft.write_text(json.dumps(rows))
        draft.replace(self._folder / _ENDS)


def _take_interrupted(folder: Path) -> Iterator[RecordPosition]:
    """Yield the records that were in progress when processes ended, and remove the notes of the processes."""
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


def _place_in(note: bytes) -> RecordPosition | None:
    """Return the record in progress of a note; None where there is none, or the note is damaged."""
    if note[:1] != b"\x01" or len(note) < _TOPICS_AT:
        return None
    number, partition, offset = _HEAD.unpack_from(note, _HEAD_AT)
    try:
        return str(json.loads(note[_TOPICS_AT:])[number]), partition, offset
    except (ValueError, LookupError, TypeError):
        return None


def _root() -> Path:
    return Path(tempfile.gettempdir()) / f"tdaflink-records-{os.getuid()}"


def _make_private(folder: Path) -> None:
    """Create a folder that only this user can access. Raises OSError for a link or another user's folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is a link, is owned by another user, or is accessible to others")
