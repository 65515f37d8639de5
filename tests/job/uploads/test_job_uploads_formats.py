"""Valid and invalid files of each format, through the whole route: message, child process, points."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.job.uploading import CLOUD, access_to, npy, npz, table, upload
from tdajob.errors import MessageError
from tdajob.topology.values import FloatArray
from tdajob.uploads.fetcher import UploadAccess, fetch_points

from tdaformats.bounds import Bounds
from tdaformats.table_values import Options
from tdaformats.tables import read_table

MAX_POINTS = 1000
LIMIT = 1 << 20
Read = Callable[..., FloatArray]


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UploadAccess]:
    made = access_to(tmp_path_factory.getbasetemp(), max_points=MAX_POINTS)
    yield made
    made.close()


@pytest.fixture
def read(access: UploadAccess, tmp_path: Path) -> Read:
    """Writes bytes to a file and reads them through the route."""

    def read(name: str, content: bytes | str, **fields: Any) -> FloatArray:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return fetch_points(upload((tmp_path / name).as_uri(), **fields), access).points

    return read


def refused(read: Read, name: str, content: bytes | str, **fields: Any) -> MessageError:
    with pytest.raises(MessageError) as caught:
        read(name, content, **fields)
    assert name in caught.value.reason
    return caught.value


# -- csv


@pytest.mark.parametrize(
    "text",
    [
        "0.5,-1\n2,0.003\n0,7.25\n",
        "x,y\n0.5,-1\n2,3e-3\n.0,+7.25",
        "\ufeffx;y\r\n0.5;-1\r\n2;0.003\r\n0;7.25\r\n",
        "0.5\t-1\n2\t0.003\n0\t7.25\n",
        "  0.5   -1\n2 0.003\n0 7.25",
        "# from the scanner\n\n0.5 | -1\n2 | 0.003\n  \n#0 | 0\n0. | 7.25",
        '"x", "y"\n"0.5", "-1"\n2,0.003\n0,725e-2\n',
        "0.5,-1\r2,0.003\r0,7.25\r",
    ],
    ids=["comma", "header", "semicolon, mark, CRLF", "tab", "blanks", "comments, pipes", "quotes", "CR"],
)
def test_csv_in_any_usual_dress(read: Read, text: str) -> None:
    assert read("a.csv", text).tolist() == CLOUD


def test_csv_columns_are_chosen_by_the_header(read: Read) -> None:
    text = "id,y,x\nfirst,-1,0.5\nsecond,0.003,2\nthird,7.25,0\n"
    assert read("a.csv", text, columns=["x", "y"]).tolist() == CLOUD
    assert read("a.dat", "1:2\n", format="csv", delimiter=":").tolist() == [[1, 2]]
    assert read("a.txt", "1\n2\n").tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("1,2\n3,four\n", "bad_number", "line 2, column 2: 'four' is not a number"),
        ("1,2\n\n3,\n", "bad_number", "line 3, column 2: '' is not a number"),
        ("1,2\n3,1_000\n", "bad_number", "'1_000'"),
        ("1,2\n3,١\n", "bad_number", "line 2, column 2"),
        ("1,2\n3,0x10\n", "bad_number", "'0x10'"),
        ("1,2\n3,nan\n", "non_finite", "line 2, column 2: 'nan' is not a finite number"),
        ("1,2\n-Infinity,3\n", "non_finite", "line 2, column 1"),
        ("1,2\n1e999,3\n", "non_finite", "'1e999' is beyond float64"),
        ("1,2\n3,9007199254740993\n", "integer_too_large", "'9007199254740993' is beyond 2^53"),
        ("1,2\n3," + "9" * 300 + "\n", "integer_too_large", "line 2, column 2"),
        ("x,y\n1,2\n\n3\n", "ragged_points", "line 4: has 1 cells, but line 1 has 2"),
        ("1;2\n3,4\n", "ragged_points", "line 2: has 2 cells, but line 1 has 1"),
        ('1,2\n"3,4\n', "bad_file", "line 2"),
        (b"1,2\n3,\xff\n", "bad_file", "line 2: byte 3 is not UTF-8"),
        ("1,2\n".encode("utf-16"), "bad_file", "UTF-8"),
        ("x,y\n", "empty_cloud", "holds no points"),
        ("", "empty_cloud", "holds no points"),
        ("1,2\n" * (MAX_POINTS + 1), "too_many_points", "1001 points are more than max_points 1000"),
        ("1," * (LIMIT // 2 - 1) + "1\n", "dimension_too_large", "524288 is above 65535"),
        ("1" * (LIMIT - 1), "non_finite", "line 1, column 1"),
        ("1," * LIMIT, "file_too_large", f"has {2 * LIMIT} bytes, more than uploads.max_bytes = {LIMIT}"),
    ],
)  # fmt: skip
def test_csv_refusals_name_line_and_column(read: Read, text: str | bytes, code: str, words: str) -> None:
    error = refused(read, "a.csv", text)
    assert (error.code, words in error.reason) == (code, True), error.reason
    assert len(error.reason) < 600


def test_a_huge_line_is_no_point() -> None:
    with pytest.raises(MessageError, match="line 2: has more than 1048576 bytes"):
        read_table(b"1,2\n" + b"1," * (1 << 20), "csv", Options(), Bounds(1 << 30, 10))


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("1,2\n", ["x"], "no header"),
        ("x,y\n1,2\n", ["z"], "'z' occurs 0 times; the header has x, y"),
        ("x,x\n1,2\n", ["x"], "'x' occurs 2 times"),
    ],
)
def test_columns_that_a_csv_file_does_not_have(read: Read, text: str, columns: list[str], words: str) -> None:
    error = refused(read, "a.csv", text, columns=columns)
    assert (error.code, words in error.reason) == ("bad_field", True), error.reason


# -- npy and npz


@pytest.mark.parametrize(
    "kind", ["f2", "<f4", ">f8", "i1", "u2", "<i4", ">i2", ">i4", ">i8", ">u2", ">u8", "u8"]
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_any_kind_of_number(read: Read, kind: str, order: Any) -> None:
    array = np.array([[1, 2], [3, 4], [100, 6]], dtype=kind, order=order)
    assert read("a.npy", npy(array)).tolist() == array.tolist()


def test_npz_with_one_array_or_a_named_one(read: Read) -> None:
    cloud = np.array(CLOUD)
    assert read("a.npz", npz(cloud)).tolist() == CLOUD
    assert read("a.npz", npz(cloud, packed=False)).tolist() == CLOUD
    both = npz(scan=cloud, weights=np.ones(3))
    assert read("a.npz", both, key="scan").tolist() == CLOUD
    assert "it has scan, weights" in refused(read, "a.npz", both).reason
    assert refused(read, "a.npz", both, key="scans").code == "bad_field"
    assert refused(read, "a.npz", npz()).code == "bad_file"


class Evil:
    """Creates a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("unpickled",)


