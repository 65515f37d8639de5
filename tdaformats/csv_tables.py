"""Points from CSV text; ambiguous text is refused instead of guessed."""

from __future__ import annotations

import csv
import io
import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from tdaformats.bounds import FLOAT_BYTES, Bounds
from tdaformats.columns import ask_for_columns, is_index, places_of, refuse_index
from tdaformats.errors import MessageError
from tdaformats.strict_json import MAX_INTEGER
from tdaformats.table_values import Options, Table

MAX_LINE = 1 << 20  # bytes
_SNIFFED_LINES = 20
_DELIMITERS = (",", ";", "\t", "|", None)  # None: runs of blanks
_EXACT_DIGITS = 17
_UTF8_MARK = b"\xef\xbb\xbf"
# ASCII digits only: float() would also accept 1_000 and digits of other scripts.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]+)?")

Line = tuple[int, str]
Row = tuple[int, list[str]]
Split = Callable[[Line], list[str]]


@dataclass
class _Layout:
    """The columns that are read: indices of the coordinates, and of further columns by name.

    `guessed`: no columns were named; `names` are those of the header, or else the numbers from 1.
    """

    names: list[str]
    has_header: bool
    chosen: list[int]
    beside: dict[str, int]
    guessed: bool
    usable: list[str] = field(default_factory=list)


def read_csv(content: bytes, options: Options, bounds: Bounds) -> Table:
    """Return the rows of a CSV text; empty lines and lines that begin with # are skipped.

    A first line without any number is the header. Columns are chosen by its names, or without a header by
    their numbers from 1. Raises MessageError with line and column, also for ambiguous text.
    """
    lines = _lines(content)
    head = list(islice(lines, _SNIFFED_LINES))
    delimiter = options.delimiter or _sniffed(head)
    split = _splitter(delimiter)
    rows = _rows(chain(head, lines), split)
    if not head:
        bounds.check_shape(0, 0)
    elif options.columns is None:
        bounds.check_shape(1, len(split(head[0])))  # before any cell is parsed
    layout = _layout(split, head, options)
    if layout.has_header:
        next(rows)
    # Two whole numbers with a comma between them may be one number with a decimal comma.
    doubtful = delimiter == "," != options.delimiter and not layout.has_header and layout.guessed
    pairs = _Pairs() if doubtful else None
    return _table(rows, layout, bounds, pairs)


def _layout(split: Split, head: Sequence[Line], options: Options) -> _Layout:
    first = split(head[0])
    has_header = _has_header(first, options)
    names = first if has_header else [str(place + 1) for place in range(len(first))]
    what = "the header" if has_header else "the file has no header, and"
    beside = dict(zip(options.beside, places_of(options.beside, names, what), strict=True))
    usable = _usable(split, head[1:] if has_header else head, names, beside)
    if options.columns is not None:
        chosen = places_of(options.columns, names, what)
        return _Layout(names, has_header, chosen, beside, False, usable)
    chosen = [place for place in range(len(names)) if place not in beside.values()]
    if has_header:
        for place in chosen:
            if is_index(names[place]):
                raise refuse_index(names[place], place, usable)
    if not chosen:
        raise ask_for_columns("bad_field", "no column is left for coordinates", ())
    return _Layout(names, has_header, chosen, beside, True, usable)


def _has_header(first: Sequence[str], options: Options) -> bool:
    if options.header is not None:
        return options.header
    numeric = [_looks_like_number(cell) or bool(_DECIMAL_COMMA.fullmatch(cell)) for cell in first]
    named = (*(options.columns or ()), *options.beside)
    if not any(numeric):
        return True
    if all(numeric) and list(first) != [str(place) for place in range(len(first))]:
        return False
    if named and all(name in first for name in named):
        return True
    counted = [cell for cell in first if cell]
    if counted == [str(place) for place in range(len(counted))]:
        raise MessageError(
            "bad_file",
            f"line 1: {', '.join(first)[:60]!r} may be a point, or a header of numbers as pandas writes it:"
            " set header to true or false",
        )
    return False


def _usable(split: Split, rows: Sequence[Line], names: Sequence[str], beside: dict[str, int]) -> list[str]:
    """Return the columns that could be coordinates, judged by the first row."""
    cells = split(rows[0]) if rows else []
    return [
        name
        for place, (name, cell) in enumerate(zip(names, cells, strict=False))
        if _NUMBER.fullmatch(cell) and not is_index(name) and place not in beside.values()
    ]


class _Pairs:
    """Detects decimal commas in rows of two integers that a guessed comma separates."""

    def __init__(self) -> None:
        self.possible = True
        self._zeros = True
        self._padded = False

    def see(self, cells: Sequence[str]) -> None:
        if len(cells) != 2 or not all(_INTEGER.fullmatch(cell) for cell in cells) or cells[1][0] in "+-":
            self.possible = False
            return
        self._zeros = self._zeros and cells[0] in ("0", "-0", "+0")
        self._padded = self._padded or (len(cells[1]) > 1 and cells[1][0] == "0")

    def notes(self) -> tuple[str, ...]:
        """Return a note that the commas may be decimal; raises MessageError if that is likely."""
        if not self.possible:
            return ()
        if self._zeros or self._padded:
            raise MessageError(
                "bad_file",
                "its commas look like decimal signs, as in 0,5: use points, as in 0.5, or set the"
                " delimiter if it is a comma",
            )
        return (
            "read as two columns of integers; if the commas are decimal signs, use points instead,"
            " otherwise set the delimiter",
        )


