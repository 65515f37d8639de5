"""The server of a Maven repository: files, some redirects, limits on bytes and time from a file's size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from tdaflink.adapters.web.authentication import basic_header
from tdaflink.adapters.web.calls import CHUNK, CallBroken, Limits
from tdaflink.adapters.web.proxies import Proxies, trusted_authorities
from tdaflink.domain.addresses import web_address
from tdaflink.domain.environments.credentials import hide_credentials

if TYPE_CHECKING:
    from tdaflink.adapters.web.client import Reply

_LIMITS = Limits(connect=10.0, silence=30.0, whole=60.0)
_SLOWEST_BYTES_PER_SECOND = 32 << 10  # slower downloads are aborted
_MOST_BYTES = 1 << 30  # limit for a file of unknown size
_REDIRECTS = 5


class Repository:
    """The server of a Maven repository, which may redirect to other servers."""

    def __init__(self, address: str) -> None:
        from tdaflink.adapters.web.client import WebClient

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
        """Open the response with the file, after redirects. Credentials are sent to the repository only."""
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
    """Split an address into the header of its credentials and the rest; errors name `source`."""
    scheme, separator, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    login, sign, host = authority.rpartition("@")
    bare = web_address(f"{scheme}{separator}{host}{slash}{path}", source, "https://host/path")
    return (basic_header(unquote(login), source) if sign else {}), bare


def _redirected(url: str, location: str) -> str:
    target = urljoin(url, location)
    if urlsplit(target).scheme != "https" and urlsplit(target)[:2] != urlsplit(url)[:2]:
        raise CallBroken(
            f"it redirects to {hide_credentials(target).partition('?')[0][:200]}, which is not https"
        )
    return target


def _seconds(size: int | None) -> float:
    """Return the time limit of one attempt."""
    return _LIMITS.whole + (_MOST_BYTES if size is None else size) / _SLOWEST_BYTES_PER_SECOND
