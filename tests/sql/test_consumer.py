"""What `consume --status` and `lag` read from the books, on the real engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.memory import FixedClock
from headwater.app.heartbeats import Heartbeats
from headwater.app.lag import consumer_status, freshness
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from tests.support.events import browser
from tests.support.staging import TOPICS, Stage

pytestmark = pytest.mark.stack
BROWSER, GEO = STREAMS["browser"], STREAMS["geo"]


@pytest.fixture
def stage(warehouse: ClickHouse) -> Stage:
    stage = Stage(warehouse, partitions=3)
    stage.clock.moment = datetime.now(UTC).replace(microsecond=0)  # the books take the engine's time
    return stage


def _events(stage: Stage, count: int) -> list[bytes]:
    at = f"{stage.clock.now():%Y-%m-%d %H:%M:%S}"
    return [browser(f"e{number}", at=at) for number in range(count)]


def test_a_partition_shows_its_position_end_lag_rate_and_last_time(stage: Stage) -> None:
    stage.send("browser", *_events(stage, 30))
    stage.put("browser", _events(stage, 7))
    status = consumer_status([BROWSER], stage.log, stage.db, stage.clock)
    (busy,) = [part for part in status.partitions if part.end]
    assert (busy.position, busy.end, busy.lag, busy.messages_per_s) == (30, 37, 7, 0.5)
    assert busy.last_stored_at is not None
    assert abs(busy.last_stored_at - stage.clock.now()) < timedelta(minutes=5)
    for idle in (part for part in status.partitions if not part.end):
        assert (idle.position, idle.lag, idle.messages_per_s, idle.last_stored_at) == (0, 0, 0, None)


def test_the_rate_forgets_what_is_older_than_a_minute(stage: Stage) -> None:
    stage.send("browser", *_events(stage, 30))
    later = FixedClock(stage.clock.now() + timedelta(minutes=10))
    status = consumer_status([BROWSER], stage.log, stage.db, later)
    assert [part.messages_per_s for part in status.partitions] == [0, 0, 0]


def test_only_books_of_the_topic_that_is_there_count(stage: Stage) -> None:
    stage.send("browser", *_events(stage, 5))
    stage.log.delete(BROWSER.topic)
    for topic in load_topics(TOPICS):
        stage.log.ensure(topic)
    status = consumer_status([BROWSER], stage.log, stage.db, stage.clock)
    assert [(part.position, part.end) for part in status.partitions] == [(0, 0)] * 3


def test_the_last_error_of_each_stream_is_shown(stage: Stage) -> None:
    def fail(stream: str, message: str, at: datetime) -> None:
        stage.db.run(
            "ops/record_consumer_error", token=f"{stream}:{message}", stream=stream, member="host/1",
            consequence="retry", message=message, happened_at=at,
        )  # fmt: skip

    now = stage.clock.now()
    fail("browser", "second", now)
    fail("browser", "first", now - timedelta(hours=1))
    fail("geo", "only", now - timedelta(hours=2))
    for _ in range(2):
        fail("geo", "only", now - timedelta(hours=2))
    status = consumer_status([BROWSER, GEO], stage.log, stage.db, stage.clock)
    assert {error.stream: (error.message, error.happened_at) for error in status.errors} == {
        "browser": ("second", now),
        "geo": ("only", now - timedelta(hours=2)),
    }
    assert consumer_status([GEO], stage.log, stage.db, stage.clock).error_of("browser") is None
    assert stage.count("ops.consumer_errors") == 3


def test_freshness_is_from_sending_to_the_closing_of_the_claim(stage: Stage) -> None:
    """Heartbeats sent 1, 2, … 100 s before their claim was closed."""
    now = stage.clock.now()
    stage.db.execute(
        "INSERT INTO ops.freshness SELECT 'geo', 'geo_events', toUUID('00000000-0000-0000-0000-000000000001'), 1, "
        "number + 1000, {at:DateTime64(3, 'UTC')}, {at:DateTime64(3, 'UTC')}, '', 0, 'me', "
        "{at:DateTime64(3, 'UTC')} - toIntervalSecond(number + 1) FROM numbers(100)",
        parameters={"at": now},
    )
    for first, last in ((900, 1000), (1000, 1050), (1050, 1100)):
        stage.db.execute(
            "INSERT INTO ops.stored SELECT 'geo_events', toUUID('00000000-0000-0000-0000-000000000001'), 1, "
            "{first:UInt64}, {last:UInt64}, generateUUIDv4(), 100, 0, 0, 100, 0, 0, {at:DateTime64(3, 'UTC')}",
            parameters={"first": first, "last": last, "at": now},
        )
    (found,) = [each for each in freshness(stage.db, stage.clock, 5) if each.heartbeats]
    assert (found.stream, found.heartbeats, found.max_s) == ("geo", 100, 100)
    assert found.p50_s in {50, 51}
    assert found.p99_s in {99, 100}
    assert found.last_sent_at == now - timedelta(seconds=1)


def test_heartbeats_of_open_claims_and_old_ones_are_not_counted(stage: Stage) -> None:
    assert [each.heartbeats for each in freshness(stage.db, stage.clock, 5)] == [0] * len(STREAMS)
    Heartbeats([GEO], stage.log, stage.clock, "me").beat()
    stage.send("geo")
    (geo,) = [each for each in freshness(stage.db, stage.clock, 5) if each.stream == "geo"]
    assert geo.heartbeats == 3
    assert geo.max_s is not None
    assert geo.max_s >= 0
    later = FixedClock(stage.clock.now() + timedelta(hours=1))
    assert [each.heartbeats for each in freshness(stage.db, later, 5)] == [0] * len(STREAMS)
    stage.db.execute("TRUNCATE TABLE ops.stored")
    assert [each.heartbeats for each in freshness(stage.db, stage.clock, 5)] == [0] * len(STREAMS)
