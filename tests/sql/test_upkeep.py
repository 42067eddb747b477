"""What is kept and for how long: clearing takes only what is built, merging is bounded, and no progress rests on what goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.upkeep import clear_staging, count_leading_days, optimize_tables
from headwater.contracts.streams import FACT_STREAMS
from headwater.ports import Row
from tests.sql.test_closing import assert_balanced, retire
from tests.sql.test_corrections import assert_sound
from tests.support.events import an_id, browser, device, geo, location
from tests.support.fingerprint import assert_aggregates_follow, fingerprint
from tests.support.front import Front
from tests.support.staging import START, Stage

pytestmark = pytest.mark.stack

STAGED = [stream.staging_table for stream in FACT_STREAMS.values()]
# Every table that forgets by itself: the time that counts, and the days. None of them is a book of progress.
KEPT_DAYS = {
    **{f"analytics.events_{name}_raw": ("ingested_at", 90) for name in (*FACT_STREAMS, "interaction")},
    "analytics.fact_interactions": ("created_at", 365),
    "ops.alerts": ("evaluated_at", 365),
    "ops.consumer_errors": ("happened_at", 30),
    "ops.dead_letters": ("ingested_at", 30),
    "ops.freshness": ("ingested_at", 30),
    "ops.load_progress": ("saved_at", 30),
    "ops.quality_results": ("checked_at", 365),
    "ops.rejects": ("rejected_at", 90),
}


def _send(stage: Stage, *events: str, at: str = "2026-05-01 10:00:00") -> None:
    stage.send("browser", *[browser(event, at=at) for event in events])
    stage.send("device", device())
    stage.send("geo", geo())
    stage.send("location", *[location(event) for event in events])


def _staged(stage: Stage) -> dict[str, int]:
    return {table: stage.count(table) for table in STAGED}


def test_days_of_staging_go_when_they_are_built_and_a_week_old(stage: Stage) -> None:
    _send(stage, "e1", "e2")
    stage.build()
    stage.clock.moment += timedelta(days=3)
    _send(stage, "e3", "e4")
    stage.build()
    stage.clock.moment += timedelta(days=4)
    assert clear_staging(stage.db, stage.clock).rows == 0, "the day that was a week ago is kept to its end"
    stage.clock.moment += timedelta(days=1)
    before = fingerprint(stage.db)
    assert clear_staging(stage.db, stage.clock).tables == dict(zip(STAGED, (2, 1, 1, 2), strict=True))
    assert list(_staged(stage).values()) == [2, 1, 1, 2]
    assert fingerprint(stage.db) == before
    assert_sound(stage)
    assert_balanced(stage)


def test_what_is_not_built_or_waits_stays_in_staging(stage: Stage) -> None:
    _send(stage, "e1")
    stage.clock.moment += timedelta(days=1)
    stage.send("browser", browser("waits", click="unknown"))
    stage.build()
    stage.clock.moment += timedelta(days=1)
    stage.send("location", location("late"))
    stage.clock.moment += timedelta(days=20)
    cleared = clear_staging(stage.db, stage.clock)
    assert cleared.tables == dict.fromkeys(STAGED, 1), "only the first day"
    assert stage.count("analytics.events_browser_raw") == 1, "it waits"
    assert stage.count("analytics.events_location_raw") == 1, "no plan has taken it"
    stage.build()
    assert stage.count("analytics.fact_events") == 2
    clear_staging(stage.db, stage.clock)
    assert sum(_staged(stage).values()) == 0
    stage.send("browser", browser("late"))
    stage.send("device", device("unknown"))
    stage.send("geo", geo("unknown"))
    stage.send("location", location("waits"))
    stage.clock.moment += timedelta(days=20)
    assert clear_staging(stage.db, stage.clock).rows == 0, "nothing waits, and no plan has taken these"
    stage.build()
    assert stage.count("analytics.fact_events", "is_complete") == 3, "its location was kept beside staging"
    assert_sound(stage)
    assert_balanced(stage)


def test_a_location_waits_ninety_days_for_its_event_and_its_device_and_place_a_year(stage: Stage) -> None:
    stage.send("device", device())
    stage.send("geo", geo())
    stage.send("location", location("e1"), location("e2"))
    stage.build()
    for days, event in ((89, "e1"), (2, "e2")):
        stage.clock.moment += timedelta(days=days)
        stage.send("browser", browser(f"before {event}"))
        stage.build(grace_s=0)
        stage.send("browser", browser(event))
        stage.build(grace_s=0)
    complete = stage.db.query("SELECT toString(event_id) AS id FROM analytics.fact_events WHERE is_complete")
    assert [row["id"] for row in complete] == [an_id("e1")]
    assert stage.count("analytics.fact_events", "isNotNull(user_domain_id) AND isNotNull(geo_id)") == 4


def test_progress_does_not_rest_on_what_is_cleared_or_forgotten(stage: Stage, front: Front) -> None:
    _send(stage, "e1", "e2")
    stage.send("browser", b"no event")
    stage.build()
    owner = ClickHouse(front.owner_url)
    owner.statements(f"TRUNCATE TABLE {table}" for table in (*KEPT_DAYS, "ops.matched", "ops.known_visits"))
    owner.close()
    before = fingerprint(stage.db)
    assert stage.build().plans == []
    stage.send("browser")
    _send(stage, "e2", "e3")
    done = stage.build().plans
    assert [(plan.taken, plan.repeats, plan.facts) for plan in done] == [(2, 1, 1)]
    assert fingerprint(stage.db)["facts"][0] == before["facts"][0] + 1
    assert_sound(stage)


def test_tables_forget_after_their_days_and_no_other_does(stage: Stage, front: Front) -> None:
    """Merges ask the real clock, so the rows are as old as they say."""
    rows = stage.db.query(
        "SELECT concat(database, '.', name) AS table FROM system.tables "
        "WHERE database IN ('analytics', 'ops') AND engine_full LIKE '% TTL %' ORDER BY table"
    )
    assert [row["table"] for row in rows] == sorted(KEPT_DAYS)
    now = datetime.now(UTC)
    owner = ClickHouse(front.owner_url)
    for table, (column, days) in KEPT_DAYS.items():
        times = ", ".join(f"('{now - timedelta(days=each):%F %T}')" for each in (days - 1, days + 1))
        owner.statements([f"INSERT INTO {table} ({column}) VALUES {times}", f"OPTIMIZE TABLE {table} FINAL"])
        left = stage.db.query(f"SELECT toDate({column}) AS day FROM {table}")
        assert [row["day"] for row in left] == [(now - timedelta(days=days - 1)).date()], table
    owner.close()


def _visits(stage: Stage) -> list[str]:
    rows = stage.db.query("SELECT DISTINCT user_custom_id AS user FROM ops.visits WHERE part = 'device' ORDER BY user")
    return [row["user"].partition("@")[0] for row in rows]


class _Ticking:
    """A clock that goes on by so many seconds whenever it is asked."""

    def __init__(self, step_s: float) -> None:
        self._now = START
        self._step = timedelta(seconds=step_s)

    def now(self) -> datetime:
        """The next moment."""
        self._now += self._step
        return self._now


class _Merging(ClickHouse):
    """Remembers which days of which tables it was told to merge; nothing else merges before they are looked for."""

    def __init__(self, front: Front) -> None:
        super().__init__(front.writer_url)
        self.merged: list[tuple[object, str]] = []
        self._owner = ClickHouse(front.owner_url)
        self._owner.execute("SYSTEM STOP MERGES analytics.fact_events")

    def rows(self, name: str, /, **parameters: object) -> Sequence[Row]:
        """Rows of the query, then merges go on."""
        found = super().rows(name, **parameters)
        self._owner.execute("SYSTEM START MERGES analytics.fact_events")
        return found

    def execute(self, sql: str, token: str | None = None, parameters: Mapping[str, object] | None = None) -> int:
        """Run one statement."""
        if "OPTIMIZE TABLE" in sql:
            assert "FINAL" not in sql.splitlines()[-1]
            assert "PARTITION" in sql
            self.merged.append(((parameters or {})["table"], str((parameters or {})["day"])))
        return super().execute(sql, token, parameters)

    def close(self) -> None:
        """Let merges go on, whatever happened."""
        self._owner.execute("SYSTEM START MERGES analytics.fact_events")
        self._owner.close()
        super().close()


@pytest.fixture
def merging(stage: Stage, front: Front) -> Iterator[_Merging]:
    """A day of nine parts and one of two, built just now."""
    database = _Merging(front)
    for number in range(9):
        days = ("2026-05-01", "2026-05-02")[: 2 if number < 2 else 1]
        rows = ", ".join(f"(generateUUIDv4(), '{day} 10:00:00', '{START:%F %T}')" for day in days)
        stage.db.statements(
            [f"INSERT INTO analytics.fact_events (event_id, event_timestamp, created_at) VALUES {rows}"]
        )
    yield database
    database.close()


def test_only_crowded_days_of_late_builds_are_merged_and_never_all_of_history(stage: Stage, merging: _Merging) -> None:
    assert optimize_tables(merging, stage.clock) == len(merging.merged) == 5
    assert {day for _, day in merging.merged} == {"2026-05-01"}
    assert_aggregates_follow(stage.db)


def test_days_of_earlier_builds_are_not_merged(stage: Stage, merging: _Merging) -> None:
    stage.clock.moment += timedelta(days=2)
    assert optimize_tables(merging, stage.clock) == len(merging.merged) == 0


def test_merging_and_counting_end_when_their_time_is_over(stage: Stage, merging: _Merging) -> None:
    assert optimize_tables(merging, _Ticking(50.0), budget_s=120.0) == len(merging.merged) == 2
    days = [date(2026, 5, 1) + timedelta(days=n) for n in range(6)]
    views = ", ".join(f"('{day} 10:00:00')" for day in days)
    stage.db.statements([f"INSERT INTO ops.product_views (hour) VALUES {views}"])
    assert count_leading_days(stage.db, _Ticking(50.0), budget_s=120.0) == 2
    counted = stage.db.query("SELECT DISTINCT day FROM ops.leading_hours ORDER BY day")
    assert [row["day"] for row in counted] == days[-2:], "the newest first"


def test_the_parts_of_a_visit_go_with_the_last_of_its_facts(stage: Stage) -> None:
    for name in ("old", "used"):
        stage.send("device", device(name, user=name))
        stage.send("geo", geo(name))
        stage.send("browser", browser(name, click=name))
        stage.send("location", location(name))
    stage.send("device", device("never", user="never"))
    stage.build()
    stage.clock.moment += timedelta(days=200)
    stage.send("browser", browser("again", click="used", at="2026-05-03 10:00:00"))
    stage.send("location", location("again"))
    stage.send("device", device("new", user="new"))
    stage.build()
    stage.clock.moment += timedelta(days=164)
    assert retire(stage).plans == []
    assert _visits(stage) == ["never", "new", "old", "used"]
    stage.clock.moment += timedelta(days=2)
    assert retire(stage).plans[0].retired == 2
    assert _visits(stage) == ["new", "used"]
    stage.clock.moment += timedelta(days=200)
    stage.send("browser", browser("waits", click="used", at="2026-05-04 10:00:00"))
    stage.build()
    assert retire(stage).plans[0].retired == 1
    assert _visits(stage) == ["used"], "something waits"
    assert_balanced(stage)
