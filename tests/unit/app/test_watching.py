"""What a process sees of its members' work, over the engine and twins in memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from headwater.adapters.memory import FixedClock, MemoryLedger, MemoryLog
from headwater.adapters.metrics import Metrics
from headwater.app.heartbeats import Heartbeats
from headwater.app.ingest import Ingest
from headwater.app.watching import StreamWatch
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.ranges import Claim, Source
from headwater.ports import FlushLimits
from tests.support.events import browser

BROWSER = STREAMS["browser"]
TOPICS = Path(__file__).resolve().parents[3] / "kafka" / "topics.yaml"
CLOCK = FixedClock()


@pytest.fixture
def log() -> MemoryLog:
    made = MemoryLog(CLOCK)
    for topic in load_topics(TOPICS):
        made.ensure(topic)
    return made


@pytest.fixture
def meter() -> Metrics:
    return Metrics()


@pytest.fixture
def watch(meter: Metrics) -> StreamWatch:
    return StreamWatch("browser", meter, CLOCK)


def _send(log: MemoryLog, count: int, bad: int = 0) -> None:
    for number in range(count):
        value = b"secret, not json" if number < bad else browser(f"e{number}", at="2026-01-01 00:00:00")
        log.send(BROWSER.topic, str(number).encode(), value)


def _drain(log: MemoryLog, watch: StreamWatch, ledger: MemoryLedger | None = None, rows: int = 1_000) -> None:
    Ingest(BROWSER, log, ledger or MemoryLedger(), CLOCK, watch).drain(FlushLimits(rows=rows))


def _values(meter: Metrics, name: str) -> dict[str, float]:
    lines = [line for line in meter.render().splitlines() if line.startswith(name)]
    return {line.removeprefix(name).rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_totals_and_metrics_say_what_the_tables_hold(log: MemoryLog, watch: StreamWatch, meter: Metrics) -> None:
    _send(log, 40, bad=4)
    Heartbeats([BROWSER], log, CLOCK, "me").beat()
    _drain(log, watch, rows=5)
    moved = watch.moved()
    assert (moved.messages, moved.staged, moved.dead_letters, moved.heartbeats) == (43, 36, 4, 3)
    assert _values(meter, "headwater_ingested_rows_total") == {
        '{stream="browser",target="staged"}': 36,
        '{stream="browser",target="dead_letters"}': 4,
        '{stream="browser",target="heartbeats"}': 3,
    }
    assert _values(meter, "headwater_claims_total") == {'{stream="browser",outcome="won"}': moved.claims}
    assert _values(meter, "headwater_insert_seconds_count") == {'{stream="browser"}': moved.claims}
    assert _values(meter, "headwater_last_stored_timestamp_seconds") == {'{stream="browser"}': CLOCK.now().timestamp()}


def test_claims_of_a_dead_member_are_counted_as_obeyed(log: MemoryLog, watch: StreamWatch, meter: Metrics) -> None:
    class Dies(MemoryLedger):
        def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
            raise ConnectionError

    ledger = MemoryLedger()
    log.send(BROWSER.topic, b"\x00", browser("e0", at="2026-01-01 00:00:00"))
    with pytest.raises(ConnectionError):
        Ingest(BROWSER, log, Dies(ledger.books), CLOCK).drain(FlushLimits())
    log.send(BROWSER.topic, b"\x00", browser("e1", at="2026-01-01 00:00:00"))
    _drain(log, watch, ledger)
    assert _values(meter, "headwater_claims_total") == {
        '{stream="browser",outcome="obeyed"}': 1,
        '{stream="browser",outcome="won"}': 1,
    }


def test_progress_is_taken_once_and_sums_what_came_since(log: MemoryLog, watch: StreamWatch) -> None:
    ledger = MemoryLedger()
    _send(log, 30)
    _drain(log, watch, ledger, rows=2)
    taken = watch.take_progress()
    assert [p.partition for p in taken] == [0, 1, 2]
    assert sum(p.messages for p in taken) == 30
    assert sum(p.claims for p in taken) == watch.moved().claims
    marks = log.watermarks(BROWSER.topic)
    assert {p.partition: (p.from_offset, p.to_offset) for p in taken} == {n: (0, m.end) for n, m in marks.items()}
    assert watch.take_progress() == []


def test_ranges_with_dead_letters_are_joined_where_they_follow_on_each_other(
    log: MemoryLog, watch: StreamWatch
) -> None:
    for number in range(12):
        log.send(BROWSER.topic, b"\x00", b"bad" if number not in {4, 5} else browser("e", at="2026-01-01 00:00:00"))
    _drain(log, watch, rows=2)
    assert [(c.from_offset, c.to_offset, c.messages) for c in watch.take_rejected()] == [(0, 4, 4), (6, 12, 6)]
    assert watch.take_rejected() == []


def test_repairs_are_counted_and_said(
    log: MemoryLog, watch: StreamWatch, meter: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    class Torn(MemoryLedger):
        """The first insert leaves its token and no rows."""

        def store(self, stream: str, claims: Sequence[Claim], read: Source, generation: int) -> None:
            super().store(stream, claims, read, generation)
            if generation == 0:
                self.lose_rows()

    _send(log, 1)
    with caplog.at_level(logging.WARNING, "headwater.consumer"):
        _drain(log, watch, Torn())
    assert _values(meter, "headwater_repairs_total") == {'{stream="browser"}': 1}
    assert [record.getMessage() for record in caplog.records] == ["repaired"]


def test_no_log_line_holds_a_payload(log: MemoryLog, watch: StreamWatch, caplog: pytest.LogCaptureFixture) -> None:
    _send(log, 10, bad=5)
    with caplog.at_level(logging.DEBUG):
        _drain(log, watch)
    lines = [f"{record.getMessage()} {getattr(record, 'facts', {})}" for record in caplog.records]
    assert any(line.startswith("stored") for line in lines)
    assert any(line.startswith("resumed") for line in lines)
    assert not [line for line in lines if "secret" in line or "pageview" in line]
