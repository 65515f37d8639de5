"""Files that a user names: those that are read and written, and those that are refused before any work."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tdaflink.adapters.storage.user_files import decoded, output_file, output_folder, read_bytes, read_text
from tdaflink.domain.errors import NotFound, TdaflinkError, UsageError

KINDS = ("folder", "fifo", "socket", "device")


def made(kind: str, path: Path) -> Path:
    """Create a file that is not a regular one."""
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            here = Path.cwd()
            os.chdir(path.parent)  # the whole path may be too long for a socket
            try:
                server.bind(path.name)
            finally:
                os.chdir(here)
    else:
        path = Path(os.devnull)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_regular_file_is_neither_read_nor_written(tmp_path: Path, kind: str) -> None:
    path = made(kind, tmp_path / "there")
    before = path.lstat()
    for action in (lambda: read_bytes(path, "--config", limit=100), lambda: output_file(path, "--out")):
        with pytest.raises(UsageError) as raised:
            action()
        assert str(path) in raised.value.message
        if kind != "socket":  # the system does not open a socket
            assert {"fifo": "FIFO"}.get(kind, kind) in raised.value.message
    after = path.lstat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_to_what_is_no_regular_file_is_refused_as_well(tmp_path: Path, kind: str) -> None:
    link = tmp_path / "link"
    link.symlink_to(made(kind, tmp_path / "there"))
    with pytest.raises(UsageError):
        output_file(link, "--out")
    assert link.is_symlink()


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "file", tmp_path / "link"
    link.symlink_to(target)
    output_file(link, "--out").write("first")
    assert target.read_text() == "first"
    target.chmod(0o640)
    output_file(link, "--out").write(b"second")
    assert (link.is_symlink(), target.read_text()) == (True, "second")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for action in (lambda path: output_file(path, "x"), lambda path: read_bytes(path, "x", limit=1)):
        with pytest.raises(UsageError):
            action(tmp_path / "a")


def test_modes_of_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        output_file(tmp_path / "page.html", "--plot").write("x")
        output_file(tmp_path / "plan", "plan", private=True).write("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "plan").stat().st_mode) == 0o600


def test_no_folder_is_made(tmp_path: Path) -> None:
    for function in (output_file, output_folder):
        with pytest.raises(UsageError, match="there is no folder"):
            function(tmp_path / "missing" / "x", "--out")
    (tmp_path / "file").touch()
    for function in (output_file, output_folder):
        with pytest.raises(UsageError):
            function(tmp_path / "file" / "x", "--out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_fails_midway_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def breaks_off() -> None:
        with output_file(path, "--out").opened() as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_becomes_a_folder_in_the_meantime_is_refused(tmp_path: Path) -> None:
    output = output_file(tmp_path / "file", "--out")
    (tmp_path / "file").mkdir()
    with pytest.raises(UsageError, match="folder"):
        output.write("x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["x" * 300, "nul\0byte", "", "/proc/self/fd/1", "/dev/stdout"])
def test_names_that_name_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(TdaflinkError):
        output_file(tmp_path / name if not name.startswith("/") else Path(name), "--out")


def test_size_is_bounded_before_and_while_reading(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**40)  # a sparse file: nothing is allocated
    with pytest.raises(UsageError, match="more than 1 MiB"):
        read_bytes(path, "--config", limit=2**20)
    assert read_bytes(Path(__file__), "x", limit=2**20) == Path(__file__).read_bytes()


def test_missing_files_are_not_found_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as raised:
        read_text(tmp_path / "none", "--config", limit=10, hint="tdaflink config init FILE")
    assert raised.value.hint == "tdaflink config init FILE"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfea\0", "UTF-16"),
        (b"PAR1....", "Parquet"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"a\nb\xe9", "line 2: byte 0xe9 is not UTF-8"),
        (b"a\0b", "NUL"),
    ],
)
def test_what_is_no_text_is_named(content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        decoded(content, "file", "--config")
    assert decoded(b"\xef\xbb\xbf{}", "file", "--config") == "{}"


def test_pipes_that_the_shell_opened_are_read() -> None:
    program = (
        "from tdaflink.adapters.storage.user_files import read_text;"
        "print(read_text('-', 'x', limit=9), read_text('/dev/stdin', 'x', limit=9))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input="text", capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["text"], done.stderr
