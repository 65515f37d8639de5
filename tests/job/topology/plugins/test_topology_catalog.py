"""The shipped table of algorithms, and the command's check of parameters, against the registry."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from tdajob.topology import catalog, registry
from tdajob.topology.about import cost_for
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.values import ComputationError

from tdaflink.adapters.storage.shipped_profiles import algorithms_path, load_algorithms
from tdaflink.domain.config.algorithms import AlgorithmInfo, AlgorithmParameter

ROOT = Path(__file__).resolve().parents[4]
SHIPPED = load_algorithms()
PARAMETERS = [(known, parameter) for known in SHIPPED for parameter in known.parameters]
VALUES = (
    *(None, True, False, 0, 1, 2, -1, 50, 10**6, -0.5, 0.0, 0.5, 1.0, 1e-300, 1e150, 1e200),
    *(math.nan, math.inf, "", "euclidean", "safe", "float32", "1", "MANHATTAN"),
    *([], [0], [1.5, 2], [-1], [1, "2"], [True], [None], {}, {"a": 1}, "é" * 100),
)


def test_the_shipped_table_is_what_the_registry_says() -> None:
    shipped = json.loads(algorithms_path().read_text(encoding="utf-8"))["algorithms"]
    assert shipped == json.loads(json.dumps(catalog.built_in_documents())), "python tools/algorithms.py"
    checked = [sys.executable, "tools/algorithms.py", "--check"]
    assert subprocess.run(checked, cwd=ROOT, timeout=120).returncode == 0


def test_every_built_in_algorithm_is_described() -> None:
    assert [known.name for known in SHIPPED] == registry.built_in_names()
    for known in SHIPPED:
        words = (known.computes, known.values, known.exactness, known.memory, known.reference)
        assert all(words)
        assert known.libraries
        assert known.costs
        assert all(parameter.description for parameter in known.parameters)


@pytest.mark.parametrize(
    ("known", "parameter"), PARAMETERS, ids=[f"{known.name}-{one.name}" for known, one in PARAMETERS]
)
def test_the_command_accepts_what_the_job_accepts(
    known: AlgorithmInfo, parameter: AlgorithmParameter
) -> None:
    accepted = registry.get(known.name).parameters()
    for value in VALUES:
        try:
            resolved_parameters(known.name, accepted, {parameter.name: value})
            refused = False
        except ComputationError:
            refused = True
        assert bool(known.problems({parameter.name: value})) == refused, (parameter.name, value)


def test_unknown_parameters_lead_to_the_nearest() -> None:
    (witness,) = [known for known in SHIPPED if known.name == "witness"]
    assert witness.problems({"landmark": 3}) == [
        "witness has no parameter 'landmark': did you mean 'landmarks'?"
    ]
    assert witness.problems({"landmarks": 0, "strong": "yes"}) == [
        "landmarks is 0: use at least 1",
        "strong is 'yes': give a value of type boolean",
    ]


def test_both_programs_find_the_same_cost() -> None:
    for known in SHIPPED:
        about = registry.get(known.name).about
        assert about is not None
        for max_dimension in range(4):
            for coordinates in (None, 1, 2, 3, 5, 9):
                ours = cost_for(about.costs, max_dimension, coordinates)
                theirs = known.cost(max_dimension, coordinates)
                assert (ours is None) == (theirs is None)
                if ours is not None and theirs is not None:
                    assert ours.seconds(1000) == theirs.seconds(1000)
