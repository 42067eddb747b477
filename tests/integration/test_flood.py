"""A flood of rejects stops the engine before it commits, on a real broker and the real engine."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.app.ingest import Ingest
from headwater.app.reconcile import reconcile
from headwater.app.storing import Moved
from headwater.contracts.streams import STREAMS
from headwater.core.flood import CommonReject, FloodLimit, FloodOfRejects, Judged
from headwater.ports import FlushLimits
from tests.support.events import browser
from tests.support.kafka import Broker
from tests.support.topics import committed, fresh_topics

pytestmark = pytest.mark.stack

BROWSER = STREAMS["browser"]
GROUP = "flood-test"
NOW = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


@pytest.fixture
def log(broker: Broker) -> KafkaLog:
    """Empty topics."""
    fresh_topics(broker.bootstrap)
    return KafkaLog(broker.bootstrap, group=GROUP)


def _send(log: KafkaLog, events: Iterable[bytes]) -> None:
    with log.sink() as sink:
        for event in events:
            sink.send(BROWSER.topic, b"one partition", event)
        sink.flush()


def _drain(log: KafkaLog, warehouse: ClickHouse, ratio: float | None = None) -> Moved:
    limit = FloodLimit(ratio) if ratio is not None else FloodLimit()
    return Ingest(BROWSER, log, ClickHouseLedger(warehouse), SystemClock(), flood=limit).drain(FlushLimits())


def _events(first: int, count: int, bad: int) -> list[bytes]:
    good = [browser(f"e{first + n}", at=NOW) for n in range(count - bad)]
    return [*good, *[browser(f"e{first + count - n}", at=NOW, click_id=7) for n in range(bad)]]


def _count(warehouse: ClickHouse, table: str) -> tuple[int, int]:
    row = warehouse.query(f"SELECT count() AS n, uniqExact(epoch, partition, offset) AS d FROM {table}")[0]
    return int(row["n"]), int(row["d"])


def test_a_flood_stops_before_the_commit_until_it_is_let_through_and_then_each_row_stands_once(
    log: KafkaLog, warehouse: ClickHouse, broker: Broker
) -> None:
    _send(log, _events(0, 2_000, bad=400))
    assert _drain(log, warehouse).dead_letters == 400, "20% is within the limit"
    before = committed(broker.bootstrap, f"{GROUP}.{BROWSER.topic}", BROWSER.topic)
    assert max(before.values()) == 2_000

    _send(log, _events(2_000, 2_000, bad=500))
    for _ in range(2):
        with pytest.raises(FloodOfRejects, match=r"500 of 2,000 browser_events .* wrong_type in `click_id`") as caught:
            _drain(log, warehouse)
        assert caught.value.facts["window"] == Judged(2_000, 500)
        assert caught.value.facts["common"] == CommonReject("wrong_type", "click_id", 500)
        assert "--reject-ratio 1" in str(caught.value)
        assert committed(broker.bootstrap, f"{GROUP}.{BROWSER.topic}", BROWSER.topic) == before
        claims = ClickHouseLedger(warehouse).open_claims(BROWSER.topic, log.epoch(BROWSER.topic))
        assert [(c.from_offset, c.to_offset) for c in claims] == [(2_000, 4_000)]

    moved = _drain(log, warehouse, ratio=1)
    assert (moved.staged, moved.dead_letters) == (1_500, 500)
    assert _count(warehouse, "analytics.events_browser_raw") == (3_100, 3_100)
    assert _count(warehouse, "ops.dead_letters") == (900, 900)
    reconcile(BROWSER, log, warehouse, SystemClock())

    _send(log, _events(4_000, 20, bad=6))
    assert _drain(log, warehouse).messages == 20, "a flood that was let through does not stop what follows"


def test_a_flood_in_small_drains_is_seen_from_the_books(log: KafkaLog, warehouse: ClickHouse) -> None:
    for round_number in range(3):
        _send(log, _events(round_number * 300, 300, bad=150))
        _drain(log, warehouse)
    _send(log, _events(900, 300, bad=150))
    with pytest.raises(FloodOfRejects, match=r"600 of 1,200 browser_events break the contract \(50\.0%, limit 20%\)"):
        _drain(log, warehouse)
