"""Bounded HTTP: a call has a deadline and a limit of bytes, and follows no redirect.

httpx has a timeout for each single read, which a slow, steady response never reaches. httpcore, the
connection pool below it, uses a network backend: the one here limits each operation to its call's rest.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import httpcore
import httpx

from tdaflink.adapters.web.calls import (
    BadAnswer,
    CallBroken,
    HttpResponse,
    Limits,
    NoConnection,
    TooSlow,
    words_of,
)

if TYPE_CHECKING:
    import ssl

    from tdaflink.adapters.web.proxies import Proxies, Proxy

_WRITE_BYTES = 1 << 14  # bytes of one write; the deadline is checked between writes only
_IDLE_SECONDS = 5.0
_IDLE_CONNECTIONS = 10
_HEADER_BYTES = 1 << 20  # above httpcore's own limit of status line and headers
_NO_ANSWER = "disconnected without sending a response"


@dataclass
class _Budget:
    """The remaining time and bytes of one call."""

    limits: Limits
    deadline: float = field(init=False)
    raw: int = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.limits.whole
        self.raw = self.limits.size + _HEADER_BYTES

    def wait(self, seconds: float | None) -> float:
        """Return the time limit of the next operation."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left if seconds is None else min(seconds, left)

    def passed(self) -> TooSlow:
        if time.monotonic() < self.deadline:
            return TooSlow(f"silent for {self.limits.silence:g} s")
        return TooSlow(f"the response was not complete after {self.limits.whole:g} s")

    def take(self, count: int) -> None:
        self.raw -= count
        if self.raw < 0:
            raise BadAnswer(_too_large(self.limits.size))


# Pools are shared by threads, and connections by calls: an operation belongs to the call of its thread.
_CALL: ContextVar[_Budget] = ContextVar("call")


class _Stream(httpcore.NetworkStream):
    """A connection whose operations are limited by the budget of their call."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        budget = _CALL.get()
        try:
            content = self._stream.read(max_bytes, timeout=budget.wait(timeout))
        except httpcore.ReadTimeout:
            raise budget.passed() from None
        budget.take(len(content))
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        budget, left = _CALL.get(), memoryview(buffer)
        while left:
            try:
                self._stream.write(bytes(left[:_WRITE_BYTES]), timeout=budget.wait(timeout))
            except httpcore.WriteTimeout:
                raise budget.passed() from None
            left = left[_WRITE_BYTES:]

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> _Stream:
        waited = _CALL.get().wait(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, waited))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Network(httpcore.NetworkBackend):
    """The sockets of httpcore's default backend, limited by the budget of the call that opens them."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        waited = _CALL.get().wait(timeout)
        stream = self._sockets.connect_tcp(host, port, waited, local_address, socket_options)
        return _Stream(stream)


class _Transport(httpx.BaseTransport):
    """Connection pools with limited calls: a direct pool, and one for each proxy in use."""

    def __init__(self, context: ssl.SSLContext | None, proxies: Proxies | None) -> None:
        self._context = context
        self._proxies = proxies
        self._pools: dict[str, httpcore.ConnectionPool] = {}
        self._lock = Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        default = 443 if url.scheme == "https" else 80
        port = url.port or default
        proxy = self._proxies.proxy_for(url.scheme, url.host, port) if self._proxies else None
        core_request = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _map_errors(proxy):
            response = self._pool(proxy).handle_request(core_request)
        body = cast("Iterable[bytes]", response.stream)  # asynchronous calls have the other type of stream
        return httpx.Response(response.status, headers=response.headers, stream=_Body(body))

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()

    def _pool(self, proxy: Proxy | None) -> httpcore.ConnectionPool:
        name = str(proxy or "")
        with self._lock:
            if name not in self._pools:
                self._pools[name] = self._new_pool(proxy)
            return self._pools[name]

    def _new_pool(self, proxy: Proxy | None) -> httpcore.ConnectionPool:
        settings: dict[str, Any] = {
            "ssl_context": self._context,
            "max_connections": None,
            "max_keepalive_connections": _IDLE_CONNECTIONS,
            "keepalive_expiry": _IDLE_SECONDS,
            "network_backend": _Network(),
        }
        if proxy is None:
            return httpcore.ConnectionPool(**settings)
        headers = list(proxy.headers.items())
        return httpcore.HTTPProxy(f"http://{proxy}", proxy_headers=headers, **settings)


class _Body(httpx.SyncByteStream):
    """The body of a response, with the errors of this module."""

    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _map_errors(None):
            yield from self._stream

    def close(self) -> None:
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