def header(shape: str, descr: str = "'<f8'", extra: str = "") -> bytes:
    """Return the header of an npy file with this shape."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}{extra}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


BAD_NPY: dict[str, tuple[bytes, str, str]] = {
    "pickle": (npy(np.array([[Evil()]], dtype=object)), "bad_file", "never loaded"),
    "text": (npy(np.array([["a"]])), "bad_file", "not of numbers"),
    "booleans": (npy(np.array([[True]])), "bad_file", "bool"),
    "complex": (npy(np.array([[1j]])), "bad_file", "complex128"),
    "long double": (npy(np.zeros((2, 2), np.longdouble)), "bad_file", "not of numbers"),
    "records": (npy(np.zeros((2, 2), dtype=[("x", "f8")])), "bad_file", "not of numbers"),
    "times": (npy(np.zeros((2, 2), dtype="M8[s]")), "bad_file", "datetime64"),
    "flat": (npy(np.zeros(4)), "bad_file", "shape (4,): save one row per point"),
    "scalar": (npy(np.float64(1)), "bad_file", "shape ()"),
    "a cube": (npy(np.zeros((2, 2, 2))), "bad_file", "shape (2, 2, 2)"),
    "negative": (header("(-1, -8)") + b"\0" * 64, "bad_file", "shape (-1, -8)"),
    "no rows": (npy(np.zeros((0, 3))), "empty_cloud", "no points"),
    "no columns": (npy(np.zeros((3, 0))), "bad_file", "without coordinates"),
    "NaN": (npy([[0.0, 1.0], [np.nan, 2.0]]), "non_finite", "row 1 (the first is 0), column 0: nan is not"),
    "inf": (npy(np.array([[0, -np.inf]], dtype="f2")), "non_finite", "column 1: -inf"),
    "long integer": (npy(np.array([[1], [2**53 + 1]])), "integer_too_large", "row 1"),
    "smallest integer": (npy(np.array([[-(2**63)]])), "integer_too_large", "column 0"),
    "largest integer": (npy(np.array([[2**64 - 1]], dtype="u8")), "integer_too_large", "column 0"),
    "truncated": (npy(np.zeros((9, 9)))[:-1], "bad_file", "has 647 bytes of numbers, but 648 by its header"),
    "too long": (npy(np.zeros((9, 9))) + b"\0", "bad_file", "has 649 bytes"),
    "header alone": (npy(np.zeros((9, 9)))[:40], "bad_file", "is no npy file"),
    "empty": (b"", "bad_file", "is no npy file"),
    "something else": (b"x,y\n1,2\n", "bad_file", "is no npy file"),
    "another version": (b"\x93NUMPY\x09\x00" + b"\0" * 80, "bad_file", "version"),
    "code in the header": (header("(__import__('os').mkdir('unpickled'), 2)"), "bad_file", "is no npy file"),
    "a deep header": (header("(" * 4000 + ")" * 4000), "bad_file", "is no npy file"),
    "strange type": (header("(1, 1)", "'<f99'"), "bad_file", "is no npy file"),
    "many points": (header(f"({MAX_POINTS + 1}, 1)"), "too_many_points", "1001 points"),
    "a promise": (header("(1000, 1000000000000000)"), "dimension_too_large", "above 65535"),
    "endless": (header("(" + "9" * 400 + ", 2)"), "too_many_points", "max_points"),
    "grows as float64": (npy(np.zeros((1000, 500), dtype="i1")), "file_too_large", "to 4000000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_NPY)
@pytest.mark.parametrize("archived", [False, True], ids=["npy", "npz"])
def test_npy_refusals(
    read: Read, name: str, archived: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, code, words = BAD_NPY[name]
    monkeypatch.chdir(tmp_path)
    error = refused(read, "a.npz", archive(content)) if archived else refused(read, "a.npy", content)
    assert (error.code, words in error.reason) == (code, True), error.reason
    assert not list(tmp_path.glob("**/unpickled"))


def archive(content: bytes, method: int = zipfile.ZIP_DEFLATED, name: str = "cloud.npy") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        made.writestr(name, content)
    return buffer.getvalue()


def test_an_archive_that_unpacks_without_end_is_refused_before_it_does(read: Read) -> None:
    array = npy(np.zeros((MAX_POINTS, 50_000)))
    bomb = archive(array)
    assert len(bomb) < LIMIT < len(array) // 300
    error = refused(read, "a.npz", bomb)
    assert (error.code, f"unpacks to {len(array)} bytes" in error.reason) == ("file_too_large", True)


def test_an_archive_that_hides_its_size_gives_no_more_than_it_says(read: Read) -> None:
    small, large = npy(np.zeros((4, 2))), npy(np.zeros((MAX_POINTS, 50_000)))
    for said in (small, npy(np.zeros((100, 100)))):
        bomb = archive(large).replace(struct.pack("<I", len(large)), struct.pack("<I", len(said)))
        error = refused(read, "a.npz", bomb)
        assert (error.code, "is no npz file" in error.reason) == ("bad_file", True), error.reason


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packers_that_numpy_does_not_use_are_refused(read: Read, method: int) -> None:
    error = refused(read, "a.npz", archive(npy(np.array(CLOUD)), method))
    assert (error.code, "numpy.savez" in error.reason) == ("bad_file", True)


@pytest.mark.parametrize(
    "spoil", [lambda c: c[:-30], lambda c: c[:60] + b"\xff" * 8 + c[68:], lambda c: b"PK" + c]
)
def test_broken_archives(read: Read, spoil: Callable[[bytes], bytes]) -> None:
    good = npz(np.random.default_rng(0).random((50, 2)))
    assert refused(read, "a.npz", spoil(good)[:-1]).code == "bad_file"


# -- parquet


def test_parquet_takes_all_columns_of_numbers_or_those_that_are_named(read: Read) -> None:
    x, y = zip(*CLOUD, strict=True)
    numbers = {"x": x, "n": pa.array([1, 2, 3], pa.uint8()), "y": y}
    assert read("a.parquet", table(numbers)).tolist() == [[p[0], n, p[1]] for n, p in enumerate(CLOUD, 1)]
    mixed = table({"id": ["a", "b", "c"], **numbers})
    assert "such as columns: x, n, y" in refused(read, "a.parquet", mixed).reason
    assert read("a.parquet", mixed, columns=["y", "x"]).tolist() == [[p[1], p[0]] for p in CLOUD]
    halves = pa.array(np.array([1.5, 2, 3], dtype="f2"))
    assert read("a.parquet", table({"a.b": halves}), columns=["a.b"]).tolist() == [[1.5], [2], [3]]


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_parquet_in_several_row_groups_and_any_packing(read: Read, compression: str) -> None:
    points = np.random.default_rng(1).random((MAX_POINTS, 3))
    columns = {name: points[:, place] for place, name in enumerate("xyz")}
    content = table(columns, compression=compression, row_group_size=77)
    assert read("a.parquet", content).tobytes() == points.tobytes()


GOOD_PARQUET = table({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]}, compression="none")
BAD_PARQUET: dict[str, tuple[bytes, dict[str, Any], str, str]] = {
    "no such column": (GOOD_PARQUET, {"columns": ["z"]}, "bad_field", "'z' occurs 0 times; the file has x"),
    "text column": (table({"x": ["a"]}), {"columns": ["x"]}, "bad_field", "is of string"),
    "no numbers": (table({"x": ["a"], "t": [True]}), {}, "bad_file", "no numeric column; it has x, t"),
    "nested": (table({"x": [[1.0, 2.0]]}), {}, "bad_file", "no numeric column"),
    "a hole": (table({"x": [1.0, None]}), {}, "bad_number", "row 1 (the first is 0), column 'x': is empty"),
    "NaN": (table({"x": [1.0, 2.0], "y": [1.0, float("nan")]}), {}, "non_finite", "row 1 (the first is 0)"),
    "long integer": (table({"x": [2**53 + 1], "y": [0.5]}), {}, "integer_too_large", "column 'x'"),
    "no rows": (table({"x": pa.array([], pa.float64())}), {}, "empty_cloud", "no points"),
    "truncated": (GOOD_PARQUET[:-9], {}, "bad_file", "no sound Parquet file"),
    "footer alone": (GOOD_PARQUET[-8:], {}, "bad_file", "no sound Parquet file"),
    "empty": (b"", {}, "bad_file", "no sound Parquet file"),
    "something else": (b"x,y\n1,2\n", {}, "bad_file", "no sound Parquet file"),
    "many points": (table({"x": range(MAX_POINTS + 1)}), {}, "too_many_points", "1001 points"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PARQUET)
def test_parquet_refusals(read: Read, name: str) -> None:
    content, fields, code, words = BAD_PARQUET[name]
    error = refused(read, "a.parquet", content, **fields)
    assert (error.code, words in error.reason) == (code, True), error.reason


def test_a_parquet_file_of_countless_equal_rows_is_refused_by_what_it_says(read: Read) -> None:
    bomb = table({"x": np.zeros(50_000_000, dtype="i1")})
    assert len(bomb) < LIMIT
    assert refused(read, "a.parquet", bomb).code == "too_many_points"


def test_a_parquet_file_that_unpacks_far_is_refused_by_what_it_says(read: Read) -> None:
    wide = table({f"c{place}": np.zeros(MAX_POINTS) for place in range(200)})
    assert len(wide) < LIMIT
    error = refused(read, "a.parquet", wide)
    assert (error.code, "unpacks to 1600000 bytes" in error.reason) == ("file_too_large", True)
    text = table({"x": np.zeros(MAX_POINTS), "text": ["a" * 100_000] * MAX_POINTS}, compression="zstd")
    assert len(text) < LIMIT
    assert read("a.parquet", text, columns=["x"]).tolist() == [[0.0]] * MAX_POINTS


def test_a_parquet_file_that_lies_about_its_pages_ends_at_the_memory_of_the_child(read: Read) -> None:
    """The header of a page starts with its kind, its uncompressed size and its compressed size."""
    honest = table({"x": np.arange(7.0)}, compression="snappy", use_dictionary=False)
    unpacked, packed = honest[7] // 2, honest[9] // 2
    assert honest[:10] == b"PAR1\x15\x00\x15" + bytes([2 * unpacked, 0x15, 2 * packed])
    two_gib = b"\xfe\xff\xff\xff\x0f"  # four bytes longer, so the page gets four bytes less
    lie = honest[:7] + two_gib + b"\x15" + bytes([2 * (packed - 4)]) + honest[10:]
    error = refused(read, "a.parquet", lie)
    assert (error.code, "takes more memory" in error.reason) == ("file_too_large", True), error.reason
    assert read("a.parquet", honest).tolist() == np.arange(7.0).reshape(-1, 1).tolist()


# -- all of them


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(
        [("csv", b"x,y\n1,2\n3,4.5\n"), ("npy", npy(np.array(CLOUD))), ("npz", npz(np.array(CLOUD)))]
    ),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_any_damage_is_an_error_or_a_finite_cloud(
    sound: tuple[str, bytes], damage: list[tuple[int, int]]
) -> None:
    form, content = sound
    spoilt = bytearray(content)
    for place, value in damage:
        spoilt[place % len(spoilt)] = value
    try:
        table = read_table(bytes(spoilt), form, Options(), Bounds(LIMIT, MAX_POINTS))
    except MessageError:
        return
    assert len(table.numbers) % table.width == 0
    assert np.isfinite(np.asarray(table.numbers)).all()


def test_damaged_parquet_never_stops_the_route(read: Read) -> None:
    random_state = np.random.default_rng(5)
    codes = set()
    for _ in range(60):
        spoilt = bytearray(GOOD_PARQUET)
        for place in random_state.integers(4, len(spoilt) - 8, size=3):
            spoilt[place] = random_state.integers(256)
        try:
            assert np.isfinite(read("a.parquet", bytes(spoilt))).all()
        except MessageError as error:
            codes.add(error.code)
    assert "bad_file" in codes
    assert read("a.parquet", GOOD_PARQUET).tolist() == [[1, 1], [2, 2], [3, 3]]


def test_no_library_for_files_is_loaded_with_the_answerer() -> None:
    """A worker without uploads does not load pyarrow's file systems."""
    check = (
        "import sys, tdajob.processing.requests;"
        "print([m for m in ('pyarrow', 'pyarrow.fs', 'pyarrow.parquet') if m in sys.modules])"
    )
    jobs = str(Path(__file__).parents[3] / "jobs")
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, env={"PYTHONPATH": jobs}
    )
    assert done.stdout.strip() == "[]"
