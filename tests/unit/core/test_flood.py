"""The flood limit: a window over the last claims of a partition."""

from __future__ import annotations

from headwater.core.flood import FloodLimit, FloodWindow, Judged

LIMIT = FloodLimit(ratio=0.2, messages=1_000)


def _feed(window: FloodWindow, *claims: Judged) -> None:
    for claim in claims:
        assert window.with_next(claim) is None, claim
        window.add(claim)


def test_one_claim_just_over_the_limit_is_a_flood_and_one_at_it_is_not() -> None:
    window = FloodWindow(LIMIT)
    assert window.with_next(Judged(1_000, 200)) is None
    assert window.with_next(Judged(1_000, 201)) == Judged(1_000, 201)


def test_too_few_messages_are_no_flood_however_bad() -> None:
    assert FloodWindow(LIMIT).with_next(Judged(999, 999)) is None


def test_many_small_bad_claims_are_seen_once_they_hold_enough_messages() -> None:
    window = FloodWindow(LIMIT)
    _feed(window, *[Judged(100, 100)] * 9)
    assert window.with_next(Judged(100, 100)) == Judged(1_000, 1_000)


def test_a_large_good_claim_long_ago_does_not_hide_a_flood() -> None:
    window = FloodWindow(LIMIT)
    _feed(window, Judged(200_000, 10), *[Judged(100, 90)] * 9)
    assert window.with_next(Judged(100, 90)) == Judged(1_000, 900)


def test_a_good_claim_is_never_the_flood() -> None:
    window = FloodWindow(LIMIT)
    _feed(window, *[Judged(100, 100)] * 9)
    assert window.with_next(Judged(100, 0)) is None


def test_what_was_stored_before_counts_after_a_restart() -> None:
    assert FloodWindow(LIMIT, [Judged(100, 100)] * 9).with_next(Judged(100, 100)) == Judged(1_000, 1_000)


def test_a_flood_that_a_person_let_through_does_not_stop_what_follows() -> None:
    window = FloodWindow(LIMIT, [Judged(5_000, 0), Judged(5_000, 5_000)])
    assert window.with_next(Judged(10, 5)) is None
    assert window.with_next(Judged(1_000, 1_000)) is not None


def test_a_limit_of_one_lets_everything_through() -> None:
    assert FloodWindow(FloodLimit(ratio=1)).with_next(Judged(5_000, 5_000)) is None
