"""Ids on two days are cleared up, and days that were kept long enough are retired."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.check import read_checks, run_checks
from headwater.app.correct import propose_removal
from headwater.app.plan_runner import Built, PlanRunner
from headwater.app.retire import propose_retirement
from headwater.assets import asset
from headwater.core.checks import CheckKind
from tests.sql.test_corrections import assert_sound, built_incomplete
from tests.support.dying import Killed, dying, paused
from tests.support.events import an_id, browser, device, geo, location
from tests.support.fingerprint import assert_aggregates_follow, fingerprint
from tests.support.front import Front
from tests.support.staging import START, Stage

pytestmark = pytest.mark.stack

FIRST, SECOND = "2026-05-01 10:00:00", "2026-05-03 11:00:00"


def remove(stage: Stage, database: ClickHouse | None = None) -> Built:
    db = database or stage.db
    return PlanRunner(db, stage.clock).run(lambda _plan: propose_removal(db, stage.clock))


def retire(stage: Stage, database: ClickHouse | None = None) -> Built:
    db = database or stage.db
    return PlanRunner(db, stage.clock).run(lambda _plan: propose_retirement(db, stage.clock))


def accounts(stage: Stage) -> dict[str, tuple[int, int, int, int, bool]]:
    rows = stage.db.rows("correct/accounts", since=START - timedelta(days=1))
    return {
        row["account"]: (row["came"], row["facts"], row["waiting"], row["quarantined"], bool(row["balances"]))
        for row in rows
    }


def assert_balanced(stage: Stage) -> None:
    assert [name for name, row in accounts(stage).items() if not row[-1]] == []


def _twice(stage: Stage) -> None:
    """`e1` is built for two days; `e2` stands beside its second."""
    stage.send("device", device())
    stage.send("geo", geo())
    stage.send("location", location("e1", "/confirmation"), location("e2"))
    stage.send("browser", browser("e1", at=FIRST))
    stage.build()
    stage.clock.moment += timedelta(minutes=20)
    stage.send("browser", browser("e1", at=SECOND), browser("e2", at=SECOND))
    built_incomplete(stage)
    assert stage.count("analytics.fact_events") == 3


def test_the_later_fact_of_an_id_on_two_days_is_taken_out_and_booked(stage: Stage) -> None:
    _twice(stage)
    done = remove(stage).plans[0]
    assert (done.kind, done.removed) == ("correct", 1)
    kept = stage.db.query("SELECT toString(event_timestamp) AS at FROM analytics.fact_events ORDER BY at")
    assert [row["at"][:19] for row in kept] == [FIRST, SECOND]
    booked = stage.db.query("SELECT reason, toString(event_id) AS id, build FROM ops.quarantine")
    assert [dict(row) for row in booked] == [{"reason": "conflicting_duplicate", "id": an_id("e1"), "build": 2}]
    assert remove(stage).plans == []
    assert_sound(stage)
    assert_balanced(stage)


def test_a_day_that_loses_its_only_fact_is_empty_everywhere(stage: Stage) -> None:
    stage.send("device", device())
    stage.send("geo", geo())
    stage.send("location", location("e1", "/confirmation"))
    stage.send("browser", browser("e1", at=SECOND))
    stage.build()
    before = fingerprint(stage.db)
    stage.clock.moment += timedelta(minutes=20)
    stage.send("browser", browser("e1", at=FIRST))
    built_incomplete(stage)
    assert remove(stage).plans[0].removed == 1
    stage.build()
    after = fingerprint(stage.db)
    assert {name: row for name, row in after.items() if name != "quarantine"} == {
        name: row for name, row in before.items() if name != "quarantine"
    }
    stage.send("browser", browser("e1", at=FIRST))
    built_incomplete(stage)  # the day is looked at again when the event comes again
    assert remove(stage).plans[0].removed == 1
    assert_sound(stage)
    assert_balanced(stage)


def test_what_the_hourly_check_finds_is_cleared_up_by_the_next_build(stage: Stage) -> None:
    _twice(stage)
    assert [done.removed for done in stage.build().plans] == []
    stage.clock.moment += timedelta(minutes=1)
    checks = read_checks(asset("clickhouse/sql/quality"), [CheckKind.DUPLICATES])
    found = [r.check.name for r in run_checks(checks, "hourly", stage.db, stage.clock) if not r.passed]
    assert "ids_stand_on_one_day" in found
    stage.clock.moment += timedelta(minutes=1)
    assert [done.removed for done in stage.build().plans] == [1]
    assert stage.build().plans == []
    assert_sound(stage)


def test_days_retire_when_their_newest_fact_is_old_and_only_their_facts_go(stage: Stage) -> None:
    stage.send("browser", browser("e1", at=FIRST), browser("e2", at=SECOND))
    stage.send("location", location("e1"))
    built_incomplete(stage)
    stage.clock.moment += timedelta(days=200)
    stage.send("browser", browser("e3", at=SECOND))
    built_incomplete(stage)
    users = fingerprint(stage.db)
    assert retire(stage).plans == []
    stage.clock.moment += timedelta(days=166)
    done = retire(stage).plans[0]
    assert (done.kind, done.retired) == ("retire", 1)
    stage.build()
    left = {name: row for name, row in fingerprint(stage.db).items() if name not in ("facts", "incomplete")}
    assert left == {name: row for name, row in users.items() if name not in ("facts", "incomplete")}
    days = stage.db.query("SELECT toString(toDate(event_timestamp)) AS day FROM analytics.fact_events GROUP BY day")
    assert [row["day"] for row in days] == [SECOND[:10]]
    closed = stage.db.query("SELECT toString(day) AS day, facts FROM ops.closed_days")
    assert [tuple(row.values()) for row in closed] == [(FIRST[:10], 1)]
    assert retire(stage).plans == []
    assert_balanced(stage)


def test_what_comes_for_a_retired_day_is_counted_and_kept_out(stage: Stage) -> None:
    stage.send("browser", browser("e1", at=FIRST))
    built_incomplete(stage)
    stage.clock.moment += timedelta(days=366)
    assert retire(stage).plans[0].retired == 1
    before = {name: row for name, row in fingerprint(stage.db).items() if name != "quarantine"}
    stage.send("browser", browser("e1", at=FIRST), browser("e2", at=FIRST))
    stage.send("device", device())
    stage.send("location", location("e1"), location("e2"))
    done = stage.build().plans
    assert [(plan.kind, plan.closed, plan.facts) for plan in done] == [("build", 2, 0)]
    assert stage.count("ops.quarantine", "reason = 'closed_day'") == 2
    assert {name: row for name, row in fingerprint(stage.db).items() if name != "quarantine"} == before
    assert_balanced(stage)


@pytest.mark.parametrize("work", ["retire", pytest.param("remove", marks=pytest.mark.long)])
def test_retiring_and_removing_are_finished_by_the_next_wherever_they_died(
    stage: Stage, front: Front, work: str
) -> None:
    run = retire if work == "retire" else remove
    day, statement = START - timedelta(days=300), 0
    while True:
        statement += 1 if work == "retire" else 6
        first, second = (f"{day + timedelta(days=2 * statement + n):%Y-%m-%d %H:%M:%S}" for n in range(2))
        stage.send("device", device())
        stage.send("geo", geo())
        stage.send("location", location(f"e{statement}"), location(f"f{statement}"))
        stage.send("browser", browser(f"e{statement}", at=first), browser(f"f{statement}", at=first))
        stage.build()
        if work == "remove":
            stage.clock.moment += timedelta(minutes=1)
            stage.send("browser", browser(f"e{statement}", at=second), browser(f"f{statement + 1000}", at=second))
            stage.clock.moment += timedelta(minutes=16)
            stage.build()
        else:
            stage.clock.moment += timedelta(days=366)
        try:
            run(stage, dying(front.writer_url, statement))
        except Killed:
            run(stage)
            assert_balanced(stage)
            if work == "remove":
                assert_aggregates_follow(stage.db)
            assert stage.count("analytics.fact_events", f"toDate(event_timestamp) = '{first[:10]}'") == (
                2 if work == "remove" else 0
            )
        else:
            break
    assert statement > 6
    assert stage.count("ops.plans") == stage.count("ops.plans_done")


def test_a_retirement_that_wakes_late_removes_nothing_else(stage: Stage, front: Front) -> None:
    stage.send("browser", browser("e1", at=FIRST))
    built_incomplete(stage)
    stage.clock.moment += timedelta(days=366)

    def others() -> None:
        retire(stage)
        stage.send("browser", browser("e2", at=SECOND))
        built_incomplete(stage)

    for statement in range(2, 8):
        retire(stage, paused(front.writer_url, statement, others))
        assert stage.count("analytics.fact_events") == 1, f"woken at {statement}"
        assert_balanced(stage)


def test_more_ids_on_two_days_than_one_plan_takes_are_cleared_up_by_several(stage: Stage) -> None:
    names = [f"e{n}" for n in range(510)]
    for at in (FIRST, SECOND):
        stage.send("browser", *[browser(name, at=at) for name in names])
        built_incomplete(stage)
    assert [done.removed for done in remove(stage).plans] == [500, 10]
    assert stage.count("analytics.fact_events", f"event_timestamp = '{FIRST}'") == 510
    assert_sound(stage)
    assert_balanced(stage)
