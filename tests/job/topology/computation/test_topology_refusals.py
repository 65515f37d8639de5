"""Input that is refused before a computation, and error texts with the fix."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.job.topology_cases import LIMITS, SQUARE, MakeEngine, bits, computed, query, uniform
from tdajob.topology import registry
from tdajob.topology.engine import Engine
from tdajob.topology.parameters import resolved_parameters
from tdajob.topology.values import ComputationError, FloatArray, Query
from tdajob.topology.ways import ways_that_fit


def refusal(engine: Engine, points: Any, asked: Query) -> ComputationError:
    with pytest.raises(ComputationError) as caught:
        engine.compute(points, asked)
    return caught.value


@pytest.mark.parametrize(
    ("points", "code", "words"),
    [
        (np.empty((0, 2)), "empty_cloud", "at least one point"),
        (np.empty((3, 0)), "bad_shape", "no coordinates"),
        (np.zeros(3), "bad_shape", "(points, coordinates)"),
        (np.zeros((3, 2), dtype=np.float32), "bad_shape", "float64"),
        ([[0.0, 1.0]], "bad_shape", "float64"),
        (np.array([[0.0, 1.0], [2.0, np.nan]]), "non_finite", "coordinate 1 of point 1 is nan"),
        (np.array([[-np.inf, 1.0]]), "non_finite", "coordinate 0 of point 0 is -inf"),
        (np.array([[1e200, 1.0]]), "non_finite", "up to 1e+150"),
        (np.zeros((6, 2)), "too_many_points", "6 points are more than max_points 5"),
    ],
)
def test_points(points: Any, code: str, words: str, make_engine: MakeEngine) -> None:
    error = refusal(make_engine(max_points=5), points, query())
    assert (error.code, words in error.reason) == (code, True), error.reason


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"max_dimension": -1}, "max_dimension is -1: use an integer from 0 to 10"),
        ({"max_dimension": 11}, "max_dimension is 11"),
        ({"max_dimension": True}, "max_dimension is True"),
        ({"max_dimension": 1.0}, "max_dimension is 1.0"),
        ({"max_persistence": -0.1}, "max_persistence is -0.1: use a finite number >= 0"),
        ({"max_persistence": np.inf}, "or null for no cut"),
        ({"max_persistence": "1"}, "max_persistence is '1'"),
        ({"min_persistence": np.nan}, "min_persistence is nan"),
        ({"min_persistence": None}, "min_persistence is None"),
        ({"homology_coeff_field": 4}, "homology_coeff_field is 4: use a prime"),
        ({"homology_coeff_field": 1}, "homology_coeff_field is 1"),
        ({"homology_coeff_field": 46349}, "from 2 to 46337"),
        ({"engine": "fast"}, "engine is 'fast': use one of auto, gudhi"),
        ({"params": {"landmarks": 3}}, "vietoris_rips has no parameter 'landmarks': use one of metric"),
    ],
)
def test_values(changed: dict[str, Any], words: str, make_engine: MakeEngine) -> None:
    error = refusal(make_engine(), SQUARE, Query(**{**vars(query()), **changed}))
    assert (error.code, words in error.reason) == ("bad_parameter", True), error.reason


@pytest.mark.parametrize(
    ("algorithm", "params", "words"),
    [
        ("witness", {"landmark": 3}, "has no parameter 'landmark': did you mean 'landmarks'?"),
        ("witness", {"landmarks": 0}, "landmarks is 0: use at least 1"),
        ("witness", {"landmarks": 2.5}, "landmarks is 2.5: give a value of type int"),
        ("witness", {"landmarks": True}, "landmarks is True"),
        ("witness", {"strong": 1}, "strong is 1: give a value of type bool"),
        ("witness", {"strong": None}, "strong is None"),
        ("alpha", {"precision": "good"}, "precision is 'good': use one of fast, safe, exact"),
        ("alpha", {"precision": 3}, "give a value of type str"),
        ("unruly", {"factor": "3"}, "factor is '3': give a value of type float"),
        ("unruly", {"factor": -1}, "factor is -1: use at least 0"),
    ],
)
@pytest.mark.usefixtures("plugin")
def test_parameters_of_algorithms(
    algorithm: str, params: dict[str, Any], words: str, make_engine: MakeEngine
) -> None:
    error = refusal(make_engine(), SQUARE, query(algorithm, **params))
    assert (error.code, words in error.reason) == ("bad_parameter", True), error.reason


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("vietoris", "'vietoris_rips'"),
        ("rips", "'dtm_rips' or 'sparse_rips' or 'vietoris_rips'"),
        ("Alpha", "'alpha'"),
        ("witnes", "'witness'"),
    ],
)
def test_unknown_algorithms_lead_to_the_nearest(name: str, nearest: str, make_engine: MakeEngine) -> None:
    error = refusal(make_engine(), SQUARE, query(name))
    assert (error.code, error.reason) == (
        "unknown_algorithm",
        f"algorithm is '{name}': did you mean {nearest}?",
    )


def test_predicted_memory_tells_both_numbers(make_engine: MakeEngine) -> None:
    error = refusal(make_engine(max_predicted_bytes=1_000_000), uniform(1000, 0), query(max_dimension=2))
    assert error.code == "predicted_memory"
    assert "would take about 84000000 bytes, more than max_predicted_bytes 1000000" in error.reason


ALPHA_FITS = "use algorithm alpha (exact; values are radii, half of the lengths of Rips)"


@pytest.mark.parametrize(
    ("points", "asked", "limits", "words"),
    [
        (uniform(2000, 0), query(), {"max_points": 1000}, f"{ALPHA_FITS}, about 0.7 s"),
        (uniform(2000, 0), query(), {"max_points": 1000}, "subsample to 1000 points, "),
        (uniform(500, 0), query(max_dimension=2), {}, f"{ALPHA_FITS}, less than 0.1 s"),
        (uniform(500, 0), query(max_dimension=2), {}, "lower max_dimension, which is 2 (1 takes "),
        (uniform(500, 0), query(max_dimension=2), {}, "set max_persistence to 0.33, which leaves a tenth"),
        (uniform(500, 0), query(max_dimension=2, cut=0.1), {}, "lower max_persistence, which is 0.1"),
        (SQUARE, query(engine="gudhi"), {}, "set max_persistence to 1.4, the enclosing radius"),
    ],
)
def test_refusals_name_what_fits_with_its_predicted_cost(
    points: FloatArray, asked: Query, limits: dict[str, float], words: str
) -> None:
    engine = Engine(replace(LIMITS, **(limits or {"max_predicted_bytes": 1})))
    reason = refusal(engine, points, asked).reason
    bounds = replace(LIMITS, **limits)
    algorithm = registry.get(asked.algorithm)
    params = resolved_parameters(asked.algorithm, algorithm.parameters(), asked.params)
    # With too little memory for any algorithm the error suggests none; with a usual limit it does.
    assert words in (reason if limits else ways_that_fit(points, replace(asked, params=params), bounds))


@pytest.mark.parametrize(
    ("points", "params"),
    [
        (np.random.default_rng(0).uniform(size=(40, 9)), {}),
        (uniform(40, 0), {"metric": "manhattan"}),
        (uniform(40, 0), {"metric": "chebyshev"}),
        (uniform(40, 0) + 1, {"metric": "angular"}),
    ],
)
def test_no_way_is_named_that_would_be_refused(points: FloatArray, params: dict[str, Any]) -> None:
    """Alpha supports neither many coordinates nor other metrics than the Euclidean."""
    asked = query(max_dimension=2, **{"metric": "euclidean", "period": None, "sphere_radius": 1.0, **params})
    assert "alpha" not in ways_that_fit(points, asked, LIMITS)


@pytest.mark.parametrize(
    ("asked", "points"),
    [
        (query(), uniform(2000, 0)),
        (query(engine="gudhi", max_dimension=2), uniform(300, 0)),
        (query("alpha"), np.zeros((4000, 5))),
        (query("cech"), np.zeros((4000, 5))),
        (query("dtm_rips"), uniform(2000, 0)),
        (query("sparse_rips"), uniform(2500, 0)),
        (query("witness", landmarks=4000), uniform(4000, 0)),
    ],
)
def test_each_algorithm_predicts(asked: Query, points: FloatArray, make_engine: MakeEngine) -> None:
    assert refusal(make_engine(max_predicted_bytes=100 << 20), points, asked).code == "predicted_memory"


def test_alpha_is_refused_in_many_coordinates(make_engine: MakeEngine) -> None:
    points = np.random.default_rng(0).uniform(size=(8, 6))
    error = refusal(make_engine(), points, query("alpha"))
    assert error.code == "ambient_dimension"
    assert "6 coordinates per point, more than max_ambient_dimension 5" in error.reason
    assert make_engine(max_ambient_dimension=6).compute(points, query("alpha")).bars[0].shape == (8, 2)
    assert make_engine().compute(points, query()).bars[0].shape == (8, 2)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_the_order_of_points_does_not_matter(data: st.DataObject) -> None:
    coordinate = st.sampled_from([-0.0, 0.0, 0.1, 0.2, 0.30000000000000004, 1.0])
    points = data.draw(st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=10))
    shuffled = data.draw(st.permutations(points))
    engine = Engine(LIMITS)
    for asked in (query(), query(cut=0.2)):
        assert bits(engine.compute(np.array(points), asked)) == bits(
            engine.compute(np.array(shuffled), asked)
        )
    for asked in (query("alpha"), query("witness", landmarks=4), query(max_dimension=2)):
        assert bits(computed(np.array(points), asked)) == bits(computed(np.array(shuffled), asked))


def test_all_names_are_listed_those_of_other_packages_too(plugin: Path) -> None:
    assert plugin.exists()
    assert registry.names() == [
        "alpha",
        "cech",
        "dtm_rips",
        "sparse_rips",
        "unruly",
        "vietoris_rips",
        "witness",
    ]


def test_parameters_are_described() -> None:
    for name in registry.names():
        for parameter in registry.get(name).parameters():
            assert re.fullmatch(r"[a-z_]+", parameter.name)
            assert parameter.description
            assert parameter.default is None or isinstance(parameter.default, parameter.kind)
