"""Points from numpy files: one npy array, or one array of an npz archive. Nothing is unpickled."""

from __future__ import annotations

import io
import zipfile
import zlib
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from tdaformats.bounds import Bounds
from tdaformats.errors import MessageError
from tdaformats.floats import FloatArray, float_table

_MAX_HEADER = 64 * 1024  # bytes; allowance for the npy header of an array of the allowed size
_SIZES = {"i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8)}
# Other compression methods may unpack a few bytes to an unbounded size.
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


def read_npy(content: bytes, bounds: Bounds) -> FloatArray:
    """Return the table (n, d) of an npy file; its header is checked before any number is read."""
    stream = io.BytesIO(content)
    shape, by_columns, dtype = _header(stream)
    if dtype.kind not in _SIZES or dtype.itemsize not in _SIZES[dtype.kind]:
        hint = "save it with dtype float64"
        if dtype.hasobject:
            hint = f"it holds Python objects, which are never loaded: {hint}"
        raise MessageError("bad_file", f"its array is of {dtype.name[:60]}, not of numbers: {hint}")
    if len(shape) != 2 or min(shape) < 0:
        raise MessageError(
            "bad_file",
            f"its array has the shape {str(shape)[:60]}: save one row per point, one column per coordinate",
        )
    bounds.check_shape(*shape)
    start, size = stream.tell(), shape[0] * shape[1] * dtype.itemsize
    if len(content) - start != size:
        raise MessageError(
            "bad_file",
            f"has {len(content) - start} bytes of numbers, but {size} by its header: save it again",
        )
    numbers = np.frombuffer(content, dtype=dtype, offset=start)
    return float_table(numbers.reshape(shape, order="F" if by_columns else "C"))


def read_npz(content: bytes, key: str | None, bounds: Bounds) -> FloatArray:
    """Return the table (n, d) of the only array of an npz file, or of the array named `key`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return read_npy(_member(archive, key, bounds), bounds)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise MessageError(
            "bad_file", f"is no npz file: {str(error)[:200]}; save it with numpy.savez"
        ) from None


def _member(archive: zipfile.ZipFile, key: str | None, bounds: Bounds) -> bytes:
    arrays = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
    names = [entry.filename.removesuffix(".npy") for entry in arrays]
    available = f"it has {', '.join(names)[:200] or 'none'}"
    if key is None and len(arrays) != 1:
        raise MessageError("bad_file", f"has {len(arrays)} arrays: name one in the field key; {available}")
    if key is not None and names.count(key) != 1:
        raise MessageError("bad_field", f"key: {key[:60]!r} is no array of the file; {available}")
    entry = arrays[0 if key is None else names.index(key)]
    if entry.compress_type not in _PACKED or entry.flag_bits & _ENCRYPTED:
        raise MessageError(
            "bad_file",
            "its array is encrypted or packed in a way that numpy does not: save it with numpy.savez",
        )
    if entry.file_size > bounds.max_bytes + _MAX_HEADER:
        bounds.check_unpacked(entry.file_size)
    # Read at most the size in the archive's directory, even if there is more; the checksum is then wrong.
    with archive.open(entry) as stream:
        content = stream.read(entry.file_size)
        if len(content) < entry.file_size or stream.read(1):
            raise zipfile.BadZipFile("its array does not have the length in its directory")
    return content


def _header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Return the shape of an array, whether it is in Fortran order, and its dtype."""
    readers: dict[tuple[int, int], Any] = {
        (1, 0): npy_format.read_array_header_1_0,
        (2, 0): npy_format.read_array_header_2_0,
    }
    try:
        version = npy_format.read_magic(stream)  # type: ignore[no-untyped-call]
        shape, by_columns, dtype = readers[version](stream)
    except KeyError:
        raise MessageError("bad_file", "is of an unsupported npy version: save it with numpy.save") from None
    except (ValueError, TypeError, SyntaxError, TokenError, RecursionError) as error:
        reason = f"is no npy file: {str(error)[:200]}; save it with numpy.save"
        raise MessageError("bad_file", reason) from None
    return shape, by_columns, dtype
