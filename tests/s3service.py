"""A real S3 service as a process of this machine: S3Proxy on a folder, from its locked JAR."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import fs

from tdaflink.adapters.local_java import find_local_java
from tdaflink.adapters.maven import JarCache, repository_address
from tdaflink.adapters.profiles import load_versions
from tdaflink.domain.jars import Coordinates, LockedJar

# Not in the lock that is shipped: an environment does not need it, and would download it.
S3PROXY = LockedJar(
    Coordinates("org.gaul", "s3proxy", "4.1.0", "jar-with-dependencies"),
    54955934,
    "a4d025969aaf796616ed4b1e2491d87d455ce84bb28cb9db086b2e6aaa68b48d",
    "test/s3",
)
BUCKET = "clouds"
_UP_WITHIN = 60.0


@dataclass(frozen=True)
class S3Service:
    """A running service with one bucket, and the keys to it."""

    endpoint: str
    access_key: str
    secret_key: str

    def settings(self, **changes: Any) -> dict[str, Any]:
        """What the job's settings say of it."""
        keys = {"access_key": self.access_key, "secret_key": self.secret_key}
        return {"endpoint": self.endpoint, "region": "us-east-1", **keys, **changes}

    def put(self, key: str, content: bytes) -> str:
        """Store an object; its URI."""
        with self.client().open_output_stream(f"{BUCKET}/{key}") as stream:
            stream.write(content)
        return f"s3://{BUCKET}/{key}"

    def client(self) -> fs.S3FileSystem:
        return fs.S3FileSystem(
            access_key=self.access_key,
            secret_key=self.secret_key,
            endpoint_override=self.endpoint.removeprefix("http://"),
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )


@contextmanager
def running_s3(folder: Path) -> Iterator[S3Service]:
    """The service on a free port of the loopback interface, its objects below `folder`."""
    cache = JarCache()
    cache.fetch([S3PROXY], repository_address())
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    service = S3Service(f"http://127.0.0.1:{port}", "uploads-test", secrets.token_hex(16))
    config = folder / "s3proxy.conf"
    config.write_text(_config(service, folder / "objects"))
    java = find_local_java(load_versions().flink).java
    with (
        (folder / "s3proxy.log").open("wb") as log,
        subprocess.Popen(
            [str(java), "-Xmx256m", "-jar", str(cache.path(S3PROXY)), "--properties", str(config)],
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            _wait_until_up(process, port, folder / "s3proxy.log")
            service.client().create_dir(BUCKET)
            yield service
        finally:
            process.kill()


def _config(service: S3Service, objects: Path) -> str:
    objects.mkdir()
    return "\n".join(
        [
            f"s3proxy.endpoint={service.endpoint}",
            "s3proxy.authorization=aws-v2-or-v4",
            f"s3proxy.identity={service.access_key}",
            f"s3proxy.credential={service.secret_key}",
            "jclouds.provider=filesystem",
            f"jclouds.filesystem.basedir={objects}",
        ]
    )


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _UP_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"s3proxy did not come up: {log.read_text()[-2000:]}")
