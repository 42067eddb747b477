"""Counting clicks from a log in memory: every click once, whatever is read when."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from headwater.adapters.memory import FixedClock, MemoryLedger, MemoryLog
from headwater.app.send_clicks import send_clicks
from headwater.app.windows import Windows
from headwater.contracts.streams import AGGREGATION_CLICKS, CLICKS
from headwater.contracts.topics import load_topics
from headwater.core.generator.clicks import ClickSpec
from headwater.core.windows import LatePolicy, Tumbling
from headwater.errors import Retry

TOPICS = Path(__file__).resolve().parents[3] / "kafka" / "topics.yaml"
WINDOWS = Tumbling(60, 30)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def log(clock: FixedClock) -> MemoryLog:
    made = MemoryLog(clock)
    for topic in load_topics(TOPICS):
        made.ensure(topic)
    return made


def _click(log: MemoryLog, clock: FixedClock, product: object = 7, ago_s: float = 0) -> None:
    at = clock.now() - timedelta(seconds=ago_s)
    body = {"product_id": product, "user_id": "u", "clicked_at": f"{at:%Y-%m-%d %H:%M:%S.%f}"}
    log.send(CLICKS.topic, b"\x00", json.dumps(body).encode())


def _counts(log: MemoryLog) -> Counter[tuple[int, int]]:
    counts: Counter[tuple[int, int]] = Counter()
    for partition, mark in log.watermarks(AGGREGATION_CLICKS.topic).items():
        for message in log.read_range(AGGREGATION_CLICKS.topic, partition, 0, mark.end).messages():
            row = json.loads(message.raw)
            counts[row["product_id"], row["timestamp"]] += row["count"]
            assert message.origin == f"clicks/{log.epoch(CLICKS.topic)}"
    return counts


def test_each_drain_counts_what_came_since_the_last_one(log: MemoryLog, clock: FixedClock) -> None:
    ledger, start = MemoryLedger(), int(clock.now().timestamp())
    for _ in range(3):
        _click(log, clock)
    assert Windows(log, ledger, WINDOWS).drain().counted == 3
    _click(log, clock)
    done = Windows(log, ledger, WINDOWS).drain()
    assert (done.counted, done.panes) == (1, 1)
    assert Windows(log, ledger, WINDOWS).drain().clicks == 0
    assert _counts(log) == {(7, start): 4}


def test_what_is_late_or_broken_is_kept_aside_once(log: MemoryLog, clock: FixedClock) -> None:
    ledger = MemoryLedger()
    _click(log, clock)
    _click(log, clock, ago_s=200)
    _click(log, clock, product="none")
    log.send(CLICKS.topic, b"\x00", b"no json")
    done = Windows(log, ledger, WINDOWS).drain()
    assert (done.counted, done.late, done.rejected) == (1, 1, 2)
    kept = {reject.line: (reject.reason, reject.detail) for reject in ledger.books.rejects.values()}
    assert {line: reason for line, (reason, _) in kept.items()} == {1: "late", 2: "wrong_type", 3: "invalid_json"}
    assert kept[2][1] == "product_id: expected a whole number, got string"
    assert sum(_counts(log).values()) == 1


def test_late_clicks_count_where_the_settings_say_so(log: MemoryLog, clock: FixedClock) -> None:
    _click(log, clock)
    _click(log, clock, ago_s=200)
    done = Windows(log, MemoryLedger(), Tumbling(60, 30, LatePolicy.COUNT)).drain()
    assert (done.counted, done.late) == (2, 0)
    assert len(_counts(log)) == 2


def test_a_member_that_lost_its_partitions_keeps_nothing(log: MemoryLog, clock: FixedClock) -> None:
    """The counts of the one that came after it are all there is."""
    _click(log, clock)
    polls = 0

    def overtaken() -> bool:
        nonlocal polls
        polls += 1
        if polls == 2:
            Windows(log, MemoryLedger(), WINDOWS).drain()
        return polls > 2

    with pytest.raises(Retry):
        Windows(log, MemoryLedger(), WINDOWS).run(overtaken)
    assert sum(_counts(log).values()) == 1


def test_generated_clicks_are_counted_in_full(log: MemoryLog, clock: FixedClock) -> None:
    def pause(seconds: float) -> bool:
        clock.moment += timedelta(seconds=seconds)
        return False

    sent = send_clicks(log, clock, pause, ClickSpec(50, 20, out_of_order_s=20, broken=0.05, seed=5))
    done = Windows(log, MemoryLedger(), WINDOWS).drain()
    assert sent.clicks == 1_000
    assert (done.counted, done.late, done.rejected) == (sent.clicks - sent.broken, 0, sent.broken)
    assert sum(_counts(log).values()) == done.counted
