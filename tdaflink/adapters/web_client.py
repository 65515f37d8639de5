"""Bounded HTTP: a call has a deadline and a bound on bytes, and follows no redirect.

Python's own `http.client` speaks the protocol; here each wait on the socket is given what is left of the
call's time, which no timeout of a single read can do: an answer that drips ends like one that never comes.
"""

from __future__ import annotations

import io
import selectors
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from tdaflink.domain.addresses import ascii_host

if TYPE_CHECKING:
    import ssl

    from tdaflink.adapters.web_proxies import Proxies, Proxy

CHUNK = 1 << 17
_IDLE_SECONDS = 5.0
_IDLE_CONNECTIONS = 10
_HEADER_BYTES = 1 << 20  # more than http.client takes of status line and headers
_SAFE = "/:?&=%,;~@+!$'()*"


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


class Origin(NamedTuple):
    """Where requests go."""

    scheme: str
    host: str
    port: int


@dataclass
class _Budget:
    """What is left of one call."""

    limits: Limits
    deadline: float = field(init=False)
    raw: int = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.limits.whole
        self.raw = self.limits.size + _HEADER_BYTES

    def wait(self, seconds: float) -> float:
        """How long the next operation may wait."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self.passed()
        return min(seconds, left)

    def passed(self) -> TooSlow:
        if time.monotonic() < self.deadline:
            return TooSlow(f"silent for {self.limits.silence:g} s")
        return TooSlow(f"the answer was not complete after {self.limits.whole:g} s")

    def take(self, count: int) -> None:
        self.raw -= count
        if self.raw < 0:
            raise BadAnswer(_too_large(self.limits.size))


class _TimedReader(io.RawIOBase):
    """Reads a socket within the budget of the call that its connection works on."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, connection: _Connection) -> None:
        self._raw = raw
        self._sock = sock
        self._budget = connection.budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._budget.wait(self._budget.limits.silence))
        try:
            count = self._raw.readinto(buffer) or 0
        except TimeoutError:
            raise self._budget.passed() from None
        self._budget.take(count)
        return int(count)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """As much of a socket as `http.client` uses."""

    def __init__(self, sock: socket.socket, connection: _Connection) -> None:
        self.sock = sock
        self._connection = connection

    def sendall(self, data: bytes) -> None:
        budget, left = self._connection.budget, memoryview(data)
        while left:
            self.sock.settimeout(budget.wait(budget.limits.silence))
            try:
                sent = self.sock.send(left[:CHUNK])
            except TimeoutError:
                raise budget.passed() from None
            left = left[sent:]

    def makefile(self, *_: object) -> io.BufferedReader:
        raw = self.sock.makefile("rb", buffering=0)
        return io.BufferedReader(_TimedReader(raw, self.sock, self._connection), CHUNK)

    def close(self) -> None:
        self.sock.close()


class _Connection(HTTPConnection):
    """A connection, direct or through a proxy, that is given a budget before each call."""

    def __init__(self, origin: Origin, context: ssl.SSLContext | None, proxy: Proxy | None) -> None:
        super().__init__(origin.host, origin.port)
        self.default_port = 443 if context else 80
        self.budget = _Budget(Limits())
        self.idle_since = 0.0
        self.proxy = proxy
        self.open_socket: socket.socket | None = None
        self._context = context

    def connect(self) -> None:
        host, port = (self.proxy.host, self.proxy.port) if self.proxy else (self.host, self.port)
        sock = _connected(host, port, self.budget)
        try:
            if self.proxy and self._context:
                self._open_tunnel(sock, self.proxy)
            if self._context:
                sock.settimeout(self.budget.wait(self.budget.limits.silence))
                sock = self._context.wrap_socket(sock, server_hostname=self.host)
        except BaseException:
            sock.close()
            raise
        self.open_socket = sock
        self.sock = _TimedSocket(sock, self)

    def stale(self) -> bool:
        """Whether an idle connection cannot be used again: something was sent, or its other end is closed."""
        if self.sock is None or self.open_socket is None:
            return True
        if self.idle_since + _IDLE_SECONDS < time.monotonic():
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self.open_socket, selectors.EVENT_READ)
            return bool(selector.select(0))

    def _open_tunnel(self, sock: socket.socket, proxy: Proxy) -> None:
        place = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        lines = [
            f"CONNECT {place} HTTP/1.1",
            f"Host: {place}",
            *(f"{k}: {v}" for k, v in proxy.headers.items()),
        ]
        timed = _TimedSocket(sock, self)
        timed.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        response = HTTPResponse(timed, method="CONNECT")  # type: ignore[arg-type]
        try:
            response.begin()
        finally:
            response.close()
        if response.status != 200:
            raise NoConnection(f"the proxy {proxy} answers {response.status} {response.reason}"[:200])


