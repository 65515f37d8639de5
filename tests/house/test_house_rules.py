"""The house rules that can be checked automatically: types, style, layers, the wheel, no registry hosts."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent


def run(*words: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "jobs"},
    )


@pytest.mark.parametrize(
    "words",
    [
        ("mypy",),
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("lint-imports",),
    ],
    ids=lambda words: " ".join(words),
)
def test_checks_pass(words: tuple[str, ...]) -> None:
    done = run(str(TOOLS / words[0]), *words[1:])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_carries_the_job_and_the_profiles(tmp_path: Path) -> None:
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {
        "tdaflink/jobs/main.py",
        "tdaformats/csv_tables.py",
        "tdaflink/jobs/sample-config.json",
        "tdaflink/jobs/tdajob/topology/engine.py",
        "tdaflink/profiles/topics.yaml",
        "tdaflink/profiles/versions.yaml",
        "tdaflink/profiles/jars.lock.json",
        "tdaflink/profiles/python/local.lock.txt",
        "tdaflink/profiles/python/image.lock.txt",
        "tdaflink/profiles/end-of-life.yaml",
        "tdaflink/profiles/schemas/tda_job_event_v1.json",
        "tdaflink/profiles/local/profile.yaml",
        "tdaflink/py.typed",
        "tdaflink/display/diagrams/web/results.js",
    }
    assert shipped <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_no_two_test_modules_share_a_name() -> None:
    """No two test modules have the same name: pytest cannot collect both in one run, in whatever folders."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, times in names.items() if times > 1] == []


def test_no_module_imports_itself_through_others() -> None:
    graph = grimp.build_graph("tdaflink", "tdaformats", "tdajob", exclude_type_checking_imports=True)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert len(imports) > 400
    TopologicalSorter(imports).prepare()  # the error names the modules of a cycle


def test_no_folder_has_more_than_fifteen_modules() -> None:
    folders = Counter(
        path.parent.relative_to(ROOT).as_posix()
        for top in ("tdaflink", "tdaformats", "jobs", "tests")
        for path in (ROOT / top).rglob("*.py")
        if path.name != "__init__.py"
    )
    del folders["tdaflink/cli"]  # one module per command
    assert {folder: number for folder, number in folders.items() if number > 15} == {}


def test_no_registry_host_is_named() -> None:
    pattern = re.compile(
        r"://[^\s\"/]*/(maven2|simple)\b|://(deb|registry|proxy|files|repo|repo1)\.|pypi\.org|\bmaven\.org",
        re.IGNORECASE,
    )
    listed = run("git", "-c", f"safe.directory={ROOT}", "ls-files")
    tracked = listed.stdout.split("\n")
    assert "README.md" in tracked, listed.stderr
    found = [
        f"{name}: {line.strip()[:100]}"
        for name in tracked
        if name and (ROOT / name).is_file() and name != "tests/house/test_house_rules.py"
        for line in (ROOT / name).read_text(encoding="utf-8", errors="ignore").splitlines()
        if pattern.search(line)
    ]
    assert found == []
