"""Reading of an upload's points in a child process with a deadline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tdaformats.upload_uris import UploadUri, check_root, parse_root, shown
from tdajob.errors import MessageError, Origin
from tdajob.messages.requests import Request, Rules
from tdajob.settings.job import SettingsError, UploadSettings
from tdajob.topology.values import FloatArray
from tdajob.uploads.message import Upload, parse_upload
from tdajob.worker.client import ProcessEndedError, WorkerProcess

# A file, its unpacked content, its points, and the intermediate copies of libraries.
_MEMORY_FACTOR = 8


@dataclass(frozen=True, eq=False)
class Fetched:
    """The points (n, d) of a file, its size in bytes, and the columns of the coordinates."""

    points: FloatArray
    size: int
    columns: tuple[str, ...] | None = None


class UploadAccess:
    """The locations that uploads may read, and the child process that reads them: close it.

    Raises SettingsError for an invalid root, and for a secret that is not available on this machine.
    """

    def __init__(self, settings: UploadSettings, max_points: int) -> None:
        self.roots = _roots(settings)
        self.timeout_s = settings.timeout_s
        self._fixed = {
            "bounds": {"max_bytes": settings.max_bytes, "max_points": max_points},
            "roots": [root.path for root in self.roots if root.scheme == "file"],
            "s3": {**settings.s3.resolved(), "timeout_s": settings.timeout_s},
            "timeout": settings.timeout_s,
        }
        self._process = WorkerProcess(f"{__package__}.child", _MEMORY_FACTOR * settings.max_bytes)

    def read(self, upload: Upload) -> tuple[Mapping[str, Any], bytearray]:
        """Return the child's reply. After a TimeoutError or ProcessEndedError the next call is possible."""
        request = {
            "place": asdict(upload.place),
            "format": upload.format,
            "options": asdict(upload.options),
        }
        return self._process.exchange({**self._fixed, **request}, b"", self.timeout_s)

    def close(self) -> None:
        """Stop the child process, if it runs."""
        self._process.close()


def fetch_points(upload: Upload, access: UploadAccess) -> Fetched:
    """Return the points of an upload.

    Raises MessageError with the code forbidden_uri, not_found, not_a_file, access_denied, fetch_timeout,
    storage_unreachable, storage_failed, file_too_large, too_many_points, bad_file, bad_field, bad_number,
    non_finite, integer_too_large, ragged_points, empty_cloud or reader_crashed.
    """
    try:
        check_root(upload.place, access.roots)
        return _fetch(upload, access)
    except MessageError as error:
        raise MessageError(error.code, f"uri: {shown(upload.uri)}: {error.reason}", upload.job_id) from None


def uploaded_request(message: bytes | None, origin: Origin, rules: Rules, access: UploadAccess) -> Request:
    """Return the request of a message of the uploads route, with the points of its file."""
    upload = parse_upload(message, origin, rules)
    fetched = fetch_points(upload, access)
    facts: dict[str, Any] = {"uri": upload.uri, "format": upload.format, "bytes": fetched.size}
    if fetched.columns is not None:
        facts["columns"] = list(fetched.columns)
    return request_of(upload, fetched.points, facts)


def request_of(upload: Upload, points: FloatArray, facts: Mapping[str, Any]) -> Request:
    """Return the request of an upload with the points of its file; `facts` go into the result's `input`."""
    return Request(
        upload.job_id, points, False, upload.question, upload.timestamp_ms, upload.own_timestamp, facts
    )


def _fetch(upload: Upload, access: UploadAccess) -> Fetched:
    try:
        reply, numbers = access.read(upload)
    except TimeoutError:
        raise MessageError(
            "fetch_timeout",
            f"could not be read within uploads.timeout = {access.timeout_s:g} s: check that its storage"
            " responds, or raise uploads.timeout",
        ) from None
    except ProcessEndedError as error:
        raise MessageError(
            "reader_crashed", f"the process that read it {error}: check the file with another program"
        ) from None
    if "error" in reply:
        if reply["exhausted"]:
            access.close()  # memory that it still holds would reduce the limit for the next file
        raise MessageError(reply["error"]["code"], reply["error"]["reason"])
    points = np.frombuffer(numbers, dtype=np.float64).reshape(reply["shape"])
    columns = reply["columns"]
    return Fetched(points, reply["bytes"], None if columns is None else tuple(columns))


def _roots(settings: UploadSettings) -> tuple[UploadUri, ...]:
    try:
        return tuple(parse_root(root) for root in settings.roots)
    except MessageError as error:
        raise SettingsError(f"uploads.roots: {error.reason}") from None
