"""Two members finish one claim at the same time: the books tell what stands in the tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headwater.adapters.memory import FixedClock, MemoryLedger, MemoryLog
from headwater.app.ingest import Ingest
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.ranges import Batch, Claim, Source, Stored
from headwater.ports import FlushLimits
from tests.support.events import browser

BROWSER = STREAMS["browser"]
TOPICS = Path(__file__).resolve().parents[3] / "kafka" / "topics.yaml"


class _Torn(MemoryLedger):
    """Loses the rows of the first insert; another member repairs them between a count and a look at the offsets."""

    torn: Sequence[Batch] | None = None

    def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
        batch = read()
        super().store(stream, claims, lambda: batch, generation)
        if generation == 0 and self.torn is None:
            self.torn = batch
            self.lose_rows()

    def present(self, stream: str, claim: Claim) -> Sequence[int]:
        torn = self.torn
        assert torn is not None
        super().store(stream, [claim], lambda: torn, generation=1)
        return super().present(stream, claim)


class _Sleeps(MemoryLedger):
    """Sleeps before its first insert, while another member stores the range and a reload takes it out again."""

    slept = False

    def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
        if not self.slept:
            self.slept = True
            batch = read()
            other = MemoryLedger(self.books)
            other.store(stream, claims, lambda: batch, generation)
            found = other.find(stream, claims)
            other.mark_stored([Stored(c, f, 0, 0) for c, f in zip(claims, found, strict=True)], doubtful=True)
            self.books.rows.clear()
        super().store(stream, claims, read, generation)


def test_what_was_taken_out_while_a_member_slept_does_not_come_back() -> None:
    log, ledger = MemoryLog(FixedClock()), _Sleeps()
    for topic in load_topics(TOPICS):
        log.ensure(topic)
    log.send(BROWSER.topic, b"\x00", browser("e1", at="2026-01-01 00:00:00"))
    for _ in range(2):
        Ingest(BROWSER, log, ledger, FixedClock()).drain(FlushLimits())
    assert ledger.slept
    assert ledger.books.rows == {}


def test_rows_that_another_member_repairs_between_count_and_look_are_not_booked_as_lost() -> None:
    log, ledger = MemoryLog(FixedClock()), _Torn()
    for topic in load_topics(TOPICS):
        log.ensure(topic)
    for number in range(20):
        log.send(BROWSER.topic, b"\x00", browser(f"e{number}", at="2026-01-01 00:00:00"))
    moved = Ingest(BROWSER, log, ledger, FixedClock()).drain(FlushLimits())
    assert (moved.staged, moved.lost) == (20, 0)
