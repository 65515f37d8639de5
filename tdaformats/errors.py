"""The error that a message, or the file that it names, gets."""

from __future__ import annotations


class MessageError(Exception):
    """A message that cannot be used: a stable code, a reason in words, and `key`, the job or stream it
    belongs to, if known. `columns` are those of a table that could be meant."""

    def __init__(self, code: str, reason: str, key: str | None = None, columns: tuple[str, ...] = ()) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.key = key
        self.columns = columns
