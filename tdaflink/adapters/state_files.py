"""Where Flink keeps checkpoints and savepoints: listing, reading and removing them without Flink."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from tdaflink.adapters.folders import writing
from tdaflink.domain.errors import MissingExtra, Refused, Unreachable, UsageError
from tdaflink.domain.snapshots import StoredFile, canonical

_S3_SECONDS = 10.0


class StateFiles(Protocol):
    """Files below folders; every address is a whole one, spelt as `canonical` does."""

    def walk(self, folder: str) -> list[StoredFile]:
        """Every file below the folder; none where there is no such folder."""

    def head(self, path: str, count: int) -> bytes:
        """The first bytes of a file; none where it cannot be read."""

    def remove(self, folder: str) -> None:
        """Remove a folder with all that is in it."""


def state_files(address: str, flink: Mapping[str, str]) -> StateFiles:
    """What reads the storage of an address; `flink` is the JobManager's configuration."""
    scheme = canonical(address).partition("://")[0]
    if scheme == "file":
        return LocalFiles()
    if scheme in ("s3", "s3a", "s3p"):
        return S3Files(flink)
    raise UsageError(
        f"{address}: tdaflink lists checkpoints below file:// and s3://",
        hint="--from none, or --from with the whole path of a savepoint or checkpoint",
    )


class LocalFiles:
    """A folder of this machine."""

    def walk(self, folder: str) -> list[StoredFile]:
        found = []
        for place, _, names in os.walk(_local(folder)):
            for name in names:
                path = Path(place, name)
                try:
                    status = path.stat()
                except OSError:
                    continue  # Flink has removed it since
                found.append(StoredFile(f"file://{path}", status.st_size, status.st_mtime))
        return found

    def head(self, path: str, count: int) -> bytes:
        try:
            with _local(path).open("rb") as file:
                return file.read(count)
        except OSError:
            return b""

    def remove(self, folder: str) -> None:
        with writing(_local(folder)):
            shutil.rmtree(_local(folder))


class S3Files:
    """A bucket. Keys come from the usual AWS variables and files, the service from AWS_ENDPOINT_URL, else
    from Flink's own `s3.endpoint`."""

    def __init__(self, flink: Mapping[str, str]) -> None:
        self._filesystem = _s3_client(flink)

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

    def _try(self, address: str, call: Any) -> Any:
        try:
            return call()
        except OSError as error:
            text = str(error)
            hint = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY name the keys, AWS_ENDPOINT_URL the service"
            if "NETWORK_CONNECTION" in text or "curlCode" in text:
                raise Unreachable(f"no S3 service answers for {address}: {text[-200:]}", hint=hint) from error
            raise Refused(f"S3 refused {address}: {text[:300]}", hint=hint) from error


def _s3_client(flink: Mapping[str, str]) -> Any:
    try:
        from pyarrow import fs
    except ImportError:
        raise MissingExtra(
            "listing checkpoints on S3 needs pyarrow, which is not installed",
            hint="pip install 'tdaflink[s3]', or --from with the whole path",
        ) from None
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or flink.get("s3.endpoint")
    options: dict[str, Any] = {}
    if endpoint:
        scheme, sign, rest = endpoint.partition("://")
        options["endpoint_override"] = rest if sign else endpoint
        options["scheme"] = scheme if sign else "https"
    return fs.S3FileSystem(
        region=os.environ.get("AWS_REGION") or flink.get("s3.region") or "us-east-1",
        connect_timeout=_S3_SECONDS,
        request_timeout=_S3_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2),
        **options,
    )


def _local(address: str) -> Path:
    return Path(canonical(address).removeprefix("file://"))
