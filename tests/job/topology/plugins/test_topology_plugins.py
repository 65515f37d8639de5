"""Plug-in algorithms, loaded by the modules that register them."""

from __future__ import annotations

import importlib
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.job.topology_cases import SQUARE, MakeEngine, query
from tdajob.topology import registry
from tdajob.topology.values import ComputationError

COUNTING = '''
import os
import numpy as np
from tdajob.plugin import Algorithm, Diagram, Parameter, finished_bars, register


@register
class Counting(Algorithm):
    """Returns as many infinite bars as points, times a factor."""

    name = "counting"
    takes_distances = True

    def parameters(self):
        return (
            Parameter("times", int, 1, "how often", minimum=1),
            Parameter("births", list, None, "when", minimum=0),
        )

    def needs_isolation(self, n, dim, query):
        return True

    def predicted_bytes(self, n, dim, query):
        return 0

    def compute(self, points, query):
        births = query.params["births"] or [0.0]
        raw = [np.array([[birth, np.inf] for birth in births] * len(points) * query.params["times"])]
        return Diagram(finished_bars(raw, query, None), f"process {os.getpid()}", None, 0.0)
'''
Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Puts a module on the search path; restores the registered modules after the test."""
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(code)
        importlib.invalidate_caches()

    return put


def test_a_loaded_module_is_known_here_and_in_the_child(write: Write, make_engine: MakeEngine) -> None:
    write("my_counting", COUNTING)
    registry.load_modules(["my_counting"])
    registry.load_modules(["my_counting"])
    assert "counting" in registry.names()
    engine = make_engine()
    diagram = engine.compute(SQUARE, query("counting", times=3))
    assert len(diagram.bars[0]) == 12
    assert diagram.engine == f"process {engine._process.pid}"
    births = engine.compute(SQUARE, query("counting", births=[1, 2.5])).bars[0][:, 0]
    assert sorted(births) == [1.0] * 4 + [2.5] * 4
    assert len(engine.compute_distances(SQUARE @ SQUARE.T * 0, query("counting")).bars[0]) == 4


def test_a_module_may_register_the_class_of_another(write: Write, make_engine: MakeEngine) -> None:
    """The child must import the registering module, not only the module of the class."""
    write("their_class", COUNTING.replace("@register\n", ""))
    write("my_plugin", "from tdajob.plugin import register\nimport their_class\n"
                       "register(their_class.Counting)\n")  # fmt: skip
    registry.load_modules(["my_plugin"])
    assert len(make_engine().compute(SQUARE, query("counting")).bars[0]) == 4


@pytest.mark.usefixtures("write")
def test_a_module_in_a_zip(tmp_path: Path, make_engine: MakeEngine) -> None:
    with zipfile.ZipFile(tmp_path / "bundle.jar", "w") as bundle:
        bundle.writestr("zipped/counting.py", COUNTING)
        bundle.writestr("zipped/__init__.py", "")
    sys.path.insert(0, str(tmp_path / "bundle.jar"))
    registry.load_modules(["zipped.counting"])
    assert len(make_engine().compute(SQUARE, query("counting")).bars[0]) == 4


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "the module 'my_plugin' cannot be loaded: ModuleNotFoundError: No module named 'my_plugin'"),
        ("import nowhere_to_be_found", "cannot be loaded: ModuleNotFoundError: No module named 'nowhere"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("def broken(:", "cannot be loaded: SyntaxError"),
        ("answer = 42", "the module 'my_plugin' registers no algorithm: put the decorator"),
        (
            COUNTING.replace('"counting"', '"alpha"'),
            "the algorithm 'alpha' of tdajob.topology.algorithms.alpha",
        ),
        (COUNTING.replace('"times"', '"max_dimension"'), "'max_dimension' is a parameter of all algorithms"),
        (COUNTING.replace("predicted_bytes", "expected_bytes"), "abstract method"),
        (COUNTING.replace('name = "counting"', ""), "AttributeError"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_reason(code: str | None, words: str, write: Write) -> None:
    if code is not None:
        write("my_plugin", code)
    with pytest.raises(ComputationError) as caught:
        registry.load_modules(["my_plugin"])
    assert (caught.value.code, "'my_plugin'" in caught.value.reason) == ("bad_plugin", True)
    assert words in caught.value.reason
    assert registry.get("alpha").__module__ == "tdajob.topology.algorithms.alpha"
    assert "my_plugin" not in registry.loaded_modules()
