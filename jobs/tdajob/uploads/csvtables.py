"""Points from CSV: delimiter and header are found out, and what is no number is named by its place."""

from __future__ import annotations

import csv
import io
import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

import numpy as np

from tdajob.errors import MessageError
from tdajob.strictjson import MAX_INTEGER
from tdajob.topology.values import FloatArray
from tdajob.uploads.bounds import FLOAT_BYTES, Bounds

MAX_LINE = 1 << 20  # bytes
_SNIFFED_LINES = 20
_DELIMITERS = (",", ";", "\t", "|", None)  # None: runs of blanks
_EXACT_DIGITS = 17
_UTF8_MARK = b"\xef\xbb\xbf"
# ASCII by the letter: float() would also take 1_000 and digits of other scripts.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)

Line = tuple[int, str]
Row = tuple[int, list[str]]
Split = Callable[[Line], list[str]]


def read_csv(
    content: bytes, delimiter: str | None, columns: Sequence[str] | None, bounds: Bounds
) -> FloatArray:
    """The rows (n, d) of a CSV text; empty lines and those that begin with # are left out.

    A first line without any number is the header; `columns` chooses by its names. MessageError names line
    and column.
    """
    lines = _lines(content)
    head = list(islice(lines, _SNIFFED_LINES))
    split = _splitter(delimiter) if delimiter else _sniffed(head)
    rows = _rows(chain(head, lines), split)
    header: list[str] | None = None
    if head and not any(_looks_like_number(cell) for cell in split(head[0])):
        _, header = next(rows)
    return _table(rows, None if columns is None else _places(columns, header), bounds)


def _rows(lines: Iterable[Line], split: Split) -> Iterator[Row]:
    """The number and the cells of each line; all must have as many as the first."""
    first, width = 0, 0
    for line in lines:
        cells = split(line)
        if not first:
            first, width = line[0], len(cells)
        if len(cells) != width:
            raise MessageError(
                "ragged_points",
                f"line {line[0]}: has {len(cells)} cells, where line {first} has {width}: give all as many",
            )
        yield line[0], cells


def _table(rows: Iterable[Row], chosen: Sequence[int] | None, bounds: Bounds) -> FloatArray:
    numbers = array("d")
    points = 0
    for line, cells in rows:
        points += 1
        places = range(len(cells)) if chosen is None else chosen
        numbers.extend(_number(line, place, cells[place]) for place in places)
        if points > bounds.max_points or len(numbers) * FLOAT_BYTES > bounds.max_bytes:
            break
    bounds.check_shape(points, len(numbers) // points if points else 0)
    return np.frombuffer(numbers, dtype=np.float64).reshape(points, -1)


def _lines(content: bytes) -> Iterator[Line]:
    """The number, from 1, and the text of each line that says something."""
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    stream = io.BytesIO(content)
    number = 0
    while raw := stream.readline(MAX_LINE + 1):
        number += 1
        if len(raw) > MAX_LINE:
            raise MessageError(
                "bad_file", f"line {number}: has more than {MAX_LINE} bytes: a line is one point"
            )
        if number == 1:
            raw = raw.removeprefix(_UTF8_MARK)
        try:
            text = raw.decode("utf-8").strip("\n")
        except UnicodeDecodeError as error:
            raise MessageError(
                "bad_file", f"line {number}: byte {error.start + 1} is not UTF-8: save the file as UTF-8"
            ) from None
        if text.strip() and not text.lstrip().startswith("#"):
            yield number, text


def _splitter(delimiter: str | None) -> Split:
    if delimiter is None or delimiter == " ":
        return lambda line: line[1].split()

    def split(line: Line) -> list[str]:
        number, text = line
        if '"' not in text:
            return [cell.strip() for cell in text.split(delimiter)]
        try:
            row = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True))
        except csv.Error as error:
            raise MessageError("bad_file", f"line {number}: {error}: check its quotes") from None
        return [cell.strip() for cell in row]

    return split


def _sniffed(head: Sequence[Line]) -> Split:
    """The first delimiter that cuts the first lines into the most cells that are numbers."""

    def numbers(delimiter: str | None) -> int:
        return sum(_numbers(_splitter(delimiter), line) for line in head)

    return _splitter(max(_DELIMITERS, key=numbers))


def _numbers(split: Split, line: Line) -> int:
    try:
        return sum(map(_looks_like_number, split(line)))
    except MessageError:
        return 0  # quotes that make no sense with this delimiter


def _looks_like_number(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell) or _NOT_FINITE.fullmatch(cell))


def _places(columns: Sequence[str], header: list[str] | None) -> list[int]:
    if header is None:
        raise MessageError("bad_field", "columns: the file has no header that names them: leave columns out")
    for name in columns:
        if header.count(name) != 1:
            raise MessageError(
                "bad_field",
                f"columns: {name[:60]!r} is there {header.count(name)} times; the header has"
                f" {', '.join(header)[:200]}",
            )
    return [header.index(name) for name in columns]


def _number(line: int, place: int, cell: str) -> float:
    if not _NUMBER.fullmatch(cell):
        if _NOT_FINITE.fullmatch(cell):
            raise _wrong("non_finite", line, place, cell, "is not a finite number: leave the point out")
        raise _wrong("bad_number", line, place, cell, "is not a number: write it as -1.5e-3")
    value = float(cell)
    if not math.isfinite(value):
        raise _wrong("non_finite", line, place, cell, "lies beyond float64")
    if abs(value) >= MAX_INTEGER and _INTEGER.fullmatch(cell) and not _exact(cell):
        raise _wrong("integer_too_large", line, place, cell, "lies beyond 2^53, where float64 is not exact")
    return value


def _exact(digits: str) -> bool:
    # Long digit strings are not converted at all: that takes quadratic time, and newer Pythons refuse it.
    return len(digits) <= _EXACT_DIGITS and abs(int(digits)) <= MAX_INTEGER


def _wrong(code: str, line: int, place: int, cell: str, reason: str) -> MessageError:
    return MessageError(code, f"line {line}, column {place + 1}: {cell[:60]!r} {reason}")