class Reply:
    """An answer whose body is still to be read, once and within the call's budget."""

    def __init__(self, response: HTTPResponse, limits: Limits) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self._response = response
        self._limits = limits

    def chunks(self) -> Iterator[bytes]:
        """The body piece by piece as it was sent. Raises `CallBroken` where its end is missing."""
        while True:
            with _mapped():
                chunk = self._response.read1(CHUNK)
            if not chunk:
                break
            yield chunk
        if missing := self._response.length:
            raise CallBroken(f"the connection broke off {missing} bytes before the end of the answer")

    def read(self) -> bytes:
        """The whole body, decoded."""
        decode = _decoder(self.headers.get("content-encoding", "identity").strip().lower())
        content = bytearray()
        for chunk in self.chunks():
            content += decode(chunk, self._limits.size + 1 - len(content))
            if len(content) > self._limits.size:
                raise BadAnswer(_too_large(self._limits.size))
        decode(b"", -1)
        return bytes(content)


class WebClient:
    """Calls the servers of one service; its threads share its connections.

    Methods raise `WebError`, and nothing else that the network or the other side causes.
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
        self._headers = {"Accept-Encoding": "gzip", "User-Agent": "tdaflink", **(headers or {})}
        self._context = context
        self._proxies = proxies
        self._idle: dict[Origin, list[_Connection]] = {}
        self._lock = Lock()

    def close(self) -> None:
        with self._lock:
            connections = [one for several in self._idle.values() for one in several]
            self._idle.clear()
        for connection in connections:
            connection.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        limits: Limits | None = None,
    ) -> Answer:
        """The whole answer, whatever its status."""
        limits = limits or self.limits
        full = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url
        headers = {"Content-Type": content_type} if body is not None else {}
        with self.open(method, full, body=body, headers=headers, limits=limits) as reply:
            return Answer(reply.status, reply.headers, reply.read())

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Iterator[Reply]:
        """An answer whose body the block reads."""
        limits = limits or self.limits
        origin, target = _split(url)
        connection, response = self._response(
            method, origin, target, body, {**self._headers, **(headers or {})}, limits
        )
        whole = False
        try:
            yield Reply(response, limits)
            # A length of None: chunks that nobody has read to their end.
            whole = not response.will_close and (response.isclosed() or response.length == 0)
        finally:
            response.close()
            self._put_back(origin, connection, whole)

    def _response(
        self,
        method: str,
        origin: Origin,
        target: str,
        body: bytes | None,
        headers: Mapping[str, str],
        limits: Limits,
    ) -> tuple[_Connection, HTTPResponse]:
        budget = _Budget(limits)
        while True:
            connection, used = self._connection(origin)
            connection.budget = budget
            try:
                with _mapped():
                    if connection.sock is None:
                        _connect(connection)
                    if connection.proxy and origin.scheme == "http":
                        headers = {**headers, **connection.proxy.headers}
                        target = f"http://{origin.host}:{origin.port}{target}"
                    connection.request(method, target, body, headers=dict(headers))
                    return connection, connection.getresponse()
            except BaseException as error:
                connection.close()
                # The server may have just ended an idle connection; what changes nothing is asked again.
                again = used and method == "GET" and isinstance(error, CallBroken)
                if not again or isinstance(error, TooSlow):
                    raise

    def _connection(self, origin: Origin) -> tuple[_Connection, bool]:
        """One to the origin, and whether it has been used before."""
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                connection = idle.pop() if idle else None
            if connection is None:
                break
            if not connection.stale():
                return connection, True
            connection.close()
        proxy = self._proxies.proxy_for(origin.scheme, origin.host, origin.port) if self._proxies else None
        return _Connection(origin, self._context if origin.scheme == "https" else None, proxy), False

    def _put_back(self, origin: Origin, connection: _Connection, whole: bool) -> None:
        connection.idle_since = time.monotonic()
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            if whole and len(idle) < _IDLE_CONNECTIONS:
                idle.append(connection)
                return
        connection.close()


def form_file(name: str, filename: str, content: bytes, content_type: str) -> tuple[bytes, str]:
    """A form with one file: its body, and the content type that tells where it ends."""
    import secrets

    boundary = secrets.token_hex(16)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{quote(filename)}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    )
    return (
        head.encode("ascii") + content + f"\r\n--{boundary}--\r\n".encode("ascii"),
        f"multipart/form-data; boundary={boundary}",
    )


def words_of(error: BaseException) -> str:
    """The reason of a failed call."""
    return str(error) or type(error).__name__


def _split(url: str) -> tuple[Origin, str]:
    try:
        parts = urlsplit(url)
        port, host = parts.port, ascii_host(parts.hostname or "")
    except ValueError as error:
        raise NoConnection(f"no address: {error}") from None
    if parts.scheme not in ("http", "https") or host is None:
        raise NoConnection("no address of an HTTP server")
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_SAFE)
    return Origin(parts.scheme, host, port or (443 if parts.scheme == "https" else 80)), target


def _connect(connection: _Connection) -> None:
    try:
        connection.connect()
    except NoConnection:
        raise
    except (OSError, HTTPException, ValueError, WebError) as error:
        raise NoConnection(words_of(error)) from error


def _connected(host: str, port: int, budget: _Budget) -> socket.socket:
    """A connection to the first of the host's addresses that takes one, within the time for connecting."""
    addresses = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    end = time.monotonic() + budget.wait(budget.limits.connect)
    failure: OSError = OSError(f"{host} has no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(0.05, (end - time.monotonic()) / (len(addresses) - number)))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except WebError:
        raise
    except (
        OSError
    ) as error:  # also where the other end closes before it answers, which is an HTTPException, too
        raise CallBroken(words_of(error)) from error
    except IncompleteRead as error:
        raise CallBroken("the connection broke off before the end of the answer") from error
    except (HTTPException, ValueError) as error:
        raise BadAnswer(f"the answer is no HTTP ({type(error).__name__}: {str(error)[:80]})") from error


def _too_large(size: int) -> str:
    return (
        f"the answer is larger than {size >> 20} MB"
        if size >> 20
        else f"the answer is larger than {size} bytes"
    )


def _decoder(encoding: str) -> Any:
    """Decodes pieces of a body up to a number of bytes; called with -1 at its end."""
    if encoding in ("", "identity"):
        return lambda chunk, _: chunk
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadAnswer(f"its content encoding {encoding[:20]!r} was not asked for")
    import zlib

    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)

    def decode(chunk: bytes, most: int) -> bytes:
        if most < 0 and not unpacker.eof:
            raise BadAnswer(f"its {encoding} content is cut off")
        try:
            return unpacker.decompress(chunk, max(most, 1))
        except zlib.error as error:
            raise BadAnswer(f"its content is no {encoding}: {error}") from None

    return decode
