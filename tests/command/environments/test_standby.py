"""Several JobManagers: the command uses one that responds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.domain.errors import Unreachable


@pytest.fixture
def dead() -> Iterator[str]:
    """Reserve an address on which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def alive() -> Iterator[str]:
    """Start a server with only the uploaded files of Flink's REST interface; yield its URL."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"files": [{"id": "from-the-second"}]}')

        def log_message(self, *words: object) -> None:
            """Discard the request log."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_the_second_is_asked_where_the_first_is_gone_and_stays_the_first(dead: str, alive: str) -> None:
    with closing(FlinkRest(dead, standby=(alive,))) as cluster:
        assert cluster.bundles() == ["from-the-second"]
        assert cluster.url == alive
    with closing(FlinkRest(alive, standby=(dead,))) as cluster:
        assert cluster.bundles() == ["from-the-second"]
        assert cluster.url == alive


def test_where_none_answers_all_are_named(dead: str) -> None:
    with (
        closing(FlinkRest(dead, standby=(f"{dead}/second",))) as cluster,
        pytest.raises(Unreachable, match=rf"{dead} or {dead}/second"),
    ):
        cluster.bundles()
