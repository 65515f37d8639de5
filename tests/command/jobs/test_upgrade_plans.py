"""The changes of an upgrade, their effect on the state, and the version of a rollback."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tdaflink.display import console
from tdaflink.display.jobs.savepoints import show_upgrade_plan
from tdaflink.domain.config.layers import Layer, resolve
from tdaflink.domain.errors import ConfigError, NotFound
from tdaflink.domain.jobs.history import Difference, JobSpec, UpgradePlan, Version
from tdaflink.services.jobs.config_resolution import ConfigOverrides
from tdaflink.services.upgrades.plan import base_layer, differences, hints, with_skipped
from tdaflink.services.upgrades.versions import version_before

COUNT = {"kind": "count", "size": 100, "slide": 10, "timeout_ms": 60000, "state_ttl_ms": 1}


def spec(window: dict[str, Any] | None = COUNT, delivery: str = "at_least_once", **settings: Any) -> JobSpec:
    inputs = [
        {"route": "requests", "topic": "tda_jobs", "window": None},
        {"route": "streams", "topic": "tda_stream_input", "window": window},
    ]
    told = {"inputs": inputs, "kafka": {"delivery": delivery, "properties": {}}, **settings}
    return JobSpec("b.jar", "b", "main", 1, told, flink_config={"pipeline.max-parallelism": "720"})


SCRIPT = JobSpec("s.jar", "s", "idle", 1, None, ("--fast",))


def test_differences_are_named_by_route_and_key() -> None:
    new = replace(spec({**COUNT, "size": 50}, query={"dims": [0, 1]}), parallelism=2)
    assert differences(spec(query={"dims": [0]}), new) == [
        Difference("inputs[streams].window.size", 100, 50),
        Difference("parallelism", 1, 2),
        Difference("query.dims", [0], [0, 1]),
    ]
    assert differences(spec(), spec()) == []
    assert differences(SCRIPT, replace(SCRIPT, args=())) == [Difference("args", ["--fast"], [])]


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (spec({**COUNT, "slide": 5}), 'fire once more with their former settings and closed_by "changed"'),
        (spec(None), "refuses the start without --allow-non-restored-state"),
        (spec(delivery="exactly_once"), "delivery becomes exactly_once"),
        (spec(inputs=spec().settings["inputs"][:1]), "the route streams is removed"),  # type: ignore[index]
    ],
)
def test_each_change_says_what_it_means_for_the_state(new: JobSpec, says: str) -> None:
    (hint,) = hints(spec(), new, "savepoint")
    assert says in hint


def test_what_is_no_part_of_the_state_gives_no_hint() -> None:
    assert hints(spec(), spec({**COUNT, "timeout_ms": 5}, query={"x": 1}), "savepoint") == []
    assert "are lost" in hints(spec(), spec(), "none")[0]
    assert "uids" in hints(SCRIPT, SCRIPT, "savepoint")[0]


def version(number: int, parallelism: int, **more: Any) -> Version:
    made = replace(spec(), parallelism=parallelism)
    state = more.pop("state", "submitted")
    return Version(f"id-{number}", "one", "http://x", "b", "me", made, state, number=number, **more)


FIRST, SECOND, FAILED = version(1, 1), version(2, 2), version(3, 9, state="failed")


def test_a_rollback_goes_to_the_version_before_that_ran() -> None:
    back = version(4, 2, origin="id-2")
    versions = [FIRST, SECOND, FAILED, back]
    assert version_before(versions, back, None) == FIRST
    assert version_before(versions, SECOND, None) == FIRST
    assert version_before(versions, back, 3) == FAILED


def test_rolling_back_twice_does_not_go_in_circles() -> None:
    versions = [FIRST, SECOND, version(3, 1, origin="id-1")]
    with pytest.raises(NotFound, match="version 3 of one has no earlier version"):
        version_before(versions, versions[-1], None)
    with pytest.raises(NotFound, match=r"no version 7 .*available: 1, 2, 3"):
        version_before(versions, SECOND, 7)


def test_the_plan_is_read_by_people(capsys: pytest.CaptureFixture[str]) -> None:
    console.configure(output="table", verbose=False, no_color=True)
    plan = UpgradePlan(
        "local",
        "http://127.0.0.1:8082",
        "upgrade",
        "tda",
        "0123456789abcdef",
        3,
        "savepoint",
        True,
        [Difference("query.max_dimension", 1, 2), Difference("args", None, ["x"])],
        ["mind the gap"],
        ["stop it", "submit it"],
    )
    show_upgrade_plan(plan, dry_run=True)
    assert capsys.readouterr().out == (
        "upgrade tda (0123456789ab, version 3)\n"
        "  bundle: the same\n"
        "  query.max_dimension: 1 → 2\n"
        '  args: - → ["x"]\n'
        "  note: mind the gap\n"
        "  1. stop it\n"
        "  2. submit it\n"
    )


def test_records_to_pass_over_are_added_to_those_of_the_version_that_runs() -> None:
    runs = replace(spec(), config={"skip": ["tda_jobs/0/1"], "parallelism": 2})
    version = Version("a" * 32, "tda", "http://127.0.0.1:8081", "b", "me", runs)
    asked = ConfigOverrides(parallelism=4, settings=("dedup_ids=3",))
    assert with_skipped(asked, version, ()) == asked
    more = with_skipped(asked, version, ["tda_jobs/0/1", "tda_jobs/2/7"])
    assert more == replace(asked, settings=("dedup_ids=3", 'skip=["tda_jobs/0/1", "tda_jobs/2/7"]'))
    resolved = resolve([base_layer(version, more), Layer("set", {"skip": ["tda_jobs/0/1", "tda_jobs/2/7"]})])
    assert resolved.config.skip == ["tda_jobs/0/1", "tda_jobs/2/7"]
    with pytest.raises(ConfigError, match="skip"):
        resolve([Layer("set", {"skip": ["tda_jobs/0"]})])
