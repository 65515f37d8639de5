"""Objects of a real S3 service, and services that refuse, hang, send slowly or report wrong sizes."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.job.uploading import CLOUD, access_to, npy, npz, table, upload
from support.servers.s3_service import BUCKET, S3Service
from tdajob.errors import MessageError
from tdajob.uploads.fetcher import UploadAccess, fetch_points


@pytest.fixture(scope="module")
def access(s3: S3Service) -> Iterator[UploadAccess]:
    made = access_to(f"s3://{BUCKET}/open", "s3://no-such-bucket/", s3=s3.settings(), timeout_s=60.0)
    yield made
    made.close()


def refused(access: UploadAccess, uri: str) -> MessageError:
    with pytest.raises(MessageError) as caught:
        fetch_points(upload(uri), access)
    assert caught.value.key == "u"
    return caught.value


X, Y = zip(*CLOUD, strict=True)
SOUND = {
    "a.csv": b"x,y\n0.5,-1\n2,0.003\n0,7.25\n",
    "a.npy": npy(np.array(CLOUD)),
    "a.npz": npz(np.array(CLOUD)),
    "a.parquet": table({"x": X, "y": Y}),
}


@pytest.mark.parametrize("name", SOUND)
def test_every_format_comes_back_as_it_was_put(s3: S3Service, access: UploadAccess, name: str) -> None:
    fetched = fetch_points(upload(s3.put(f"open/{name}", SOUND[name])), access)
    assert (fetched.points.tolist(), fetched.size) == (CLOUD, len(SOUND[name]))


def test_names_that_need_escapes(s3: S3Service, access: UploadAccess) -> None:
    s3.put("open/run 1/50% ä.csv", b"1,2\n")
    for name in ("run%201/50%25%20%C3%A4.csv", "run 1/50%25 ä.csv"):
        assert fetch_points(upload(f"s3://{BUCKET}/open/{name}"), access).points.tolist() == [[1, 2]]


def test_large_objects_come_whole_up_to_the_limit(s3: S3Service) -> None:
    """Read an object of several blocks; one byte above the limit is refused by its size alone."""
    cloud = np.random.default_rng(0).random((90_000, 25))
    uri = s3.put("open/large.npy", npy(cloud))
    size = len(npy(cloud))
    for limit, fits in ((size, True), (size - 1, False)):
        access = access_to(f"s3://{BUCKET}/", max_points=100_000, s3=s3.settings(), max_bytes=limit)
        try:
            if fits:
                assert fetch_points(upload(uri), access).points.tobytes() == cloud.tobytes()
            else:
                assert refused(access, uri).code == "file_too_large"
        finally:
            access.close()


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        (f"s3://{BUCKET}/open/none.csv", "not_found"),
        (f"s3://{BUCKET}/open/folder.csv", "not_found"),
        ("s3://no-such-bucket/a.csv", "not_found"),
        (f"s3://{BUCKET}/secret.csv", "forbidden_uri"),
        (f"s3://{BUCKET}/opens/a.csv", "forbidden_uri"),
        ("s3://other/open/a.csv", "forbidden_uri"),
    ],
)
def test_what_is_not_there_and_what_may_not_be_read(
    s3: S3Service, access: UploadAccess, uri: str, code: str
) -> None:
    s3.put("secret.csv", b"1,2\n")
    s3.put("open/folder.csv/a.csv", b"1,2\n")
    assert refused(access, uri).code == code


def test_wrong_keys_are_refused_and_not_told(s3: S3Service) -> None:
    uri = s3.put("open/a.csv", b"1,2\n")
    wrong = "not-the-secret"
    access = access_to(f"s3://{BUCKET}/", s3=s3.settings(secret_key=wrong))
    try:
        error = refused(access, uri)
    finally:
        access.close()
    assert (error.code, "uploads.s3.access_key" in error.reason) == ("access_denied", True), error.reason
    assert wrong not in error.reason


def test_a_service_that_is_not_there(s3: S3Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    access = access_to(f"s3://{BUCKET}/", s3=s3.settings(endpoint=nowhere), timeout_s=60.0)
    try:
        error = refused(access, f"s3://{BUCKET}/a.csv")
    finally:
        access.close()
    assert error.code == "storage_unreachable"
    assert nowhere in error.reason
    assert "uploads.s3.endpoint" in error.reason


@contextmanager
def service(
    answer: Callable[[socket.socket, threading.Event], None],
) -> Iterator[tuple[str, threading.Event]]:
    """Start a service that handles each connection by `answer`; the event is set at the first connection."""
    came, ended = threading.Event(), threading.Event()
    threads = []

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            came.set()
            threads.append(threading.Thread(target=talk, args=(connection,)))
            threads[-1].start()

    def talk(connection: socket.socket) -> None:
        with connection:
            try:
                answer(connection, ended)
            except OSError:
                return  # the client has closed the connection

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        accepting = threading.Thread(target=serve)
        accepting.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", came
        finally:
            ended.set()
            for thread in (accepting, *threads):
                thread.join()


def silent(_: socket.socket, ended: threading.Event) -> None:
    ended.wait()


def trickling(connection: socket.socket, ended: threading.Event) -> None:
    """Send an endless header slowly, so that no timeout between two bytes passes."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-filler: ")
    while not ended.wait(0.05):
        connection.sendall(b"x")


