"""The error of a message or of the file that it refers to."""

from __future__ import annotations


class MessageError(Exception):
    """A message that cannot be used: a stable code, a reason for people, and `key`, its request or stream id.

    `key` is None if it is unknown. `columns` are candidates for the coordinate columns of a table.
    """

    def __init__(self, code: str, reason: str, key: str | None = None, columns: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.key = key
        self.columns = columns
