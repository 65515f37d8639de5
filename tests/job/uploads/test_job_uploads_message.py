"""Upload messages: their fields, the URIs that they may name, and the errors of refused ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.job.uploading import ORIGIN, parsed, upload
from tdajob.errors import MessageError
from tdajob.uploads.message import Options

from tdaformats.upload_uris import UploadUri, check_root, parse_root, parse_uri

CSV = "file:///a/b.csv"


def refused(message: Any, **changes: Any) -> MessageError:
    with pytest.raises(MessageError) as caught:
        parsed(message, **changes)
    return caught.value


def test_a_whole_message() -> None:
    found = parsed(
        {
            "job_id": "scan-7",
            "uri": "s3://clouds/run%201/scan.bin",
            "format": "parquet",
            "columns": ["x", "y"],
            "algorithm": "alpha",
            "parameters": {"max_dimension": 2},
            "timestamp": "2024-01-01T12:00:00Z",
            "sent_by": "a producer's own field",
        }
    )
    assert found.job_id == "scan-7"
    assert found.place == UploadUri("s3", "clouds", "run 1/scan.bin")
    assert (found.format, found.options) == ("parquet", Options(columns=("x", "y")))
    assert (found.question.query.algorithm, found.question.query.max_dimension) == ("alpha", 2)
    assert (found.timestamp_ms, found.own_timestamp) == (1_704_110_400_000, True)


def test_what_a_message_leaves_out_comes_from_the_config_and_from_kafka() -> None:
    found = parsed({"job_id": "a", "uri": "file:///data/a.npz", "key": "cloud"}, query__max_dimension=3)
    assert found.question.query.max_dimension == 3
    assert (found.timestamp_ms, found.own_timestamp) == (ORIGIN.timestamp_ms, False)
    assert found.options == Options(key="cloud")


def test_a_file_id_stands_in_for_a_job_id() -> None:
    uri = "file:///data/a.csv"
    assert parsed({"file_id": "f", "uri": uri}).job_id == "f"
    assert parsed({"file_id": "f", "job_id": None, "uri": uri}).job_id == "f"
    assert parsed({"file_id": "f", "job_id": "j", "uri": uri}).job_id == "j"


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.csv", "csv"), ("a.TSV", "csv"), ("a.txt", "csv"), ("a.b.npy", "npy"), ("a.NPZ", "npz"),
     ("a.parquet", "parquet")],
)  # fmt: skip
def test_the_ending_names_the_format_and_the_field_overrules_it(name: str, form: str) -> None:
    assert upload(f"file:///data/{name}").format == form
    assert upload(f"file:///data/{name}", format="npy").format == "npy"


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (None, "empty", "has no value"),
        (b"[1]", "not_an_object", "not a list"),
        ({"uri": CSV}, "missing_field", "job_id: is missing"),
        ({"file_id": 3, "uri": CSV}, "bad_file_id", "file_id: must be a text"),
        ({"job_id": "a"}, "missing_field", "uri: is missing"),
        ({"job_id": "a", "uri": 3}, "bad_uri", "uri: must be a text, not a number"),
        (b'{"job_id": "a", "uri": "file:///a/b.csv", "uri": "file:///c/d.csv"}', "duplicate_key", "uri"),
        (b'{"job_id": "a", "uri": "file:///a/b.csv", "x": 9007199254740993}', "integer_too_large", "2^53"),
        ({"job_id": "a", "uri": "file:///a/b"}, "unknown_format", "add the field format"),
        ({"job_id": "a", "uri": "file:///a/b.csv.gz"}, "unknown_format", "'.gz'"),
        ({"job_id": "a", "uri": CSV, "format": "xml"}, "unknown_format", "'xml' is none of csv"),
        ({"job_id": "a", "uri": CSV, "format": 3}, "unknown_format", "format: 3"),
        ({"job_id": "a", "uri": CSV, "key": "x"}, "bad_field", "key: belongs to npz, not to csv"),
        ({"job_id": "a", "uri": "file:///a/b.npy", "columns": ["x"]}, "bad_field", "csv and parquet"),
        ({"job_id": "a", "uri": CSV, "columns": []}, "bad_field", "columns: must be a list"),
        ({"job_id": "a", "uri": CSV, "columns": ["x", 1]}, "bad_field", "a list of names"),
        ({"job_id": "a", "uri": CSV, "columns": ["x", "x"]}, "bad_field", "more than once"),
        ({"job_id": "a", "uri": CSV, "delimiter": "::"}, "bad_field", "one ASCII character"),
        ({"job_id": "a", "uri": CSV, "timestamp": "soon"}, "bad_timestamp", "RFC 3339"),
        ({"job_id": "a", "uri": CSV, "timestamp": "2999-01-01"}, "bad_timestamp", "RFC 3339"),
        ({"job_id": "a", "uri": CSV, "algorithm": "alpah"}, "unknown_algorithm", "mean alpha"),
        ({"job_id": "a", "uri": CSV, "parameters": {"max_dim": 1}}, "unknown_parameter", "max_dim"),
    ],
)  # fmt: skip
def test_refuses(message: Any, code: str, words: str) -> None:
    error = refused(message)
    assert (error.code, words in error.reason) == (code, True), error.reason
    knows = isinstance(message, dict) and isinstance(message.get("job_id"), str)
    assert error.key == ("a" if knows or code in ("duplicate_key", "integer_too_large") else None)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("file:///data/a.csv", UploadUri("file", "", "/data/a.csv")),
        ("FILE://localhost/data/a%20b.csv", UploadUri("file", "", "/data/a b.csv")),
        ("file:///data/a%3Fb%23c%25.csv", UploadUri("file", "", "/data/a?b#c%.csv")),
        ("file:///data/../etc/passwd", UploadUri("file", "", "/data/../etc/passwd")),
        ("s3://bucket/a/b c.csv", UploadUri("s3", "bucket", "a/b c.csv")),
        ("s3://Old_Bucket.1/ä%C3%A4@x:y.csv", UploadUri("s3", "Old_Bucket.1", "ää@x:y.csv")),
    ],
)
def test_uris_are_taken_apart(uri: str, place: UploadUri) -> None:
    assert parse_uri(uri) == place


@pytest.mark.parametrize(
    ("uri", "code", "words"),
    [
        ("", "bad_uri", "begin it with file:///"),
        ("/data/a.csv", "bad_uri", "begin it with file:///"),
        ("data:text/csv,1,2", "bad_uri", "begin it with"),
        ("http://host/a.csv", "forbidden_uri", "http is not read"),
        ("gopher+s3://bucket/a.csv", "forbidden_uri", "is not read"),
        ("file://server/share/a.csv", "bad_uri", "names a host"),
        ("file://data/a.csv", "bad_uri", "three slashes"),
        ("file:///", "bad_uri", "names no file"),
        ("file:///data/", "bad_uri", "names no file"),
        ("file:///a%00b.csv", "bad_uri", "control character"),
        ("file:///a\nb.csv", "bad_uri", "control character"),
        ("file:///a%zz.csv", "bad_uri", "write % as %25"),
        ("file:///a%ff.csv", "bad_uri", "not UTF-8"),
        ("file:///a.csv?x=1", "bad_uri", "%3F"),
        ("s3://bucket/a.csv?endpoint_override=evil", "bad_uri", "%3F"),
        ("s3://bucket/a.csv#x", "bad_uri", "%23"),
        ("s3:///a.csv", "bad_uri", "names no bucket"),
        ("s3://bucket:9000/a.csv", "bad_uri", "names no bucket"),
        ("s3://bucket%2fx/a.csv", "bad_uri", "names no bucket"),
        ("s3://bucket", "bad_uri", "names no file"),
        ("s3://bucket/", "bad_uri", "names no file"),
        ("s3://bucket/folder/", "bad_uri", "names no file"),
        ("s3://bucket/../other/a.csv", "bad_uri", "a . or a .."),
        ("s3://bucket/a/%2e%2e/b.csv", "bad_uri", "a . or a .."),
        ("s3://bucket/./a.csv", "bad_uri", "a . or a .."),
        ("s3://bucket//a.csv", "bad_uri", "an empty part"),
        ("s3://bucket/" + "a" * 2048, "bad_uri", "2060 characters"),
    ],
)
def test_what_is_no_place_for_a_file(uri: str, code: str, words: str) -> None:
    error = refused({"job_id": "a", "uri": uri, "format": "csv"})
    assert (error.code, words in error.reason, error.key) == (code, True, "a"), error.reason
    assert error.reason.startswith("uri: ")


@pytest.mark.parametrize(
    "uri",
    ["s3://key:hunter2@bucket/a.csv", "s3://hunter2@bucket/a.csv", "http://me:hunter2@host/a.csv",
     "file://me:hunter2@host/a.csv"],
)  # fmt: skip
def test_credentials_are_refused_and_not_repeated(uri: str) -> None:
    error = refused({"job_id": "a", "uri": uri})
    assert error.code in ("bad_uri", "forbidden_uri")
    assert "hunter2" not in error.reason


def test_a_root_holds_what_lies_below_it_and_no_neighbour() -> None:
    roots = [parse_root(root) for root in ("s3://clouds/public", "s3://scans/", "file:///data/")]
    for allowed in ("s3://clouds/public/a.csv", "s3://clouds/public/b/a.csv", "s3://scans/a.csv"):
        check_root(parse_uri(allowed), roots)
    for outside in (
        "s3://clouds/public-not/a.csv",
        "s3://clouds/a.csv",
        "s3://clouds/public",
        "s3://other/a.csv",
    ):
        with pytest.raises(MessageError, match=r"forbidden_uri: .*add its folder to uploads\.roots"):
            check_root(parse_uri(outside), roots)


def test_without_a_root_nothing_may_be_read() -> None:
    for uri, other in (("file:///data/a.csv", "s3://clouds/"), ("s3://clouds/a.csv", "file:///data/")):
        with pytest.raises(MessageError, match=r"forbidden_uri.*uploads\.roots in the job's config"):
            check_root(parse_uri(uri), [])
        with pytest.raises(MessageError, match="forbidden_uri"):
            check_root(parse_uri(uri), [parse_root(other)])


@pytest.mark.parametrize("root", ["file:///", "file:///.", "file:///a/..", "s3://", "ftp://host/", "/data"])
def test_what_is_no_root(root: str) -> None:
    with pytest.raises(MessageError):
        parse_root(root)


@given(st.text() | st.text("/.%@:?#file3s", max_size=20).map(lambda tail: f"s3://bucket/{tail}"))
def test_any_text_is_a_place_or_an_error(uri: str) -> None:
    try:
        place = parse_uri(uri)
    except MessageError as error:
        assert error.code in ("bad_uri", "forbidden_uri")  # noqa: PT017
    else:
        assert not {"", ".", ".."} & set(place.path.lstrip("/").split("/")) or place.scheme == "file"


@given(st.binary(max_size=100) | st.dictionaries(st.text(), st.integers() | st.text()).map(json.dumps))
def test_any_message_is_an_upload_or_an_error(raw: bytes | str) -> None:
    with pytest.raises(MessageError):
        parsed(raw if isinstance(raw, bytes) else raw.encode())
