"""Child process that reads files, so that hangs, crashes and decompression bombs do not affect the worker."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from tdaformats.bounds import Bounds
from tdaformats.table_values import Options
from tdaformats.tables import read_table
from tdajob.errors import MessageError
from tdajob.processing.guard import internal_error
from tdajob.topology import wire
from tdajob.uploads.local_files import read_local
from tdajob.uploads.s3 import S3Access, read_s3
from tdajob.worker.server import serve

_SHOWN_COLUMNS, _SHOWN_NAME = 100, 200


def main(request_fd: int, reply_fd: int, parent: int, memory_bytes: int) -> None:
    """Serve requests until the parent closes its end of the pipe, or exits."""
    serve(request_fd, reply_fd, parent, memory_bytes, load=_load, reply=_reply)


def _load() -> None:
    for module in ("pyarrow.fs", "pyarrow.parquet"):
        import_module(module)


def _reply(header: wire.Header, _: bytearray) -> tuple[wire.Header, bytes]:
    bounds = Bounds(**header["bounds"])
    try:
        content = _content(header, bounds)
        table = read_table(content, header["format"], Options(**header["options"]), bounds)
    except MessageError as error:
        return _refusal(error, exhausted=False), b""
    except MemoryError:
        return _refusal(bounds.too_large("takes more memory to be read than a file"), exhausted=True), b""
    except Exception as error:
        reason, _fields = internal_error(error)
        return _refusal(MessageError("reader_crashed", f"its reader failed: {reason}"), exhausted=False), b""
    rows = len(table.numbers) // table.width
    reply = {"shape": (rows, table.width), "bytes": len(content), "columns": _shown(table.columns)}
    return reply, table.numbers.tobytes()


def _refusal(error: MessageError, *, exhausted: bool) -> wire.Header:
    return {"error": {"code": error.code, "reason": error.reason}, "exhausted": exhausted}


def _content(header: wire.Header, bounds: Bounds) -> bytes:
    place = header["place"]
    if place["scheme"] == "file":
        return read_local(place["path"], header["roots"], bounds)
    return read_s3(place["bucket"], place["path"], S3Access(**header["s3"]), bounds)


def _shown(columns: Sequence[str] | None) -> list[str] | None:
    """Return the column names for the result, limited in number and length."""
    if columns is None:
        return None
    shown = [name[:_SHOWN_NAME] for name in columns[:_SHOWN_COLUMNS]]
    return [*shown, "…"] if len(columns) > _SHOWN_COLUMNS else shown
