"""Rebuilding days on purpose: what was damaged is mended, and what was right stays as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from headwater.app import shadows
from headwater.app.rebuild import Rebuild
from headwater.errors import FixSettings
from tests.sql.test_closing import assert_balanced, retire
from tests.sql.test_corrections import SYNC, assert_sound, built_incomplete
from tests.support.dying import Stepping
from tests.support.events import an_id, browser, device, geo, location
from tests.support.fingerprint import fingerprint
from tests.support.front import Front
from tests.support.shell import Shell
from tests.support.staging import Stage

pytestmark = pytest.mark.stack
FIRST, LAST = date(2026, 5, 1), date(2026, 5, 2)


def _fill(stage: Stage) -> dict[str, tuple[int, int]]:
    stage.send("browser", *[browser(f"e{n}", click=f"c{n % 2}", at=f"2026-05-0{1 + n % 3} 10:00:00") for n in range(9)])
    stage.send("location", *[location(f"e{n}", "/confirmation") for n in range(8)])
    stage.send("device", device("c0"), device("c1", user="u2"))
    stage.send("geo", geo("c0"))
    stage.send("browser", browser("e0", browser_name="Chrome"))
    stage.build()
    built_incomplete(stage)
    return fingerprint(stage.db)


def _sql(statement: str) -> Callable[[Stage], None]:
    return lambda stage: stage.db.statements([f"ALTER TABLE {statement} {SYNC}"])


DAMAGES: dict[str, Callable[[Stage], None]] = {
    "nothing": lambda _stage: None,
    "lost facts": _sql(f"analytics.fact_events DELETE WHERE event_id = toUUID('{an_id('e0')}')"),
    "a lost day": _sql("analytics.fact_events DELETE WHERE toDate(event_timestamp) = '2026-05-01'"),
    "a wrong user": _sql(f"analytics.fact_events UPDATE user_custom_id = 'x' WHERE event_id = toUUID('{an_id('e0')}')"),
    "wrong counts": _sql("analytics.agg_events_hourly DELETE WHERE toDate(event_hour) = '2026-05-02'"),
    "a lost book": _sql("ops.incomplete DELETE WHERE 1"),
    "lost users": _sql("ops.user_days DELETE WHERE date = '2026-05-01'"),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_rebuild_mends_what_was_damaged(stage: Stage, damage: str) -> None:
    before = _fill(stage)
    DAMAGES[damage](stage)
    built = Rebuild(stage.db, stage.clock).run(FIRST, LAST + timedelta(days=1))
    assert [done.kind for done in built.plans] == ["rebuild"]
    stage.build()
    after = fingerprint(stage.db)
    assert after == before
    assert_sound(stage)
    assert_balanced(stage)


def test_a_rebuild_without_staging_makes_aggregates_from_the_facts(stage: Stage) -> None:
    before = _fill(stage)
    for table in ("browser", "device", "geo", "location"):
        stage.db.statements([f"TRUNCATE TABLE analytics.events_{table}_raw"])
    _sql("analytics.agg_traffic_sources DELETE WHERE 1")(stage)
    _sql("ops.visit_slots DELETE WHERE 1")(stage)
    Rebuild(stage.db, stage.clock).run(FIRST, LAST + timedelta(days=1))
    stage.build()
    assert fingerprint(stage.db) == before
    assert_sound(stage)


def test_a_dry_run_shows_what_would_change_and_changes_nothing(stage: Stage) -> None:
    _fill(stage)
    DAMAGES["lost facts"](stage)
    DAMAGES["a lost book"](stage)
    before = fingerprint(stage.db)
    preview = Rebuild(stage.db, stage.clock).preview(FIRST, LAST)
    assert (preview.added, preview.corrected, preview.faults) == (1, 0, [])
    facts, book = preview.tables["analytics.fact_events"], preview.tables["ops.incomplete"]
    assert (facts.now, facts.after, facts.days) == (5, 6, (FIRST,))
    assert (book.now, book.after) == (0, 3)
    assert fingerprint(stage.db) == before
    assert stage.count("ops.plans", "kind != 'build'") == 0
    assert_no_shadows(stage)


def test_a_dry_run_and_a_build_beside_it_leave_each_other_alone(stage: Stage, front: Front) -> None:
    _fill(stage)
    DAMAGES["lost facts"](stage)
    builds = 0

    def build(number: int, _sql: str) -> None:
        nonlocal builds
        if number in (3, 20):
            builds += 1
            stage.send("browser", browser(f"more{builds}", click="c1", at="2026-05-05 10:00:00"))
            built_incomplete(stage)

    preview = Rebuild(Stepping(front.writer_url, build), stage.clock).preview(FIRST, LAST)
    assert builds == 2
    assert (preview.added, preview.corrected, preview.faults) == (1, 0, [])
    assert_no_shadows(stage)
    assert stage.count("analytics.fact_events", "toDate(event_timestamp) = '2026-05-05'") == 2


def test_what_a_killed_dry_run_leaves_behind_is_swept_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.db.statements(["CREATE TABLE ops.shadow_0_x_corrections AS ops.corrections"])
    _fill(stage)
    assert stage.count("system.tables", "name = 'shadow_0_x_corrections'") == 1
    monkeypatch.setattr(shadows, "_LEFT_AFTER_S", 0)
    stage.send("browser", browser("more"))
    built_incomplete(stage)
    assert_no_shadows(stage)


def assert_no_shadows(stage: Stage) -> None:
    assert stage.count("system.tables", "database = 'ops' AND startsWith(name, 'shadow_')") == 0


def test_what_waits_or_is_in_quarantine_does_not_become_a_fact(stage: Stage) -> None:
    _fill(stage)
    stage.send("browser", browser("waits", click="unknown", at="2026-05-01 09:00:00"))
    stage.build()
    stage.send("browser", browser("later", click="c0", at="2026-05-01 09:00:00"))  # not yet planned
    before = fingerprint(stage.db)
    Rebuild(stage.db, stage.clock).run(FIRST, LAST)
    assert fingerprint(stage.db) == before


def test_retired_days_are_refused(stage: Stage) -> None:
    _fill(stage)
    stage.clock.moment += timedelta(days=366)
    retire(stage)
    with pytest.raises(FixSettings, match=r"The facts of 2026-05-01, .* are retired"):
        Rebuild(stage.db, stage.clock).run(FIRST, LAST)


def test_the_commands_preview_rebuild_remove_and_retire(stage: Stage, front: Front, tmp_path: Path) -> None:
    _fill(stage)
    DAMAGES["lost facts"](stage)
    shell = Shell(
        {
            **os.environ, "HEADWATER_HOME": str(tmp_path), "HEADWATER_CLICKHOUSE_URL": front.owner_url,
            "HEADWATER_CLICKHOUSE_WRITER_URL": front.writer_url, "COLUMNS": "200",
        }
    )  # fmt: skip
    days = ("--from", "2026-05-01", "--to", "2026-05-02")
    preview = json.loads(shell.run("rebuild", *days, "--dry-run", "--json"))
    assert (preview["facts_added"], preview["facts_corrected"]) == (1, 0)
    assert "1 would come back" in shell.run("rebuild", *days, "--dry-run")
    assert json.loads(shell.run("rebuild", *days, "--json"))[0]["added"] == 1
    assert "There was nothing to do." in shell.run("correct", "--duplicates", "--retire")
    assert "Say what to correct" in shell.run("correct", code=2)
    assert "lies after" in shell.run("rebuild", "--from", "2026-05-02", "--to", "2026-05-01", code=2)
