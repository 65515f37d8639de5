"""Engines that are closed after each test, and an installed package with an algorithm of its own."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tdajob.topology import registry
from tdajob.topology.engine import Engine
from topology_cases import LIMITS, MakeEngine


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    made: list[Engine] = []

    def make(**limits: float) -> Engine:
        made.append(Engine(replace(LIMITS, **limits)))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the search path with a package `unruly` and its metadata, as pip leaves them."""
    shutil.copy(Path(__file__).with_name("topology_plugin.py"), tmp_path / "unruly.py")
    metadata = tmp_path / "unruly-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: unruly\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{registry.ENTRY_POINT_GROUP}]\nunruly = unruly:Unruly\n")
    registry.load_built_in()
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return tmp_path
