from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tdajob.timestamps import EARLIEST_MS, LATEST_MS, format_timestamp, parse_timestamp

NOON = 1_704_110_400_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-01-01T12:00:00Z", NOON),
        ("2024-01-01t12:00:00z", NOON),
        ("2024-01-01 12:00:00Z", NOON),
        ("2024-01-01T12:00:00", NOON),
        ("2024-01-01T12:00:00+00:00", NOON),
        ("2024-01-01T13:30:00+01:30", NOON),
        ("2024-01-01T00:00:00-12:00", NOON),
        ("2024-01-01T12:00:00.5Z", NOON + 500),
        ("2024-01-01T12:00:00.1234567891Z", NOON + 123),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("1969-12-31T23:59:59.999Z", -1),
        (NOON, NOON),
        (0, 0),
        (-1, -1),
    ],
)
def test_reads(value: object, expected: int) -> None:
    assert parse_timestamp(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "", "yesterday", "2024-01-01", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "2024-01-01T24:00:00Z",
        "2024-01-01T12:00Z", "2024-01-01T12:00:00.Z", "2024-01-01T12:00:00+1:00", "2024-01-01T12:00:00+24:00",
        "2024-01-01T12:00:00Z ", "٢٠٢٤-01-01T12:00:00Z", "0001-01-01T00:00:00+00:01", 1.5, True, None, [], {},
        10**18, -(10**18),
    ],
)  # fmt: skip
def test_refuses(value: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_timestamp(value)


@given(st.integers(EARLIEST_MS, LATEST_MS))
def test_what_is_written_is_read_again(milliseconds: int) -> None:
    text = format_timestamp(milliseconds)
    assert text.endswith("Z")
    assert parse_timestamp(text) == milliseconds


@given(
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),
    st.integers(-23 * 60, 23 * 60),
)
def test_agrees_with_the_standard_library(moment: datetime, zone: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=zone)))
    expected = (aware - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)
    assert parse_timestamp(aware.isoformat()) == expected
