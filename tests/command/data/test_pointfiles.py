"""Files of points: the formats that are read, and the messages for the rest."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tdaflink.adapters.storage.point_files import ReadOptions, read
from tdaflink.domain.errors import NotFound, UsageError

CLOUD = [[0.5, -1.0], [2.0, 3e-3]]


def written(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def payloads(file: str, **said: Any) -> list[Any]:
    return list(read(file, ReadOptions(**said)).payloads)


@pytest.mark.parametrize(
    "text",
    [
        "0.5,-1\n2,0.003\n",
        "x,y\n0.5,-1\n2,3e-3\n",
        "\ufeffx;y\r\n0.5;-1\r\n2;0.003\r\n",
        "0.5\t-1\n2\t0.003\n",
        "  0.5   -1\n2 0.003",
        "# from the scanner\n\n0.5 | -1\n2 | 0.003\n",
        '"0.5", "-1"\n2,0.003\n',
    ],
    ids=["comma", "header", "semicolon, BOM, CRLF", "tab", "blanks", "comments and pipes", "quotes"],
)
def test_csv_in_any_usual_dress(tmp_path: Path, text: str) -> None:
    assert payloads(written(tmp_path, "cloud.csv", text)) == [CLOUD]


def test_csv_of_one_column_is_a_cloud_on_a_line(tmp_path: Path) -> None:
    assert payloads(written(tmp_path, "cloud.csv", "1\n2.5\n")) == [[[1.0], [2.5]]]


def test_a_stated_delimiter_is_taken(tmp_path: Path) -> None:
    file = written(tmp_path, "cloud.dat", "1:2\n3:4\n")
    assert payloads(file, form="csv", delimiter=":") == [[[1.0, 2.0], [3.0, 4.0]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3,four\n", "cloud.csv: line 2, column 2: 'four' is not a number: write it as -1.5e-3"),
        (
            "x,y\n1,2\n\n3\n",
            "cloud.csv: line 4: has 1 cells, but line 1 has 2: give all lines the same number",
        ),
        ("1,2\n3,nan\n", "cloud.csv: line 2, column 2: 'nan' is not a finite number: leave the point out"),
        ("1,2\n1e999,3\n", "cloud.csv: line 2, column 1: '1e999' is beyond float64"),
        ("x,y\n", "cloud.csv: holds no points: send at least one"),
        ("", "cloud.csv: holds no points: send at least one"),
        (b"1,2\n\xff,3\n", "cloud.csv: line 2: byte 1 is not UTF-8: save the file as UTF-8"),
    ],
)
def test_csv_errors_name_line_and_column(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(written(tmp_path, "cloud.csv", text))
    assert caught.value.message == str(tmp_path / message)


def npy(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)  # type: ignore[arg-type]
    return buffer.getvalue()


def test_npy(tmp_path: Path) -> None:
    assert payloads(written(tmp_path, "cloud.npy", npy(np.array(CLOUD)))) == [CLOUD]
    assert payloads(written(tmp_path, "unnamed", npy(np.array([[1, 2]], dtype=np.int8)))) == [[[1.0, 2.0]]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(np.zeros(3)), "has the shape (3,): save one row per point"),
        (npy(np.array([["a", "b"]])), "not of numbers"),
        (npy(np.array([[{}]], dtype=object)), "Python objects, which are never loaded"),
        (npy(np.array([[0.0, 1.0], [2.0, np.inf]])), "row 1 (the first is 0), column 1: inf is not a finite"),
        (npy(np.zeros((2, 2), np.longdouble)), "not of numbers: save it with dtype float64"),
        (npy(np.zeros((0, 2))), "holds no points"),
        (b"\x93NUMPY, and then it broke off", "is of an unsupported npy version"),
    ],
)
def test_npy_errors(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(written(tmp_path, "cloud.npy", content))
    assert words in caught.value.message


def test_a_pickle_in_an_npy_file_is_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "sprung",))  # type: ignore[return-value]

    with pytest.raises(UsageError):
        read(written(tmp_path, "cloud.npy", npy(np.array([[Trap()]], dtype=object))))
    assert not (tmp_path / "sprung").exists()


TIMED = [{"coordinates": point, "timestamp": 1} for point in CLOUD]
MATRIX = [[0, 1.5], [1.5, 0]]
STREAMED = {
    "stream_id": "s",
    "message_id": "m",
    "points": CLOUD,
    "timestamps": [1, "2024-01-01T00:00:00Z"],
}
MESSAGE = {
    "job_id": "a",
    "point_cloud": {"points": CLOUD, "dimension": 2},
    "parameters": {"max_dimension": 2},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps(CLOUD), [CLOUD]),
        (json.dumps({"points": CLOUD}), [CLOUD]),
        (json.dumps(TIMED), [TIMED]),
        (json.dumps({"points": TIMED}), [TIMED]),
        (json.dumps({"points": CLOUD, "dimension": 2}), [{"point_cloud": {"points": CLOUD, "dimension": 2}}]),
        (json.dumps({"distances": MATRIX}), [{"point_cloud": {"distances": MATRIX}}]),
        (json.dumps(STREAMED), [STREAMED]),
        (
            json.dumps({"uri": "file:///a.csv", "columns": ["x"]}),
            [{"uri": "file:///a.csv", "columns": ["x"]}],
        ),
        (json.dumps(MESSAGE, indent=2), [MESSAGE]),
        (json.dumps([MESSAGE, MESSAGE]), [MESSAGE, MESSAGE]),
        (f"{json.dumps(MESSAGE)}\n\n{json.dumps(CLOUD)}\n", [MESSAGE, CLOUD]),
    ],
    ids=[
        "points",
        "object",
        "times",
        "times in an object",
        "dimension",
        "distances",
        "stream",
        "upload",
        "message",
        "messages",
        "lines",
    ],
)
def test_json_in_every_form(tmp_path: Path, text: str, expected: list[object]) -> None:
    assert payloads(written(tmp_path, "cloud.json", text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1, 2],\n [3, oops]]", "cloud.json, line 2, column 6: is not JSON: Expecting value"),
        (
            "[[1, 2]]\n[[1, 2], [3]]",
            "cloud.json, line 2: points[1]: has 1 coordinates, the first point has 2",
        ),
        ('[[1, "2"]]', "cloud.json, line 1: points[0][1]: must be a number, not a text"),
        ("[[1, true]]", "cloud.json, line 1: points[0][1]: must be a number, not a boolean"),
        ("[[1, NaN]]", "cloud.json, line 1: NaN is not a finite number"),
        ("[1, 2]", "cloud.json, line 1: points[0]: must be a list of coordinates, not a number"),
        ("[]", "cloud.json, line 1: points: holds no points"),
        ("[[]]", "cloud.json, line 1: points[0]: has no coordinates"),
        ("  \n", "cloud.json is empty"),
        ('{"job_id": "a"}', "cloud.json, line 1: neither a list of points nor a message with a point_cloud"),
        ('{"job_id": "a", "point_cloud": {}}', "cloud.json, line 1: point_cloud.points: is missing"),
        (
            '{"points": [[1]],\n "points": [[2]]}',
            "cloud.json, line 2: the key points is given twice: keep one",
        ),
        (
            '{"distances": [[0, 1], [2, 0]]}',
            "cloud.json, line 1: point_cloud.distances[0][1] is 1: differs from the one across the diagonal",
        ),
    ],
)
def test_json_errors_name_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(written(tmp_path, "cloud.json", text))
    assert caught.value.message == str(tmp_path / message)


def test_a_number_that_a_float_cannot_hold_is_refused(tmp_path: Path) -> None:
    for number in (2**53 + 1, -(10**400)):
        with pytest.raises(UsageError, match="beyond 2\\^53"):
            read(written(tmp_path, "cloud.json", f"[[{number}]]"))


def test_stdin_is_understood_by_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (json.dumps(CLOUD).encode(), b"0.5,-1\n2,0.003\n", npy(np.array(CLOUD))):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert payloads("-") == [CLOUD]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there is no file gone\.csv"):
        read("gone.csv")
    with pytest.raises(UsageError, match="not a file"):
        read(str(tmp_path))
    with pytest.raises(UsageError, match="'xlsx' is not a format"):
        payloads(written(tmp_path, "a.csv", "1,2"), form="xlsx")
    with pytest.raises(UsageError, match="it must be one character"):
        payloads(written(tmp_path, "a.csv", "1,2"), delimiter="::")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x1f\x8b\x08", "is compressed with gzip, which is not supported"),
        (b"\xff\xfe1\x00,\x002\x00", "is text in UTF-16"),
        (b"PAR1 and no more", "is no sound Parquet file"),
        (b"PK\x03\x04 and no more", "is no npz file"),
    ],
)
def test_a_file_of_another_kind_is_named_whatever_it_is_called(
    tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read(written(tmp_path, "cloud.csv", content))


def test_options_belong_to_formats(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--key: belongs to npz, but .* is csv"):
        payloads(written(tmp_path, "a.csv", "1,2"), key="x")
    with pytest.raises(UsageError, match="--time and --by name columns"):
        payloads(written(tmp_path, "a.json", "[[1]]"), beside=("t",))
