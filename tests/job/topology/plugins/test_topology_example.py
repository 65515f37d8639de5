"""The documentation's plug-in example, run as a user runs it, with hand-computed barcodes."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.job.topology_cases import MakeEngine, query
from tdajob.topology.values import ComputationError, FloatArray

DOCS = Path(__file__).parents[4] / "docs"
INF = np.inf
# A hill of 9 in a plain of 1, a wall of 5, and beyond it a slope down to 0.
LAND = [
    [1, 1, 1, 5, 0],
    [1, 9, 1, 5, 2],
    [1, 1, 1, 5, 4],
]  # fmt: skip


@pytest.fixture(autouse=True)
def cubical(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example's folder on the search path and its module imported, as a job imports it."""
    monkeypatch.syspath_prepend(str(DOCS / "examples"))
    importlib.import_module("cubical")
    yield
    sys.modules.pop("cubical")


def triples(rows: list[list[int]], first_row: int = 0, first_column: int = 0) -> FloatArray:
    places = [
        (first_row + i, first_column + j, value) for i, row in enumerate(rows) for j, value in enumerate(row)
    ]
    return np.array(places, dtype=float)


def bars(
    points: FloatArray, make_engine: MakeEngine, cut: float | None = None, **params: object
) -> list[list[list[float]]]:
    asked = query("cubical", max_dimension=2, cut=cut, **params)
    return [found.tolist() for found in make_engine().compute(points, asked).bars]


def test_valleys_and_hills_by_hand(make_engine: MakeEngine) -> None:
    """H0: the plain merges with the deeper valley at the wall; H1: the ring is filled at the hilltop."""
    assert bars(triples(LAND), make_engine) == [[[0.0, INF], [1.0, 5.0]], [[1.0, 9.0]], []]


def test_from_above_hills_are_components(make_engine: MakeEngine) -> None:
    """The wall of 5 joins the hill of 9 at the plain of 1."""
    assert bars(triples(LAND), make_engine, superlevel=True) == [[[-9.0, INF], [-5.0, -1.0]], [], []]


def test_squares_touch_at_their_corners_and_vertices_do_not(make_engine: MakeEngine) -> None:
    diagonal = triples([[0, 5], [5, 0]])
    assert bars(diagonal, make_engine, cells="vertices")[0] == [[0.0, 5.0], [0.0, INF]]
    assert bars(diagonal, make_engine, cells="squares")[0] == [[0.0, INF]]


def test_a_cut_leaves_the_ring_open(make_engine: MakeEngine) -> None:
    assert bars(triples(LAND), make_engine, cut=4.5) == [[[0.0, INF], [1.0, INF]], [[1.0, INF]], []]


def test_neither_order_nor_place_matters(make_engine: MakeEngine) -> None:
    moved = triples(LAND, first_row=-7, first_column=100)
    shuffled = moved[np.random.default_rng(0).permutation(len(moved))]
    assert bars(shuffled, make_engine) == bars(triples(LAND), make_engine)


def test_a_point_is_a_valley(make_engine: MakeEngine) -> None:
    assert bars(triples([[3]]), make_engine) == [[[3.0, INF]], [], []]


@pytest.mark.parametrize(
    ("points", "code", "words"),
    [
        ([[0.0, 0.0]], "bad_shape", "2 coordinates: cubical takes [row, column, value]"),
        ([[0, 0, 1], [0, 1, 1], [1, 0, 1]], "bad_grid", "3 points do not fill the rows 0 to 1 and the col"),
        ([[0, 0, 1], [0, 0, 2], [1, 0, 1], [1, 1, 1]], "bad_grid", "just once"),
        ([[0, 0, 1], [0.5, 0, 1], [1, 0, 1]], "bad_grid", "whole row and column"),
        ([[0, 0, 1], [1e150, 1e150, 1]], "bad_grid", "rows 0 to 1e+150"),
    ],
)
def test_what_is_no_grid_is_refused(
    points: list[list[float]], code: str, words: str, make_engine: MakeEngine
) -> None:
    with pytest.raises(ComputationError) as caught:
        bars(np.array(points, dtype=float), make_engine)
    assert (caught.value.code, words in caught.value.reason) == (code, True), caught.value.reason


def test_its_parameters_are_checked_like_all_others(make_engine: MakeEngine) -> None:
    with pytest.raises(ComputationError, match="cells is 'hexagons': use one of vertices, squares"):
        bars(triples(LAND), make_engine, cells="hexagons")
    with pytest.raises(ComputationError, match="superlevel is 1: give a value of type bool"):
        bars(triples(LAND), make_engine, superlevel=1)
    with pytest.raises(ComputationError, match="would take about 3840 bytes"):
        make_engine(max_predicted_bytes=1000).compute(triples(LAND), query("cubical"))


def test_what_the_documentation_shows_is_so(
    make_engine: MakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (DOCS / "algorithms.md").read_text(encoding="utf-8")
    drawn = re.findall(r"^((?:\d ){5}) ", text, re.MULTILINE)
    assert [[int(value) for value in row.split()] for row in drawn] == LAND
    request = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
    parameters = request["parameters"]
    asked = query(request["algorithm"], max_dimension=parameters.pop("max_dimension"), cut=None, **parameters)
    points = np.array(request["point_cloud"]["points"], dtype=float)
    assert make_engine().compute(points, asked).bars[0].tolist() == [[1.0, INF]]
    script = re.findall(r"```python\n(import cubical.*?)```", text, re.DOTALL)[0]
    exec(compile(script, "algorithms.md", "exec"), {})  # noqa: S102 -- the script that the documentation tells users to run
    assert capsys.readouterr().out.strip() == re.findall(r"# (\[\[.*)", script)[0]
