"""Points of a stream: each stored once, in append-only bins, which are cut into chunks for the state.

A bin is kept and dropped as a whole: a pane, a part of a session, or the ring of a count window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from tdajob.windows.state.codec import POINTS, chunk_id, index_of, packed_rows, unpacked_rows
from tdajob.windows.state.rows import Rows, no_rows

MERGED = 64  # a chunk with fewer points is extended and written again when further points arrive
LARGEST = 1024  # greatest number of points of a chunk


@dataclass
class _Chunk:
    """The rows of a bin from number `start` to before number `stop`."""

    id: int
    start: int
    stop: int


class _Bin:
    """Rows in arrival order, in arrays with spare capacity; rows in a returned view are never overwritten."""

    def __init__(self, dimension: int) -> None:
        self.chunks: deque[_Chunk] = deque()
        self.stop = 0
        self._base = 0  # number of the first row in the arrays
        self._arrays = no_rows(dimension)

    def append(self, rows: Rows) -> None:
        count = len(rows)
        if self.stop - self._base + count > len(self._arrays):
            self._grow(count)
        begin = self.stop - self._base
        end = begin + count
        self._arrays.sequences[begin:end] = rows.sequences
        self._arrays.times[begin:end] = rows.times
        self._arrays.coordinates[begin:end] = rows.coordinates
        self.stop += count

    @property
    def first(self) -> int:
        """The number of the first row whose chunk is kept."""
        return self.chunks[0].start if self.chunks else self.stop

    def between(self, start: int, stop: int) -> Rows:
        """Return a view of the rows from number `start` to before number `stop`."""
        return self._arrays.part(start - self._base, stop - self._base)

    def _grow(self, more: int) -> None:
        kept = self.between(self.first, self.stop)
        capacity = max(MERGED, 2 * (len(kept) + more))
        dimension = kept.coordinates.shape[1]
        self._base = self.first
        self._arrays = Rows(
            np.empty(capacity, np.int64), np.empty(capacity, np.int64), np.empty((capacity, dimension))
        )
        self._arrays.sequences[: len(kept)] = kept.sequences
        self._arrays.times[: len(kept)] = kept.times
        self._arrays.coordinates[: len(kept)] = kept.coordinates


class PointStore:
    """The bins of a stream, and their chunks that are not in the state yet.

    A message rewrites at most one chunk of fewer than 64 points in each bin that it extends, and a bin of n
    points has at most n/64 + 1 chunks.
    """

    def __init__(self) -> None:
        self.next_chunk = 0
        self._bins: dict[int, _Bin] = {}
        self._unsaved: dict[int, tuple[int, _Chunk]] = {}
        self._dropped: list[int] = []
        self._saved_below = 0

    def load(self, chunks: Mapping[int, bytes], next_chunk: int) -> None:
        """Restore the chunks of the state; new ones are numbered from `next_chunk` on."""
        self.next_chunk = self._saved_below = next_chunk
        parts: dict[int, list[Rows]] = {}
        ids: dict[int, list[int]] = {}
        for chunk in sorted(chunks):
            bin_id, rows = unpacked_rows(chunks[chunk])
            parts.setdefault(bin_id, []).append(rows)
            ids.setdefault(bin_id, []).append(index_of(chunk))
        for bin_id, bin_parts in parts.items():
            loaded = _Bin(bin_parts[0].coordinates.shape[1])
            for chunk, rows in zip(ids[bin_id], bin_parts, strict=True):
                start = loaded.stop
                loaded.append(rows)
                loaded.chunks.append(_Chunk(chunk, start, loaded.stop))
            self._bins[bin_id] = loaded

    def bins(self) -> Iterable[int]:
        return self._bins.keys()

    def __len__(self) -> int:
        return len(self._bins)

    def __contains__(self, bin_id: int) -> bool:
        return bin_id in self._bins

    def rows(self, bin_id: int) -> Rows:
        """Return all rows of a bin, in order of arrival."""
        stored = self._bins[bin_id]
        return stored.between(stored.first, stored.stop)

    def count(self, bin_id: int) -> int:
        """Return the number of rows of a bin, 0 for a bin that does not exist."""
        stored = self._bins.get(bin_id)
        return stored.stop - stored.first if stored else 0

    def append(self, bin_id: int, rows: Rows) -> None:
        """Add at least one row to a bin; create the bin if needed."""
        grown = self._bins.get(bin_id)
        if grown is None:
            grown = self._bins[bin_id] = _Bin(rows.coordinates.shape[1])
        grown.append(rows)
        self._cut(bin_id, grown)

    def replace(self, bin_id: int, rows: Rows) -> None:
        """Replace the rows of a bin by others, at least one."""
        self.drop(bin_id)
        self.append(bin_id, rows)

    def drop(self, bin_id: int) -> None:
        for chunk in self._bins.pop(bin_id).chunks:
            self._drop_chunk(chunk)

    def drop_oldest(self, bin_id: int, keep: int) -> None:
        """Drop the oldest chunks that the newest `keep` rows do not need."""
        ring = self._bins[bin_id]
        while ring.chunks[0].stop <= ring.stop - keep:
            self._drop_chunk(ring.chunks.popleft())

    def changes(self) -> tuple[dict[int, bytes], list[int]]:
        """Return the chunks to put and to drop since the last call."""
        puts = {
            chunk_id(chunk.id, POINTS): packed_rows(
                bin_id, self._bins[bin_id].between(chunk.start, chunk.stop)
            )
            for bin_id, chunk in self._unsaved.values()
        }
        dropped, self._dropped = self._dropped, []
        self._unsaved.clear()
        self._saved_below = self.next_chunk
        return puts, dropped

    def _cut(self, bin_id: int, grown: _Bin) -> None:
        """Add the rows that are in no chunk yet to the last chunk while it is small, then to new chunks."""
        tail = grown.chunks[-1] if grown.chunks else None
        cut = tail.stop if tail else 0
        while cut < grown.stop:
            if tail is None or tail.stop - tail.start >= MERGED:
                tail = _Chunk(self.next_chunk, cut, cut)
                self.next_chunk += 1
                grown.chunks.append(tail)
            tail.stop = cut = min(grown.stop, tail.start + LARGEST)
            self._unsaved[tail.id] = (bin_id, tail)

    def _drop_chunk(self, chunk: _Chunk) -> None:
        self._unsaved.pop(chunk.id, None)
        if chunk.id < self._saved_below:
            self._dropped.append(chunk_id(chunk.id, POINTS))
