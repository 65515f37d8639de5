"""The config of streams' points and diagrams: accepted, refused, and parsed by the job."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tdajob.settings.json_object import JsonObjectReader, SettingsError
from tdajob.settings.streams import (
    BettiCurve,
    ComparisonSettings,
    EmbedSettings,
    Entropy,
    Landscape,
    PersistenceImage,
    PreprocessSettings,
    ScaleSettings,
    Silhouette,
    StreamSettings,
    read_stream_settings,
)

from tdaflink.domain.config.layers import Layer, resolve
from tdaflink.domain.errors import ConfigError
from tdaflink.services.jobs.settings_writer import stream_settings

BARE: dict[str, Any] = {"kind": "landscape", "dimension": 1, "range": [0, 1]}
IMAGE = {**BARE, "kind": "persistence_image", "persistence_range": [0, 1], "bandwidth": 0.1}
EVERYTHING: dict[str, Any] = {
    "preprocess": {
        "embed": {"delay": 4, "dimension": 3, "stride": 2, "max_gap": "1.5s"},
        "scale": "fixed",
        "offset": [0, -1, 2.5],
        "factor": [1, 2, -3],
        "subsample": {"landmarks": 50},
    },
    "distance_to_previous": {"metric": "wasserstein", "order": 2, "dimensions": [1], "threshold": 0.5},
    "events_topic": "alerts",
    "features": [
        {"kind": "landscape", "dimension": 1, "range": [0, 1], "resolution": 50, "layers": 3},
        {"kind": "silhouette", "dimension": 1, "range": [-1, 1.5], "resolution": 50, "power": 2},
        {"kind": "betti_curve", "dimension": 0, "range": [0, 1], "essential": "drop"},
        {"kind": "entropy", "dimension": 0, "range": [0, 1], "normalized": True},
        {
            "kind": "persistence_image",
            "dimension": 1,
            "range": [0, 2],
            "persistence_range": [0, 1],
            "resolution": [10, 20],
            "bandwidth": 0.1,
        },
    ],
}


def shipped(values: dict[str, Any]) -> dict[str, Any]:
    return stream_settings(resolve([Layer("file", values)]).config)


def understood(values: dict[str, Any]) -> StreamSettings:
    """Return the job's settings, parsed from the settings that the command writes."""
    reader = JsonObjectReader(shipped(values), "")
    settings = read_stream_settings(reader)
    reader.finish()
    return settings


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve([Layer("file x.json", values)])
    return caught.value.message


def test_the_job_understands_everything_that_can_be_said() -> None:
    assert understood(EVERYTHING) == StreamSettings(
        preprocess=PreprocessSettings(
            embed=EmbedSettings(4, 3, 2, 1500),
            scale=ScaleSettings("fixed", (0.0, -1.0, 2.5), (1.0, 2.0, -3.0)),
            landmarks=50,
            error=None,
        ),
        comparison=ComparisonSettings("wasserstein", 2.0, (1,), 0.5, 1000),
        features=(
            Landscape(1, (0.0, 1.0), "clamp", 50, 3),
            Silhouette(1, (-1.0, 1.5), "clamp", 50, 2.0),
            BettiCurve(0, (0.0, 1.0), "drop", 100),
            Entropy(0, (0.0, 1.0), "clamp", 100, True),
            PersistenceImage(1, (0.0, 2.0), "clamp", (0.0, 1.0), (10, 20), 0.1, 1.0),
        ),
        events_topic="alerts",
    )


def test_a_config_that_says_nothing_does_nothing() -> None:
    assert understood({}) == StreamSettings(
        PreprocessSettings(None, ScaleSettings("none", (), ()), None, None), None, (), "tda_events"
    )


def test_a_comparison_is_of_all_dimensions_and_has_an_order_only_where_that_means_something() -> None:
    bottleneck = understood({"distance_to_previous": {"metric": "bottleneck"}, "max_dimension": 2})
    assert bottleneck.comparison == ComparisonSettings("bottleneck", None, (0, 1, 2), None, 1000)
    wasserstein = understood({"distance_to_previous": {"metric": "wasserstein"}})
    assert wasserstein.comparison == ComparisonSettings("wasserstein", 1.0, (0, 1), None, 1000)


