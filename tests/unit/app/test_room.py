"""The batches that a process holds at once are bounded, and nobody waits for a place for ever."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headwater.adapters.memory import FixedClock, MemoryLedger, MemoryLog
from headwater.app.ingest import Ingest
from headwater.app.room import Room
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.ranges import Claim, Source
from headwater.errors import Stop
from headwater.ports import FlushLimits
from tests.support.events import browser

BROWSER = STREAMS["browser"]
TOPICS = Path(__file__).resolve().parents[3] / "kafka" / "topics.yaml"
FEW = FlushLimits(rows=5)


class _Watched(Room):
    """Tells when somebody asks for a place, and whether the first to get one waited until it was given back."""

    def __init__(self, places: int, patience_s: float) -> None:
        super().__init__(places, patience_s)
        self.asked, self.given = threading.Event(), threading.Event()
        self.waited: bool | None = None

    def take(self) -> bool:
        self.asked.set()
        taken = super().take()
        if self.waited is None:
            self.waited = self.given.is_set()
        return taken


@pytest.fixture
def log() -> MemoryLog:
    """A topic of 60 messages, of which a poll hands out five for each partition."""
    made = MemoryLog(FixedClock())
    for topic in load_topics(TOPICS):
        made.ensure(topic)
    for number in range(60):
        made.send(BROWSER.topic, str(number).encode(), browser(f"e{number}", at="2026-01-01 00:00:00"))
    return made


def _drain(log: MemoryLog, ledger: MemoryLedger, room: Room) -> int:
    return Ingest(BROWSER, log, ledger, FixedClock(), room=room).drain(FEW).staged


def test_a_backlog_is_not_read_while_the_room_is_full(log: MemoryLog) -> None:
    room, ledger = _Watched(places=0, patience_s=60), MemoryLedger()
    with ThreadPoolExecutor(1) as pool:
        drained = pool.submit(_drain, log, ledger, room)
        assert room.asked.wait(30)
        claimed = sum(claim.messages for claim in ledger.claims(BROWSER.topic, log.epoch(BROWSER.topic)))
        room.given.set()
        room.give_back()
        assert drained.result(30) == 60
    assert room.waited
    # What was read before anybody knew of a backlog needs no place: a poll of each of the three partitions.
    assert claimed <= 15
    assert room.take(), "Every place is given back."


def test_a_full_room_keeps_nobody_for_ever(log: MemoryLog) -> None:
    room = Room(places=1, patience_s=0)
    assert room.take()
    assert _drain(log, MemoryLedger(), room) == 60
    assert not room.take(), "What was read without a place gives none back."


def test_streams_share_the_room(log: MemoryLog) -> None:
    """Of two members that take turns at one place, never are two storing what they read with it."""
    room, lock = Room(places=1, patience_s=60), threading.Lock()
    storing, most = 0, 0

    class Counts(MemoryLedger):
        def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
            nonlocal storing, most
            if any(claim.from_offset for claim in claims):  # the first batch has no place
                with lock:
                    storing += 1
                    most = max(most, storing)
            super().store(stream, claims, read, generation)
            if any(claim.from_offset for claim in claims):
                with lock:
                    storing -= 1

    other = MemoryLog(FixedClock())
    for topic in load_topics(TOPICS):
        other.ensure(topic)
    for number in range(60):
        other.send(BROWSER.topic, str(number).encode(), browser(f"e{number}", at="2026-01-01 00:00:00"))
    with ThreadPoolExecutor(2) as pool:
        drains = [pool.submit(_drain, each, Counts(), room) for each in (log, other)]
        assert [drain.result(30) for drain in drains] == [60, 60]
    assert most == 1


def test_a_batch_that_cannot_be_stored_gives_its_place_back(log: MemoryLog) -> None:
    class Fails(MemoryLedger):
        def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
            if any(claim.from_offset for claim in claims):
                raise Stop("the disk is full")
            super().store(stream, claims, read, generation)

    room = Room(places=1, patience_s=0)
    with pytest.raises(Stop, match="the disk is full"):
        _drain(log, Fails(), room)
    assert room.take()
