"""Each check finds the fault it is for, and nothing else does; on clean data none finds anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.check import CheckFailed, CheckResult, demand, read_checks, run_checks
from headwater.app.upkeep import count_leading_days, count_session_days
from headwater.contracts.streams import FACT_STREAMS
from headwater.core.checks import Check, Severity
from headwater.core.lines import event_time, shift_time
from tests.support.events import an_id, browser, device, geo, interaction, location
from tests.support.staging import Stage

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data" / "samples"
CHECKS = read_checks(ROOT / "clickhouse" / "sql" / "quality")
MUTATION = "SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1"


def _run(stage: Stage, run_id: str = "test") -> list[CheckResult]:
    return run_checks(CHECKS, run_id, stage.db, stage.clock)


def _found(stage: Stage) -> set[str]:
    return {result.check.name for result in _run(stage) if not result.passed}


@pytest.fixture
def stage(warehouse: ClickHouse) -> Stage:
    """Topics with several partitions: a claim that is planted leaves a gap in its own only."""
    return Stage(warehouse, partitions=3)


def _fill(stage: Stage) -> None:
    stage.send("browser", *[browser(f"e{n}", click=f"c{n % 3}") for n in range(12)], b"not json")
    stage.send("device", *[device(f"c{n}", user=f"u{n}") for n in range(3)] * 2)
    stage.send("geo", *[geo(f"c{n}", geo_latitude=str(10 + n)) for n in range(3)] * 2)
    paths = {2: "/product_a", 5: "/confirmation"}
    stage.send("location", *[location(f"e{n}", paths.get(n, "/home")) for n in range(12)])
    stage.build()


def test_on_clean_data_no_check_finds_anything(stage: Stage) -> None:
    _fill(stage)
    assert count_leading_days(stage.db, stage.clock) == count_session_days(stage.db, stage.clock) == 1
    assert _found(stage) == set()


@pytest.mark.parametrize(
    "shift",
    [pytest.param(True, id="as_the_demo_moves_them"), pytest.param(False, id="as_old_history", marks=pytest.mark.long)],
)
def test_on_the_bundled_events_no_check_finds_anything(stage: Stage, shift: bool) -> None:
    """None that only warns either."""
    lines = {stream: (SAMPLES / f"{stream}_events.jsonl").read_bytes().splitlines() for stream in FACT_STREAMS}
    newest = max(time for line in lines["browser"] if (time := event_time(line, "event_timestamp")))
    moved = stage.clock.now().replace(tzinfo=None, microsecond=0) - newest if shift else timedelta(0)
    for stream, events in lines.items():
        stage.send(stream, *[shift_time(event, "event_timestamp", moved) for event in events])
    assert stage.build().facts == 5000
    for minutes in (10, 9 * 24 * 60):
        stage.clock.moment += timedelta(minutes=minutes)
        assert _found(stage) == set(), f"after {minutes} more minutes"


def test_there_are_at_least_twenty_checks_over_all_kinds() -> None:
    assert len(CHECKS) >= 20
    assert len({check.kind for check in CHECKS}) == 6


def _sql(*statements: str) -> Callable[[Stage], None]:
    return lambda stage: stage.db.statements(statements)


def _late_staging(stage: Stage) -> None:
    stage.send("browser", browser("late"))
    stage.clock.moment += timedelta(hours=2)


def _open_claim(stage: Stage) -> None:
    """In a partition without any other."""
    stage.db.statements(
        [
            """INSERT INTO ops.claims
            SELECT topic, epoch, 1, 0, 9, 9, 0, generateUUIDv4(), ingested_at - INTERVAL 20 MINUTE, 1, 'test', []
            FROM ops.claims WHERE topic = 'geo_events' LIMIT 1"""
        ]
    )


def _gap(stage: Stage) -> None:
    """A claim that is booked as stored and empty, far behind the one before it."""
    stage.db.statements(
        [
            """INSERT INTO ops.claims
            SELECT topic, epoch, partition, 900, 900, 0, 0, generateUUIDv4(), ingested_at, 1, 'test', []
            FROM ops.claims WHERE topic = 'geo_events' LIMIT 1""",
            """INSERT INTO ops.stored (topic, epoch, partition, from_offset, to_offset, claim_id, stored_at)
            SELECT topic, epoch, partition, from_offset, to_offset, claim_id, now64(3) FROM ops.claims WHERE from_offset = 900""",
        ]
    )


def _doubled_interaction(stage: Stage) -> None:
    stage.send("interaction", interaction("e1"))
    stage.build()
    stage.db.statements(["INSERT INTO analytics.fact_interactions SELECT * FROM analytics.fact_interactions LIMIT 1"])


def _forgotten_event(stage: Stage) -> None:
    stage.send("browser", browser("waits", click="unknown"))
    stage.build()
    stage.clock.moment += timedelta(hours=25)


def _incomplete(stage: Stage) -> None:
    stage.send("browser", *[browser(f"alone{n}", click="unknown") for n in range(9)])
    stage.clock.moment += timedelta(minutes=16)
    stage.build()


def _settled(plant: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """The fault stands for a while: checks leave out what the last two minutes built."""

    def later(stage: Stage) -> None:
        plant(stage)
        stage.clock.moment += timedelta(minutes=5)

    return later


def _late_part(stage: Stage) -> None:
    """A part that comes for an incomplete fact whose correction was only just made, and the day rests."""
    _incomplete_day(stage)
    stage.db.statements(["INSERT INTO ops.arrivals SELECT max(plan), '2026-05-01', 1 FROM ops.plans"])
    stage.clock.moment += timedelta(hours=3)


def _incomplete_day(stage: Stage) -> None:
    stage.send("browser", browser("alone", click="unknown"))
    stage.clock.moment += timedelta(minutes=16)
    stage.build()


def _unlisted(stage: Stage) -> None:
    _incomplete_day(stage)
    _sql(f"ALTER TABLE ops.incomplete DELETE WHERE build > 0 {MUTATION}")(stage)


def _on_two_days(stage: Stage) -> None:
    """The first is built two days before, so that only one of the two days is looked at for ids that stand twice."""
    stage.clock.moment += timedelta(days=2)
    stage.send("browser", browser("e1", click="c1", at="2026-05-02 10:00:00"))
    stage.send("location", location("e1"))
    stage.build()


def _wrong_leading_pages(stage: Stage) -> None:
    assert count_leading_days(stage.db, stage.clock) == 1
    _sql(f"ALTER TABLE ops.leading_hours UPDATE cnt = cnt + 1 WHERE page_url != '' {MUTATION}")(stage)


def _wrong_sessions(stage: Stage) -> None:
    assert count_session_days(stage.db, stage.clock) == 1
    _sql(f"ALTER TABLE ops.counted_sessions UPDATE page_count = page_count + 1 WHERE 1 {MUTATION}")(stage)


def _quiet_hours(stage: Stage) -> None:
    """Sixty events in an hour of each of seven days, and three in the last one, each built when it happened."""
    hour = stage.clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(minutes=30)
    events = [(f"day {day} {n}", hour - timedelta(days=day)) for day in range(8) for n in range(60 if day else 3)]
    stage.send("browser", *[browser(name, at=f"{at:%F %T}") for name, at in events])
    stage.send("location", *[location(name) for name, _ in events])
    stage.build()
    stage.db.statements(
        [
            f"ALTER TABLE analytics.fact_events UPDATE created_at = event_timestamp + INTERVAL 20 MINUTE WHERE 1 {MUTATION}",
            f"ALTER TABLE ops.plans UPDATE as_of = as_of - INTERVAL 9 DAY WHERE 1 {MUTATION}",
        ]
    )


def _silent_stream(stage: Stage) -> None:
    """Interactions come with the devices now and then for a day; then only devices come."""
    start = stage.clock.moment
    for hours in (0, 17, 18, 19, 20, 21, 22):
        stage.clock.moment = start + timedelta(hours=hours)
        stage.send("device", *[device()] * 100)
        stage.send("interaction", *[interaction("e1")] * 100)
    stage.clock.moment = start + timedelta(hours=24)
    stage.send("device", *[device()] * 100)
    stage.clock.moment = start + timedelta(hours=25)
    stage.build()


FACT = "SELECT * FROM analytics.fact_events ORDER BY event_id LIMIT 1"
COPY_FACT = f"INSERT INTO analytics.fact_events {FACT}"
PLANTS: dict[str, tuple[Callable[[Stage], None], set[str]]] = {
    "parts_reach_their_facts": (_late_part, set()),
    "incomplete_book_equals_facts": (_unlisted, set()),
    "ids_stand_on_one_day": (_on_two_days, set()),
    "closed_days_hold_no_facts": (
        _sql("INSERT INTO ops.closed_days SELECT '2026-05-01', max(plan), 12, now64(3) FROM ops.plans_done"),
        set(),
    ),
    "hours_hold_the_usual_events": (_quiet_hours, set()),
    "streams_come_together": (_silent_stream, set()),
    "staged_events_are_built": (_late_staging, set()),
    "claims_are_stored": (_open_claim, set()),
    "claims_follow_without_gaps": (_gap, set()),
    "interactions_stand_once": (_doubled_interaction, set()),
    "plans_follow_each_other": (
        _sql("INSERT INTO ops.plans SELECT * REPLACE (plan + 5 AS plan) FROM ops.plans LIMIT 1"),
        set(),
    ),
    "events_do_not_wait_too_long": (_forgotten_event, set()),
    "facts_have_their_keys": (
        _sql(
            f"ALTER TABLE analytics.fact_events UPDATE event_type = '' WHERE event_id = toUUID('{an_id('e1')}') {MUTATION}",
            # As the view would have counted it, had the build made such a fact.
            "ALTER TABLE analytics.visit_hours UPDATE event_types = arrayDistinct(arrayConcat(event_types, [''])) WHERE click_key = "
            f"(SELECT cityHash64(click_id) FROM analytics.fact_events WHERE event_id = toUUID('{an_id('e1')}')) {MUTATION}",
        ),
        set(),
    ),
    "complete_facts_have_user_and_page": (
        _sql(
            f"ALTER TABLE analytics.fact_events UPDATE page_url_path = '' WHERE event_id = toUUID('{an_id('e1')}') {MUTATION}"
        ),
        set(),
    ),
    "few_facts_are_incomplete": (_incomplete, set()),
    # One fact too many of its plan, whichever way it came.
    "facts_stand_once": (_sql(COPY_FACT), {"facts_equal_the_plans"}),
    "visits_stand_once": (_sql("INSERT INTO ops.visits SELECT * FROM ops.visits LIMIT 1"), set()),
    "users_stand_once": (
        _sql("INSERT INTO analytics.dim_users SELECT * FROM analytics.dim_users LIMIT 1"),
        set(),
    ),
    "places_stand_once": (_sql("INSERT INTO analytics.dim_geo SELECT * FROM analytics.dim_geo LIMIT 1"), set()),
    "facts_users_are_known": (
        _settled(
            _sql(
                f"INSERT INTO analytics.dim_users SELECT * REPLACE(toUUID('{an_id('other')}') AS user_domain_id) "
                f"FROM (SELECT * FROM analytics.dim_users WHERE user_domain_id = toUUID('{an_id('u1')}'))",
                f"ALTER TABLE analytics.dim_users DELETE WHERE user_domain_id = toUUID('{an_id('u1')}') {MUTATION}",
            )
        ),
        set(),
    ),
    "facts_places_are_known": (
        _settled(_sql(f"ALTER TABLE analytics.dim_geo DELETE WHERE geo_latitude = 11 {MUTATION}")),
        set(),
    ),
    "facts_come_from_plans": (
        _sql(
            "INSERT INTO analytics.fact_events SELECT * REPLACE(generateUUIDv4() AS event_id, 99 AS build) FROM analytics.fact_events LIMIT 1"
        ),
        set(),
    ),
    "ingestion_conserves": (
        _sql(
            f"ALTER TABLE ops.stored UPDATE dead_letters = dead_letters + 1 WHERE topic = 'browser_events' {MUTATION}"
        ),
        set(),
    ),
    "staged_rows_equal_the_books": (
        _sql(f"ALTER TABLE analytics.events_geo_raw DELETE WHERE offset = 1 {MUTATION}"),
        set(),
    ),
    "plans_balance": (_sql(f"ALTER TABLE ops.plans_done UPDATE repeats = 5 WHERE 1 {MUTATION}"), set()),
    "facts_equal_the_plans": (
        _sql(f"ALTER TABLE ops.plans_done UPDATE facts = facts - 1, repeats = repeats + 1 WHERE 1 {MUTATION}"),
        set(),
    ),
    "hourly_aggregate_equals_facts": (
        _sql(f"ALTER TABLE analytics.agg_events_hourly DELETE WHERE 1 {MUTATION}"),
        set(),
    ),
    "traffic_aggregate_equals_facts": (
        _sql(f"ALTER TABLE analytics.agg_traffic_sources DELETE WHERE 1 {MUTATION}"),
        set(),
    ),
    "browser_devices_equal_facts": (
        _sql("INSERT INTO ops.browser_device_hours SELECT * REPLACE(1 AS buy_cnt) FROM ops.browser_device_hours"),
        set(),
    ),
    "source_users_equal_facts": (_sql(f"ALTER TABLE ops.source_user_hours DELETE WHERE 1 {MUTATION}"), set()),
    "purchases_equal_facts": (
        _sql(f"ALTER TABLE ops.purchases UPDATE user_key = 0 WHERE user_key != 0 {MUTATION}"),
        set(),
    ),
    "purchase_weeks_equal_facts": (
        _sql(
            f"ALTER TABLE ops.purchase_weeks DELETE WHERE week = (SELECT max(week) FROM ops.purchase_weeks) {MUTATION}"
        ),
        set(),
    ),
    "product_views_equal_facts": (_sql("INSERT INTO ops.product_views SELECT * FROM ops.product_views"), set()),
    "visits_equal_facts": (_sql(f"ALTER TABLE ops.visit_slots UPDATE events = events + 1 WHERE 1 {MUTATION}"), set()),
    "visit_hours_equal_facts": (
        _sql(f"ALTER TABLE analytics.visit_hours UPDATE furthest_step = 4 WHERE furthest_step = 5 {MUTATION}"),
        set(),
    ),
    "visit_days_equal_facts": (
        _sql(f"ALTER TABLE analytics.visit_days UPDATE utm_source = 'other' WHERE utm_source != '' {MUTATION}"),
        set(),
    ),
    "visit_nights_equal_facts": (
        _sql(
            "INSERT INTO ops.visit_nights SELECT day, click_id, day, NULL, first_at FROM analytics.visit_days LIMIT 1"
        ),
        set(),
    ),
    "user_days_equal_facts": (
        _sql(
            f"ALTER TABLE ops.user_days UPDATE total_events = total_events + 1 WHERE user_domain_id = toUUID('{an_id('u1')}') {MUTATION}"
        ),
        set(),
    ),
    "place_days_equal_facts": (_sql(f"ALTER TABLE ops.geo_days UPDATE events = events + 1 WHERE 1 {MUTATION}"), set()),
    "counted_pages_equal_views": (_wrong_leading_pages, set()),
    "counted_sessions_equal_sessions": (_wrong_sessions, set()),
    "users_equal_facts": (
        _settled(
            _sql(
                f"ALTER TABLE analytics.dim_users UPDATE total_events = 9 WHERE user_domain_id = toUUID('{an_id('u1')}') {MUTATION}"
            )
        ),
        set(),
    ),
    "users_are_seen_in_order": (
        _sql(f"ALTER TABLE analytics.dim_users UPDATE first_seen = last_seen + INTERVAL 1 DAY WHERE 1 {MUTATION}"),
        set(),
    ),
    "coordinates_are_on_earth": (
        _sql("INSERT INTO analytics.dim_geo (geo_id, geo_latitude) VALUES (1, 91)"),
        set(),
    ),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_planted_fault_is_found_by_exactly_the_check_for_it(stage: Stage, check: Check) -> None:
    plant, others = PLANTS[check.name]
    _fill(stage)
    plant(stage)
    assert _found(stage) == {check.name} | others


def test_a_failing_check_raises_with_help_and_a_sample_and_a_warning_does_not(stage: Stage) -> None:
    _fill(stage)
    _sql(COPY_FACT)(stage)
    results = _run(stage)
    with pytest.raises(CheckFailed, match=r"facts_stand_once.*Numbers of that day are too high.*First rows"):
        demand(results)
    demand([result for result in results if result.check.severity is Severity.WARN])


def test_results_are_kept_once_for_each_run_and_check(stage: Stage) -> None:
    _fill(stage)
    for _ in range(2):
        _run(stage, "run-1")
    assert stage.count("ops.quality_results") == len(CHECKS)
