"""The effect on jobs of recreating containers, and the refusals of setup."""

from __future__ import annotations

import pytest

from tdaflink.adapters.storage.shipped_profiles import load_profile
from tdaflink.domain.environments.recreation import Replacement, fate_of, require_safe_recreation
from tdaflink.domain.errors import Refused
from tdaflink.domain.jobs.job import Job

PARTS = ("jobmanager", "taskmanager-1")


def job(name: str, parallelism: int = 1) -> Job:
    return Job(name[0] * 32, name, "RUNNING", "2026-11-27T02:00:00.000Z", 1000, parallelism, 8, 8, "dev")


@pytest.mark.parametrize(
    ("jobmanager", "taken_over", "storage_moves", "fate"),
    [
        (False, False, False, "kept"),
        (True, False, False, "lost"),
        (True, True, False, "kept"),
        (True, True, True, "stranded"),
        (True, False, True, "stranded"),
    ],
)
def test_jobs_end_with_a_jobmanager_that_nobody_follows(
    jobmanager: bool, taken_over: bool, storage_moves: bool, fate: str
) -> None:
    found = fate_of(jobmanager=jobmanager, taken_over=taken_over, storage_moves=storage_moves)
    assert found == fate


def test_of_the_shipped_profiles_prod_alone_keeps_jobs_without_their_jobmanager() -> None:
    profiles = {name: load_profile(name) for name in ("local", "dev", "staging", "prod")}
    assert [name for name, profile in profiles.items() if profile.keeps_jobs] == ["prod"]
    assert load_profile("prod", scaled=True).keeps_jobs


def test_what_would_be_lost_is_named_with_the_way_to_keep_it() -> None:
    with pytest.raises(Refused) as refused:
        require_safe_recreation(
            "dev", Replacement(PARTS, "lost"), [job("shipped"), job("mine")], 2, resume=False
        )
    assert refused.value.message == (
        "setup would recreate jobmanager, taskmanager-1 of dev, and these jobs would be lost with the"
        " JobManager: shipped (ssssssssssss), mine (mmmmmmmmmmmm)"
    )
    assert "tdaflink setup --env dev --resume-jobs" in str(refused.value.hint)
    require_safe_recreation("dev", Replacement(PARTS, "lost"), [job("shipped"), job("mine")], 2, resume=True)


def test_nothing_is_asked_where_nothing_is_lost() -> None:
    require_safe_recreation("dev", Replacement(PARTS, "lost"), [], 2, resume=False)
    require_safe_recreation("prod", Replacement(PARTS, "kept"), [job("shipped")], 1, resume=False)


def test_jobs_that_would_not_fit_afterwards_are_not_stopped() -> None:
    with pytest.raises(Refused, match=r"would then have 6 slots; the running jobs need 9"):
        require_safe_recreation(
            "prod", Replacement(PARTS, "lost"), [job("a", 4), job("b", 5)], 6, resume=True
        )


def test_of_two_jobs_of_one_name_neither_is_stopped() -> None:
    twins = [job("shipped"), job("shipped"), job("mine")]
    with pytest.raises(Refused, match="with the same name could be resumed: shipped") as refused:
        require_safe_recreation("dev", Replacement(PARTS, "lost"), twins, 8, resume=True)
    assert refused.value.hint == "stop one of them first: tdaflink stop ID --env dev"


def test_jobs_whose_state_would_lie_elsewhere_must_be_ended_by_hand() -> None:
    with pytest.raises(Refused, match="another storage for checkpoints") as refused:
        require_safe_recreation("prod", Replacement(PARTS, "stranded"), [job("shipped")], 24, resume=True)
    assert str(refused.value.hint).startswith("stop them first: tdaflink stop shipped --env prod")
