"""Storage of checkpoints and savepoints: listing, reading and removing them without Flink."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdaflink.adapters.storage.paths import map_write_errors
from tdaflink.domain.errors import MissingExtra, Refused, Unreachable, UsageError
from tdaflink.domain.jobs.state_snapshots import StateFiles, StoredFile, canonical

_S3_SECONDS = 10.0


@dataclass(frozen=True)
class S3Access:
    """Endpoint and credentials of a bucket; without keys, the usual AWS variables and files apply."""

    endpoint: str | None = None
    region: str = "us-east-1"
    key: str | None = None
    secret: str | None = None


def state_files(address: str, flink: Mapping[str, str]) -> StateFiles:
    """Return access to the storage of an address; `flink` is the JobManager's configuration."""
    scheme = canonical(address).partition("://")[0]
    if scheme == "file":
        return LocalFiles()
    if scheme in ("s3", "s3a", "s3p"):
        return S3Files(s3_access(flink))
    raise UsageError(
        f"{address}: tdaflink lists checkpoints below file:// and s3://",
        hint="submit and resume take the whole path of a savepoint or checkpoint: --from PATH",
    )


def s3_access(flink: Mapping[str, str]) -> S3Access:
    """Return access to the service of AWS_ENDPOINT_URL, else to that of Flink's own `s3.endpoint`."""
    return S3Access(
        os.environ.get("AWS_ENDPOINT_URL") or flink.get("s3.endpoint"),
        os.environ.get("AWS_REGION") or flink.get("s3.region") or "us-east-1",
    )


class LocalFiles:
    """Files of this machine."""

    def walk(self, folder: str) -> list[StoredFile]:
        files = []
        for place, _, names in os.walk(_local(folder)):
            for name in names:
                path = Path(place, name)
                try:
                    status = path.stat()
                except OSError:
                    continue  # removed by Flink in the meantime
                if stat.S_ISREG(status.st_mode):
                    files.append(StoredFile(f"file://{path}", status.st_size, status.st_mtime))
        return files

    def head(self, path: str, count: int) -> bytes:
        try:
            if not _local(path).is_file():
                return b""
            with _local(path).open("rb") as file:
                return file.read(count)
        except OSError:
            return b""

    def remove(self, folder: str) -> None:
        with map_write_errors(_local(folder)):
            shutil.rmtree(_local(folder))

    def sees(self, path: str) -> bool:
        return _local(path).parent.is_dir()


class S3Files:
    """Files of a bucket."""

    def __init__(self, access: S3Access) -> None:
        self._filesystem = _s3_client(access)

    def walk(self, folder: str) -> list[StoredFile]:
        from pyarrow import fs

        scheme, _, path = folder.partition("://")
        selector = fs.FileSelector(path, allow_not_found=True, recursive=True)
        entries = self._try(folder, lambda: self._filesystem.get_file_info(selector))
        return [
            StoredFile(f"{scheme}://{entry.path}", int(entry.size), entry.mtime_ns / 1e9)
            for entry in entries
            if entry.is_file
        ]

    def head(self, path: str, count: int) -> bytes:
        try:
            with self._filesystem.open_input_file(path.partition("://")[2]) as file:
                return bytes(file.read(count))
        except OSError:
            return b""

    def remove(self, folder: str) -> None:
        self._try(folder, lambda: self._filesystem.delete_dir(folder.partition("://")[2]))

    def sees(self, path: str) -> bool:  # noqa: ARG002 - a bucket is reachable from every machine
        return True

    def _try(self, address: str, call: Any) -> Any:
        try:
            return call()
        except OSError as error:
            text = str(error)
            hint = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY name the keys, AWS_ENDPOINT_URL the service"
            if "NETWORK_CONNECTION" in text or "curlCode" in text:
                raise Unreachable(f"no S3 service answers for {address}: {text[-200:]}", hint=hint) from error
            raise Refused(f"S3 refused {address}: {text[:300]}", hint=hint) from error


def _s3_client(access: S3Access) -> Any:
    try:
        from pyarrow import fs
    except ImportError:
        raise MissingExtra(
            "listing checkpoints on S3 needs pyarrow, which is not installed",
            hint="pip install 'tdaflink[s3]', or give the whole path with --from",
        ) from None
    options: dict[str, Any] = {}
    if access.endpoint:
        scheme, sign, rest = access.endpoint.partition("://")
        options["endpoint_override"] = rest if sign else access.endpoint
        options["scheme"] = scheme if sign else "https"
    return fs.S3FileSystem(
        access_key=access.key,
        secret_key=access.secret,
        region=access.region,
        connect_timeout=_S3_SECONDS,
        request_timeout=_S3_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2),
        **options,
    )


def _local(address: str) -> Path:
    return Path(canonical(address).removeprefix("file://"))