class Reply:
    """A response whose body is read once, within the call's budget."""

    def __init__(self, response: httpx.Response, limits: Limits) -> None:
        self.status = response.status_code
        self.headers = dict(response.headers.items())
        self._response = response
        self._limits = limits

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in pieces, not decoded. Raises `CallBroken` if its end is missing."""
        return self._response.iter_raw()

    def read(self) -> bytes:
        """Return the whole body, decoded."""
        decode = _decoder(self.headers.get("content-encoding", "identity").strip().lower())
        content = bytearray()
        for chunk in self.chunks():
            content += decode(chunk, self._limits.size + 1 - len(content))
            if len(content) > self._limits.size:
                raise BadAnswer(_too_large(self._limits.size))
        decode(b"", -1)
        return bytes(content)


class WebClient:
    """The client of one service's servers; thread-safe, with shared connections.

    Methods raise `WebError` for every error of the network or of the server.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str] | None = None,
        context: ssl.SSLContext | None = None,
        proxies: Proxies | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        # Not from the environment by httpx: `context` and `proxies` raise errors that name the variable.
        self._client = httpx.Client(
            headers={"Accept-Encoding": "gzip", "User-Agent": "tdaflink", **(headers or {})},
            transport=_Transport(context, proxies),
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        file: tuple[str, str, bytes, str] | None = None,
        limits: Limits | None = None,
    ) -> HttpResponse:
        """Make a call and return the complete response, whatever its status.

        `body` is JSON; `file` is the only field of a form: its name, a file's name, content, content type.
        """
        limits = limits or self.limits
        content: dict[str, Any] = {} if body is None else {"content": body}
        headers = {"Content-Type": "application/json"} if body is not None else None
        if file is not None:
            content = {"files": {file[0]: file[1:]}}
        with self.open(method, url, params=params, headers=headers, limits=limits, **content) as reply:
            return HttpResponse(reply.status, reply.headers, reply.read())

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        **content: Any,
    ) -> Iterator[Reply]:
        """Make a call and yield the response, whose body the block reads."""
        limits = limits or self.limits
        timeout = httpx.Timeout(limits.silence, connect=limits.connect)
        call = _CALL.set(_Budget(limits))
        try:
            try:
                request = self._client.build_request(method, url, headers=headers, timeout=timeout, **content)
            except (httpx.InvalidURL, ValueError) as error:
                raise NoConnection(f"not a valid address: {error}") from None
            if request.url.scheme not in ("http", "https") or not request.url.host:
                raise NoConnection("not the address of an HTTP server")
            response = self._send(request)
            try:
                yield Reply(response, limits)
            finally:
                response.close()
        finally:
            _CALL.reset(call)

    def _send(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            # The server may have closed an idle connection; a call that changes nothing is repeated.
            with suppress(_NoAnswer):
                return self._client.send(request, stream=True)
        return self._client.send(request, stream=True)


class _NoAnswer(CallBroken):
    """The connection ended before a response began."""


@contextmanager
def _map_errors(proxy: Proxy | None) -> Iterator[None]:
    try:
        yield
    except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as error:
        raise NoConnection(words_of(error)) from error
    except httpcore.ProxyError as error:
        raise NoConnection(f"the proxy {proxy} responded: {error}"[:200]) from error
    except (httpcore.TimeoutException, httpcore.NetworkError) as error:
        raise CallBroken(words_of(error)) from error
    except httpcore.RemoteProtocolError as error:
        if _NO_ANSWER in str(error):
            raise _NoAnswer("the connection was closed before a response") from error
        if "peer closed connection" in str(error):
            raise CallBroken("the connection was closed before the end of the response") from error
        raise BadAnswer(f"the response is not HTTP ({str(error)[:80]})") from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError) as error:
        raise BadAnswer(f"the call or its response is not HTTP ({str(error)[:80]})") from error


def _too_large(size: int) -> str:
    return (
        f"the response is larger than {size >> 20} MB"
        if size >> 20
        else f"the response is larger than {size} bytes"
    )


def _decoder(encoding: str) -> Any:
    """Return a function that decodes pieces of a body up to a number of bytes; call it with -1 at the end."""
    if encoding in ("", "identity"):
        return lambda chunk, _: chunk
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadAnswer(f"its content encoding {encoding[:20]!r} is not supported")
    import zlib

    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)

    def decode(chunk: bytes, most: int) -> bytes:
        if most < 0 and not unpacker.eof:
            raise BadAnswer(f"its {encoding} content is cut off")
        try:
            return unpacker.decompress(chunk, max(most, 1))
        except zlib.error as error:
            raise BadAnswer(f"its content is not {encoding}: {error}") from None

    return decode
