"""Contents of a window when it fires, limited to `max_points`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tdajob.windows.state.rows import Rows
from tdajob.windows.thinning import thinned


@dataclass(frozen=True)
class PointStats:
    """Number and bounds of points that may not all be kept.

    Every point is within `radius` of a point that is kept; with `emptied` none is kept.
    """

    count: int
    first_event: int
    last_event: int
    first_seq: int
    last_seq: int
    radius: float
    emptied: bool

    def with_more(self, rows: Rows) -> PointStats:
        """Return the tally of these points and of at least one more."""
        more = tally(rows)
        return PointStats(
            self.count + more.count,
            min(self.first_event, more.first_event),
            max(self.last_event, more.last_event),
            min(self.first_seq, more.first_seq),
            max(self.last_seq, more.last_seq),
            self.radius,
            self.emptied,
        )


def tally(rows: Rows) -> PointStats:
    """Return the tally of at least one row, all of them kept."""
    return PointStats(
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
    """The points of a window that are kept, and the tally of all of its points."""

    rows: Rows
    tally: PointStats


def content(rows: Rows) -> Content:
    """Return the content of a window whose points are all kept."""
    return Content(rows, tally(rows))


def merged(tallies: Iterable[PointStats]) -> PointStats:
    """Return the tally of the points of all tallies, at least one."""
    parts = list(tallies)
    return PointStats(
        sum(part.count for part in parts),
        min(part.first_event for part in parts),
        max(part.last_event for part in parts),
        min(part.first_seq for part in parts),
        max(part.last_seq for part in parts),
        max(part.radius for part in parts),
        any(part.emptied for part in parts),
    )


def limit_points(window: Content, max_points: int, overflow: str) -> tuple[Rows, float] | None:
    """Return the rows to compute with and their covering radius; None for a window that is too large."""
    total = window.tally
    if total.emptied or (overflow == "error" and total.count > max_points):
        return None
    if len(window.rows) <= max_points:
        return window.rows, total.radius
    rows, reach = thinned(window.rows, max_points)
    return rows, total.radius + reach
