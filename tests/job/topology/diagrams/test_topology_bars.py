"""Cuts, filters and summary statistics of a diagram."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from support.job.topology_cases import SQUARE, circle, computed, integer_grid, query
from tdajob.topology.diagrams.bars import finished_bars
from tdajob.topology.diagrams.summary import betti_at, betti_numbers, homology_groups, persistence_pairs
from tdajob.topology.values import ComputationError, Diagram

INF = math.inf
DIAGRAM = Diagram(
    (np.array([[0.0, 1.0], [0.0, INF]]), np.array([[1.0, 2.0], [1.0, 4.0], [1.5, INF]]), np.empty((0, 2))),
    "test",
    None,
    0.0,
)


def test_the_cut_itself_belongs_to_the_filtration() -> None:
    raw = [np.array([[0.0, 1.0], [0.0, 1.5], [1.0, 2.0], [1.25, 3.0], [0.5, INF]])]
    (bars,) = finished_bars(raw, query(max_dimension=0), 1.0)
    assert bars.tolist() == [[0.0, 1.0], [0.0, INF], [0.5, INF], [1.0, INF]]


def test_bars_of_length_zero_go_and_others_stay_unless_asked() -> None:
    raw = [np.array([[0.0, 0.0], [0.0, 1e-300], [0.0, 0.5], [0.0, INF]])]
    assert len(finished_bars(raw, query(max_dimension=0), None)[0]) == 3
    (long_ones,) = finished_bars(raw, query(max_dimension=0, min_persistence=0.5), None)
    assert long_ones.tolist() == [[0.0, 0.5], [0.0, INF]]


def test_dimensions_that_an_engine_leaves_out_are_empty() -> None:
    bars = finished_bars([np.array([[0.0, INF]]), np.array([])], query(max_dimension=3), None)
    assert [found.shape for found in bars] == [(1, 2), (0, 2), (0, 2), (0, 2)]


@pytest.mark.parametrize("cut", [0.0, 0.5, 1.0, 1.2, math.sqrt(2), 2.0])
@pytest.mark.parametrize("algorithm", ["vietoris_rips", "alpha"])
def test_a_cut_diagram_is_the_whole_one_cut(algorithm: str, cut: float) -> None:
    points = integer_grid(12, 7)
    whole = computed(points, query(algorithm)).bars
    cut_before = computed(points, query(algorithm, cut=cut)).bars
    cut_after = finished_bars(whole, query(algorithm), cut)
    assert [bars.tolist() for bars in cut_before] == [bars.tolist() for bars in cut_after]


def test_without_a_cut_everything_ends_but_one_component() -> None:
    for algorithm in ("vietoris_rips", "alpha"):
        diagram = computed(circle(60, 0), query(algorithm, max_dimension=2))
        assert betti_numbers(diagram) == {"0": [1], "1": [0], "2": [0]}


def test_betti_numbers_count_infinite_bars() -> None:
    assert betti_numbers(DIAGRAM) == {"0": [1], "1": [1], "2": [0]}


@pytest.mark.parametrize(
    ("t", "ranks"),
    [(-1.0, [0, 0]), (0.0, [2, 0]), (1.0, [1, 2]), (1.5, [1, 3]), (2.0, [1, 2]), (9.0, [1, 1])],
)
def test_betti_at_counts_births_in_and_deaths_out(t: float, ranks: list[int]) -> None:
    assert betti_at(DIAGRAM, t) == {"0": [ranks[0]], "1": [ranks[1]], "2": [0]}


def test_homology_groups() -> None:
    components, loops, voids = homology_groups(DIAGRAM)
    assert loops == {
        "dimension": 1,
        "num_features": 3,
        "num_essential": 1,
        "mean_persistence": 2.0,
        "max_persistence": 3.0,
        "entropy": pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75))),
    }
    assert (components["num_features"], components["entropy"]) == (2, 0.0)
    assert list(voids.values()) == [2, 0, 0, 0.0, 0.0, 0.0]


def test_pairs_are_plain_json() -> None:
    pairs = persistence_pairs(DIAGRAM, "all")
    assert pairs[1] == {"dimension": 0, "birth": 0.0, "death": "inf"}
    text = json.dumps([pairs, homology_groups(DIAGRAM), betti_numbers(DIAGRAM)], allow_nan=False)
    assert json.loads(text)[0] == pairs


def test_the_longest_pairs_keep_their_order() -> None:
    assert [(pair["dimension"], pair["death"]) for pair in persistence_pairs(DIAGRAM, "top:3")] == [
        (0, "inf"),
        (1, 4.0),
        (1, "inf"),
    ]
    assert persistence_pairs(DIAGRAM, "none") == persistence_pairs(DIAGRAM, "top:0") == []
    assert persistence_pairs(DIAGRAM, "top:99") == persistence_pairs(DIAGRAM, "all")


@pytest.mark.parametrize("pairs", ["", "top", "top:-1", "top:1.5", "some", "top:1\n"])
def test_other_words_for_pairs_are_refused(pairs: str) -> None:
    with pytest.raises(ComputationError, match="use all, none or top:K"):
        persistence_pairs(DIAGRAM, pairs)


def test_no_number_is_ever_nan_or_infinite() -> None:
    for points in (SQUARE, SQUARE[:1], np.zeros((5, 2)), circle(30, 0)):
        for algorithm in ("vietoris_rips", "alpha", "witness"):
            diagram = computed(points, query(algorithm, max_dimension=2, cut=0.4))
            json.dumps([persistence_pairs(diagram, "all"), homology_groups(diagram)], allow_nan=False)
