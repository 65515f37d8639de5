"""The slots of a cluster, and the jobs that fit into them."""

from __future__ import annotations

import pytest

from tdaflink.domain.errors import Refused
from tdaflink.domain.jobs.slots import require_slots


def test_job_fits_in_free_slots_and_those_it_gives_up() -> None:
    require_slots("tda", 3, free=3, total=8)
    require_slots("tda", 5, free=3, total=8, held=2)


@pytest.mark.parametrize(
    ("needed", "free", "held", "message", "hint"),
    [
        (9, 8, 0, "tda needs 9 slots (parallelism 9), and 8 of the cluster's 8 are free", "at most 8"),
        (6, 3, 2, "and 3 of the cluster's 8 are free; it holds 2 itself", "at most 5; tdaflink list shows"),
        (1, 0, 0, "and 0 of the cluster's 8 are free", "start more TaskManagers; tdaflink list shows"),
    ],
)
def test_too_few_slots_are_refused_with_the_parallelism_that_fits(
    needed: int, free: int, held: int, message: str, hint: str
) -> None:
    with pytest.raises(Refused) as refused:
        require_slots("tda", needed, free=free, total=8, held=held)
    assert message in refused.value.message
    assert hint in (refused.value.hint or "")
