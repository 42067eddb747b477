"""Ranges of hours as people name them, and keys of objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headwater.core.object_keys import StoredObject, day_prefixes, hours_of, object_key, read_key
from headwater.errors import FixSettings

DAY = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "start_h", "end_h"),
    [
        ("2026-01-31", "", 0, 24),
        ("2026-01-31", "2026-02-01", 0, 48),
        ("2026-01-31T08:00", "", 8, 9),
        ("2026-01-31 08:00", "2026-01-31 10:00:00", 8, 10),
        ("2026-01-31T08:00", "2026-01-31", 8, 24),
    ],
)
def test_a_last_day_counts_in_whole_and_an_hour_does_not(first: str, last: str, start_h: int, end_h: int) -> None:
    assert hours_of(first, last) == (DAY + timedelta(hours=start_h), DAY + timedelta(hours=end_h))


@pytest.mark.parametrize(("first", "last"), [("2026-02-30", ""), ("2026-01-31", "2026-01-31T24:30")])
def test_what_is_no_time_is_told(first: str, last: str) -> None:
    with pytest.raises(FixSettings, match="There is no time"):
        hours_of(first, last)


@pytest.mark.parametrize("prefix", ["", "history", "/deep/er/"])
def test_a_key_is_found_below_its_prefix_and_read_again(prefix: str) -> None:
    key = object_key(DAY + timedelta(hours=8), "geo", ".gz", prefix)
    assert any(key.startswith(each) for each in day_prefixes(prefix, DAY, DAY + timedelta(days=1)))
    found = read_key(StoredObject(key, "e", 1), prefix)
    assert found is not None
    assert (found.hour, found.stream, found.suffix) == (DAY + timedelta(hours=8), "geo", ".gz")
    assert read_key(StoredObject(f"other/{key}", "e", 1), prefix) is None
