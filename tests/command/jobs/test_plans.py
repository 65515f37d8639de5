"""Saved plans: their contents, and the changes that make one stale."""

from __future__ import annotations

import json

import pytest
from support.command_runner import Runner

from tdaflink.domain.jobs.saved_plans import changes


def test_changes_name_the_place_and_both_values() -> None:
    before = {"topics": ["a"], "ports": {"rest": 1, "kafka": 2}, "jobs": None}
    after = {"topics": ["a"], "ports": {"rest": 1, "kafka": 3}, "jobs": {"x": "tda"}}
    assert list(changes(before, after)) == [
        'jobs: null then, {"x": "tda"} now',
        "ports.kafka: 2 then, 3 now",
    ]
    assert list(changes(before, before)) == []


def test_a_plan_is_made_and_nothing_else(run_tdaflink: Runner) -> None:
    made = run_tdaflink("plan", "--out", "plan.json", "setup", "--env", "local", "--port-offset", "700")
    assert made.code == 0, made.stderr
    assert "tdaflink apply plan.json applies the plan" in made.stdout
    again = run_tdaflink("plan", "-o", "json", "plan.json", "setup", "--env", "local", "--port-offset", "700")
    plan = again.json()
    assert plan["words"] == ["setup", "--env", "local", "--port-offset", "700"]
    assert plan["seen"]["ports"]["rest"] == 8782
    assert run_tdaflink("env", "list", "-o", "json").json() == []


def test_without_a_file_the_plan_is_shown_alone(run_tdaflink: Runner) -> None:
    shown = run_tdaflink("plan", "-o", "json", "setup", "--env", "local", "--port-offset", "700")
    assert shown.json()["ports"]["rest"] == 8782
    assert "tdaflink plan --out FILE setup --env local --port-offset 700 saves it" in shown.stderr
    assert run_tdaflink("plan", "upgrade", "nothing").code == 4
    assert run_tdaflink("apply", "upgrade").code == 4


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("plan", "teardown"), 2, "'teardown' cannot be planned"),
        (("plan", "--out", "p.json", "q.json", "setup"), 2, "'q.json' cannot be planned"),
        (("plan", "p.json", "teardown"), 2, "'teardown' cannot be planned"),
        (("plan", "p.json", "setup", "-o", "json"), 2, "-o cannot be used in a plan"),
        (("plan", "p.json", "setup", "--env", "nowhere"), 4, "nowhere"),
        (("apply", "p.json"), 4, "plan: there is no file p.json"),
    ],
)
def test_what_cannot_be_planned_or_applied(
    run_tdaflink: Runner, words: tuple[str, ...], code: int, told: str
) -> None:
    ran = run_tdaflink(*words)
    assert (ran.code, told in ran.stderr) == (code, True), ran.stderr


def test_a_plan_of_another_kind_is_refused(run_tdaflink: Runner) -> None:
    made = run_tdaflink("plan", "-o", "json", "p.json", "setup", "--env", "local", "--port-offset", "700")
    folder = made.json()["folder"]
    for text, told in (("[]", "is not a plan"), (json.dumps({**made.json(), "schema": 9}), "schema is 9")):
        with open(f"{folder}/p.json", "w") as file:
            file.write(text)
        ran = run_tdaflink("apply", "p.json")
        assert (ran.code, told in ran.stderr) == (2, True), ran.stderr
