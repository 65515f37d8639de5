"""The child process in which files are read: what hangs, crashes or unpacks without end, does so here."""

from __future__ import annotations

from importlib import import_module

from tdajob.errors import MessageError
from tdajob.guard import internal_error
from tdajob.topology import wire
from tdajob.topology.serving import serve
from tdajob.topology.values import FloatArray
from tdajob.uploads.arrays import read_npy, read_npz
from tdajob.uploads.bounds import Bounds
from tdajob.uploads.csvtables import read_csv
from tdajob.uploads.localfiles import read_local
from tdajob.uploads.message import Options
from tdajob.uploads.parquettables import read_parquet
from tdajob.uploads.s3 import S3Access, read_s3


def main(request_fd: int, reply_fd: int, parent: int, memory_bytes: int) -> None:
    """Answer requests until the parent closes its end, or ends."""
    serve(request_fd, reply_fd, parent, memory_bytes, load=_load, reply=_reply)


def _load() -> None:
    for module in ("pyarrow.fs", "pyarrow.parquet"):
        import_module(module)


def _reply(header: wire.Header, _: bytearray) -> tuple[wire.Header, bytes]:
    bounds = Bounds(**header["bounds"])
    try:
        content = _content(header, bounds)
        points = read_points(content, header["format"], Options(**header["options"]), bounds)
    except MessageError as error:
        return _refusal(error, exhausted=False), b""
    except MemoryError:
        return _refusal(bounds.too_large("takes more memory to be read than a file"), exhausted=True), b""
    except Exception as error:
        reason, _fields = internal_error(error)
        return _refusal(MessageError("reader_crashed", f"its reader failed: {reason}"), exhausted=False), b""
    return {"shape": points.shape, "bytes": len(content)}, points.tobytes()


def _refusal(error: MessageError, *, exhausted: bool) -> wire.Header:
    return {"error": {"code": error.code, "reason": error.reason}, "exhausted": exhausted}


def _content(header: wire.Header, bounds: Bounds) -> bytes:
    place = header["place"]
    if place["scheme"] == "file":
        return read_local(place["path"], header["roots"], bounds)
    return read_s3(place["bucket"], place["path"], S3Access(**header["s3"]), bounds)


def read_points(content: bytes, form: str, options: Options, bounds: Bounds) -> FloatArray:
    """The points (n, d) of a file's bytes, finite and within the bounds; MessageError says what is wrong."""
    if form == "csv":
        return read_csv(content, options.delimiter, options.columns, bounds)
    if form == "npy":
        return read_npy(content, bounds)
    if form == "npz":
        return read_npz(content, options.key, bounds)
    return read_parquet(content, options.columns, bounds)
