"""Records of windows whose firings differ from the usual one, when the clock reaches their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tdajob.windows.state.codec import RECORDS, chunk_id, index_of, packed_table, unpacked_table

_GROUP = 64  # windows to a chunk


class Record(NamedTuple):
    """The revision of a window's last firing, its late points, and the stream's next running number then."""

    revision: int
    late: int
    fired_at: int


class Records:
    """Records by window, 64 neighbours to a chunk; none is kept longer than its window."""

    def __init__(self) -> None:
        self._groups: dict[int, dict[int, Record]] = {}
        self._unsaved: set[int] = set()
        self._dropped: list[int] = []

    def load(self, chunks: Mapping[int, bytes]) -> None:
        for chunk, table in chunks.items():
            windows = unpacked_table(table)["windows"]
            self._groups[index_of(chunk)] = {window: Record(*fields) for window, *fields in windows}

    def get(self, window: int) -> Record | None:
        return self._groups.get(window // _GROUP, {}).get(window)

    def put(self, window: int, record: Record) -> None:
        group = window // _GROUP
        self._groups.setdefault(group, {})[window] = record
        self._unsaved.add(group)

    def drop_through(self, last: int) -> None:
        """Drop the records of windows up to number `last`."""
        for group in [group for group in self._groups if group * _GROUP <= last]:
            kept = {window: record for window, record in self._groups[group].items() if window > last}
            if kept:
                if len(kept) < len(self._groups[group]):
                    self._groups[group] = kept
                    self._unsaved.add(group)
            else:
                del self._groups[group]
                self._unsaved.discard(group)
                self._dropped.append(chunk_id(group, RECORDS))

    def changes(self) -> tuple[dict[int, bytes], list[int]]:
        """Return the chunks to put and to drop since the last call."""
        puts = {
            chunk_id(group, RECORDS): packed_table(
                {"windows": [[window, *record] for window, record in sorted(self._groups[group].items())]}
            )
            for group in self._unsaved
        }
        dropped, self._dropped = self._dropped, []
        self._unsaved.clear()
        return puts, dropped
