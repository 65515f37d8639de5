"""A small HTTP server with responses defined by a test, including ones that no HTTP server would send."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# Takes the request line and the socket; the returned bytes are sent unchanged.
Raw = Callable[[str, socket.socket], bytes]


@dataclass
class Hostile:
    """A running server: `answer` makes the bytes of each response, `asked` has the request lines in order."""

    url: str
    answer: Raw
    asked: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


def reply(
    body: bytes | object,
    status: int = 200,
    *,
    kind: str = "application/json",
    headers: tuple[str, ...] = (),
    length: int | None = None,
) -> bytes:
    """Return the bytes of a response; a body other than bytes is written as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Said",
        f"Content-Type: {kind}",
        f"Content-Length: {len(content) if length is None else length}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


def drip(server: Hostile, connection: socket.socket, piece: bytes, seconds: float) -> bytes:
    """Send a piece repeatedly, for up to 60 s, until the peer closes the connection or the test ends."""
    end = time.monotonic() + 60
    try:
        while time.monotonic() < end and not server.stopped.wait(seconds):
            connection.sendall(piece)
    except OSError:
        pass
    return b""


@contextmanager
def hostile_server(answer: Raw) -> Iterator[Hostile]:
    """Run the server during the block, with a thread for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Hostile(f"http://127.0.0.1:{listener.getsockname()[1]}", answer)
        thread = threading.Thread(target=_accept, args=(listener, server))
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            socket.create_connection(listener.getsockname()[:2]).close()
            thread.join()


def _accept(listener: socket.socket, server: Hostile) -> None:
    threads: list[threading.Thread] = []
    while not server.stopped.is_set():
        connection, _ = listener.accept()
        threads.append(threading.Thread(target=_serve, args=(connection, server)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _serve(connection: socket.socket, server: Hostile) -> None:
    with connection:
        connection.settimeout(0.2)
        while not server.stopped.is_set() and (head := _request(connection, server)):
            line = head.split("\r\n", 1)[0]
            server.asked.append(line)
            content = server.answer(line, connection)
            try:
                connection.sendall(content)
            except OSError:
                return
            if b"Connection: close" in content or not content:
                return


def _request(connection: socket.socket, server: Hostile) -> str:
    """Return one whole request as text; empty if none arrives."""
    data = b""
    while not server.stopped.is_set():
        if data[:1] == b"\x16":
            return "TLS"
        head, end, body = data.partition(b"\r\n\r\n")
        if end:
            text = head.decode("latin-1")
            lengths = re.findall(r"(?im)^content-length: *(\d+)", text)
            if len(body) >= int(lengths[0] if lengths else 0):
                return text
        try:
            more = connection.recv(1 << 16)
        except TimeoutError:
            continue
        except OSError:
            return ""
        if not more:
            return ""
        data += more
    return ""


def path_of(line: str) -> str:
    """Return the path of a request line, without its query."""
    return line.split(" ")[1].partition("?")[0] if line.count(" ") == 2 else ""


def recorded(answers: dict[str, Any]) -> Raw:
    """Return responses by path; any other path has Flink's 404."""

    def answer(line: str, _: socket.socket) -> bytes:
        path = path_of(line)
        if path in answers:
            return reply(answers[path])
        return reply({"errors": [f"Not found: {path}"]}, 404)

    return answer
