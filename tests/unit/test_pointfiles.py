"""Files of points: what is understood, and what is said about the rest."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tdaflink.adapters.pointfiles import read
from tdaflink.domain.errors import NotFound, UsageError

CLOUD = [[0.5, -1.0], [2.0, 3e-3]]


def written(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


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
    assert read(written(tmp_path, "cloud.csv", text)) == [CLOUD]


def test_csv_of_one_column_is_a_cloud_on_a_line(tmp_path: Path) -> None:
    assert read(written(tmp_path, "cloud.csv", "1\n2.5\n")) == [[[1.0], [2.5]]]


def test_a_stated_delimiter_is_taken(tmp_path: Path) -> None:
    file = written(tmp_path, "cloud.dat", "1:2\n3:4\n")
    assert read(file, form="csv", delimiter=":") == [[[1.0, 2.0], [3.0, 4.0]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3,four\n", "cloud.csv, line 2, column 2: 'four' is not a number"),
        ("x,y\n1,2\n\n3\n", "cloud.csv, line 4: 1 coordinates, where earlier lines have 2"),
        ("1,2\n3,nan\n", "cloud.csv, line 2, column 2: 'nan' is not a finite number"),
        ("1,2\n1e999,3\n", "cloud.csv, line 2, column 1: '1e999' is not a finite number"),
        ("1,2\n3,\n", "cloud.csv, line 2, column 2: '' is not a number"),
        ("x,y\n", "cloud.csv: no points"),
        ("", "cloud.csv: no points"),
        (b"1,2\n\xff,3\n", "cloud.csv: byte 4 is not UTF-8"),
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
    assert read(written(tmp_path, "cloud.npy", npy(np.array(CLOUD)))) == [CLOUD]
    assert read(written(tmp_path, "unnamed", npy(np.array([[1, 2]], dtype=np.int8)))) == [[[1.0, 2.0]]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(np.zeros(3)), "of shape (3,): a cloud is a table of numbers"),
        (npy(np.array([["a", "b"]])), "<U1"),
        (npy(np.array([[{}]], dtype=object)), "not an npy file of numbers"),
        (npy(np.array([[0.0, 1.0], [2.0, np.inf]])), "row 1, column 1: inf is not a finite number"),
        (npy(np.zeros((0, 2))), "no points"),
        (b"\x93NUMPY, and then it broke off", "not an npy file of numbers"),
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


MESSAGE = {
    "job_id": "a",
    "point_cloud": {"points": CLOUD, "dimension": 2},
    "parameters": {"max_dimension": 2},
}


@pytest.mark.parametrize(
    ("text", "payloads"),
    [
        (json.dumps(CLOUD), [CLOUD]),
        (json.dumps({"points": CLOUD}), [CLOUD]),
        (json.dumps([{"coordinates": point, "timestamp": 1} for point in CLOUD]), [CLOUD]),
        (json.dumps(MESSAGE, indent=2), [MESSAGE]),
        (json.dumps([MESSAGE, MESSAGE]), [MESSAGE, MESSAGE]),
        (f"{json.dumps(MESSAGE)}\n\n{json.dumps(CLOUD)}\n", [MESSAGE, CLOUD]),
    ],
    ids=["points", "object", "coordinates", "message", "messages", "lines"],
)
def test_json_in_every_form(tmp_path: Path, text: str, payloads: list[object]) -> None:
    assert read(written(tmp_path, "cloud.json", text)) == payloads


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1, 2],\n [3, oops]]", "cloud.json, line 2, column 6: Expecting value"),
        ("[[1, 2]]\n[[1, 2], [3]]", "cloud.json, line 2, point 2: 1 coordinates, where point 1 has 2"),
        ('[[1, "2"]]', 'cloud.json, line 1, point 1, coordinate 2: "2" is not a finite number'),
        ("[[1, true]]", "cloud.json, line 1, point 1, coordinate 2: true is not a finite number"),
        ("[[1, NaN]]", "cloud.json, line 1: NaN is not a finite number"),
        ("[[1, 1e999]]", "cloud.json, line 1, point 1, coordinate 2: Infinity is not a finite number"),
        ("[1, 2]", "cloud.json, line 1, point 1: 1 is not a list of coordinates"),
        ("[]", "cloud.json, line 1: no points"),
        ("[[]]", "cloud.json, line 1: no points"),
        ("  \n", "cloud.json is empty"),
        ('{"job_id": "a"}', "cloud.json, line 1: neither a list of points nor a message with a point_cloud"),
        ('{"job_id": "a", "point_cloud": {}}', "cloud.json, line 1: point_cloud has no points"),
    ],
)
def test_json_errors_name_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(written(tmp_path, "cloud.json", text))
    assert caught.value.message == str(tmp_path / message)


def test_a_number_that_a_float_cannot_hold_is_refused(tmp_path: Path) -> None:
    for number in (2**53 + 1, -(10**400)):
        with pytest.raises(UsageError, match="coordinate 1"):
            read(written(tmp_path, "cloud.json", f"[[{number}]]"))


def test_stdin_is_understood_by_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (json.dumps(CLOUD).encode(), b"0.5,-1\n2,0.003\n", npy(np.array(CLOUD))):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert read("-") == [CLOUD]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there is no file gone\.csv"):
        read("gone.csv")
    with pytest.raises(UsageError, match="cannot be read"):
        read(str(tmp_path))
    with pytest.raises(UsageError, match="'xlsx' is not a format"):
        read(written(tmp_path, "a.csv", "1,2"), form="xlsx")
    with pytest.raises(UsageError, match="it is one character"):
        read(written(tmp_path, "a.csv", "1,2"), delimiter="::")
