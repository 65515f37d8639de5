"""End of maintenance of the components that environments consist of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict

SOON = timedelta(days=60)


class PartLines(BaseModel):
    """The release lines of one part: a version's first numbers -> the last day of maintenance."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    source: str
    lines: dict[str, date | None]

    def line_of(self, version: str) -> str | None:
        """Return the release line of a version; None where the table has none."""
        numbers = version.lstrip("v").split("-")[0].split(".")
        for count in range(len(numbers), 0, -1):
            if (line := ".".join(numbers[:count])) in self.lines:
                return line
        return None


class EndOfLife(BaseModel):
    """profiles/end-of-life.yaml, with the day on which it was compared with its sources."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: date
    parts: dict[str, PartLines]


@dataclass(frozen=True)
class PartInUse:
    """A part, by its key in the table, in the installed version; `where` names the component that runs it."""

    part: str
    version: str
    where: str = ""


@dataclass(frozen=True)
class Ending:
    """A part in use whose release line has ended or ends soon."""

    part: PartInUse
    title: str
    line: str
    end: date
    source: str

    def text(self, today: date) -> str:
        """Return a sentence for the user."""
        verb = "is maintained until" if self.end >= today else "has not been maintained since"
        where = f" ({self.part.where})" if self.part.where else ""
        return f"{self.title} {self.part.version}{where}: {self.line} {verb} {self.end.isoformat()}"


def endings(table: EndOfLife, used: Iterable[PartInUse], today: date) -> list[Ending]:
    """List the parts in use that are past their end, or within 60 days of it, the earliest first."""
    ending = []
    for part in dict.fromkeys(used):
        known = table.parts.get(part.part)
        line = known.line_of(part.version) if known else None
        end = known.lines[line] if known and line else None
        if known and line and end and end < today + SOON:
            ending.append(Ending(part, known.title, line, end, known.source))
    return sorted(ending, key=lambda entry: entry.end)
