"""The server of a Maven repository: files, some redirects, and no more bytes or time than a file needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from tdaflink.adapters.web_calls import CHUNK, CallBroken, Limits
from tdaflink.adapters.web_proxies import Proxies, trusted_authorities
from tdaflink.adapters.web_security import basic_header
from tdaflink.domain.addresses import web_address
from tdaflink.domain.credentials import hide_credentials

if TYPE_CHECKING:
    from tdaflink.adapters.web_client import Reply

_LIMITS = Limits(connect=10.0, silence=30.0, whole=60.0)
_SLOWEST_BYTES_PER_SECOND = 32 << 10  # of a download that is still worth waiting for
_MOST_BYTES = 1 << 30  # of a file whose size is not known yet
_REDIRECTS = 5


class Repository:
    """The server of a Maven repository, which may send its files from elsewhere."""

    def __init__(self, address: str) -> None:
        from tdaflink.adapters.web_client import WebClient

        self._headers, self.address = login_of(address, "the Maven repository")
        self._origin = urlsplit(self.address)[:2]
        secure = trusted_authorities() if self.address.startswith("https:") else None
        self._client = WebClient(context=secure, proxies=Proxies(), limits=_LIMITS)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def open(self, path: str, headers: Mapping[str, str], size: int | None) -> Iterator[Reply]:
        """The answer with the file, after some redirects. Credentials go to the repository alone."""
        url = f"{self.address}/{path}"
        limits = replace(_LIMITS, size=_MOST_BYTES if size is None else size + CHUNK, whole=_seconds(size))
        for _ in range(_REDIRECTS):
            own = urlsplit(url)[:2] == self._origin
            sent = {**headers, "Accept-Encoding": "identity", **(self._headers if own else {})}
            with self._client.open("GET", url, headers=sent, limits=limits) as reply:
                place = reply.headers.get("location")
                if not 300 <= reply.status < 400 or not place:
                    yield reply
                    return
            url = _redirected(url, place)
        raise CallBroken(f"it redirects more than {_REDIRECTS} times")


def login_of(address: str, source: str) -> tuple[dict[str, str], str]:
    """The header of the credentials in an address, and the address without them; `source` named it."""
    scheme, separator, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    login, sign, host = authority.rpartition("@")
    bare = web_address(f"{scheme}{separator}{host}{slash}{path}", source, "https://host/path")
    return (basic_header(unquote(login), source) if sign else {}), bare


def _redirected(url: str, place: str) -> str:
    there = urljoin(url, place)
    if urlsplit(there).scheme != "https" and urlsplit(there)[:2] != urlsplit(url)[:2]:
        raise CallBroken(
            f"it redirects to {hide_credentials(there).partition('?')[0][:200]}, which is not https"
        )
    return there


def _seconds(size: int | None) -> float:
    """How long one attempt may take."""
    return _LIMITS.whole + (_MOST_BYTES if size is None else size) / _SLOWEST_BYTES_PER_SECOND
