"""Parameters of algorithms in a config: errors are reported before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tdaflink.domain.config.layers import Layer, resolve
from tdaflink.domain.errors import ConfigError
from tdaflink.services.jobs.config_resolution import validate_file


@pytest.mark.parametrize(
    ("algorithm", "given", "words"),
    [
        ("sparse_rips", {"epsilon": "1e-1"}, "algorithm_params.epsilon: is '1e-1': give a number above 0"),
        ("sparse_rips", {"epsilon": 1}, "is 1: give a number above 0 and below 1"),
        ("sparse_rips", {"epsilon": 0.0}, "give a number above 0"),
        ("sparse_rips", {"epsilon": True}, "is True: give a number"),
        ("witness", {"landmarks": 0}, "algorithm_params.landmarks: is 0: give an integer of at least 1"),
        ("witness", {"landmarks": 2.5}, "is 2.5: give an integer"),
        ("witness", {"landmark": 5}, "landmark: is not a parameter of witness; did you mean landmarks?"),
        ("witness", {"strong": "no"}, "give true or false"),
        ("alpha", {"precision": "float32"}, "use one of safe, exact, fast"),
        ("vietoris_rips", {"precision": "safe"}, "use one of float64, float32"),
        ("vietoris_rips", {"max_dimension": 1}, "is not a parameter of vietoris_rips"),
        ("vietoris_rips", {"metric": "euclid"}, "use one of euclidean"),
        ("vietoris_rips", {"period": [1, 1]}, ""),
        ("vietoris_rips", {"metric": "manhattan", "period": [1, 1]}, "does not go with metric manhattan"),
        ("vietoris_rips", {"metric": "periodic", "period": [1, -1]}, "of at least 0"),
        ("dtm_rips", {"order": 0.5}, "give a number of at least 1"),
        ("dtm_rips", {"neighbors": 10**30}, "give an integer"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named_with_its_value_and_what_to_give(
    algorithm: str, given: dict[str, Any], words: str
) -> None:
    layer = Layer("file x", {"algorithm": algorithm, "algorithm_params": given})
    if not words:
        resolve([layer])
        return
    with pytest.raises(ConfigError) as caught:
        resolve([layer])
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("algorithm", "given"),
    [
        ("sparse_rips", {"epsilon": 0.1, "metric": "manhattan"}),
        ("witness", {"landmarks": None, "strong": True}),
        ("alpha", {"precision": "exact"}),
        ("vietoris_rips", {"metric": "periodic", "period": [1, 0]}),
        ("dtm_rips", {"neighbors": 3, "order": 2}),
        ("cubical", {"anything": [1, "x"]}),
    ],
)
def test_right_parameters_pass_and_a_plug_in_has_its_own(algorithm: str, given: dict[str, Any]) -> None:
    config = resolve([Layer("file x", {"algorithm": algorithm, "algorithm_params": given})]).config
    assert config.algorithm_params == given


def test_a_number_with_an_exponent_is_one_in_a_yaml_config(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("algorithm: sparse_rips\nalgorithm_params:\n  epsilon: 1e-1\n")
    assert validate_file(file).config.algorithm_params == {"epsilon": 0.1}
