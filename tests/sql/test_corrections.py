"""Corrections: facts get the parts that come late, and everything derived from them follows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest

from headwater.errors import Stop
from tests.support.events import an_id, browser, device, geo, location
from tests.support.fingerprint import assert_aggregates_follow, fingerprint
from tests.support.staging import Stage

pytestmark = pytest.mark.stack

SYNC = "SETTINGS mutations_sync = 2"
BALANCE = "taken + was_waiting = facts + repeats + conflicts + closed + erased + waiting"


def built_incomplete(stage: Stage) -> None:
    """Let the grace of what waits end, and build it."""
    stage.clock.moment += timedelta(minutes=16)
    stage.build()


def assert_sound(stage: Stage) -> None:
    """What must hold after every plan, however it came about."""
    assert_aggregates_follow(stage.db)
    assert stage.count("ops.plans_done", f"NOT ({BALANCE})") == 0
    assert stage.count("ops.plans") == stage.count("ops.plans_done")
    assert stage.count("ops.incomplete", "build > 0") == stage.count("analytics.fact_events", "NOT is_complete")
    assert stage.count("system.tables", "database = 'ops' AND startsWith(name, 'shadow_')") == 0
    doubled = stage.db.query("SELECT event_id FROM analytics.fact_events GROUP BY event_id HAVING count() > 1")
    assert doubled == []


PARTS: dict[str, Callable[[], bytes]] = {
    "device": device, "geo": geo, "location": lambda: location("e1", "/confirmation"),
}  # fmt: skip
# Every order in the long run, two of them always.
ORDERS = [
    pytest.param(order, id="-".join(order), marks=pytest.mark.long if n % 3 else ())
    for n, order in enumerate(itertools.permutations(PARTS))
]


@pytest.mark.parametrize("late", list(PARTS))
def test_a_part_that_comes_days_later_completes_its_fact(stage: Stage, late: str) -> None:
    stage.send("browser", browser("e1"))
    for stream, part in PARTS.items():
        if stream != late:
            stage.send(stream, part())
    built_incomplete(stage)
    before = stage.db.query("SELECT created_at, build FROM analytics.fact_events")
    assert stage.count("analytics.fact_events", "is_complete") == 0
    stage.clock.moment += timedelta(days=3)
    stage.send(late, PARTS[late]())
    built = stage.build()
    assert built.corrected == 1
    fact = stage.db.query(
        "SELECT is_complete, toString(user_domain_id) AS user, geo_country, page_url_path FROM analytics.fact_events"
    )[0]
    assert dict(fact) == {
        "is_complete": True, "user": an_id("u1"), "geo_country": "DE", "page_url_path": "/confirmation",
    }  # fmt: skip
    assert stage.db.query("SELECT created_at, build FROM analytics.fact_events") == before
    assert stage.count("ops.waiting", "kind = 'location' AND plan = (SELECT max(plan) FROM ops.plans_done)") == 0
    assert_sound(stage)


@pytest.mark.parametrize("order", ORDERS)
def test_the_order_in_which_parts_come_late_changes_nothing(stage: Stage, order: tuple[str, ...]) -> None:
    other = "2026-04-30 23:59:59.999999"
    stage.send("browser", browser("e1"), browser("e2", at=other), browser("e3", click="c2", at=other))
    built_incomplete(stage)
    for stream in order:
        more = [location("e2"), location("e3", "/home")] if stream == "location" else []
        stage.send(stream, PARTS[stream](), *more)
        stage.build()
        assert_sound(stage)
    found = fingerprint(stage.db)
    assert found == _all_at_once(stage)


def _all_at_once(stage: Stage) -> dict[str, tuple[int, int]]:
    """The content that one build makes of everything that was staged, in a warehouse whose books are forgotten."""
    for table in ("ops.plans", "ops.plans_done", "ops.waiting", "ops.matched", "ops.visits", "ops.quarantine",
                  "ops.arrivals", "ops.corrections", "ops.incomplete", "ops.closed_days", "analytics.fact_events",
                  "analytics.agg_events_hourly", "analytics.agg_traffic_sources", "ops.user_days", "ops.geo_days",
                  "ops.browser_device_hours", "ops.source_user_hours", "ops.purchases", "ops.purchase_weeks",
                  "ops.product_views", "ops.visit_slots", "analytics.visit_hours", "analytics.visit_days", "ops.visit_nights"):  # fmt: skip
        stage.db.statements([f"TRUNCATE TABLE {table}"])
    stage.clock.moment += timedelta(hours=1)  # the grace of everything that was staged is over
    stage.build()
    assert_sound(stage)
    return fingerprint(stage.db)


def test_a_location_that_comes_with_a_repeat_of_its_event_completes_the_fact(stage: Stage) -> None:
    stage.send("browser", browser("e1"))
    stage.send("device", device())
    stage.send("geo", geo())
    built_incomplete(stage)
    stage.put("location", [location("e1")])
    stage.send("browser", browser("e1"))
    stage.send("location")
    built = stage.build()
    assert (built.plans[0].repeats, built.corrected) == (1, 1)
    assert stage.count("analytics.fact_events", "is_complete AND page_url_path = '/home'") == 1
    assert_sound(stage)


def test_only_days_that_got_parts_are_rebuilt(stage: Stage) -> None:
    stage.send("browser", browser("e1", at="2026-05-01 10:00:00"), browser("e2", click="c2", at="2026-05-02 10:00:00"))
    stage.send("location", location("e1"), location("e2"))
    built_incomplete(stage)
    stage.send("device", device("c2"))
    stage.build()
    days = stage.db.query("SELECT days FROM ops.plans WHERE kind = 'correct'")
    assert [[str(day) for day in row["days"]] for row in days] == [["2026-05-02"]]
    stage.send("device", device("c9"))
    assert [done.kind for done in stage.build().plans] == ["build"]
    assert_sound(stage)


def test_many_days_are_corrected_in_several_plans(stage: Stage) -> None:
    days = [(stage.clock.moment - timedelta(days=n)).strftime("%Y-%m-%d 08:00:00") for n in range(25)]
    stage.send("browser", *[browser(f"e{n}", at=at) for n, at in enumerate(days)])
    stage.send("location", *[location(f"e{n}") for n in range(25)])
    stage.send("device", device())
    built_incomplete(stage)
    stage.send("geo", geo())
    assert [done.corrected for done in stage.build().plans] == [0, 20, 5]
    assert stage.count("analytics.fact_events", "is_complete") == 25
    assert_sound(stage)


def test_new_events_of_a_corrected_day_are_added_to_it(stage: Stage) -> None:
    stage.send("browser", browser("e1"))
    stage.send("location", location("e1"), location("e2"))
    stage.send("geo", geo())
    built_incomplete(stage)
    stage.send("device", device())
    stage.build()
    stage.send("browser", browser("e2"), browser("e1"), browser("e1", browser_name="Chrome"))
    done = stage.build().plans[-1]
    assert (done.facts, done.repeats, done.conflicts) == (1, 1, 1)
    assert stage.count("analytics.fact_events", "is_complete") == 2
    assert_sound(stage)


def test_a_day_that_took_long_to_correct_rests_before_it_is_corrected_again(stage: Stage) -> None:
    stage.send("browser", browser("e1"))
    built_incomplete(stage)
    stage.send("device", device())
    stage.build()
    stage.db.statements(
        ["ALTER TABLE ops.plans_done UPDATE done_at = done_at + INTERVAL 1 MINUTE WHERE corrected > 0 " + SYNC]
    )
    stage.send("geo", geo())
    assert stage.build().corrected == 0
    stage.clock.moment += timedelta(minutes=11)
    assert stage.build().corrected == 1


def test_shadows_that_do_not_add_up_are_not_swapped_in(stage: Stage, front: object) -> None:
    from tests.support.dying import Stepping
    from tests.support.front import Front

    assert isinstance(front, Front)
    stage.send("browser", browser("e1"), browser("e2"))
    built_incomplete(stage)
    before = fingerprint(stage.db)

    def meddle(_number: int, sql: str) -> None:
        if "CREATE TABLE ops.shadow" in sql and sql.endswith("AS ops.incomplete"):
            shadow = sql.split()[2].replace("_incomplete", "_fact_events")
            stage.db.statements(
                [f"ALTER TABLE {shadow} UPDATE browser_name = 'x' WHERE event_id = toUUID('{an_id('e2')}') {SYNC}"]
            )

    stage.send("location", location("e1"))
    with pytest.raises(Stop, match="do not add up, and nothing was swapped in"):
        stage.build(database=Stepping(front.writer_url, meddle))
    assert {k: v for k, v in fingerprint(stage.db).items() if k != "waiting"} == before
    assert stage.build().corrected == 1
    assert_sound(stage)
