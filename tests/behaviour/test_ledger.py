"""What every ledger does: claims are obeyed, stores are repeatable, counts are of what stands there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pytest

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.core.flood import CommonReject, Judged
from headwater.core.ranges import Batch, Claim, Found, Message, Share, Stored
from headwater.errors import Retry
from headwater.ports import Ledger, Reject
from tests.support.events import browser

EPOCH = UUID(int=7)
NOW = datetime.now(UTC).replace(microsecond=0)


def _claim(from_offset: int, to_offset: int, partition: int = 0, epoch: UUID = EPOCH) -> Claim:
    return Claim(
        "browser_events", epoch, partition, from_offset, to_offset, to_offset - from_offset, 0, uuid4(), NOW, 1, "test"
    )


def _obeyed(ledger: Ledger, claim: Claim) -> Claim:
    """What stands at the start of a claim once it was proposed."""
    ledger.propose(claim)
    (standing,) = ledger.standing([claim])
    return standing


def _store(ledger: Ledger, claim: Claim, read: Callable[[], Batch], generation: int = 0) -> None:
    ledger.store("browser", [claim], lambda: [read()], generation)


def _found(ledger: Ledger, claim: Claim) -> Found:
    (found,) = ledger.find("browser", [claim])
    return found


def _batch(claim: Claim, bad: int = 0) -> Batch:
    offsets = range(claim.from_offset, claim.to_offset)
    raw = [b"bad" if n < bad else browser(f"e{o}") for n, o in enumerate(offsets)]
    now_ms = int(NOW.timestamp() * 1000)
    messages = [Message(offset, value, now_ms) for offset, value in zip(offsets, raw, strict=True)]
    return Batch.of(claim.topic, claim.epoch, claim.partition, claim.from_offset, claim.to_offset, messages)


def _raw(batch: Batch, changes: dict[int, bytes]) -> Any:
    """The values of the batch with some of them changed."""
    return pa.array([changes.get(n, value) for n, value in enumerate(batch.raw.to_pylist())], pa.binary())


def test_the_first_claim_of_a_start_stands_and_later_ones_obey_it(ledger: Ledger) -> None:
    first, second = _claim(0, 10), _claim(0, 25)
    assert _obeyed(ledger, first) == first
    assert _obeyed(ledger, second) == first
    assert _obeyed(ledger, first) == first


@pytest.mark.stack
def test_of_several_generations_at_a_start_the_lowest_is_obeyed(warehouse: ClickHouse) -> None:
    """What stands after a token was taken for lost whose row came after all; the twin in memory loses nothing."""
    ledger = ClickHouseLedger(warehouse)
    third, first, second = (replace(_claim(0, 10 + n), generation=n) for n in (2, 0, 1))
    assert [_obeyed(ledger, claim) for claim in (third, first, second)] == [third, first, first]
    assert _obeyed(ledger, _claim(0, 99)) == first


def test_claims_of_other_partitions_and_epochs_are_apart(ledger: Ledger) -> None:
    claims = [_claim(0, 10), _claim(0, 10, partition=1), _claim(0, 10, epoch=UUID(int=8))]
    assert [_obeyed(ledger, claim) for claim in claims] == claims
    assert list(ledger.claims("browser_events", UUID(int=8))) == [claims[2]]


def test_claims_of_an_earlier_topic_of_the_same_name_are_told(ledger: Ledger) -> None:
    for claim in (_claim(0, 10), _claim(10, 30), _claim(0, 5, partition=2), _claim(0, 7, epoch=UUID(int=8))):
        _obeyed(ledger, claim)
    assert ledger.other_epochs("browser_events", UUID(int=8)) == {EPOCH: {0: 30, 2: 5}}
    assert ledger.other_epochs("device_events", UUID(int=8)) == {}


def test_the_last_claim_of_each_partition_is_told(ledger: Ledger) -> None:
    for claim in (_claim(0, 10), _claim(10, 30), _claim(0, 5, partition=2)):
        _obeyed(ledger, claim)
    assert {(c.partition, c.to_offset) for c in ledger.claims("browser_events", EPOCH)} == {(0, 30), (2, 5)}


def test_storing_twice_under_one_generation_adds_nothing(ledger: Ledger) -> None:
    claim = _obeyed(ledger, _claim(0, 10))
    for _ in range(2):
        _store(ledger, claim, lambda: _batch(claim, bad=3), generation=0)
    assert _found(ledger, claim) == Found(staged=7, dead_letters=3, heartbeats=0, distinct_offsets=10)


def test_a_later_generation_adds_what_it_is_given(ledger: Ledger) -> None:
    claim = _obeyed(ledger, _claim(0, 10))
    whole = _batch(claim)
    _store(ledger, claim, lambda: whole.without(range(6, 10)), generation=0)
    assert sorted(ledger.present("browser", claim)) == list(range(6))
    _store(ledger, claim, lambda: whole.without(ledger.present("browser", claim)), generation=1)
    assert _found(ledger, claim) == Found(10, 0, 0, 10)


def test_what_cannot_be_read_is_not_asked_for_again_and_again(ledger: Ledger) -> None:
    """The topic may have been made anew, or its broker is away: then the member has to start again."""
    claim = _obeyed(ledger, _claim(0, 10))
    asked = 0

    def read() -> Batch:
        nonlocal asked
        asked += 1
        raise Retry("the topic was made again")

    with pytest.raises(Retry, match="made again"):
        _store(ledger, claim, read)
    assert asked == 1


def test_heartbeats_are_no_events(ledger: Ledger) -> None:
    claim = _obeyed(ledger, _claim(0, 2))
    batch = _batch(claim)
    beat = b'{"headwater_heartbeat":"a","sent_at":"2026-01-01 00:00:00"}'
    _store(ledger, claim, lambda: replace(batch, raw=_raw(batch, {0: beat})), 0)
    assert _found(ledger, claim) == Found(staged=1, dead_letters=0, heartbeats=1, distinct_offsets=2)


def test_only_rows_of_the_range_are_counted(ledger: Ledger) -> None:
    one, two = _obeyed(ledger, _claim(0, 10)), _obeyed(ledger, _claim(10, 15))
    for claim in (one, two):
        _store(ledger, claim, partial(_batch, claim), 0)
    assert _found(ledger, one).total == 10
    assert _found(ledger, two).total == 5


def test_a_claim_is_open_until_it_is_marked_as_stored(ledger: Ledger) -> None:
    one, two = _obeyed(ledger, _claim(0, 10)), _obeyed(ledger, _claim(10, 15))
    assert list(ledger.open_claims("browser_events", EPOCH)) == [one, two]
    for _ in range(2):
        ledger.mark_stored([Stored(one, Found(10, 0, 0, 10), lost=0, repairs=0)], doubtful=False)
    assert list(ledger.open_claims("browser_events", EPOCH)) == [two]


def test_a_refused_line_may_be_reported_again(ledger: Ledger) -> None:
    reject = Reject(b"\xff\x00x", "too_large", "2 MB", "file.jsonl", 7)
    for _ in range(2):
        ledger.reject("browser", [reject])


def test_what_became_of_earlier_claims_of_the_partition_is_told_in_order(ledger: Ledger) -> None:
    claims = [_obeyed(ledger, c) for c in (_claim(0, 10), _claim(10, 15), _claim(15, 20), _claim(0, 9, partition=1))]
    for claim, bad in zip(claims, (3, 0, 1, 9), strict=True):
        found = Found(claim.messages - bad, bad, 0, claim.messages)
        ledger.mark_stored([Stored(claim, found, lost=0, repairs=0)], doubtful=False)
    assert list(ledger.judged_before(claims[2])) == [Judged(10, 3), Judged(5, 0)]
    assert list(ledger.judged_before(claims[0])) == []


def test_the_most_common_reject_of_a_range_is_told(ledger: Ledger) -> None:
    one, two = _obeyed(ledger, _claim(0, 10)), _obeyed(ledger, _claim(10, 15))
    batch = _batch(one, bad=1)
    wrong = browser("e1", click_id=7)
    _store(ledger, one, lambda: replace(batch, raw=_raw(batch, {1: wrong, 2: wrong})), 0)
    _store(ledger, two, partial(_batch, two), 0)
    assert ledger.common_reject(one) == CommonReject("wrong_type", "click_id", 2)
    assert ledger.common_reject(two) is None


def _together(*claims: Claim) -> list[Claim]:
    """The same claims, proposed together."""
    shares = tuple(Share(c.partition, c.from_offset, c.to_offset, c.messages, c.claim_id) for c in claims)
    return [replace(claim, together=shares) for claim in claims]


def test_claims_that_were_proposed_together_name_each_other(ledger: Ledger) -> None:
    one, two = _together(_claim(0, 10), _claim(5, 9, partition=1))
    ledger.propose(one)
    (standing,) = ledger.standing([one, two])
    assert standing == one
    assert standing.proposed == [one, two]
    assert {claim.store_token(0) for claim in standing.proposed} == {one.store_token(0)}


def test_of_several_starts_every_claim_that_stands_is_told(ledger: Ledger) -> None:
    claims = [_claim(0, 10), _claim(10, 12), _claim(0, 5, partition=1), _claim(0, 5, epoch=UUID(int=8))]
    for claim in claims:
        ledger.propose(claim)
    asked = [_claim(0, 99), _claim(0, 99, partition=1), _claim(0, 99, partition=2)]
    assert sorted(ledger.standing(asked), key=lambda c: c.partition) == [claims[0], claims[2]]


def test_ranges_of_several_partitions_are_stored_by_one_insert_and_counted_apart(ledger: Ledger) -> None:
    claims = _together(_claim(0, 10), _claim(5, 9, partition=1), _claim(0, 3, partition=2))
    for claim in claims:
        ledger.propose(claim)
    batches = [_batch(claims[0], bad=3), _batch(claims[1]), _batch(claims[2], bad=3)]
    for _ in range(2):
        ledger.store("browser", claims, lambda: batches, 0)
        found = list(ledger.find("browser", claims))
        assert found == [Found(7, 3, 0, 10), Found(4, 0, 0, 4), Found(0, 3, 0, 3)]
    assert list(ledger.find("browser", [_claim(0, 9, partition=3), claims[1]])) == [Found(0, 0, 0, 0), found[1]]
    assert sorted(ledger.present("browser", claims[1])) == [5, 6, 7, 8]


def test_claims_that_are_stored_together_are_closed_together(ledger: Ledger) -> None:
    claims = _together(_claim(0, 10), _claim(0, 4, partition=1))
    alone = _claim(0, 3, partition=2)
    for claim in [*claims, alone]:
        ledger.propose(claim)
    assert not ledger.is_stored(claims)
    stored = [Stored(c, Found(c.messages, 0, 0, c.messages), lost=0, repairs=0) for c in claims]
    for doubtful in (False, True):
        ledger.mark_stored(stored, doubtful=doubtful)
    assert ledger.is_stored(claims)
    assert not ledger.is_stored([*claims, alone])
    assert list(ledger.open_claims("browser_events", EPOCH)) == [alone]
