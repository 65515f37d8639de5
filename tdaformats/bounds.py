"""Limits on the contents of a file, checked before it is unpacked."""

from __future__ import annotations

from dataclasses import dataclass

from tdaformats.errors import MessageError
from tdaformats.limits import MAX_POINT_DIMENSION

FLOAT_BYTES = 8


@dataclass(frozen=True)
class Bounds:
    """Limits of a file: `max_bytes` applies to the file, to its unpacked size and to its points as float64.

    `configured`: both limits are settings of the job, so errors suggest raising them.
    """

    max_bytes: int
    max_points: int
    configured: bool = True

    def check_file(self, size: int) -> None:
        """Raise MessageError if the file's size in bytes is too large."""
        if size > self.max_bytes:
            raise self.too_large(f"has {size} bytes")

    def check_unpacked(self, size: int) -> None:
        """Raise MessageError if the unpacked size in bytes, as declared by the file, is too large."""
        if size > self.max_bytes:
            raise self.too_large(f"unpacks to {size} bytes")

    def check_shape(self, points: int, coordinates: int) -> None:
        """Raise MessageError for an empty or too large table, before memory is allocated for it."""
        if points == 0:
            raise MessageError("empty_cloud", "holds no points: send at least one")
        if coordinates == 0:
            raise MessageError("bad_file", "has points without coordinates: send at least one for each")
        if points > self.max_points:
            advice = "subsample the points" + (" or raise max_points" if self.configured else "")
            raise MessageError(
                "too_many_points", f"{points} points are more than max_points {self.max_points}: {advice}"
            )
        if coordinates > MAX_POINT_DIMENSION:
            raise MessageError(
                "dimension_too_large",
                f"point dimension {coordinates} is above {MAX_POINT_DIMENSION}: project the points to fewer"
                " coordinates",
            )
        self.check_unpacked(points * coordinates * FLOAT_BYTES)

    def too_large(self, what: str) -> MessageError:
        """Return the error for a file that is larger than allowed."""
        if not self.configured:
            return MessageError("file_too_large", f"{what}, more than {self.max_bytes}: send less")
        return MessageError(
            "file_too_large",
            f"{what}, more than uploads.max_bytes = {self.max_bytes}: send less, or raise uploads.max_bytes",
        )
