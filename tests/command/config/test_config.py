"""The job config: accepted values, refused values with their messages, and the precedence of sources."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.samples import LOCAL

from tdaflink.adapters.storage.config_files import read_config
from tdaflink.domain.config.job_config import JobConfig
from tdaflink.domain.config.layers import Layer, resolve
from tdaflink.domain.config.streams import CountWindow, NoWindow, SessionWindow, Window, parse_window
from tdaflink.domain.environments.environment import Endpoints, Environment
from tdaflink.domain.errors import ConfigError, NotFound
from tdaflink.resources import jobs_folder
from tdaflink.services.jobs.config_resolution import (
    ConfigOverrides,
    config_schema,
    configure,
    validate_file,
    write_config,
)
from tdaflink.services.jobs.preparation import shipped_job_config
from tdaflink.services.jobs.settings_writer import job_settings, window_settings

SEED = {
    "job_name": "tda-streaming-production",
    "parallelism": 8,
    "checkpoint_interval": 30000,
    "window_size": 100,
    "slide_interval": 10,
    "window_timeout": 60,
    "max_dimension": 2,
    "kafka_bootstrap_servers": "kafka1:9092,kafka2:9093,kafka3:9094",
    "input_topic": "tda_jobs",
    "output_topic": "tda_results",
}


def refusal(values: object) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve([Layer("file x.json", values)])  # type: ignore[arg-type]
    return caught.value.message


def test_the_shipped_sample_is_the_seed_s_text() -> None:
    assert json.loads((jobs_folder() / "sample-config.json").read_text()) == SEED


def test_the_seed_s_config_is_accepted_unchanged() -> None:
    config = resolve([Layer("file", SEED)]).config
    assert (config.job_name, config.parallelism, config.max_dimension) == ("tda-streaming-production", 8, 2)
    assert config.stream_keys() == ["window_size", "slide_interval", "window_timeout"]


def test_a_typo_names_the_right_key() -> None:
    assert refusal({"paralelism": 4}) == (
        "invalid config: paralelism: unknown key; did you mean parallelism? (from file x.json)"
    )


def test_a_typo_below_a_key_is_found_too() -> None:
    assert "window.slid: unknown key; did you mean slide?" in refusal(
        {"window": {"kind": "sliding", "size": "60s", "slid": "7s"}}
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"parallelism": "4"}, "parallelism = '4': input should be a valid integer"),
        ({"parallelism": 0}, "parallelism = 0: input should be greater than or equal to 1"),
        ({"parallelism": True}, "parallelism = True"),
        ({"max_persistence": float("nan")}, "max_persistence = nan"),
        ({"homology_coeff_field": 4}, "homology_coeff_field 4 is not a prime"),
        ({"compute_timeout": "5 parsecs"}, "compute_timeout = '5 parsecs': a duration is"),
        ({"job_name": "a b"}, "job_name = 'a b'"),
        ({"pairs": "top:0"}, "pairs = 'top:0'"),
        ({"window": {"kind": "sliding", "size": "60s", "slide": "7s"}}, "slide 7s does not divide size 60s"),
        ({"window": {"kind": "count", "size": 5, "slide": 6}}, "slide 6 is larger than size 5"),
        ({"window_size": 10, "slide_interval": 20}, "slide_interval 20 is larger than window_size 10"),
        ({"window": {"kind": "tumbling", "size": "0.5ms"}}, "window.size = 0.0005: input should be greater"),
        ({"window": {"kind": "session", "gap": "5m", "timeout": 0}}, "window.timeout = 0"),
        ({"window": {"kind": "session", "gap": "5m", "offset": "1h"}}, "window.offset: unknown key"),
        ({"window": {"kind": "none", "timeout": "1h"}}, "window.timeout: unknown key"),
        ({"window": {"kind": "none"}, "window_size": 3}, "set the same thing"),
        ({"inputs": [], "input_topic": "t"}, "inputs"),
        ({"kafka_properties": {"a": 1}}, "kafka_properties.a = 1"),
    ],
)
def test_bad_values_name_field_value_and_reason(values: dict[str, object], words: str) -> None:
    assert words in refusal(values)


def test_all_faults_are_told_at_once() -> None:
    message = refusal({"parallelism": 0, "max_dimension": -1, "speed": 3})
    assert message.count("\n  ") == 3


def test_precedence_and_sources() -> None:
    resolved = resolve(
        [
            Layer("profile local", {"algorithm": "witness", "parallelism": 2, "checkpoint_interval": "10s"}),
            Layer("file x", {"parallelism": 3, "algorithm_params": {"landmarks": 5, "strong": True}}),
            Layer("flag --set algorithm_params.landmarks", {"algorithm_params": {"landmarks": 9}}),
        ]
    )
    assert resolved.config.parallelism == 3
    assert resolved.config.checkpoint_interval == 10_000
    assert resolved.config.algorithm_params == {"landmarks": 9, "strong": True}
    sources = {key: source for key, _, source in resolved.explained()}
    assert sources["parallelism"] == "file x"
    assert sources["checkpoint_interval"] == "profile local"
    assert sources["max_dimension"] == "default"


def test_a_flag_in_one_form_replaces_a_file_s_other_form() -> None:
    resolved = resolve(
        [Layer("file", SEED), Layer("flag --window", {"window": parse_window("sliding:60s/10s")})]
    )
    assert resolved.config.window is not None
    assert resolved.config.window_size is None


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("sliding:60s/10s", {"kind": "sliding", "size": "60s", "slide": "10s"}),
        ("tumbling:60s", {"kind": "tumbling", "size": "60s"}),
        ("session:5m", {"kind": "session", "gap": "5m"}),
        ("count:100/10/60s", {"kind": "count", "size": 100, "slide": 10, "timeout": "60s"}),
        ("none", {"kind": "none"}),
    ],
)
def test_windows_of_the_flag(text: str, window: dict[str, object]) -> None:
    assert parse_window(text) == window
    assert resolve([Layer("flag --window", {"window": window})]).config.window is not None


@pytest.mark.parametrize("text", ["slide:60s", "sliding", "none:3", "session:1s/2s", ""])
def test_what_is_no_window_says_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="sliding:60s/10s"):
        parse_window(text)


STREAMS = {"route": "streams", "topic": "tda_stream_input", "output_topic": "tda_stream_output"}


def window_of(values: dict[str, object], **source: object) -> Window | None:
    config = resolve([Layer("file", {"inputs": [{**STREAMS, **source}], **values})]).config
    return config.window_of(config.all_inputs()[0])


@pytest.mark.parametrize(
    ("values", "size", "slide", "timeout"),
    [
        ({}, 100, 10, 60.0),
        ({"window_size": 50, "slide_interval": 5, "window_timeout": 7}, 50, 5, 7.0),
        ({"window_size": 50}, 50, None, 60.0),
        ({"slide_interval": 20}, 100, 20, 60.0),
        ({"window_timeout": "5m"}, 100, 10, 300.0),
        ({"window_timeout": None}, 100, 10, None),
        ({"window": {"kind": "count", "size": 7, "timeout": None}}, 7, None, None),
        ({"window": {"kind": "count", "size": 7}}, 7, None, 60.0),
    ],
)
def test_the_flat_keys_are_a_shorthand_for_the_count_window(
    values: dict[str, object], size: int, slide: int | None, timeout: float | None
) -> None:
    window = window_of(values)
    assert window == CountWindow(kind="count", size=size, slide=slide, timeout=timeout)


@pytest.mark.parametrize(
    "window",
    [
        {"kind": "tumbling", "size": "60s"},
        {"kind": "sliding", "size": "60s", "slide": "10s"},
        {"kind": "session", "gap": "5m"},
    ],
)
def test_windows_of_time_close_after_a_minute_without_messages_unless_told_otherwise(
    window: dict[str, object],
) -> None:
    timeouts = [
        getattr(window_of({"window": {**window, **more}}), "timeout", "missing")
        for more in ({}, {"timeout": "5s"}, {"timeout": None})
    ]
    assert timeouts == [60.0, 5.0, None]


def test_an_input_s_own_window_comes_first_and_requests_have_none_unless_asked() -> None:
    values = {"window": {"kind": "session", "gap": "5m"}}
    assert window_of(values, window={"kind": "none"}) == NoWindow(kind="none")
    assert window_of(values) == SessionWindow(kind="session", gap=300.0)
    assert window_of(values, route="requests") is None
    assert window_of({**values, "window_requests": True}, route="requests") is not None
    assert window_of({**values, "window_requests": True}, route="uploads") is None


def test_a_job_id_is_forgotten_sooner_than_a_stream_unless_told_otherwise() -> None:
    inputs = [STREAMS, {**STREAMS, "route": "requests", "topic": "tda_jobs"}]
    for values, expected in (({}, [86_400.0, 3_600.0]), ({"state_ttl": "2h"}, [7200.0, 7200.0])):
        config = resolve([Layer("file", {"inputs": inputs, **values})]).config
        assert [config.state_ttl_of(source) for source in config.all_inputs()] == expected


def test_a_count_window_above_max_points_could_never_be_answered() -> None:
    count = {"window": {"kind": "count", "size": 6000}}
    assert "have 6000 points, more than max_points 5000" in refusal({"inputs": [STREAMS], **count})
    assert window_of({**count, "max_points": 6000}) == window_of({**count, "overflow": "landmarks"})
    requests = {**count, "input_topic": "tda_jobs"}
    assert resolve([Layer("file", requests)]).config.window is not None, "requests are not windowed"


def test_an_environment_s_own_addresses_are_facts(tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.write_text(json.dumps(SEED))
    warnings: list[str] = []
    config = configure(ConfigOverrides(file=file), LOCAL, {}, warnings.append).config
    assert config.kafka_bootstrap_servers is None
    assert "kafka1:9092" in warnings[0]
    assert "127.0.0.1:9092" in warnings[0]


def test_set_insists_on_an_address() -> None:
    resolved = configure(
        ConfigOverrides(settings=("kafka_bootstrap_servers=other:9092",)), LOCAL, {}, pytest.fail
    )
    partitions = {"tda_jobs": 6, "tda_uploads": 3, "tda_stream_input": 6}
    settings = job_settings(resolved.config, LOCAL, partitions)
    assert settings["kafka"]["bootstrap_servers"] == "other:9092"


def test_set_keeps_the_dots_of_flink_s_and_kafka_s_own_keys() -> None:
    words = ("flink.python.fn-execution.bundle.size=7", "kafka_properties.security.protocol=SSL")
    config = configure(ConfigOverrides(settings=words), LOCAL, {}, pytest.fail).config
    assert config.flink == {"python.fn-execution.bundle.size": 7}
    assert config.kafka_properties == {"security.protocol": "SSL"}
    assert shipped_job_config(config)["python.fn-execution.bundle.size"] == "7"


def test_set_reads_yaml_values_and_dotted_keys() -> None:
    own = ("algorithm=witness", "algorithm_params.landmarks=20")
    asked = ConfigOverrides(settings=(*own, "max_persistence=0.5", "pairs=top:3"))
    config = configure(asked, LOCAL, {}, pytest.fail).config
    assert (config.algorithm_params, config.max_persistence, config.pairs) == (
        {"landmarks": 20},
        0.5,
        "top:3",
    )


@pytest.mark.parametrize("text", ["parallelism", "=3", "a..b=1"])
def test_set_that_is_no_assignment(text: str) -> None:
    with pytest.raises(ConfigError, match="is not key=value"):
        configure(ConfigOverrides(settings=(text,)), LOCAL, {}, pytest.fail)


def test_broken_files_name_line_and_column(tmp_path: Path) -> None:
    broken = tmp_path / "a.json"
    broken.write_text('{\n  "parallelism": 4\n  "name": 5\n}')
    with pytest.raises(ConfigError, match=r"line 3, column 3: not JSON"):
        read_config(broken)
    twice = tmp_path / "b.json"
    twice.write_text('{"parallelism": 4, "parallelism": 5}')
    with pytest.raises(ConfigError, match="parallelism is given twice"):
        read_config(twice)
    yaml = tmp_path / "c.yaml"
    yaml.write_text("parallelism: [4\n")
    with pytest.raises(ConfigError, match="line 2"):
        read_config(yaml)
    with pytest.raises(NotFound, match="there is no file"):
        read_config(tmp_path / "none.json")


def test_a_sample_can_be_written_and_is_valid(tmp_path: Path) -> None:
    for name in ("own.json", "own.yaml"):
        write_config(tmp_path / name, {}, force=False, production=True)
        assert validate_file(tmp_path / name).config.job_name == SEED["job_name"]
    with pytest.raises(ConfigError, match="exists already"):
        write_config(tmp_path / "own.json", {}, force=False)


@pytest.mark.parametrize("profile", [{"checkpoint_interval": "10s"}, {}])
@pytest.mark.parametrize("name", ["own.json", "own.yaml"])
def test_what_is_written_runs_as_the_environment_does_without_it(
    tmp_path: Path, name: str, profile: dict[str, Any]
) -> None:
    warnings: list[str] = []
    env = Environment("local", "local", "process", Endpoints("http://r", "k:1", "k:1"), "")
    write_config(tmp_path / name, profile, force=False)
    with_it = configure(ConfigOverrides(file=tmp_path / name), env, profile, warnings.append).config
    without = configure(ConfigOverrides(), env, profile, warnings.append).config
    assert [(one, with_it.window_of(one)) for one in with_it.all_inputs()] == [
        (one, without.window_of(one)) for one in without.all_inputs()
    ]
    same = {"window": None}
    assert with_it.model_copy(update=same) == without.model_copy(update=same)
    assert warnings == []


def test_every_key_is_in_the_written_file_with_a_comment_and_its_default(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    write_config(file, {}, force=False)
    lines = file.read_text().splitlines()
    said = {}
    for number, line in enumerate(lines):
        found = re.fullmatch(r"#? ?(\w+): (.+)", line)
        if found and found[1] in JobConfig.model_fields:
            assert lines[number - 1].startswith("# ")
            assert found[1] not in said
            said[found[1]] = found[2]
    assert list(said) == list(JobConfig.model_fields)
    for key, value in said.items():  # each line is valid without its comment sign
        changed = tmp_path / "changed.yaml"
        changed.write_text(f"{key}: {value}\n")
        assert getattr(validate_file(changed).config, key) == (
            JobConfig.model_fields[key].get_default(call_default_factory=True)
            if key != "window"
            else CountWindow(kind="count", size=100, slide=10, timeout=60.0)
        )


def test_the_schema_accepts_the_seed_s_config_and_refuses_typos() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(config_schema())
    assert validator.is_valid(SEED)
    assert not validator.is_valid({**SEED, "paralelism": 3})


def test_every_key_says_what_it_is_or_explains_itself() -> None:
    assert not {name for name, field in JobConfig.model_fields.items() if not field.description}


def test_without_a_word_about_inputs_all_routes_are_served() -> None:
    config = resolve([]).config
    assert [(one.route, one.topic, one.output_topic) for one in config.all_inputs()] == [
        ("requests", "tda_jobs", "tda_results"),
        ("uploads", "tda_uploads", "tda_results"),
        ("streams", "tda_stream_input", "tda_stream_output"),
    ]
    windows = [config.window_of(one) for one in config.all_inputs()]
    assert windows == [None, None, CountWindow(kind="count", size=100, slide=10, timeout=60.0)]


def test_one_topic_alone_is_one_route() -> None:
    streams = resolve([Layer("file", {"input_topic": "tda_stream_input"})]).config.all_inputs()
    assert [(one.route, one.output_topic) for one in streams] == [("streams", "tda_stream_output")]
    own = resolve([Layer("file", {"input_topic": "mine", "output_topic": "theirs"})]).config.all_inputs()
    assert [(one.route, one.topic, one.output_topic) for one in own] == [("requests", "mine", "theirs")]


@pytest.mark.parametrize(
    ("values", "window"),
    [
        ({"window_size": 50}, {"size": 50, "slide": 50, "timeout_ms": 60_000}),
        ({"window_size": 50, "slide_interval": 5}, {"size": 50, "slide": 5, "timeout_ms": 60_000}),
        ({"slide_interval": 20, "window_timeout": 3}, {"size": 100, "slide": 20, "timeout_ms": 3000}),
        ({"window": {"kind": "tumbling", "size": "1m"}}, {"size_ms": 60_000, "offset_ms": 0}),
        ({"window": {"kind": "sliding", "size": "1m", "slide": "10s"}}, {"slide_ms": 10_000}),
        (
            {"window": {"kind": "session", "gap": "5m", "timeout": None}},
            {"gap_ms": 300_000, "timeout_ms": None},
        ),
        ({"window": {"kind": "none"}}, {"kind": "none"}),
    ],
)
def test_windows_of_the_config_become_whole_milliseconds(
    values: dict[str, Any], window: dict[str, Any]
) -> None:
    config = resolve([Layer("file", {"input_topic": "tda_stream_input", **values})]).config
    (source,) = config.all_inputs()
    found = window_settings(config, source)
    assert found is not None
    assert found.items() >= {**window, "state_ttl_ms": 86_400_000}.items()


def test_the_points_of_jobs_are_windowed_where_asked_and_forgotten_sooner() -> None:
    config = resolve([Layer("file", {"input_topic": "tda_jobs", "window_requests": True})]).config
    found = window_settings(config, config.all_inputs()[0])
    assert found == {
        "kind": "count",
        "size": 100,
        "slide": 10,
        "timeout_ms": 60_000,
        "state_ttl_ms": 3_600_000,
    }


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"window_size": 6000, "input_topic": "tda_stream_input"},
            "6000 points, more than max_points 5000",
        ),
        (
            {"overflow": "landmarks", "algorithm_params": {"metric": "manhattan"}},
            "algorithm_params.metric 'manhattan'",
        ),
        (
            {"preprocess": {"subsample": {"landmarks": 9}}, "algorithm_params": {"metric": "angular"}},
            "preprocess.subsample with algorithm_params.metric",
        ),
        ({"overflow": "landmarks", "preprocess": {"scale": "zscore"}}, "preprocess.scale 'zscore'"),
        ({"flink": {"python.execution-mode": "thread"}}, "python.execution-mode: use execution_mode"),
    ],
)
def test_what_no_window_could_be_answered_with_is_refused(values: dict[str, Any], words: str) -> None:
    assert words in refusal(values)


def test_windows_of_landmarks_may_be_larger_than_the_limit() -> None:
    values = {"window_size": 6000, "overflow": "landmarks", "input_topic": "tda_stream_input"}
    assert resolve([Layer("file", values)]).config.window_size == 6000


def test_a_checkpoint_preset_goes_over_what_lies_below_it_and_under_what_is_said_beside_it() -> None:
    profile = Layer("profile dev", {"checkpoint_interval": "30s", "flink": {"state.ttl": 1}})
    quick = resolve([profile, Layer("file x.json", {"checkpoint_preset": "low-latency"})])
    assert quick.config.checkpoint_interval == 10_000
    assert quick.config.flink == {"state.ttl": 1, "execution.checkpointing.unaligned.enabled": False}
    assert quick.sources["checkpoint_interval"] == "file x.json"
    own = {"checkpoint_preset": "high-throughput", "checkpoint_interval": "2m"}
    steady = resolve([profile, Layer("file x.json", own)])
    assert steady.config.checkpoint_interval == 120_000
    assert steady.config.flink["execution.checkpointing.aligned-checkpoint-timeout"] == "30s"


def test_an_unknown_checkpoint_preset_is_named() -> None:
    with pytest.raises(ConfigError, match=r"checkpoint_preset.*fast"):
        resolve([Layer("file x.json", {"checkpoint_preset": "fast"})])


@pytest.mark.parametrize(
    ("before", "flags", "size", "slide"),
    [
        ({"window_size": 100, "slide_interval": 10}, {"window_size": 300}, 300, 10),
        ({"window": {"kind": "count", "size": 50, "slide": 5, "timeout": 7}}, {"window_size": 300}, 300, 5),
        ({"window": {"kind": "count", "size": 50, "slide": 5}}, {"slide_interval": 25}, 50, 25),
        ({"window_size": 50}, {"window_size": 300}, 300, None),
        ({}, {"window_size": 300}, 300, 10),
        ({}, {"slide_interval": 20}, 100, 20),
        ({}, {"window_size": 300, "slide_interval": 30}, 300, 30),
        ({"window": {"kind": "tumbling", "size": "60s"}}, {"window_size": 300}, 300, None),
    ],
)
def test_an_upgrade_of_one_side_of_a_window_keeps_the_other(
    before: dict[str, Any], flags: dict[str, Any], size: int, slide: int | None
) -> None:
    env = Environment("local", "local", "process", Endpoints("http://r", "k:1", "k:1"), "")
    config = configure(ConfigOverrides(**flags), env, {}, lambda _: None, Layer("version 1", before)).config
    window = config.count_window()
    assert window is not None
    assert (window.size, window.slide) == (size, slide)
    if "timeout" in before.get("window", {}):
        assert window.timeout == 7.0


def test_a_new_job_with_a_size_alone_has_windows_side_by_side() -> None:
    env = Environment("local", "local", "process", Endpoints("http://r", "k:1", "k:1"), "")
    window = configure(ConfigOverrides(window_size=300), env, {}, lambda _: None).config.count_window()
    assert window is not None
    assert (window.size, window.slide) == (300, None)


def test_a_slide_that_no_longer_fits_is_refused() -> None:
    env = Environment("local", "local", "process", Endpoints("http://r", "k:1", "k:1"), "")
    below = Layer("version 1", {"window_size": 100, "slide_interval": 50})
    with pytest.raises(ConfigError, match="slide_interval 50 is larger than window_size 20"):
        configure(ConfigOverrides(window_size=20), env, {}, lambda _: None, below)
