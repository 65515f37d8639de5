"""Types shared by the message models."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tdaformats.timestamps import EARLIEST_MS, LATEST_MS

LARGEST_COORDINATE = 1e150
_DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)"
_ZONE = r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"

# Default of a field that may be omitted but must not be null: no value means "omitted".
LEFT_OUT: Any = None


class Open(BaseModel):
    """An object of input messages: additional fields are ignored."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class Closed(BaseModel):
    """An object of output messages: additional fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Identifier = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"\S")]
Rfc3339 = Annotated[
    str,
    Field(
        title="RFC 3339",
        description="Without a zone it is UTC.",
        pattern=rf"^{_DATE}[Tt ]{_TIME}(\.[0-9]+)?{_ZONE}?$",
    ),
]
EpochMilliseconds = Annotated[int, Field(title="epoch milliseconds", ge=EARLIEST_MS, le=LATEST_MS)]
Moment = Rfc3339 | EpochMilliseconds
UtcMilliseconds = Annotated[
    str,
    Field(
        title="ISO 8601 in UTC with milliseconds",
        pattern=rf"^{_DATE}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{{3}}Z$",
    ),
]
Sha256 = Annotated[str, Field(title="SHA-256 in hex", pattern=r"^[0-9a-f]{64}$")]
Coordinate = Annotated[float, Field(ge=-LARGEST_COORDINATE, le=LARGEST_COORDINATE)]
Coordinates = Annotated[list[Coordinate], Field(title="coordinates", min_length=1)]
Length = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
