"""Panes: intervals of event time as long as a slide; every window is a sequence of consecutive panes.

Pane p is [p·slide + offset, (p + 1)·slide + offset). A point is stored once, in its pane, however many
windows contain it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import accumulate

from tdajob.windows.contents import Content, PointStats, content, merged, tally
from tdajob.windows.state.codec import TABLE, chunk_id, index_of, packed_table, unpacked_table
from tdajob.windows.state.rows import Rows, joined, no_rows
from tdajob.windows.state.store import PointStore
from tdajob.windows.thinning import farther_than, thinned


class Panes:
    """The panes with points.

    A pane with more than `max_points` points makes every window that contains it too large. With overflow
    "error" only its tally is kept then. With "landmarks" up to `max_points` farthest points are kept, thinned
    to half of that whenever there are more; a further point within the covering radius of a landmark is only
    counted. Each thinning adds its own radius to the pane's, by the triangle inequality.
    """

    def __init__(self, store: PointStore, max_points: int, overflow: str) -> None:
        self._store = store
        self._max_points = max_points
        self._overflow = overflow
        self._thinned: dict[int, PointStats] = {}  # only of panes whose points are not all kept
        self._unsaved: set[int] = set()
        self._dropped: list[int] = []

    def load(self, tables: Mapping[int, bytes]) -> None:
        for chunk, table in tables.items():
            fields = unpacked_table(table)
            del fields["version"]
            self._thinned[index_of(chunk)] = PointStats(**fields)

    def numbers(self) -> list[int]:
        """Return the panes with points, in ascending order."""
        return sorted({*self._store.bins(), *self._thinned} if self._thinned else self._store.bins())

    def add(self, pane: int, rows: Rows) -> None:
        """Add at least one row."""
        if pane in self._thinned:
            self._add_to_thinned(pane, rows)
        else:
            self._store.append(pane, rows)
        if self._store.count(pane) > self._max_points:
            self._shrink(pane)

    def newest(self, pane: int) -> int:
        """Return the greatest running number in a pane."""
        if pane in self._thinned:
            return self._thinned[pane].last_seq
        return int(self._store.rows(pane).sequences[-1])

    def contents(self, windows: Sequence[int], length: int, dimension: int) -> Iterator[Content]:
        """Yield the contents of windows of `length` panes, given by their first panes in ascending order.

        The contents share arrays, so that many overlapping windows need the memory of one long window.
        """
        numbers = [pane for pane in self.numbers() if windows[0] <= pane < windows[-1] + length]
        parts = [self._store.rows(pane) if pane in self._store else no_rows(dimension) for pane in numbers]
        ends = [0, *accumulate(len(part) for part in parts)]
        together = joined(parts)
        for window in windows:
            begin, end = bisect_left(numbers, window), bisect_left(numbers, window + length)
            rows = together.part(ends[begin], ends[end])
            if self._thinned.keys().isdisjoint(numbers[begin:end]):
                yield content(rows)
            else:
                tallies = [
                    self._thinned[pane] if pane in self._thinned else tally(part)
                    for pane, part in zip(numbers[begin:end], parts[begin:end], strict=True)
                ]
                yield Content(rows, merged(tallies))

    def drop(self, pane: int) -> None:
        if pane in self._store:
            self._store.drop(pane)
        if self._thinned.pop(pane, None) is not None:
            self._unsaved.discard(pane)
            self._dropped.append(chunk_id(pane, TABLE))

    def changes(self) -> tuple[dict[int, bytes], list[int]]:
        """Return the tables to put and to drop since the last call."""
        puts = {chunk_id(pane, TABLE): packed_table(asdict(self._thinned[pane])) for pane in self._unsaved}
        dropped, self._dropped = self._dropped, []
        self._unsaved.clear()
        return puts, dropped

    def _add_to_thinned(self, pane: int, rows: Rows) -> None:
        """Count the rows, and keep those that no landmark covers."""
        counts = self._thinned[pane] = self._thinned[pane].with_more(rows)
        self._unsaved.add(pane)
        if not counts.emptied:
            far = rows.taken(
                farther_than(rows.coordinates, self._store.rows(pane).coordinates, counts.radius)
            )
            if len(far):
                self._store.append(pane, far)

    def _shrink(self, pane: int) -> None:
        rows = self._store.rows(pane)
        counts = self._thinned.get(pane) or tally(rows)
        self._unsaved.add(pane)
        if self._overflow == "error":
            self._thinned[pane] = replace(counts, emptied=True)
            self._store.drop(pane)
            return
        landmarks, reach = thinned(rows, max(1, self._max_points // 2))
        self._thinned[pane] = replace(counts, radius=counts.radius + reach)
        self._store.replace(pane, landmarks)
