"""The parameter table of tdaformats agrees with the job's registry."""

from __future__ import annotations

import pytest
from tdajob.topology import registry
from tdajob.topology.validation import check_query
from tdajob.topology.values import ComputationError, Query

from tdaformats.algorithms import ALGORITHMS, check_parameters
from tdaformats.errors import MessageError


def test_the_table_has_every_algorithm_that_the_job_ships() -> None:
    registry.load_built_in()
    shipped = {
        name for name in registry._registered if type(registry.get(name)).__module__.startswith("tdajob.")
    }
    assert set(ALGORITHMS) == shipped


@pytest.mark.parametrize("name", ALGORITHMS)
def test_its_parameters_are_those_of_the_registry(name: str) -> None:
    algorithm = registry.get(name)
    assert ALGORITHMS[name].takes_distances == algorithm.takes_distances
    own = {parameter.name: parameter for parameter in algorithm.parameters()}
    table = {parameter.name: parameter for parameter in ALGORITHMS[name].parameters}
    assert set(table) == set(own)
    for parameter in table.values():
        there = own[parameter.name]
        assert (parameter.kind, parameter.nullable) == (there.kind, there.default is None)
        assert set(parameter.choices) == set(there.choices)
        bounds = (
            (parameter.above, parameter.below) if there.exclusive else (parameter.minimum, parameter.maximum)
        )
        assert bounds == (there.minimum, there.maximum)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("max_dimension", [0, 10], [-1, 11, 1.5, True, "1", None]),
        ("max_persistence", [0, 1.5, None], [-1, "1", float("inf")]),
        ("min_persistence", [0, 0.5], [-0.1, None]),
        ("homology_coeff_field", [2, 46337], [1, 4, 46339, None]),
        ("engine", ["auto", "gudhi"], ["ripser", None, 1]),
    ],
)
def test_common_parameters_are_judged_alike(field: str, good: list[object], bad: list[object]) -> None:
    usual = {
        "algorithm": "alpha", "max_dimension": 1, "max_persistence": None, "min_persistence": 0.0,
        "homology_coeff_field": 2, "engine": "auto", "params": {},
    }  # fmt: skip
    for value in good:
        check_parameters("alpha", {field: value}, "")
        check_query(Query(**{**usual, field: value}))  # type: ignore[arg-type]
    for value in bad:
        with pytest.raises(MessageError):
            check_parameters("alpha", {field: value}, "")
        if value is not None:
            with pytest.raises((ComputationError, TypeError)):
                check_query(Query(**{**usual, field: value}))  # type: ignore[arg-type]
