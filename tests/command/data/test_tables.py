"""Tables of points, as command and job read them: their meaning, and the refusal of ambiguous ones."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from tdaformats.bounds import Bounds
from tdaformats.errors import MessageError
from tdaformats.table_values import Options, Table
from tdaformats.tables import read_table

BOUNDS = Bounds(1 << 20, 1000)


def read(text: str | bytes, form: str = "csv", **options: Any) -> Table:
    return read_table(text.encode() if isinstance(text, str) else text, form, Options(**options), BOUNDS)


def refusal(text: str | bytes, form: str = "csv", **options: Any) -> MessageError:
    with pytest.raises(MessageError) as caught:
        read(text, form, **options)
    return caught.value


@pytest.mark.parametrize(
    ("text", "options", "columns", "rows"),
    [
        ("x,y\n1,2\n", {}, ("x", "y"), [[1, 2]]),
        ("1.5,2\n", {}, ("1", "2"), [[1.5, 2]]),
        ("0,1\n0.5,7\n", {"header": True}, ("0", "1"), [[0.5, 7]]),
        ("0,1\n0.5,7\n", {"header": False}, ("1", "2"), [[0, 1], [0.5, 7]]),
        ("0,1\n0.5,7\n", {"columns": ("1", "0")}, ("1", "0"), [[7, 0.5]]),
        (",x,y\n0,1,2\n", {"columns": ("x", "y")}, ("x", "y"), [[1, 2]]),
        (",0,1\n0,1.5,2\n", {"columns": ("0", "1")}, ("0", "1"), [[1.5, 2]]),
        ("x,y,label\n1,2,a\n", {"columns": ("y", "x")}, ("y", "x"), [[2, 1]]),
        ("5,6,7\n1,2,3\n", {"columns": ("3", "1")}, ("3", "1"), [[7, 5], [3, 1]]),
        ("0,5\n0,7\n", {"delimiter": ",", "header": False}, ("1", "2"), [[0, 5], [0, 7]]),
        ("2019,2020\n1,2\n", {"header": True}, ("2019", "2020"), [[1, 2]]),
    ],
)  # fmt: skip
def test_what_is_said_decides(
    text: str, options: dict[str, Any], columns: tuple[str, ...], rows: list[list[float]]
) -> None:
    found = read(text, **options)
    assert (found.columns, found.rows()) == (columns, rows)


@pytest.mark.parametrize(
    ("text", "code", "words", "columns"),
    [
        ("0,1\n0.5,0.6\n", "bad_file", "'0, 1' may be a point, or a header of numbers", ()),
        ("0,1,2\n1,2,3\n", "bad_file", "header to true or false", ()),
        ("0\n0.5\n", "bad_file", "may be a point, or a header", ()),
        (",0,1\n0,0.5,0.6\n", "bad_file", "may be a point, or a header", ()),
        (",x,y\n0,1,2\n", "bad_file", "column 1 has no name", ("x", "y")),
        ("Unnamed: 0,x\n0,1\n", "bad_file", "column 1 is named 'Unnamed: 0', like an index", ("x",)),
        ("x,index\n0,1\n", "bad_file", "column 2 is named 'index'", ("x",)),
        ("x,y,kind\n1,2,cat\n", "bad_number", "line 2, column 3 (kind): 'cat' is not a number", ("x", "y")),
        (
            "cat,1,2\n",
            "bad_number",
            "line 1, column 1: 'cat' is not a number: name the coordinate columns",
            ("2", "3"),
        ),
        ("when,x\n2024-01-01T00:00:00Z,2\n", "bad_number", "name the coordinate columns", ("x",)),
        ("0,5\n0,7\n0,25\n", "bad_file", "commas look like decimal signs", ()),
        ("1,5\n2,05\n", "bad_file", "commas look like decimal signs", ()),
        ("x\n0,5\n", "ragged_points", "use a point as the decimal sign", ()),
        ("x;y\n0,5;1,5\n", "bad_number", "'0,5' has a decimal comma", ()),
        ("0,5;1,5\n2,5;3,5\n", "bad_number", "'0,5' has a decimal comma", ()),
        ("x,y\n1_000,2\n", "bad_number", "'1_000' is not a number", ("y",)),
        ("x,y\n1,٣\n", "bad_number", "is not a number", ("x",)),
        ("x,y\n1,9007199254740993\n", "integer_too_large", "beyond 2^53", ()),
        ("x,y\n1," + "1" * 131_073 + "\n", "non_finite", "is beyond float64", ()),
        ('x,y\n1,"' + "0" * 131_073 + '"\n', "bad_file", "line 2: field larger", ()),
    ],
)  # fmt: skip
def test_what_may_be_meant_in_two_ways_is_refused(
    text: str, code: str, words: str, columns: tuple[str, ...]
) -> None:
    error = refusal(text)
    assert (error.code, words in error.reason) == (code, True), error.reason
    assert error.columns == columns, error.reason
    assert len(error.reason) < 500


def test_whole_numbers_in_pairs_are_read_and_doubted() -> None:
    found = read("1,2\n3,4\n")
    assert found.rows() == [[1, 2], [3, 4]]
    assert "decimal signs" in found.notes[0]
    for sure in ("1,2\n3,4.5\n", "x,y\n1,2\n", "1;2\n3;4\n", "1,2,3\n"):
        assert read(sure).notes == ()
    assert read("1,2\n", delimiter=",").notes == ()


def test_columns_beside_the_coordinates_are_kept_as_they_are() -> None:
    found = read("t,x,sensor,y\n2024-01-01T00:00:00Z,1,a,2\n17,3,b,4\n", beside=("t", "sensor"))
    assert (found.columns, found.rows()) == (("x", "y"), [[1, 2], [3, 4]])
    assert found.beside == {"t": ["2024-01-01T00:00:00Z", "17"], "sensor": ["a", "b"]}
    assert "'z' occurs 0 times" in refusal("x,y\n1,2\n", beside=("z",)).reason
    assert "no column is left" in refusal("x\n1\n", beside=("x",)).reason


def parquet(columns: dict[str, Any]) -> bytes:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    buffer = pa.BufferOutputStream()
    files.write_table(pa.table(columns), buffer)
    return bytes(buffer.getvalue())


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("decimal128(9, 2)", "1.50"), ("string", "a"), ("bool_", True), ("timestamp('ms')", 5), ("date32", 5),
        ("list_(float64)", [1.0]), ("binary", b"x"), ("duration('s')", 5), ("null", None),
    ],
)  # fmt: skip
def test_a_parquet_column_that_is_no_number_is_never_left_out(kind: str, value: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    from decimal import Decimal

    made = {
        "decimal128(9, 2)": pa.decimal128(9, 2), "string": pa.string(), "bool_": pa.bool_(),
        "timestamp('ms')": pa.timestamp("ms"), "date32": pa.date32(),
        "list_(float64)": pa.list_(pa.float64()), "binary": pa.binary(),
        "duration('s')": pa.duration("s"), "null": pa.null(),
    }[kind]  # fmt: skip
    other = pa.array([Decimal(value) if kind.startswith("decimal") else value], made)
    content = parquet({"x": [1.0], "other": other, "y": [2]})
    error = refusal(content, "parquet")
    assert "column 'other' is of" in error.reason
    assert (error.code, error.columns) == ("bad_file", ("x", "y"))
    assert "is of" in refusal(content, "parquet", columns=("x", "other")).reason
    assert read(content, "parquet", columns=("y", "x")).rows() == [[2, 1]]


def test_an_index_of_pandas_in_parquet_is_no_coordinate() -> None:
    error = refusal(parquet({"x": [1.0], "__index_level_0__": [0]}), "parquet")
    assert "column 2 is named '__index_level_0__', like an index" in error.reason
    assert error.columns == ("x",)


def test_the_index_that_pandas_names_in_its_notes_is_no_coordinate() -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    made = pa.table({"x": [1.0], "sensor": [3]})
    noted = made.replace_schema_metadata({"pandas": '{"index_columns": ["sensor"]}'})
    buffer = pa.BufferOutputStream()
    files.write_table(noted, buffer)
    assert refusal(bytes(buffer.getvalue()), "parquet").columns == ("x",)


def test_times_and_keys_of_parquet() -> None:
    pa = pytest.importorskip("pyarrow")
    times = pa.array([1_704_110_400_123_456_789], pa.timestamp("ns", "UTC"))
    content = parquet({"t": times, "x": [1.5], "sensor": pa.array(["a"]).dictionary_encode()})
    found = read(content, "parquet", beside=("t", "sensor"))
    assert (found.columns, found.rows()) == (("x",), [[1.5]])
    assert found.beside == {"t": [1_704_110_400_123], "sensor": ["a"]}


def test_arrays_of_numpy_have_no_names() -> None:
    buffer = io.BytesIO()
    np.savez(buffer, scan=np.array([[1, 2]]), other=np.zeros(3))
    found = read(buffer.getvalue(), "npz", key="scan")
    assert (found.columns, found.rows()) == (None, [[1, 2]])
    wide = io.BytesIO()
    np.save(wide, np.zeros((1, 1 << 16)))
    assert refusal(wide.getvalue(), "npy").code == "dimension_too_large"
