"""Class archives of local JVMs: created once, used by all environments, not retried after a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_runner import Cluster
from support.interpreters import local_packages

from tdaflink.adapters.local_runtime import class_archives
from tdaflink.adapters.local_runtime.class_archives import ClassArchive
from tdaflink.adapters.local_runtime.java import LocalJava
from tdaflink.adapters.storage.paths import cache_folder
from tdaflink.domain.errors import Unhealthy
from tdaflink.domain.polling import poll


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    local_packages()  # while the usual cache, which may contain them, is set
    if request.node.get_closest_marker("cluster") is None:
        monkeypatch.setenv("TDAFLINK_CACHE_DIR", str(tmp_path / "cache"))


def some_jars(java: LocalJava) -> list[Path]:
    return sorted((java.flink_home / "lib").glob("flink-[cj]*.jar"))


def test_an_archive_fits_its_java_and_jars() -> None:
    java = local_packages()
    archive = ClassArchive("flink", java, some_jars(java))
    assert archive.options == ()
    archive.make()
    # With -Xshare:on, Java does not start if the archive does not match.
    command = [
        str(java.java),
        "-Xshare:on",
        *archive.options,
        "-cp",
        os.pathsep.join(map(str, archive.class_path)),
        "-version",
    ]
    started = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (started.returncode, archive.options != ()) == (0, True), started.stdout + started.stderr
    assert [path.name for path in archive.path.parent.iterdir()] == [archive.path.name]


def test_other_jars_have_another_archive(tmp_path: Path) -> None:
    java = local_packages()
    one = tmp_path / "one.jar"
    one.write_bytes(some_jars(java)[0].read_bytes())
    before = ClassArchive("flink", java, [one]).path
    os.utime(one, (1, 1))
    assert ClassArchive("flink", java, [one]).path != before
    assert ClassArchive("kafka", java, [one]).path != before


def test_what_fails_leaves_its_reason_and_is_not_tried_again(tmp_path: Path) -> None:
    java = local_packages()
    home = tmp_path / "java"
    (home / "lib" / "server").mkdir(parents=True)
    (home / "lib" / "server" / "libjvm.so").touch()
    (home / "bin").mkdir()
    (home / "bin" / "java").write_text("#!/bin/sh\necho 'no memory for this' >&2\nexit 3\n")
    (home / "bin" / "java").chmod(0o755)
    archive = ClassArchive("kafka", LocalJava(home, java.flink_home, ()), some_jars(java))
    with pytest.raises(Unhealthy, match=r"could not write kafka-.*\.jsa"):
        archive.make()
    command = [sys.executable, "-m", class_archives.__name__, "kafka", str(home), *map(str, some_jars(java))]
    subprocess.run(command, timeout=60, check=True)
    reason = archive.path.with_suffix(".failed")
    assert "no memory for this" in reason.read_text()
    written = reason.stat().st_mtime_ns
    archive.make_later()
    assert (archive.options, reason.stat().st_mtime_ns) == ((), written)
    assert [path.name for path in reason.parent.iterdir()] == [reason.name]


@pytest.mark.cluster
@pytest.mark.breaks_cluster
@pytest.mark.timeout(600)
def test_a_component_that_setup_starts_again_uses_the_archive(cluster: Cluster) -> None:
    """A restarted component maps the archive that the first setup created at the lowest priority."""
    archives = cache_folder() / "java"
    for _ in poll(400, every=0.5):
        if {"flink", "kafka"} <= {path.name.split("-")[0] for path in archives.glob("*.jsa")}:
            break
    for process in cluster.processes().values():
        process.kill()
        process.wait(20)
    assert cluster.run("setup", "-o", "json", timeout=200).code == 0
    for name, process in cluster.processes().items():
        mapped = Path(f"/proc/{process.pid}/maps").read_text()
        assert ".jsa" in mapped, f"{name} was started without the archive"