@pytest.mark.parametrize("answer", [silent, trickling])
def test_a_service_that_does_not_come_to_an_end_is_left_at_the_deadline(
    s3: S3Service, tmp_path: Path, answer: Callable[[socket.socket, threading.Event], None]
) -> None:
    (tmp_path / "a.csv").write_text("1,2\n")
    with service(answer) as (endpoint, came):
        settings = s3.settings(endpoint=endpoint)
        access = access_to(tmp_path, f"s3://{BUCKET}/", s3=settings, timeout_s=2.0)
        try:
            error = refused(access, f"s3://{BUCKET}/a.csv")
            assert came.is_set()
            assert (error.code, "uploads.timeout = 2 s" in error.reason) == ("fetch_timeout", True)
            found = fetch_points(upload((tmp_path / "a.csv").as_uri()), access)
            assert found.points.tolist() == [[1, 2]], "the next upload is read"
        finally:
            access.close()


def test_a_reader_that_dies_is_one_error_and_no_more(s3: S3Service, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2\n")
    with service(silent) as (endpoint, came):
        settings = s3.settings(endpoint=endpoint)
        access = access_to(tmp_path, f"s3://{BUCKET}/", s3=settings, timeout_s=120.0)

        def kill() -> None:
            came.wait()
            os.kill(access._process.pid or 0, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            error = refused(access, f"s3://{BUCKET}/a.csv")
            assert (error.code, "SIGKILL" in error.reason) == ("reader_crashed", True)
            found = fetch_points(upload((tmp_path / "a.csv").as_uri()), access)
            assert found.points.tolist() == [[1, 2]]
        finally:
            killer.join()
            access.close()


HEADER = (
    "HTTP/1.1 {} OK\r\nContent-Length: {}\r\nETag: {}\r\nLast-Modified: Mon, 01 Jan 2024 12:00:00 GMT\r\n\r\n"
)


@contextmanager
def changing(heads: list[tuple[int, str]], body: bytes) -> Iterator[str]:
    """Start a service whose object has these sizes and tags in turn, and always this body."""

    def answer(connection: socket.socket, _: threading.Event) -> None:
        while asked := connection.recv(65536):
            if asked.startswith(b"HEAD"):
                connection.sendall(HEADER.format(200, *heads.pop(0)).encode())
            else:
                connection.sendall(HEADER.format(206, len(body), "x").encode() + body)

    with service(answer) as (endpoint, _):
        yield endpoint


@pytest.mark.parametrize(
    ("after", "body"), [((4, "a"), b"1,2\n"), ((8, "b"), b"1,2\n5,6\n"), ((4, "b"), b"1,2\n")]
)
def test_an_object_that_is_replaced_while_it_is_read_is_refused(
    s3: S3Service, after: tuple[int, str], body: bytes
) -> None:
    with changing([(8, "a"), after], body) as endpoint:
        access = access_to(f"s3://{BUCKET}/", s3=s3.settings(endpoint=endpoint), timeout_s=60.0)
        try:
            error = refused(access, f"s3://{BUCKET}/a.csv")
        finally:
            access.close()
    assert (error.code, "changed while it was read" in error.reason) == ("bad_file", True), error.reason


def test_a_service_that_sends_more_than_was_asked_for_is_not_listened_to(s3: S3Service) -> None:
    with changing([(8, "a")] * 2, b"1,2\n3,4\n" * 100_000) as endpoint:
        access = access_to(f"s3://{BUCKET}/", s3=s3.settings(endpoint=endpoint), timeout_s=60.0)
        try:
            assert refused(access, f"s3://{BUCKET}/a.csv").code == "storage_unreachable"
        finally:
            access.close()
