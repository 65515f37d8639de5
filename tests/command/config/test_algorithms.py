"""The table of algorithms in the command, without a cluster and without the engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.command_runner import Runner, command_environ, runner

from tdaflink.adapters.storage.shipped_profiles import load_algorithms
from tdaflink.domain.config.algorithms import find_algorithm
from tdaflink.domain.errors import NotFound
from tdaflink.domain.observability.sizing import advise, cost_by_table, seconds_in_words

NAMES = ["alpha", "cech", "dtm_rips", "sparse_rips", "vietoris_rips", "witness"]


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    return runner(tmp_path)


def test_the_table_fits_80_columns_and_has_every_algorithm(run: Runner) -> None:
    shown = run("algorithms", environ={"COLUMNS": "80"})
    rows = shown.stdout.splitlines()
    assert shown.code == 0
    assert rows[0].split() == ["NAME", "INPUT", "UNIT", "EXACT", "1000", "POINTS", "LICENCE"]
    assert [row.split()[0] for row in rows[1:7]] == NAMES
    assert max(map(len, rows)) <= 80
    assert "points/matrix" in rows[5]
    assert rows[1].rstrip().endswith("GPL-3.0")


def test_one_algorithm_in_full_names_parameters_units_ranges_and_costs(run: Runner) -> None:
    shown = run("algorithms", "sparse_rips").stdout
    assert "epsilon: number, between 0 and 1, default 0.5" in shown
    assert "metric: text, euclidean, manhattan," in shown
    assert "sphere_radius: number, between 0 and 1e+150, of distances, default 1.0" in shown
    assert "homology up to H1: 8.7e-06 s · n^1.71, 500 points about 0.4 s" in shown
    assert "library    gudhi (Rips complex, simplex tree) (MIT)" in shown
    assert (
        "landmarks: integer, at least 1, points, default from the data" in run("algorithms", "witness").stdout
    )


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_the_table_as_data(run: Runner, form: str) -> None:
    def read(*words: str) -> object:
        text = run("algorithms", *words, "-o", form).stdout
        return json.loads(text) if form == "json" else yaml.safe_load(text)

    every = read()
    assert isinstance(every, list)
    assert [entry["name"] for entry in every] == NAMES
    assert read("witness") == every[-1]
    (landmarks,) = [one for one in every[-1]["parameters"] if one["name"] == "landmarks"]
    assert (landmarks["type"], landmarks["minimum"], landmarks["default"]) == ("integer", 1, None)


def test_an_unknown_name_leads_to_the_nearest(run: Runner) -> None:
    shown = run("algorithms", "witnes")
    assert (shown.code, "did you mean 'witness'?" in shown.stderr) == (4, True)
    assert "dtm_rips" in run("algorithms", "rips").stderr


def test_the_table_needs_no_engine(tmp_path: Path) -> None:
    """The table is complete in a light installation, which has neither gudhi nor numpy."""
    program = (
        "import sys; sys.modules.update(dict.fromkeys(('gudhi', 'numpy', 'scipy', 'tdajob')));"
        "from tdaflink.__main__ import main; sys.argv[1:] = ['algorithms', '-o', 'json']; main()"
    )
    environ = {**command_environ(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, timeout=60)
    assert [entry["name"] for entry in json.loads(done.stdout)] == NAMES


def test_advice_by_the_table_needs_no_cluster(run: Runner) -> None:
    shown = run("advise", "--algorithm", "alpha", "--points", "3000", "--max-dimension", "2").stdout
    assert "the table of algorithms: 1.2e-05 s · points^1.45, 1.32 s with 3000 points" in shown
    assert "predicted      parallelism 2" in shown
    assert "by algorithm   cech about 0.5 s, witness about 0.8 s, alpha about 1 s, dtm_rips" in shown
    assert "nothing was measured on this cluster" in shown
    assert run("advise", "--algorithm", "alfa").code == 4


def test_what_was_not_measured_is_not_predicted() -> None:
    rips = find_algorithm("vietoris_rips", load_algorithms())
    assert cost_by_table(rips, 7, 3) is None
    cost = cost_by_table(rips, 1, 3)
    assert cost is not None
    assert any("more than 3 times" in warning for warning in advise(20_000, 1, cost, None, None).warnings)
    with pytest.raises(NotFound, match="use one of alpha"):
        find_algorithm("zzz", load_algorithms())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0004, "less than 0.1 s"),
        (0.26, "about 0.3 s"),
        (4.4, "about 4 s"),
        (37.0, "about 40 s"),
        (300.0, "about 5 min"),
    ],
)
def test_predictions_are_as_coarse_as_they_are(seconds: float, words: str) -> None:
    assert seconds_in_words(seconds) == words
