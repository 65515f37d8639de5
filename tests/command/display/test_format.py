"""Times and sizes in tables and sentences."""

from __future__ import annotations

import pytest

from tdaflink.display.format import format_duration, format_restarts, format_size


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (48 * 2**10, "48 KiB"), (3 * 2**30, "3.0 GiB")],
)
def test_size_is_written_in_binary_units(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(-5, "0 ms"), (250, "250 ms"), (61_000, "1m 1s"), (3_600_000, "1h"), (90_061_000, "1d 1h")],
)
def test_duration_is_written_in_its_two_greatest_units(ms: int, text: str) -> None:
    assert format_duration(ms) == text


def test_restarts_are_counted_in_words() -> None:
    assert [format_restarts(number) for number in (0, 1, 2)] == ["no restart", "1 restart", "2 restarts"]
