"""What a consumer process looks up and writes down beside its members."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from headwater.adapters.memory import FixedClock, MemoryLedger, MemoryLog
from headwater.adapters.metrics import Metrics
from headwater.app.consumer import Failure
from headwater.app.ingest import Ingest
from headwater.app.monitor import Monitor
from headwater.app.watching import StreamWatch
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.errors import Retry
from headwater.ports import FlushLimits, Row
from tests.support.events import browser

BROWSER = STREAMS["browser"]
TOPICS = Path(__file__).resolve().parents[3] / "kafka" / "topics.yaml"
CLOCK = FixedClock()


@dataclass
class Notes:
    """A database that notes what it is asked; away while `away` says so."""

    answer: Callable[[Mapping[str, object]], Sequence[Row]] = lambda _parameters: []
    away: bool = False
    asked: list[Mapping[str, object]] = field(default_factory=list)
    written: list[tuple[str | None, Mapping[str, object]]] = field(default_factory=list)

    def rows(self, name: str, /, **parameters: object) -> Sequence[Row]:
        if self.away:
            raise Retry("ClickHouse is away")
        assert name == "ops/reject_reasons"
        self.asked.append(parameters)
        return self.answer(parameters)

    def run(self, name: str, /, token: str | None = None, **parameters: object) -> int:
        if self.away:
            raise Retry("ClickHouse is away")
        assert name == "ops/record_consumer_error"
        self.written.append((token, parameters))
        return 1

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> Sequence[Row]:
        raise NotImplementedError

    def statements(self, statements: Iterable[str]) -> None:
        raise NotImplementedError


@dataclass
class Bench:
    """A monitor with its surroundings."""

    log: MemoryLog
    ledger: MemoryLedger
    notes: Notes
    meter: Metrics
    watch: StreamWatch
    failures: list[Failure]
    monitor: Monitor

    def drain(self) -> None:
        """Store what the topic holds."""
        Ingest(BROWSER, self.log, self.ledger, CLOCK, self.watch).drain(FlushLimits())


@pytest.fixture
def bench() -> Bench:
    log, ledger, notes, meter = MemoryLog(CLOCK), MemoryLedger(), Notes(), Metrics()
    for topic in load_topics(TOPICS):
        log.ensure(topic)
    watch = StreamWatch("browser", meter, CLOCK)
    failures: list[Failure] = []

    def take() -> list[Failure]:
        taken = list(failures)
        failures.clear()
        return taken

    monitor = Monitor([BROWSER], [watch], take, log, ledger, notes, meter, "host/1")
    return Bench(log, ledger, notes, meter, watch, failures, monitor)


def _send(log: MemoryLog, count: int, value: bytes | None = None) -> None:
    for number in range(count):
        log.send(BROWSER.topic, b"\x01", value or browser(f"e{number}", at="2026-01-01 00:00:00"))


def test_lag_is_what_no_claim_of_anybody_covers(bench: Bench) -> None:
    _send(bench.log, 10)
    bench.log.retire(BROWSER.topic, 1, before=4)
    bench.monitor.look()
    assert 'headwater_lag_messages{stream="browser",partition="1"} 6\n' in bench.meter.render()
    bench.drain()
    _send(bench.log, 3)
    bench.monitor.look()
    text = bench.meter.render()
    assert 'headwater_lag_messages{stream="browser",partition="1"} 3\n' in text
    assert 'headwater_lag_messages{stream="browser",partition="0"} 0\n' in text


def test_reasons_are_asked_for_only_where_there_are_rejects(bench: Bench) -> None:
    bench.notes.answer = lambda _parameters: [{"reason": "invalid_json", "messages": 2}]
    _send(bench.log, 3)
    bench.drain()
    bench.monitor.look()
    assert bench.notes.asked == []
    _send(bench.log, 2, b"not json")
    bench.drain()
    bench.monitor.look()
    bench.monitor.look()
    assert [(a["partition"], a["from_offset"], a["to_offset"]) for a in bench.notes.asked] == [(1, 3, 5)]
    assert 'headwater_rejects_total{stream="browser",reason="invalid_json"} 2\n' in bench.meter.render()


def test_errors_and_questions_wait_until_the_database_is_back(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    _send(bench.log, 2, b"not json")
    bench.drain()
    bench.failures.append(Failure("browser", "retry", "Retry: away", CLOCK.now()))
    bench.notes.away = True
    with caplog.at_level(logging.WARNING):
        bench.monitor.look()
        bench.monitor.look()
    assert [r.getMessage() for r in caplog.records] == ["lag is not known for now"], "An outage is told once."
    bench.notes.away = False
    bench.monitor.look()
    bench.monitor.look()
    assert len(bench.notes.asked) == 1
    ((token, row),) = bench.notes.written
    assert token is not None
    assert (row["stream"], row["member"], row["consequence"], row["message"]) == (
        "browser", "host/1", "retry", "Retry: away",
    )  # fmt: skip


def test_equal_errors_at_other_times_have_tokens_of_their_own(bench: Bench) -> None:
    at = CLOCK.now()
    bench.failures += [
        Failure("browser", "retry", "x", at),
        Failure("browser", "retry", "x", at.replace(year=2027)),
        Failure("geo", "retry", "x", at),
    ]
    bench.monitor.look()
    assert len({token for token, _ in bench.notes.written}) == 3


def test_progress_is_logged_with_its_offsets_and_counts(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    _send(bench.log, 5)
    bench.drain()
    with caplog.at_level(logging.INFO, "headwater.consumer"):
        bench.monitor.look()
    (facts,) = [record.facts for record in caplog.records if record.getMessage() == "progress"]  # type: ignore[attr-defined]
    assert {**facts, "insert_s": 0} == {
        "stream": "browser", "partition": 1, "from_offset": 0, "to_offset": 5, "claims": 1, "messages": 5,
        "staged": 5, "dead_letters": 0, "heartbeats": 0, "insert_s": 0,
    }  # fmt: skip