def _rows(lines: Iterable[Line], split: Split) -> Iterator[Row]:
    """Yield the number and the cells of each line; all lines must have as many cells as the first."""
    first, width = 0, 0
    for line in lines:
        cells = split(line)
        if not first:
            first, width = line[0], len(cells)
        if len(cells) != width:
            comma = "; use a point as the decimal sign" if _DECIMAL_COMMA.fullmatch(line[1].strip()) else ""
            raise MessageError(
                "ragged_points",
                f"line {line[0]}: has {len(cells)} cells, but line {first} has {width}: give all lines the"
                f" same number{comma}",
            )
        yield line[0], cells


def _table(rows: Iterable[Row], layout: _Layout, bounds: Bounds, pairs: _Pairs | None) -> Table:
    numbers = array("d")
    beside: dict[str, list[Any]] = {name: [] for name in layout.beside}
    points = 0
    for line, cells in rows:
        points += 1
        try:
            numbers.extend(_number(line, place, cells[place], layout) for place in layout.chosen)
        except MessageError as error:
            raise _explained(error, layout) from None
        for name, place in layout.beside.items():
            beside[name].append(cells[place])
        if pairs is not None and pairs.possible:
            pairs.see(cells)
        if points > bounds.max_points or len(numbers) * FLOAT_BYTES > bounds.max_bytes:
            break
    bounds.check_shape(points, len(layout.chosen) if points else 0)
    notes = () if pairs is None else pairs.notes()
    names = tuple(layout.names[place] for place in layout.chosen)
    return Table(len(layout.chosen), numbers, names, beside, notes)


def _explained(error: MessageError, layout: _Layout) -> MessageError:
    """Add the candidate columns to the error of a text column if no columns were named."""
    others = [name for name in layout.usable if name not in layout.beside]
    if error.code != "bad_number" or not layout.guessed or not 0 < len(others) < len(layout.chosen):
        return error
    return ask_for_columns(error.code, error.reason.partition(": write it as")[0], others)


def _lines(content: bytes) -> Iterator[Line]:
    """Yield the number, from 1, and the text of each line that is neither blank nor a comment."""
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


def _sniffed(head: Sequence[Line]) -> str | None:
    """Return the first delimiter with the most numbers, then the fewest other cells, in the first lines."""

    def score(delimiter: str | None) -> tuple[int, int]:
        split = _splitter(delimiter)
        counted = [_counted(split, line, delimiter) for line in head]
        return sum(numbers for numbers, _ in counted), -sum(others for _, others in counted)

    return max(_DELIMITERS, key=score)


def _counted(split: Split, line: Line, delimiter: str | None) -> tuple[int, int]:
    try:
        cells = split(line)
    except MessageError:
        return 0, 0  # the quotes are invalid with this delimiter
    numbers = sum(map(_looks_like_number, cells))
    # A number with a decimal comma would be two with the comma as delimiter.
    split_up = delimiter != "," and len(cells) > 1
    decimal = split_up * sum(bool(_DECIMAL_COMMA.fullmatch(cell)) for cell in cells)
    return numbers + 2 * decimal, len(cells) - numbers - decimal


def _looks_like_number(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell) or _NOT_FINITE.fullmatch(cell))


def _number(line: int, place: int, cell: str, layout: _Layout) -> float:
    if not _NUMBER.fullmatch(cell):
        if _NOT_FINITE.fullmatch(cell):
            raise _wrong(
                "non_finite", line, place, cell, "is not a finite number: leave the point out", layout
            )
        if _DECIMAL_COMMA.fullmatch(cell):
            raise _wrong("bad_number", line, place, cell, "has a decimal comma: write points, as 0.5", layout)
        raise _wrong("bad_number", line, place, cell, "is not a number: write it as -1.5e-3", layout)
    value = float(cell)
    if not math.isfinite(value):
        raise _wrong("non_finite", line, place, cell, "is beyond float64", layout)
    if abs(value) >= MAX_INTEGER and _INTEGER.fullmatch(cell) and not _exact(cell):
        reason = "is beyond 2^53, where float64 is not exact"
        raise _wrong("integer_too_large", line, place, cell, reason, layout)
    return value


def _exact(digits: str) -> bool:
    # Long digit strings are never converted: that takes quadratic time, and newer Pythons raise ValueError.
    return len(digits) <= _EXACT_DIGITS and abs(int(digits)) <= MAX_INTEGER


def _wrong(code: str, line: int, place: int, cell: str, reason: str, layout: _Layout) -> MessageError:
    name = f" ({layout.names[place][:60]})" if layout.has_header else ""
    return MessageError(code, f"line {line}, column {place + 1}{name}: {cell[:60]!r} {reason}")
