"""The profile dev: the shipped job with its default settings in containers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from stacks import UP_SECONDS, Stack, stack
from support.command_runner import LISTED

pytestmark = [pytest.mark.docker, pytest.mark.timeout(UP_SECONDS + 120)]


@pytest.fixture(scope="module")
def dev(stand_in_images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:  # noqa: ARG001
    with stack("dev", tmp_path_factory.mktemp("dev")) as up:
        yield up


def test_the_shipped_job_answers_all_that_is_sent_once(dev: Stack) -> None:
    submitted = dev.run("submit", "-o", "json", timeout=300).json()
    assert (submitted["state"], submitted["env"]) == ("RUNNING", "dev")
    (listed,) = dev.run("list", "-o", "json").json()
    assert set(listed) == LISTED
    assert (listed["id"], listed["state"], listed["env"]) == (submitted["id"], "RUNNING", "dev")

    dev.run("send", "circle", "--points", "30", "--count", "12", "--job-id", "r", "-o", "json").json()
    dev.run("send", "disk", "--points", "150", "--stream", "pump", "-o", "json").json()
    requests = Counter(one["job_id"] for one in dev.results(12))
    assert requests == {f"r-{number + 1}": 1 for number in range(12)}
    # The default of the shipped job: windows of 100 points that slide by 10.
    spans = Counter(
        (one["window"]["first_seq"], one["window"]["last_seq"]) for one in dev.results(6, "--stream", "pump")
    )
    assert spans == {(last - 99, last): 1 for last in range(100, 151, 10)}


def test_what_was_torn_down_comes_back_with_its_topics(dev: Stack) -> None:
    assert dev.run("teardown", timeout=240).code == 0
    assert dev.containers() == {}
    up = dev.run("setup", "-o", "json", timeout=UP_SECONDS).json()
    assert up["topics_created"] == []
    assert len(dev.results(12)) == 12
