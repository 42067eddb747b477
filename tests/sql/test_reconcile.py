"""The proof of conservation, on the real engine: no false alarm beside members at work, and every loss is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

import pytest

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.memory import MemoryLog
from headwater.app.ingest import Ingest
from headwater.app.reconcile import reconcile
from headwater.contracts.streams import STREAMS
from headwater.core.ranges import Stored
from headwater.errors import Stop
from headwater.ports import FlushLimits, Row, Watermarks
from tests.support.events import browser
from tests.support.front import Front
from tests.support.staging import START, Stage

pytestmark = pytest.mark.stack

BROWSER = STREAMS["browser"]
SYNC = "SETTINGS mutations_sync = 1"


class _Looked(ClickHouse):
    """A database beside which something happens before each look."""

    def __init__(self, url: str, before: Callable[[int], None]) -> None:
        super().__init__(url)
        self._before = before
        self.looks = 0

    def rows(self, name: str, /, **parameters: object) -> Sequence[Row]:
        self.looks += 1
        self._before(self.looks)
        return super().rows(name, **parameters)


class _Dies(ClickHouseLedger):
    """A member that dies when its rows stand and before it closes its claim."""

    def mark_stored(self, stored: Sequence[Stored], *, doubtful: bool) -> None:
        raise ConnectionError


def _events(first: int, count: int) -> list[bytes]:
    return [browser(f"e{n}", at=f"{START:%Y-%m-%d %H:%M:%S}") for n in range(first, first + count)]


def _leave_open(stage: Stage, *events: bytes) -> None:
    stage.put("browser", events)
    with pytest.raises(ConnectionError):
        Ingest(BROWSER, stage.log, _Dies(stage.db), stage.clock).drain(FlushLimits())


def test_a_claim_that_is_being_stored_is_no_fault(stage: Stage, front: Front) -> None:
    stage.send("browser", *_events(0, 5))
    _leave_open(stage, *_events(5, 5))

    def close(look: int) -> None:
        if look == 2:
            stage.send("browser")

    (books,) = reconcile(BROWSER, stage.log, _Looked(front.writer_url, close), stage.clock)
    assert (books.messages, books.staged, books.lag) == (10, 10, 0)


def test_a_service_that_always_has_a_claim_open_is_no_fault(stage: Stage, front: Front) -> None:
    def serve(look: int) -> None:
        stage.send("browser")
        _leave_open(stage, *_events(look * 5, 5))

    (books,) = reconcile(BROWSER, stage.log, _Looked(front.writer_url, serve), stage.clock)
    assert (books.messages, books.staged, books.open_claims) == (5, 5, 1)


def test_a_claim_that_nobody_closes_is_a_fault(stage: Stage) -> None:
    _leave_open(stage, *_events(0, 5))
    with pytest.raises(Stop, match=r"browser_events\[0\]: 1 claims are not stored"):
        reconcile(BROWSER, stage.log, stage.db, stage.clock, patience_s=0.3)


def test_what_comes_between_the_books_and_kafkas_ends_is_no_fault(stage: Stage) -> None:
    class Busy(MemoryLog):
        """Before each question a message comes and is stored."""

        def watermarks(self, topic: str) -> Mapping[int, Watermarks]:
            marks = stage.log.watermarks(topic)
            stage.send("browser", *_events(100, 1))
            return marks

        def epoch(self, topic: str) -> UUID:
            return stage.log.epoch(topic)

    stage.send("browser", *_events(0, 5))
    (books,) = reconcile(BROWSER, Busy(stage.clock), stage.db, stage.clock)
    assert books.messages == 5


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (f"ALTER TABLE analytics.events_browser_raw DELETE WHERE offset = 1 {SYNC}", "hold 5 recent rows"),
        (f"ALTER TABLE ops.dead_letters DELETE WHERE 1 {SYNC}", "hold 5 recent rows"),
        (
            "INSERT INTO analytics.events_browser_raw SELECT * FROM analytics.events_browser_raw WHERE offset = 1",
            "hold 7 recent rows with 6 offsets",
        ),
        (f"ALTER TABLE ops.claims DELETE WHERE from_offset = 0 {SYNC}", "1 claims do not follow"),
        (f"ALTER TABLE ops.claims DELETE WHERE from_offset = 3 {SYNC}", "stand up to offset 6, claims reach 3"),
        (f"ALTER TABLE ops.stored UPDATE staged = staged - 1 WHERE from_offset = 0 {SYNC}", "booked for 6 messages"),
    ],
)
def test_what_does_not_add_up_is_told(stage: Stage, damage: str, told: str) -> None:
    stage.send("browser", *_events(0, 3))
    stage.send("browser", *_events(3, 2), b"not json")
    stage.db.statements([damage])
    with pytest.raises(Stop, match=told):
        reconcile(BROWSER, stage.log, stage.db, stage.clock)
