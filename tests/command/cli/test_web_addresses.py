"""Addresses, proxies and certificate authorities of every client: an error names the variable at fault."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.in_process import Called, call
from support.servers.hostile import hostile_server, reply

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.adapters.jars.cache import JarCache
from tdaflink.adapters.jars.repository import login_of
from tdaflink.adapters.web.proxies import Proxies
from tdaflink.domain.addresses import web_address
from tdaflink.domain.artifacts.jars import Coordinates
from tdaflink.domain.environments.credentials import hide_credentials
from tdaflink.domain.environments.security import WebSecurity
from tdaflink.domain.errors import AccessDenied, ConfigError, TdaflinkError, Unreachable

OVERVIEW = {"taskmanagers": 1, "slots-total": 4, "slots-available": 1, "flink-version": "2.2.1"}
SECRET = "s3cr3t-w0rd"  # noqa: S105 - must not be shown
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
NO_ADDRESSES = [
    ("localhost:8081", "http:// or https:// is missing"),
    ("flink", "http:// or https:// is missing"),
    ("127.0.0.1", "http:// or https:// is missing"),
    ("ftp://host", "begins with ftp://"),
    ("http:host", "is missing"),
    ("http://", "the host is missing"),
    ("http://:8081", "the host is missing"),
    ("http://host:99999", "ort"),
    ("http://host:0", "port 0"),
    ("http://host:port", "ort"),
    ("http://[::1", "IPv6"),
    ("http://a b", "space"),
    ("http://a\tb", "space"),
    ("http://a..b", "is not a host name"),
    ("http://" + "a" * 64, "is not a host name"),
    ("http://é..x", "is not a host name"),
    ("http://host/?a=b", "must not have a query (?)"),
    ("http://host/#a", "must not have a query (?)"),
]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def message(done: Called) -> str:
    assert done.crash is None, done
    return str(json.loads(done.stderr)["error"]["message"])


@pytest.mark.parametrize(("text", "reason"), NO_ADDRESSES)
def test_what_is_no_address_is_refused_with_its_variable_and_the_reason(
    text: str, reason: str, tmp_path: Path
) -> None:
    rest = call(tmp_path, "list", "-o", "json", FLINK_REST_URL=text)
    assert rest.code == 2
    assert "FLINK_REST_URL" in message(rest)
    assert reason in message(rest)
    registry = call(tmp_path, "schemas", "list", "-o", "json", "--registry", text)
    assert registry.code == 2
    assert "--registry" in message(registry)
    with pytest.raises(ConfigError, match="--mirror"):
        login_of(text, "--mirror")


def test_an_address_without_a_scheme_is_answered_by_the_whole_one(tmp_path: Path) -> None:
    done = call(tmp_path, "list", "-o", "json", FLINK_REST_URL="localhost:8081")
    assert json.loads(done.stderr)["error"]["hint"] == "http://localhost:8081"


@pytest.mark.parametrize(
    "text",
    [
        f"http://me:{SECRET}@127.0.0.1:9/",
        f"https://{SECRET}@host",
        f"http://me:a@{SECRET}@h",
        f"me:{SECRET}@h:1",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_shown(text: str, tmp_path: Path) -> None:
    for done in (
        call(tmp_path, "list", "-o", "json", FLINK_REST_URL=text),
        call(tmp_path, "schemas", "list", "-o", "json", SCHEMA_REGISTRY_URL=text, FLINK_REST_URL="http://h"),
        call(tmp_path, "schemas", "list", "-o", "json", "--registry", text),
        call(tmp_path, "env", "add", "a", "-o", "json", "--rest-url", text, "--kafka", "h:1", "--no-check"),
    ):
        assert done.code == 2
        assert "must be an address without credentials" in message(done)
        assert SECRET not in done.stdout + done.stderr


def test_a_mirrors_credentials_go_to_it_and_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TDAFLINK_CACHE_DIR", str(tmp_path))
    with hostile_server(lambda *_: reply(b"", 404)) as server:
        address = server.url.replace("://", f"://me:{SECRET}@")
        with pytest.raises(TdaflinkError) as caught:
            JarCache().add(Coordinates.parse("a:b:1"), "lib", address)
    assert SECRET not in str(caught.value)
    assert login_of(address, "x") == (
        {"Authorization": "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()},
        server.url,
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"no at http://me:{SECRET}@h:1/x now", "no at http://[redacted]@h:1/x now"),
        (f"kafka+ssl://{SECRET}@a@h", "kafka+ssl://[redacted]@h"),
        (f"'https://me:p{SECRET}@h' and ftp://a:{SECRET}@b", "'https://[redacted]@h' and ftp://[redacted]@b"),
        ("mail me@host, http://h/a@b", "mail me@host, http://h/a@b"),
    ],
)
def test_no_error_shows_the_credentials_of_any_url(text: str, shown: str) -> None:
    assert hide_credentials(text) == shown
    error = TdaflinkError(text, hint=text, detail=text, noise=text)
    assert {str(error), error.message, error.hint, error.detail, error.noise} == {shown}


def test_good_addresses_are_kept() -> None:
    for text in (
        "http://h",
        "https://h:8443/flink",
        "http://[::1]:8081",
        "http://my_host.a-b.c.",
        "http://münchen",
    ):
        assert web_address(f" {text}/\n", "X", "x") == text


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"ALL_PROXY": "socks5h://127.0.0.1:1080"}, "ALL_PROXY names a proxy of kind socks5h://"),
        ({"https_proxy": "socks4://me:pw@h"}, "https_proxy names a proxy of kind socks4://"),
        ({"HTTPS_PROXY": "https://h"}, "HTTPS_PROXY names a proxy of kind https://"),
        ({"HTTPS_PROXY": "http://h:99999"}, "HTTPS_PROXY is not the address of a proxy"),
        ({"HTTPS_PROXY": "http://[::1"}, "HTTPS_PROXY is not the address of a proxy"),
        ({"HTTPS_PROXY": "http://"}, "HTTPS_PROXY is not the address of a proxy"),
        ({"HTTPS_PROXY": f"http://me:{SECRET}@ a"}, "HTTPS_PROXY is not the address of a proxy"),
        ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE: '/nowhere/ca.pem' has no certificates"),
        ({"SSL_CERT_FILE": "/etc/hostname"}, "SSL_CERT_FILE: '/etc/hostname' has no certificates"),
        ({"SSL_CERT_FILE": "/etc"}, "SSL_CERT_FILE: '/etc' has no certificates"),
        ({"SSL_CERT_DIR": "/nowhere"}, "SSL_CERT_DIR: '/nowhere' is not a folder"),
    ],
)
def test_odd_proxies_and_authorities_are_named_by_their_variable(
    variables: dict[str, str], named: str, tmp_path: Path
) -> None:
    for done in (
        call(tmp_path, "list", "-o", "json", FLINK_REST_URL="https://127.0.0.1:9", **variables),
        call(tmp_path, "schemas", "list", "-o", "json", "--registry", "https://127.0.0.1:9", **variables),
    ):
        assert done.code == 2, done
        assert named in message(done)
        assert SECRET not in done.stderr


@pytest.mark.parametrize("entry", ["[::1]", "::1", "[::1]:8081", "*", "a.example, [::1]", "::/64"])
def test_no_proxy_may_name_an_ipv6_address(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", entry)
    assert Proxies().proxy_for("https", "::1", 8081) is None


@pytest.mark.parametrize(
    ("entry", "direct"),
    [
        ("flink.example", True),
        (".example", True),
        ("*.example", True),
        ("EXAMPLE", True),
        ("flink.example:443", True),
        ("https://flink.example", True),
        ("flink.example:8443", False),
        ("ink.example", False),
        ("flink.example.org", False),
        ("10.0.0.0/8", False),
        (",,", False),
    ],
)
def test_no_proxy_means_a_name_and_all_below_it(
    entry: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://me:{SECRET}@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", entry)
    proxy = Proxies().proxy_for("https", "flink.example", 443)
    assert (proxy is None) == direct
    assert SECRET not in repr(proxy) + str(proxy)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a self-signed certificate for 127.0.0.1 with its key, in one file."""
    folder = tmp_path_factory.mktemp("pem")
    words = (
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    )
    names = ("-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1,DNS:flink.example")
    files = ("-keyout", "key.pem", "-out", "cert.pem")
    subprocess.run(("openssl", *words, *names, *files), cwd=folder, capture_output=True, check=True)
    both = folder / "both.pem"
    both.write_text(
        (folder / "key.pem").read_text("utf-8") + (folder / "cert.pem").read_text("utf-8"), "utf-8"
    )
    return both


