"""Times as ISO 8601 texts."""

from __future__ import annotations

import pytest

from tdaflink.domain.timestamps import format_timestamp, parse_timestamp


def test_written_time_is_utc_with_z_and_read_back_exactly() -> None:
    assert format_timestamp(1700000000.25) == "2023-11-14T22:13:20.250Z"
    assert format_timestamp(1700000000.25, "seconds") == "2023-11-14T22:13:20Z"
    assert parse_timestamp("2023-11-14T22:13:20.250Z").timestamp() == 1700000000.25
    assert parse_timestamp("2023-11-14T23:13:20.250+01:00").timestamp() == 1700000000.25


def test_text_that_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="soon"):
        parse_timestamp("soon")
