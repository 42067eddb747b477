"""Which ranges a plan takes, and how its facts are cut into inserts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from headwater.core.plans import PendingClaim, slices, take

EPOCH = UUID(int=1)
START = datetime(2026, 5, 1, tzinfo=UTC)


def _claim(partition: int, from_offset: int, to_offset: int, *, planned_to: int = 0, minute: int = 0) -> PendingClaim:
    return PendingClaim(
        "browser_events", EPOCH, partition, from_offset, to_offset, to_offset - from_offset, planned_to,
        START + timedelta(minutes=minute),
    )  # fmt: skip


def _bounds(claims: list[PendingClaim], max_rows: int = 1000) -> list[tuple[int, int, int]]:
    ranges, _ = take(claims, max_rows)
    return [(r.partition, r.from_offset, r.to_offset) for r in ranges]


def test_claims_that_follow_on_each_other_become_one_range() -> None:
    assert _bounds([_claim(0, 5, 8, planned_to=5), _claim(0, 8, 20, planned_to=5)]) == [(0, 5, 20)]


def test_a_claim_that_is_still_open_holds_back_what_comes_after_it() -> None:
    assert _bounds([_claim(0, 0, 10), _claim(0, 20, 30)]) == [(0, 0, 10)]
    assert _bounds([_claim(0, 20, 30)]) == []


def test_the_oldest_claims_are_taken_up_to_the_limit() -> None:
    claims = [_claim(0, 0, 600, minute=2), _claim(1, 0, 600, minute=1), _claim(2, 0, 300, minute=3)]
    assert _bounds(claims, 1000) == [(1, 0, 600), (2, 0, 300)]


def test_a_skipped_claim_leaves_no_gap_in_its_partition() -> None:
    claims = [_claim(0, 0, 900, minute=1), _claim(0, 900, 1900, minute=2), _claim(0, 1900, 1910, minute=3)]
    assert _bounds(claims, 1000) == [(0, 0, 900)]


def test_one_claim_above_the_limit_is_taken_alone() -> None:
    assert _bounds([_claim(0, 0, 5000), _claim(1, 0, 10, minute=1)], 1000) == [(0, 0, 5000)]


def test_slices_hold_at_most_so_many_days() -> None:
    rows = {date(2026, 1, 1) + timedelta(days=n): 1 for n in range(120)}
    found = slices(rows, max_days=50, max_rows=1000)
    assert [(s.last_day - s.first_day).days + 1 for s in found] == [50, 50, 20]


def test_slices_never_share_a_day_and_cover_all() -> None:
    rows = {date(2026, 1, 1) + timedelta(days=n): 400 for n in range(7)}
    found = slices(rows, max_rows=1000)
    covered = [day for s in found for day in rows if s.first_day <= day <= s.last_day]
    assert sorted(covered) == sorted(rows)


def test_a_large_day_is_cut_into_pieces_by_hash() -> None:
    day = date(2026, 1, 1)
    found = slices({day: 2500, day + timedelta(days=1): 10}, max_rows=1000)
    assert [(s.first_day, s.pieces, s.piece) for s in found] == [
        (day, 3, 0), (day, 3, 1), (day, 3, 2), (day + timedelta(days=1), 1, 0),
    ]  # fmt: skip