@pytest.mark.parametrize(
    ("embed", "words"),
    [
        ({"delay": 0, "dimension": 2}, "preprocess.embed.delay = 0: input should be greater than or equal"),
        ({"delay": 1}, "preprocess.embed.dimension: missing"),
        ({"delay": 1, "dimension": 2, "max_gap": "soon"}, "preprocess.embed.max_gap = 'soon': a duration is"),
        ({"delay": 1, "dimension": 2, "max_gap": 0}, "preprocess.embed.max_gap = 0"),
        (
            {"delay": 10_000, "dimension": 9},
            "delay 10000 times dimension 9 - 1 is 80000 values to keep for each stream, more than 65536",
        ),
        (
            {"delay": 1, "dimension": 2, "strid": 2},
            "preprocess.embed.strid: unknown key; did you mean stride?",
        ),
    ],
)
def test_embeddings_that_are_refused(embed: dict[str, Any], words: str) -> None:
    assert words in refusal({"preprocess": {"embed": embed}})


@pytest.mark.parametrize(
    ("preprocess", "words"),
    [
        ({"scale": "max"}, "preprocess.scale = 'max': input should be 'none', 'minmax', 'zscore' or 'fixed'"),
        ({"scale": "minmax", "factor": [2]}, 'offset and factor belong to scale "fixed"; scale is "minmax"'),
        ({"scale": "fixed"}, "needs offset and factor, with one number for each coordinate"),
        ({"scale": "fixed", "offset": [0], "factor": [1, 2]}, "needs offset and factor"),
        ({"scale": "fixed", "offset": [0, 0], "factor": [1, 0]}, "factor [1.0, 0.0] contains a 0"),
        ({"scale": "fixed", "offset": [0], "factor": [float("nan")]}, "preprocess.factor.0 = nan"),
        (
            {
                "scale": "fixed",
                "offset": [0],
                "factor": [1],
                "embed": {"delay": 1, "dimension": 2},
            },
            "offset and factor have 1 numbers; embed.dimension makes points of 2 coordinates",
        ),
        ({"subsample": {"landmarks": 0}}, "preprocess.subsample.landmarks = 0"),
        ({"subsample": {"error": 0}}, "preprocess.subsample.error = 0"),
        ({"subsample": {}}, "subsample needs either landmarks (number of points) or error"),
        ({"subsample": {"landmarks": 9, "error": 0.1}}, "subsample needs either landmarks"),
    ],
)
def test_preprocessing_that_is_refused(preprocess: dict[str, Any], words: str) -> None:
    assert words in refusal({"preprocess": preprocess})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"metric": "hausdorff"}, "distance_to_previous.metric = 'hausdorff'"),
        ({"metric": "wasserstein", "order": 0.5}, "distance_to_previous.order = 0.5"),
        ({"metric": "bottleneck", "order": 1}, 'order 1 belongs to metric "wasserstein"; remove it'),
        ({"metric": "bottleneck", "dimensions": []}, "distance_to_previous.dimensions = []"),
        ({"metric": "bottleneck", "dimensions": [1, 1]}, "dimensions [1, 1] contains a duplicate"),
        ({"metric": "bottleneck", "dimensions": [2]}, "needs dimension 2, but max_dimension is 1"),
        ({"metric": "bottleneck", "threshold": -1}, "distance_to_previous.threshold = -1"),
        ({"metric": "bottleneck", "max_bars": 2001}, "distance_to_previous.max_bars = 2001"),
    ],
)
def test_comparisons_that_are_refused(values: dict[str, Any], words: str) -> None:
    assert words in refusal({"distance_to_previous": values})


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ({"kind": "landscap"}, "features.0 = {'kind': 'landscap'}"),
        ({"dimension": 1, "range": [0, 1]}, "features.0"),
        (
            {**BARE, "range": [1, 0]},
            "features.0.range = [1, 0]: a range is two numbers in ascending order",
        ),
        ({**BARE, "range": [0, 1, 2]}, "features.0.range = [0, 1, 2]: list should have at most 2 items"),
        ({**BARE, "range": [0, float("inf")]}, "features.0.range.1 = inf"),
        ({**BARE, "resolution": 1001}, "features.0.resolution = 1001"),
        ({**BARE, "resolution": 1000, "layers": 11}, "resolution 1000 times layers 11 is more than 10000"),
        ({**BARE, "kind": "silhouette", "power": -1}, "features.0.power = -1"),
        ({**BARE, "kind": "entropy", "layers": 3}, "features.0.layers: unknown key"),
        ({**BARE, "essential": "keep"}, "features.0.essential = 'keep': input should be 'clamp' or 'drop'"),
        ({**BARE, "dimension": 2}, "features needs dimension 2, but max_dimension is 1"),
        ({**IMAGE, "bandwidth": 0}, "features.0.bandwidth = 0"),
        ({**IMAGE, "persistence_range": [-1, 1]}, "no bar is shorter than 0"),
        ({**IMAGE, "resolution": [200, 51]}, "resolution [200, 51] is more than 10000 values: lower it"),
        ({**IMAGE, "resolution": [10]}, "features.0.resolution = [10]: list should have at least 2 items"),
    ],
)
def test_features_that_are_refused(feature: dict[str, Any], words: str) -> None:
    assert words in refusal({"features": [feature]})


