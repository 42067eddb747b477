"""The engine over twins in memory: what it claims, repeats, repairs and records."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from headwater.adapters.memory import FixedClock, MemoryLedger, MemoryLog, _MemoryReader
from headwater.app.ingest import Ingest
from headwater.app.storing import Moved
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.ranges import Batch, Claim, Found, Source, Stored
from headwater.errors import Stop
from headwater.ports import FlushLimits
from tests.support.events import browser

BROWSER = STREAMS["browser"]
TOPICS = Path(__file__).resolve().parents[2] / "kafka" / "topics.yaml"


@pytest.fixture
def log() -> MemoryLog:
    made = MemoryLog(FixedClock())
    for topic in load_topics(TOPICS):
        made.ensure(topic)
    return made


def _send(log: MemoryLog, first: int, last: int) -> None:
    for number in range(first, last):
        log.send(BROWSER.topic, str(number).encode(), browser(f"e{number}", at="2026-01-01 00:00:00"))


def _drain(log: MemoryLog, ledger: MemoryLedger, rows: int = 200_000) -> Moved:
    return Ingest(BROWSER, log, ledger, FixedClock()).drain(FlushLimits(rows=rows))


def test_a_drain_stores_each_message_once_and_a_second_finds_nothing(log: MemoryLog) -> None:
    ledger = MemoryLedger()
    _send(log, 0, 50)
    assert _drain(log, ledger, rows=7).staged == 50
    assert _drain(log, ledger).messages == 0
    assert sum(log.committed(BROWSER.topic).values()) == 50


def test_a_bad_event_costs_one_event(log: MemoryLog) -> None:
    _send(log, 0, 10)
    log.send(BROWSER.topic, b"1", b"not json")
    moved = _drain(log, MemoryLedger())
    assert (moved.staged, moved.dead_letters) == (10, 1)


def test_rows_that_a_crash_took_after_their_token_was_logged_are_stored_again(log: MemoryLog) -> None:
    class Torn(MemoryLedger):
        torn = False

        def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
            super().store(stream, claims, read, generation)
            if not self.torn:
                self.torn = True
                self.lose_rows()

    _send(log, 0, 30)
    moved = _drain(log, Torn())
    assert (moved.staged, moved.repairs) == (30, 3)  # one insert stored the claims of three partitions


def test_a_claim_that_a_dead_member_left_is_stored_before_anything_new(log: MemoryLog) -> None:
    class Dies(MemoryLedger):
        def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
            raise ConnectionError

    ledger = MemoryLedger()
    _send(log, 0, 30)
    with pytest.raises(ConnectionError):
        _drain(log, Dies(ledger.books))
    _send(log, 30, 40)
    moved = _drain(log, ledger)
    assert moved.staged == 40
    assert all(s.found.total == s.claim.messages for s in ledger.stored())


def test_the_claim_of_another_member_is_obeyed(log: MemoryLog) -> None:
    _send(log, 0, 30)
    ledger = MemoryLedger()

    class Slow(MemoryLedger):
        """Another member claims shorter ranges just before this one does."""

        def propose(self, claim: Claim) -> None:
            short = max(claim.from_offset + 1, claim.to_offset - 3)
            messages = short - claim.from_offset
            super().propose(replace(claim, to_offset=short, messages=messages, claim_id=uuid4(), together=()))
            super().propose(claim)

    assert _drain(log, Slow(ledger.books)).staged == 30
    assert sorted(_covered(ledger.stored())) == sorted(_covered_all(log))


def _covered(stored: Sequence[Stored]) -> list[tuple[int, int]]:
    return [(s.claim.partition, o) for s in stored for o in range(s.claim.from_offset, s.claim.to_offset)]


def _covered_all(log: MemoryLog) -> list[tuple[int, int]]:
    return [(p, o) for p, mark in log.watermarks(BROWSER.topic).items() for o in range(mark.begin, mark.end)]


def test_offsets_that_retention_removed_are_recorded_loudly(log: MemoryLog, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(20):
        log.send(BROWSER.topic, b"\x00", browser(f"e{number}", at="2026-01-01 00:00:00"))
    log.retire(BROWSER.topic, 0, before=8)
    with caplog.at_level(logging.ERROR):
        moved = _drain(log, MemoryLedger())
    assert (moved.staged, moved.lost) == (12, 8)
    assert "retention removed 8 offsets" in caplog.text


class _Asked(MemoryLedger):
    """Counts how often somebody looked for open claims."""

    times = 0

    def open_claims(self, topic: str, epoch: UUID) -> Sequence[Claim]:
        self.times += 1
        return super().open_claims(topic, epoch)


class _LateReader(_MemoryReader):
    """Has nothing to read until a frozen member lost its partitions: after the drain asked what is left to do."""

    def __init__(self, log: MemoryLog, ledger: _Asked, resume: Callable[[Collection[int]], Mapping[int, int]]) -> None:
        super().__init__(log, BROWSER.topic, {})
        self._ledger = ledger
        self._resume = resume

    def poll(self, limits: FlushLimits, timeout_s: float) -> Sequence[Batch]:
        if not self._positions and self._ledger.times >= 2:
            self._positions = dict(self._resume(range(3)))
        if self._positions:
            return super().poll(limits, timeout_s)
        self.caught_up = True
        return []


def test_a_drain_does_not_end_before_an_open_claim_whose_messages_are_gone(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dies(MemoryLedger):
        def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
            raise Stop("killed")

    _send(log, 0, 30)
    ledger = _Asked()
    with pytest.raises(Stop, match="killed"):
        _drain(log, Dies(ledger.books))
    for partition, marks in log.watermarks(BROWSER.topic).items():
        log.retire(BROWSER.topic, partition, marks.end)

    @contextmanager
    def join(_topic: str, resume: Callable[[Collection[int]], Mapping[int, int]]) -> Iterator[_LateReader]:
        yield _LateReader(log, ledger, resume)

    monkeypatch.setattr(log, "join", join)
    assert _drain(log, ledger).lost == 30
    assert not ledger.open_claims(BROWSER.topic, log.epoch(BROWSER.topic))


def test_what_was_sent_is_held_no_more_while_it_is_stored(log: MemoryLog) -> None:
    class Looks(MemoryLedger):
        held = -1

        def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
            super().store(stream, claims, read, generation)
            deadline = time.monotonic() + 10
            while (held := _batches_alive()) and time.monotonic() < deadline:
                time.sleep(0.01)  # the thread that reads may still be handing them over
            self.held = held

    _send(log, 0, 30)
    ledger = Looks()
    assert _drain(log, ledger).staged == 30
    assert ledger.held == 0


def _batches_alive() -> int:
    return sum(isinstance(each, Batch) for each in gc.get_objects())


def test_a_topic_that_was_made_again_starts_its_own_books(log: MemoryLog) -> None:
    ledger = MemoryLedger()
    _send(log, 0, 10)
    _drain(log, ledger)
    log.delete(BROWSER.topic)
    for topic in load_topics(TOPICS):
        log.ensure(topic)
    _send(log, 0, 7)
    assert _drain(log, ledger).staged == 7
    assert len({s.claim.epoch for s in ledger.stored()}) == 2


def test_more_rows_than_messages_stop_the_engine_before_it_commits(log: MemoryLog) -> None:
    class Doubles(MemoryLedger):
        def find(self, stream: str, claims: Sequence[Claim]) -> Sequence[Found]:
            return [replace(found, staged=found.staged * 2) for found in super().find(stream, claims)]

    _send(log, 0, 10)
    with pytest.raises(Stop, match="rows stand for"):
        _drain(log, Doubles())
    assert log.committed(BROWSER.topic) == {}
