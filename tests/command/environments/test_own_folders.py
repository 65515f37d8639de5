"""Folders of tdaflink: closed to other users, and not trusted where others may have created them."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from tdaflink.adapters.local_runtime.temporary_files import TemporaryFolders
from tdaflink.adapters.storage.environment_store import EnvironmentStore
from tdaflink.adapters.storage.locks import MachineLock, PortClaims
from tdaflink.adapters.storage.paths import (
    cache_folder,
    ensure_dir,
    private_folder,
    state_folder,
    user_runtime_folder,
)
from tdaflink.domain.errors import StorageFailed

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to another user")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set the folders for state, cache and temporary files to subfolders of the test's folder."""
    for name in ("state", "cache", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TDAFLINK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("TDAFLINK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return tmp_path


def test_state_folders_are_closed_to_others_whatever_the_umask(folders: Path) -> None:
    before = os.umask(0)
    try:
        ensure_dir(folders / "state" / "environments" / "local" / "run")
    finally:
        os.umask(before)
    made = [
        folders / "state" / part for part in ("environments", "environments/local", "environments/local/run")
    ]
    assert [mode(path) for path in made] == [0o700] * 3
    (folders / "state").chmod(0o777)
    (folders / "state" / "environments").chmod(0o755)
    state_folder()
    assert (mode(folders / "state"), mode(folders / "state" / "environments")) == (0o700, 0o700)


def test_a_state_folder_that_holds_other_things_is_left_as_it_is(folders: Path) -> None:
    state = folders / "state"
    (state / "thesis.tex").touch()
    state.chmod(0o755)
    assert (state_folder(), mode(state)) == (state, 0o755)
    state.chmod(0o777)
    with pytest.raises(StorageFailed, match="all users may write") as raised:
        state_folder()
    assert "chmod go-w" in str(raised.value.hint)


def test_nobody_else_may_write_to_the_cache(folders: Path) -> None:
    (folders / "cache").chmod(0o777)
    cache_folder()
    assert mode(folders / "cache") == 0o755


@as_root
@pytest.mark.parametrize("part", ["state", "state/environments", "cache"])
def test_what_belongs_to_another_user_is_not_used(folders: Path, part: str) -> None:
    ensure_dir(folders / part)
    os.chown(folders / part, 12345, 12345)
    with pytest.raises(StorageFailed, match="belongs to another user"):
        cache_folder() if part == "cache" else state_folder()


def test_a_state_folder_that_is_a_file_is_named(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folders / "file").touch()
    monkeypatch.setenv("TDAFLINK_STATE_DIR", str(folders / "file"))
    with pytest.raises(StorageFailed, match=f"{folders / 'file'} is a file"):
        EnvironmentStore()
    monkeypatch.setenv("TDAFLINK_STATE_DIR", str(folders / "file" / "below"))
    with pytest.raises(StorageFailed, match="Not a directory"):
        EnvironmentStore()


def test_a_link_with_a_name_that_others_can_guess_is_refused(folders: Path) -> None:
    victim = folders / "victim"
    victim.mkdir(mode=0o755)
    (folders / "temporary" / f"tdaflink-{os.geteuid()}").symlink_to(victim)
    long = folders / "state" / ("x" * 90)
    with pytest.raises(StorageFailed, match="is a link"):
        TemporaryFolders(long).make("taskmanager-1")
    assert (mode(victim), list(victim.iterdir())) == (0o755, [])


@as_root
def test_a_folder_that_another_user_has_made_is_refused(folders: Path) -> None:
    theirs = folders / "temporary" / f"tdaflink-{os.geteuid()}"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with pytest.raises(StorageFailed, match="belongs to another user") as raised:
        private_folder(theirs)
    assert "TMPDIR" in str(raised.value.hint)


def test_temporary_folders_outside_are_this_users_alone(folders: Path) -> None:
    temporary = TemporaryFolders(folders / "state" / "a b")
    before = os.umask(0)
    try:
        temporary.make("jobmanager")
    finally:
        os.umask(before)
    made = temporary.of_java("jobmanager")
    assert made.is_relative_to(folders / "temporary" / f"tdaflink-{os.geteuid()}")
    assert [mode(path) for path in (made, made.parent, made.parent.parent)] == [0o700] * 3
    temporary.clear(set())
    assert not made.parent.exists()


def test_locks_are_held_once_and_leave_nothing_behind(folders: Path) -> None:
    name = f"test-{folders.name}-{os.getpid()}"
    first = MachineLock.taken(name)
    assert first is not None
    with first:
        assert MachineLock.taken(name) is None
    again = MachineLock.taken(name)
    assert again is not None
    with again, PortClaims() as claims, PortClaims() as others:
        offset = 10**6 + os.getpid()
        assert claims.take(offset)
        assert not others.take(offset)
    assert not (folders / "temporary" / "tdaflink-locks").exists()


def test_the_runtime_folder_is_used_only_if_it_is_this_users_alone(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = folders / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    assert user_runtime_folder() == runtime / "tdaflink"
    runtime.chmod(0o777)
    assert user_runtime_folder() == folders / "temporary" / f"tdaflink-{os.geteuid()}"


@as_root
def test_a_program_that_another_user_has_put_there_is_not_run(folders: Path) -> None:
    from tdaflink.adapters.jars.cache import JarCache
    from tdaflink.adapters.storage.ledger import Ledger
    from tdaflink.adapters.storage.shipped_profiles import load_lock

    jar = load_lock().jars[0]
    path = JarCache().path(jar)
    ensure_dir(path.parent)
    path.write_bytes(b"x" * 10)
    os.chown(path, 12345, 12345)
    with pytest.raises(StorageFailed, match="belongs to another user"):
        JarCache().has(jar)
    ledger = Ledger(folders / "state" / "environments" / "local")
    os.chown(ledger.keep_bundle("tdaflink-x.jar", b"x"), 12345, 12345)
    with pytest.raises(StorageFailed, match="belongs to another user"):
        ledger.bundle("tdaflink-x.jar")
