"""Limits, responses and errors of HTTP calls; `web_client` makes the calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CHUNK = 1 << 17


class WebError(Exception):
    """A call without a usable response; its text is the reason."""


class NoConnection(WebError):
    """Nothing was sent: the address, the connection or TLS failed."""


class CallBroken(WebError):
    """No complete response arrived."""


class TooSlow(CallBroken):
    """No complete response arrived in time."""


class BadAnswer(WebError):
    """A response that is not HTTP, is too large or cannot be decoded."""


@dataclass(frozen=True)
class Limits:
    """Seconds until a connection, between two reads and for the whole call; bytes of a decoded response."""

    connect: float = 2.0
    silence: float = 10.0
    whole: float = 30.0
    size: int = 64 << 20


@dataclass(frozen=True)
class HttpResponse:
    """A complete response. Names of headers are in lower case."""

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
        """Return the content type of its header."""
        return self.headers.get("content-type", "").partition(";")[0].strip()[:60] or "no content type"


def words_of(error: BaseException) -> str:
    """Return the reason of a failed call."""
    return str(error) or type(error).__name__
