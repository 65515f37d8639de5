"""What a window holds when it fires, kept within `max_points`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tdajob.windows.rows import Rows
from tdajob.windows.thinning import thinned


@dataclass(frozen=True)
class Tally:
    """What is known of points that are not all there: how many they were, and between which bounds.

    Those that are there cover the others within `radius`; with `emptied` none is there.
    """

    count: int
    first_event: int
    last_event: int
    first_seq: int
    last_seq: int
    radius: float
    emptied: bool

    def with_more(self, rows: Rows) -> Tally:
        """The tally of these points and of at least one more."""
        more = tally(rows)
        return Tally(
            self.count + more.count,
            min(self.first_event, more.first_event),
            max(self.last_event, more.last_event),
            min(self.first_seq, more.first_seq),
            max(self.last_seq, more.last_seq),
            self.radius,
            self.emptied,
        )


def tally(rows: Rows) -> Tally:
    """Of at least one row, all there."""
    return Tally(
        len(rows),
        int(rows.times.min()),
        int(rows.times.max()),
        int(rows.sequences.min()),
        int(rows.sequences.max()),
        radius=0.0,
        emptied=False,
    )


@dataclass(frozen=True, eq=False)
class Content:
    """The points of a window as far as they are kept, and the tally of all of them."""

    rows: Rows
    tally: Tally


def content(rows: Rows) -> Content:
    """Of a window whose points are all there."""
    return Content(rows, tally(rows))


def merged(tallies: Iterable[Tally]) -> Tally:
    """The tally of all points of at least one tally."""
    every = list(tallies)
    return Tally(
        sum(one.count for one in every),
        min(one.first_event for one in every),
        max(one.last_event for one in every),
        min(one.first_seq for one in every),
        max(one.last_seq for one in every),
        max(one.radius for one in every),
        any(one.emptied for one in every),
    )


def within(found: Content, max_points: int, overflow: str) -> tuple[Rows, float] | None:
    """The rows to compute with and their covering radius; None for a window that is too large."""
    all_of_it = found.tally
    if all_of_it.emptied or (overflow == "error" and all_of_it.count > max_points):
        return None
    if len(found.rows) <= max_points:
        return found.rows, all_of_it.radius
    rows, reach = thinned(found.rows, max_points)
    return rows, all_of_it.radius + reach
