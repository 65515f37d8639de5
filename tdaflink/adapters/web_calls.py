"""What a call over HTTP is held to, what it brings and how it fails; `web_client` makes the calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CHUNK = 1 << 17


class WebError(Exception):
    """A call without an answer that can be used; its text says why."""


class NoConnection(WebError):
    """Nothing was sent: no address, no listener, no TLS."""


class CallBroken(WebError):
    """No whole answer came."""


class TooSlow(CallBroken):
    """No whole answer came in time."""


class BadAnswer(WebError):
    """An answer that is no HTTP, is too large or cannot be decoded."""


@dataclass(frozen=True)
class Limits:
    """Seconds until a connection, between two reads and for the whole call; bytes of a decoded answer."""

    connect: float = 2.0
    silence: float = 10.0
    whole: float = 30.0
    size: int = 64 << 20


@dataclass(frozen=True)
class Answer:
    """A whole answer. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def form(self) -> str:
        """The type of its content as it says itself."""
        return self.headers.get("content-type", "").partition(";")[0].strip()[:60] or "no content type"


def words_of(error: BaseException) -> str:
    """The reason of a failed call."""
    return str(error) or type(error).__name__
