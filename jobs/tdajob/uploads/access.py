"""From an upload to its points: read in a child process that ends at its deadline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tdaformats.places import Place, check_root, parse_root, shown
from tdajob.errors import MessageError, Origin
from tdajob.messages import Request, Rules
from tdajob.settings import SettingsError, UploadSettings
from tdajob.topology.isolation import KeptProcess, ProcessEndedError
from tdajob.topology.values import FloatArray
from tdajob.uploads.message import Upload, parse_upload

# A file, what it unpacks to, its points, and the copies that libraries make on the way.
_MEMORY_FACTOR = 8


@dataclass(frozen=True, eq=False)
class Fetched:
    """The points (n, d) of a file, the bytes that the file has, and the columns that are its coordinates."""

    points: FloatArray
    size: int
    columns: tuple[str, ...] | None = None


class UploadAccess:
    """What uploads may reach, and the process that reaches for it; must be closed.

    SettingsError for a root that is none, and for a secret that this machine does not have.
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
        self._process = KeptProcess(f"{__package__}.child", _MEMORY_FACTOR * settings.max_bytes)

    def read(self, upload: Upload) -> tuple[Mapping[str, Any], bytearray]:
        """The child's reply. Raises TimeoutError and ProcessEndedError, and is ready for the next then."""
        wanted = {
            "place": asdict(upload.place),
            "format": upload.format,
            "options": asdict(upload.options),
        }
        return self._process.exchange({**self._fixed, **wanted}, b"", self.timeout_s)

    def close(self) -> None:
        """End the child process, if there is one."""
        self._process.close()


def fetch_points(upload: Upload, access: UploadAccess) -> Fetched:
    """The points of an upload.

    MessageError with the code forbidden_uri, not_found, not_a_file, access_denied, fetch_timeout,
    storage_unreachable, storage_failed, file_too_large, too_many_points, bad_file, bad_field, bad_number,
    non_finite, integer_too_large, ragged_points, empty_cloud or reader_crashed.
    """
    try:
        check_root(upload.place, access.roots)
        return _fetched(upload, access)
    except MessageError as error:
        raise MessageError(error.code, f"uri: {shown(upload.uri)}: {error.reason}", upload.job_id) from None


def uploaded_request(message: bytes | None, origin: Origin, rules: Rules, access: UploadAccess) -> Request:
    """The request that a message of the uploads route makes with the points of its file."""
    upload = parse_upload(message, origin, rules)
    fetched = fetch_points(upload, access)
    told: dict[str, Any] = {"uri": upload.uri, "format": upload.format, "bytes": fetched.size}
    if fetched.columns is not None:
        told["columns"] = list(fetched.columns)
    return request_of(upload, fetched.points, told)


def request_of(upload: Upload, points: FloatArray, facts: Mapping[str, Any]) -> Request:
    """The request that an upload makes with the points of its file; `facts` is what its result says of it."""
    return Request(
        upload.job_id, points, False, upload.question, upload.timestamp_ms, upload.own_timestamp, facts
    )


def _fetched(upload: Upload, access: UploadAccess) -> Fetched:
    try:
        reply, numbers = access.read(upload)
    except TimeoutError:
        raise MessageError(
            "fetch_timeout",
            f"could not be read within uploads.timeout = {access.timeout_s:g} s: check that its storage"
            " answers, or raise uploads.timeout",
        ) from None
    except ProcessEndedError as error:
        raise MessageError(
            "reader_crashed", f"the process that read it {error}: check the file with another program"
        ) from None
    if "error" in reply:
        if reply["exhausted"]:
            access.close()  # what it still holds would count against the next file
        raise MessageError(reply["error"]["code"], reply["error"]["reason"])
    points = np.frombuffer(numbers, dtype=np.float64).reshape(reply["shape"])
    columns = reply["columns"]
    return Fetched(points, reply["bytes"], None if columns is None else tuple(columns))


def _roots(settings: UploadSettings) -> tuple[Place, ...]:
    try:
        return tuple(parse_root(root) for root in settings.roots)
    except MessageError as error:
        raise SettingsError(f"uploads.roots: {error.reason}") from None
