"""The existing records that a new job reads, by topic."""

from __future__ import annotations

from tdaflink.services.jobs.topic_readers import PlannedRead, readings, topics_read

A0, A1, B0 = ("a", 0), ("a", 1), ("b", 0)


def test_a_new_group_reads_from_the_beginnings() -> None:
    found = readings({A0: 0, A1: 0, B0: 5}, {A0: 10, A1: 4, B0: 5}, {})
    assert found == [PlannedRead("a", 14, {0: 0, 1: 0})]
    assert str(found[0]) == "14 of a (from offset 0)"


def test_offsets_that_differ_are_named() -> None:
    (found,) = readings({A0: 3, A1: 0}, {A0: 10, A1: 4}, {})
    assert str(found) == "11 of a (from offset 3 in partition 0, 0 in partition 1)"
    many = PlannedRead("a", 50, {number: number + 1 for number in range(5)})
    assert str(many).endswith("3 in partition 2 and 2 more)")


def test_committed_offsets_count_within_what_is_still_there() -> None:
    ends = {A0: 10, A1: 10, B0: 10}
    # Committed offsets: before the beginning offset, at the end, and beyond the end of a new topic.
    committed = {A0: 2, A1: 10, B0: 99}
    assert readings({A0: 4, A1: 0, B0: 0}, ends, committed) == [PlannedRead("a", 6, {0: 4})]


def test_topics_of_a_script_are_not_known() -> None:
    assert topics_read(None) == []
    assert topics_read({"inputs": [{"topic": "a"}, {"topic": "b"}]}) == ["a", "b"]
