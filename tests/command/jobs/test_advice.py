"""Advice that follows from measurements, and messages where it does not."""

from __future__ import annotations

import pytest

from tdaflink.domain.observability.sizing import Measured, advise, cost_of, rule_for


@pytest.mark.parametrize(
    ("points", "row"),
    [
        (999, (2, 4, 1)),
        (1_000, (4, 8, 2)),
        (10_000, (8, 16, 4)),
        (49_999, (8, 16, 4)),
        (50_001, (16, None, 8)),
    ],
)
def test_the_rule_of_thumb(points: int, row: tuple[int, int | None, int]) -> None:
    rule = rule_for(points)
    assert (rule.at_least, rule.at_most, rule.memory_gb) == row


def test_a_measured_law_is_found_again_and_gives_the_parallelism() -> None:
    seen = [Measured(n, 2e-6 * n**1.7, 200 * 2**20) for n in (50, 100, 200, 400, 800)]
    cost = cost_of(seen)
    assert cost is not None
    assert cost.fitted
    assert cost.exponent == pytest.approx(1.7)
    advice = advise(400, 20, cost, slots=8, partitions=6)
    assert advice.seconds == pytest.approx(2e-6 * 400**1.7)
    # 20 windows of 0.053 s each are 1.06 s of work per second, and the target utilization of a slot is 70 %.
    assert advice.parallelism == 2
    assert advice.taskmanagers == 1
    assert advice.memory_mb == 200
    assert advice.warnings == ()


def test_of_one_size_alone_the_exponent_is_an_assumption_that_is_told() -> None:
    cost = cost_of([Measured(100, 0.01, 0)] * 50)
    assert cost is not None
    assert cost.seconds(200) == pytest.approx(0.04)
    told = advise(1000, 10, cost, slots=None, partitions=6)
    assert any("assumed" in figure for figure in told.figures)
    assert any("more than 3 times" in warning for warning in told.warnings)
    assert any("6 partitions" in warning for warning in told.warnings)


def test_without_results_the_rule_of_thumb_stands_alone() -> None:
    advice = advise(500, 1, cost_of([]), slots=8, partitions=6)
    assert (advice.parallelism, advice.memory_mb) == (None, None)
    assert "nothing is measured" in advice.warnings[0]