@contextmanager
def tls_server(pem: Path) -> Iterator[int]:
    """Start a TLS server that responds to each request with an overview; yield its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stopped = threading.Event()

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    if stopped.is_set():
                        return
                    try:
                        with context.wrap_socket(connection, server_side=True) as secure:
                            secure.recv(1 << 16)
                            secure.sendall(reply(OVERVIEW, headers=("Connection: close",)))
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopped.set()
            socket.create_connection(listener.getsockname()[:2]).close()
            thread.join()


def slots(url: str, ca: str | None = None) -> tuple[int, int]:
    with closing(FlinkRest(url, 5.0, WebSecurity(ca=ca))) as cluster:
        return cluster.slots()


def test_a_certificate_is_checked_against_what_is_named(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tls_server(pem) as port:
        url = f"https://127.0.0.1:{port}"
        with pytest.raises(AccessDenied, match="is not trusted"):
            slots(url)
        assert slots(url, str(pem)) == (1, 4)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert slots(url) == (1, 4)
        with pytest.raises(TdaflinkError):
            slots(f"http://127.0.0.1:{port}")
    with (
        hostile_server(lambda *_: reply(b"", 400)) as plain,
        pytest.raises(Unreachable, match="does not speak TLS"),
    ):
        slots(plain.url.replace("http:", "https:"), str(pem))


def test_a_proxy_is_given_its_login_and_then_the_host_alone(
    pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[str] = []
    with tls_server(pem) as port, socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, socket.create_connection(("127.0.0.1", port)) as target:
                heads.append(connection.recv(1 << 16).decode())
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=copy, args=(target, connection))
                back.start()
                copy(connection, target)
                back.join()

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@127.0.0.1:{listener.getsockname()[1]}")
        assert slots("https://flink.example:8443", str(pem)) == (1, 4)
        thread.join()
    login = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert heads[0].split("\r\n")[0] == "CONNECT flink.example:8443 HTTP/1.1"
    assert f"Proxy-Authorization: Basic {login}" in heads[0]


def copy(source: socket.socket, target: socket.socket) -> None:
    """Copy everything that one side sends to the other, until its end."""
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_proxy_that_refuses_is_named_without_its_login(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile_server(lambda *_: reply(b"", 407)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", f"://me:{SECRET}@"))
        with pytest.raises(Unreachable, match=r"the proxy 127\.0\.0\.1:[0-9]+ responded: 407") as caught:
            slots("https://flink.example")
    assert SECRET not in str(caught.value)
