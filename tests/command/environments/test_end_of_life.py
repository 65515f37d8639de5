"""The table of components with end-of-life dates, and doctor's findings from it."""

from __future__ import annotations

import json
from datetime import date

import pytest
from support.command_runner import Runner

from tdaflink.adapters.storage.shipped_profiles import load_end_of_life, load_versions
from tdaflink.domain.artifacts.end_of_life import EndOfLife, PartInUse, PartLines, endings

TABLE = EndOfLife(
    checked=date(2026, 11, 29),
    parts={
        "grafana": PartLines(title="Grafana", source="it", lines={"11.6": date(2026, 6, 25), "12": None}),
        "python": PartLines(title="Python", source="it", lines={"3.1": date(2012, 4, 9), "3.12": None}),
    },
)


@pytest.mark.parametrize(
    ("version", "line"),
    [("11.6.1", "11.6"), ("v12.4.12", "12"), ("12", "12"), ("11.60.1", None), ("11", None)],
)
def test_version_belongs_to_the_longest_line_of_whole_numbers(version: str, line: str | None) -> None:
    assert TABLE.parts["grafana"].line_of(version) == line


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 4, 1), []),
        (date(2026, 5, 1), ["Grafana 11.6.1: 11.6 is maintained until 2026-06-25"]),
        (date(2026, 6, 25), ["Grafana 11.6.1: 11.6 is maintained until 2026-06-25"]),
        (date(2026, 6, 26), ["Grafana 11.6.1: 11.6 has not been maintained since 2026-06-25"]),
    ],
)
def test_end_is_named_sixty_days_before_and_ever_after(today: date, said: list[str]) -> None:
    used = [PartInUse("grafana", "11.6.1"), PartInUse("python", "3.12.1", "jobs"), PartInUse("other", "1")]
    assert [ending.text(today) for ending in endings(TABLE, used, today)] == said


def test_every_version_in_use_has_a_line_in_the_table() -> None:
    table, versions = load_end_of_life(), load_versions()
    images = versions.images.model_dump()
    used = {
        **{name: images[name].rpartition(":")[2] for name in ("kafka", "zookeeper", "prometheus")},
        **{name: images[name].rpartition(":")[2] for name in ("alertmanager", "grafana")},
        "flink": versions.flink,
        "java": versions.java,
    }
    assert {part: table.parts[part].line_of(version) for part, version in used.items()}.keys() == used.keys()
    assert not [part for part, version in used.items() if table.parts[part].line_of(version) is None]
    for python in versions.python.command:
        assert table.parts["python"].line_of(python) == python


def test_doctor_says_platform_pythons_and_what_works_before_anything_runs(run_tdaflink: Runner) -> None:
    run_tdaflink(
        "env", "add", "theirs", "--rest-url", "http://127.0.0.1:1", "--kafka", "127.0.0.1:2", "--no-check"
    )
    results = json.loads(run_tdaflink("doctor", "--env", "theirs", "-o", "json").stdout)["results"]
    found = {result["check"]: result for result in results}
    assert "runs the command; local cluster: " in found["platform"]["text"]
    assert found["end of life"]["state"] in ("ok", "warning")
