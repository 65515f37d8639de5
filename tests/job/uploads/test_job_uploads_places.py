"""Local files are read only below a root, with links, pipes and concurrent writers."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.job.uploading import access_to, upload
from tdajob.errors import MessageError
from tdajob.uploads.fetcher import UploadAccess, fetch_points
from tdajob.uploads.local_files import read_local

from tdaformats.bounds import Bounds

LINES = "1,2\n3,4\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the root `open`, and files outside of it that must not be read."""
    made = tmp_path_factory.mktemp("files")
    (made / "open" / "deep").mkdir(parents=True)
    (made / "open" / "a b.csv").write_text(LINES)
    (made / "open" / "deep" / "a.csv").write_text(LINES)
    (made / "open-not").mkdir()
    for place in (made / "secret.csv", made / "open-not" / "secret.csv"):
        place.write_text("4,5\n")
    (made / "open" / "inside.csv").symlink_to("deep/a.csv")
    (made / "open" / "outside.csv").symlink_to("../secret.csv")
    (made / "open" / "up").symlink_to(made)
    (made / "open" / "circle.csv").symlink_to("circle.csv")
    (made / "open" / "nowhere.csv").symlink_to("deep/none.csv")
    (made / "way-in").symlink_to("open")
    os.mkfifo(made / "open" / "pipe.csv")
    return made


@pytest.fixture(scope="module")
def access(folder: Path) -> Iterator[UploadAccess]:
    made = access_to(folder / "open")
    yield made
    made.close()


def refused(access: UploadAccess, path: Path) -> MessageError:
    with pytest.raises(MessageError) as caught:
        fetch_points(upload(f"file://{path}"), access)
    assert str(path)[:40] in caught.value.reason
    assert caught.value.key == "u"
    return caught.value


@pytest.mark.parametrize(
    "name",
    ["open/a%20b.csv", "open/deep/a.csv", "open/deep/../inside.csv", "way-in/deep/a.csv",
     "open/up/open/deep/a.csv"],
)  # fmt: skip
def test_what_lies_below_the_root_is_read_whichever_way_leads_there(
    access: UploadAccess, folder: Path, name: str
) -> None:
    fetched = fetch_points(upload(f"file://{folder}/{name}"), access)
    assert (fetched.points.tolist(), fetched.size) == ([[1, 2], [3, 4]], len(LINES))


@pytest.mark.parametrize(
    "name",
    ["secret.csv", "open/../secret.csv", "open/%2e%2e/secret.csv", "open/deep/../../secret.csv",
     "open/outside.csv", "open/up/secret.csv", "open-not/secret.csv", "none/../secret.csv", "none.csv",
     "open/up/open-not/secret.csv"],
)  # fmt: skip
def test_what_lies_elsewhere_is_forbidden_whether_it_is_there_or_not(
    access: UploadAccess, folder: Path, name: str
) -> None:
    error = refused(access, folder / name)
    assert error.code == "forbidden_uri"
    assert "uploads.roots" in error.reason


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("open/none.csv", "not_found", "no such file where the job runs"),
        ("open/deep/a.csv/b.csv", "not_found", "no such file"),
        ("open/nowhere.csv", "not_found", "no such file"),
        ("open/circle.csv", "not_a_file", "is circular"),
        ("open/pipe.csv", "not_a_file", "is a pipe"),
    ],
)
def test_what_is_no_file(access: UploadAccess, folder: Path, name: str, code: str, words: str) -> None:
    error = refused(access, folder / name)
    assert (error.code, words in error.reason) == (code, True), error.reason


def test_a_folder_a_socket_and_a_device_are_no_files(access: UploadAccess, folder: Path) -> None:
    (folder / "open" / "folder.csv").mkdir(exist_ok=True)
    assert "is a folder" in refused(access, folder / "open" / "folder.csv").reason
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(folder / "open")  # a socket's path is limited to about a hundred characters
        try:
            listener.bind("socket.csv")
        finally:
            os.chdir(here)
    assert "is a socket" in refused(access, folder / "open" / "socket.csv").reason
    with pytest.raises(MessageError, match="not_a_file: is a device"):
        read_local("/dev/zero", ["/dev"], Bounds(100, 10))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(access: UploadAccess, folder: Path) -> None:
    (folder / "open" / "closed.csv").write_text(LINES)
    (folder / "open" / "closed.csv").chmod(0)
    assert refused(access, folder / "open" / "closed.csv").code == "access_denied"


def test_a_root_that_is_a_link_to_the_whole_machine_opens_nothing(folder: Path) -> None:
    (folder / "machine").symlink_to("/")
    with pytest.raises(MessageError, match="forbidden_uri"):
        read_local(str(folder / "secret.csv"), [str(folder / "machine")], Bounds(100, 10))


def test_links_that_change_all_the_time_never_lead_outside(folder: Path) -> None:
    """Exchange a folder and a link to the forbidden folder continuously."""
    root = folder / "open" / "race"
    (root / "real").mkdir(parents=True)
    (root / "real" / "secret.csv").write_text(LINES)
    (root / "link").symlink_to(folder / "open-not")
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            for name in ("real", "link"):
                os.rename(root / name, root / "now")
                os.rename(root / "now", root / name)

    swapper = threading.Thread(target=swap)
    swapper.start()
    codes = set()
    try:
        for _ in range(3000):
            try:
                found = read_local(str(root / "now" / "secret.csv"), [str(root)], Bounds(100, 10))
                assert found == LINES.encode()
                codes.add("read")
            except MessageError as error:
                codes.add(error.code)
    finally:
        ended.set()
        swapper.join()
    assert codes <= {"read", "forbidden_uri", "not_found", "not_a_file"}
    assert len(codes) > 1


def test_a_file_of_exactly_the_limit_is_read_and_one_byte_more_is_not(folder: Path) -> None:
    place = folder / "open" / "limit.csv"
    place.write_bytes(b"1" * 4096)
    assert read_local(str(place), [str(folder / "open")], Bounds(4096, 10)) == b"1" * 4096
    with pytest.raises(MessageError, match=r"has 4096 bytes, more than uploads\.max_bytes = 4095") as caught:
        read_local(str(place), [str(folder / "open")], Bounds(4095, 10))
    assert caught.value.code == "file_too_large"


@pytest.mark.skipif(not Path("/proc/kallsyms").is_file(), reason="needs a file that is longer than it says")
def test_a_file_that_is_longer_than_it_said_is_not_read_beyond_the_limit() -> None:
    assert Path("/proc/kallsyms").stat().st_size == 0
    with pytest.raises(MessageError, match="file_too_large"):
        read_local("/proc/kallsyms", ["/proc"], Bounds(100_000, 10))
    with pytest.raises(MessageError, match="bad_file: changed while it was read, from 0 bytes to"):
        read_local("/proc/version", ["/proc"], Bounds(100_000, 10))


def test_a_file_that_grows_is_refused(folder: Path) -> None:
    place = folder / "open" / "growing.csv"
    place.touch()
    os.truncate(place, 100 << 20)  # reading it takes long enough that the writer runs in between
    ended, writing = threading.Event(), threading.Event()

    def grow() -> None:
        with place.open("ab", buffering=0) as file:
            while not ended.is_set():
                file.write(b"3,4\n")
                writing.set()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        assert writing.wait(60)
        with pytest.raises(MessageError) as caught:
            read_local(str(place), [str(folder / "open")], Bounds(1 << 30, 10))
    finally:
        ended.set()
        writer.join()
    assert caught.value.code == "bad_file"
    assert "changed while it was read" in caught.value.reason