def test_features_must_leave_room_in_a_message() -> None:
    many = {"features": [{**BARE, "resolution": 1000, "layers": 10}] * 16}
    assert len(understood(many).features) == 16
    assert (
        "features take up to 4000000 bytes, more than half of max_message_bytes 1048576: lower resolution"
        in refusal({**many, "max_message_bytes": "1mb"})
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"algorithm": "witness", "preprocess": {"subsample": {"landmarks": 9}}},
            "no known bound",
        ),
        (
            {"algorithm": "witness", "preprocess": {"subsample": {"error": 0.1}}},
            "no known bound",
        ),
        (
            {"algorithm": "alpha", "preprocess": {"embed": {"delay": 1, "dimension": 6}}},
            "preprocess.embed.dimension 6 with algorithm alpha is more than max_ambient_dimension 5",
        ),
    ],
)
def test_what_the_algorithm_does_not_bear_is_refused(values: dict[str, Any], words: str) -> None:
    assert words in refusal(values)
    assert understood({**values, "algorithm": "vietoris_rips"}).preprocess is not None


def paths(node: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    found = []
    for key, value in inner:
        here = (*above, key)
        found += [here] * isinstance(key, str) + paths(value, here)
    return found


@pytest.mark.parametrize("path", paths(shipped(EVERYTHING)), ids=str)
def test_the_job_needs_every_key(path: tuple[str | int, ...]) -> None:
    document = shipped(EVERYTHING)
    node: Any = document
    for key in path[:-1]:
        node = node[key]
    del node[path[-1]]
    with pytest.raises(SettingsError, match=rf"{path[-1]}: is missing"):
        read_stream_settings(JsonObjectReader(document, ""))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("preprocess", "embed", "delay"), 0, r"preprocess\.embed\.delay: must be an integer of at least 1"),
        (("preprocess", "scale", "kind"), "x", r"preprocess\.scale\.kind: must be one of none, minmax"),
        (("preprocess", "scale", "offset"), [True], r"scale\.offset: must be a list of finite numbers"),
        (("preprocess", "extra"), 1, r"preprocess\.extra: is not a setting"),
        (("distance_to_previous", "dimensions"), [], r"dimensions: must be a list of some integers"),
        (("distance_to_previous", "dimensions"), [-1], r"dimensions: must be a list of some integers"),
        (("features",), {}, "features: must be a list of objects"),
        (("features", 0, "range"), [2.0, 1.0], r"features\[0\]\.range: must be two numbers, the smaller"),
        (("features", 3, "normalized"), 1, r"features\[3\]\.normalized: must be true or false"),
        (("features", 4, "resolution"), [3], r"features\[4\]\.resolution: must be a list of 2 integers"),
        (("features", 0, "kind"), [], r"features\[0\]\.kind: must be one of landscape"),
        (("events_topic",), "", "events_topic: must be a text"),
    ],
)
def test_the_job_refuses_what_the_command_would_not_ship(
    path: tuple[str | int, ...], value: Any, words: str
) -> None:
    document = shipped(EVERYTHING)
    node: Any = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    with pytest.raises(SettingsError, match=words):
        read_stream_settings(JsonObjectReader(document, ""))


def test_the_documented_config_is_a_valid_one() -> None:
    text = (Path(__file__).parents[3] / "docs" / "preprocessing-and-features.md").read_text(encoding="utf-8")
    document = json.loads(re.findall(r"```json\n(\{.*?)```", text, re.DOTALL)[0])
    settings = understood(document)
    assert settings.preprocess == PreprocessSettings(
        EmbedSettings(5, 3, 1, 10_000), ScaleSettings("zscore", (), ()), 200, None
    )
    assert settings.comparison == ComparisonSettings("wasserstein", 2.0, (1,), 0.5, 1000)
    assert settings.features == (Landscape(1, (0.0, 2.0), "clamp", 50, 3),)
