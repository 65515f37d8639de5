"""Until when the parts that environments are made of are maintained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict

SOON = timedelta(days=60)


class PartLines(BaseModel):
    """The lines of one part: a version's first numbers -> the day that they are maintained until."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    source: str
    lines: dict[str, date | None]

    def line_of(self, version: str) -> str | None:
        """Find the line that a version belongs to; None where the table has none."""
        numbers = version.lstrip("v").split("-")[0].split(".")
        for count in range(len(numbers), 0, -1):
            if (line := ".".join(numbers[:count])) in self.lines:
                return line
        return None


class EndOfLife(BaseModel):
    """profiles/end-of-life.yaml, and when it was checked against its sources."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: date
    parts: dict[str, PartLines]


@dataclass(frozen=True)
class PartInUse:
    """One part, by its key in the table, in the version that was seen; `where` says what runs it."""

    part: str
    version: str
    where: str = ""


@dataclass(frozen=True)
class Ending:
    """A part in use whose line has ended or ends soon."""

    part: PartInUse
    title: str
    line: str
    end: date
    source: str

    def text(self, today: date) -> str:
        """Say it in a line."""
        verb = "is maintained until" if self.end >= today else "has not been maintained since"
        where = f" ({self.part.where})" if self.part.where else ""
        return f"{self.title} {self.part.version}{where}: {self.line} {verb} {self.end.isoformat()}"


def endings(table: EndOfLife, used: Iterable[PartInUse], today: date) -> list[Ending]:
    """List the parts in use that are past their end, or within 60 days of it, the earliest first."""
    found = []
    for part in dict.fromkeys(used):
        known = table.parts.get(part.part)
        line = known.line_of(part.version) if known else None
        end = known.lines[line] if known and line else None
        if known and line and end and end < today + SOON:
            found.append(Ending(part, known.title, line, end, known.source))
    return sorted(found, key=lambda ending: ending.end)
