"""Marts equal the facts after real builds: late parts, late history, repeats, lost parts; and read only what they need."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import clickhouse_connect
import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.memory import FixedClock
from headwater.app.upkeep import count_leading_days
from headwater.core.day_tables import DAY_TABLES, FACTS
from tests.support.events import browser, device, geo, location
from tests.support.front import Front
from tests.support.marts_oracle import assert_marts_equal, found_marts, stored_facts
from tests.support.staging import Stage

pytestmark = pytest.mark.stack

PATHS = ("/home", "/product_a", "/product_b", "/cart", "/confirmation")


def _send_visits(stage: Stage, seed: int, day: int, incomplete: bool = False) -> int:
    """Visits of some users that began on a day of May; some lack their location."""
    chance = random.Random(seed)
    events = []
    for visit in range(8):
        click = f"c{visit % 5}"
        moment = datetime(2026, 5, day, chance.choice([0, 9, 23]), 45, tzinfo=UTC)
        for step in range(6):
            name = f"{seed}/{visit}/{step}"
            moment += timedelta(minutes=chance.choice([0, 5, 29, 30, 31]))
            events.append(browser(name, click=click, at=moment.strftime("%Y-%m-%d %H:%M:%S")))
            if not incomplete or chance.random() < 0.7:
                stage.put("location", [location(name, chance.choice(PATHS), utm_source=chance.choice(["google", ""]))])
    stage.send("browser", *events)
    stage.send("location")
    return len(events)


def _send_users(stage: Stage) -> None:
    countries = ("DE", "FR", "DE", "IT", "IT")
    stage.send(
        "device", *[device(f"c{n}", user=f"u{n // 2}", device_type=("Desktop", "Mobile")[n % 2]) for n in range(5)]
    )
    stage.send("geo", *[geo(f"c{n}", geo_country=country) for n, country in enumerate(countries)])  # fmt: skip


def test_marts_follow_the_facts_through_builds_with_late_history_and_incomplete_events(stage: Stage) -> None:
    print("seeds 1 to 4")
    sent = _send_visits(stage, seed=1, day=3)
    stage.build()
    assert_marts_equal([], stage.db)
    _send_users(stage)
    stage.build()
    assert_marts_equal(stored_facts(stage.db), stage.db)
    for seed, day in ((2, 4), (3, 1)):
        sent += _send_visits(stage, seed, day, incomplete=True)
        stage.build()
        assert_marts_equal(stored_facts(stage.db), stage.db)
    sent += _send_visits(stage, 4, 3)
    _send_visits(stage, 4, 3)
    stage.clock.moment += timedelta(minutes=16)
    stage.build()
    assert stage.count(FACTS) == sent
    assert stage.count(FACTS, "NOT is_complete") > 0
    assert_marts_equal(stored_facts(stage.db), stage.db)
    assert all(found_marts(stage.db).values())


def test_rows_that_a_crash_took_after_their_token_was_logged_come_into_the_marts_again(
    stage: Stage, front: Front
) -> None:
    """The engine dies at the rename of the first part: neither the fact nor what the views make of it is there."""

    class Torn(ClickHouse):
        torn = False

        def run(self, name: str, /, token: str | None = None, **parameters: object) -> int:
            written = super().run(name, token, **parameters)
            if name == "build/facts" and not self.torn:
                self.torn = True
                for table in (FACTS, *(each.table for each in DAY_TABLES)):
                    super().execute(f"ALTER TABLE {table} DELETE WHERE 1 SETTINGS mutations_sync = 2")
            return written

    _send_users(stage)
    sent = _send_visits(stage, seed=5, day=2)
    torn = Torn(front.writer_url)
    stage.build(database=torn)
    torn.close()
    assert torn.torn
    assert stage.count(FACTS) == sent
    assert_marts_equal(stored_facts(stage.db), stage.db)


def test_a_mart_reads_the_days_that_its_filter_names(no_facts: ClickHouse, front: Front) -> None:
    """Ten days of 20,000 events, a fortnight apart. One thread: more may begin to read before the days are known."""
    names = "event_id, event_timestamp, click_id, user_custom_id, page_url_path"
    no_facts.statements(
        f"""INSERT INTO analytics.fact_events ({names})
            SELECT generateUUIDv4(number), toDateTime64('2026-01-01 00:00:00', 6, 'UTC') + toIntervalDay({14 * n}) + toIntervalSecond(number * 4),
                generateUUIDv4(number + 1), toString(number % 50), ['/product_a', '/confirmation'][1 + number % 2]
            FROM numbers(20000)"""
        for n in range(10)
    )
    client = clickhouse_connect.get_client(dsn=front.reader_url, autogenerate_session_id=False)

    def read(measure: str, mart: str, where: str) -> int:
        result = client.query(
            f"SELECT * FROM analytics.{mart} WHERE {where}", settings={"wait_end_of_query": 1, "max_threads": 1}
        )
        return int(result.summary[measure])

    one_day = "hour >= '2026-02-12 00:00:00' AND hour < '2026-02-13 00:00:00'"
    for mart in ("browser_device_hourly_events_agg", "source_campaign_buy_events_agg", "hourly_sources_users_agg"):
        assert 0 < read("read_rows", mart, one_day) * 9 < read("read_rows", mart, "1"), mart
    leading = "browser_device_hourly_buy_leading_pages_agg"
    views = read("read_rows", leading, one_day)
    assert views > 10_000
    assert count_leading_days(no_facts, FixedClock(datetime(2026, 7, 1, tzinfo=UTC))) == 10
    assert read("read_rows", leading, one_day) * 20 < views, "A day that is counted is not looked up."
    started = one_day.replace("hour", "started_at")
    assert read("read_bytes", "sessions", started) * 3 < read("read_bytes", "sessions", "1")
    client.close()
