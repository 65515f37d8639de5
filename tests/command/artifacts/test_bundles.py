"""Bundles: the same bytes from the same files, and exactly the files that a job needs."""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path

import pytest

from tdaflink.domain.errors import NotFound, UsageError
from tdaflink.services.jobs.bundle import script_bundle, shipped_bundle


def script_folder(folder: Path) -> Path:
    (folder / "helpers").mkdir(parents=True)
    (folder / "helpers" / "__init__.py").write_text("")
    (folder / "helpers" / "deep.py").write_text("x = 1\n")
    (folder / "helpers" / "__pycache__").mkdir()
    (folder / "helpers" / "__pycache__" / "deep.py").write_text("stale\n")
    (folder / "beside.py").write_text("y = 2\n")
    (folder / "notes.txt").write_text("not code\n")
    (folder / "my-job.py").write_text("print('hello')\n")
    return folder / "my-job.py"


def test_the_shipped_bundle_is_small_and_complete() -> None:
    bundle = shipped_bundle()
    assert {
        "main.py",
        "tdajob/flink/pipeline.py",
        "tdajob/topology/engine.py",
        "tdaformats/csv_tables.py",
    } <= set(bundle.files)
    assert len(bundle.content) < 1_000_000
    assert bundle.module == "main"


def test_a_bundle_does_not_depend_on_time_or_place(tmp_path: Path) -> None:
    first = script_bundle(script_folder(tmp_path / "a"))
    second_script = script_folder(tmp_path / "b")
    os.utime(second_script, (time.time() - 10_000, time.time() - 10_000))
    second = script_bundle(second_script)
    assert first.content == second.content
    assert first.name == second.name
    second_script.write_text("print('changed')\n")
    assert script_bundle(second_script).sha256 != first.sha256


def test_a_script_takes_the_modules_beside_it(tmp_path: Path) -> None:
    script = script_folder(tmp_path / "a")
    assert script_bundle(script).files == ["beside.py", "helpers/__init__.py", "helpers/deep.py", "my-job.py"]
    assert "notes.txt" in script_bundle(script, ["*.txt"]).files


def test_the_manifest_comes_first(tmp_path: Path) -> None:
    content = script_bundle(script_folder(tmp_path / "a")).content
    assert zipfile.ZipFile(io.BytesIO(content)).namelist()[0] == "META-INF/MANIFEST.MF"


def test_what_cannot_be_bundled_is_named(tmp_path: Path) -> None:
    script = script_folder(tmp_path / "a")
    with pytest.raises(NotFound, match=r"no file .*gone\.py"):
        script_bundle(tmp_path / "gone.py")
    with pytest.raises(UsageError, match="not a Python file"):
        script_bundle(script.parent / "notes.txt")
    with pytest.raises(NotFound, match=r"\*\.csv"):
        script_bundle(script, ["*.csv"])
