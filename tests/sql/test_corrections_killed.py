"""Corrections under deaths, sleeps and lost rows: whoever comes next finishes them, and the content is the same."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.build import Build, BuildLimits
from headwater.errors import HeadwaterError
from tests.sql.test_corrections import assert_sound
from tests.support.dying import Killed, Stepping, dying, paused
from tests.support.events import browser, device, geo, location
from tests.support.fingerprint import fingerprint
from tests.support.front import Front
from tests.support.staging import Stage

pytestmark = pytest.mark.stack
DAYS = 90
# A correction has about seventy statements. Every one is tried in the long run, each twentieth in the short one.
SERIES = [pytest.param(20, id="some"), pytest.param(1, id="all", marks=pytest.mark.long)]


def _days(stage: Stage) -> list[str]:
    return [f"{stage.clock.moment - timedelta(days=n + 2):%Y-%m-%d} 08:00:00" for n in range(DAYS)]


def prepare(stage: Stage) -> list[str]:
    """A day for each round, with a complete event and one that lacks its device and location."""
    days = _days(stage)
    stage.send("browser", *[browser(f"full{n}", click="known", at=at) for n, at in enumerate(days)])
    stage.send("location", *[location(f"full{n}", "/confirmation") for n in range(DAYS)])
    stage.send("browser", *[browser(f"late{n}", click=f"c{n}", at=at) for n, at in enumerate(days)])
    stage.send("device", device("known"))
    stage.send("geo", geo("known"), *[geo(f"c{n}") for n in range(DAYS)])
    stage.clock.moment += timedelta(minutes=16)
    assert stage.build().facts == 2 * DAYS
    return days


def arrive(stage: Stage, n: int) -> None:
    """The parts of one late event."""
    stage.send("device", device(f"c{n}", user=f"u{n}"))
    stage.send("location", location(f"late{n}", "/product_a"))


def _run(stage: Stage, database: ClickHouse) -> None:
    Build(database, stage.clock, BuildLimits()).run()


def _statements_of_a_correction(stage: Stage, front: Front) -> int:
    """Statements of a run that builds the parts of one event and corrects its day."""
    counting = Stepping(front.writer_url, lambda _number, _sql: None)
    arrive(stage, 0)
    _run(stage, counting)
    assert stage.count("ops.plans_done", "corrected = 1") == 1
    return counting.statements_run


@pytest.mark.parametrize("stride", SERIES)
def test_a_correction_that_died_at_any_statement_is_finished_by_the_next(
    stage: Stage, front: Front, stride: int
) -> None:
    prepare(stage)
    statements = _statements_of_a_correction(stage, front)
    assert 40 < statements < DAYS
    rounds = range(1, statements, stride)
    for n in rounds:
        arrive(stage, n)
        with pytest.raises(Killed):
            _run(stage, dying(front.writer_url, n + 1))
        if n % 3 == 0:  # the one who comes next dies as well, where anything is left to do
            with contextlib.suppress(Killed):
                _run(stage, dying(front.writer_url, 3))
        stage.build()
    assert_sound(stage)
    assert stage.count("analytics.fact_events", "is_complete") == DAYS + 1 + len(rounds)
    assert stage.count("ops.plans_done", "corrected = 1") == 1 + len(rounds)


@pytest.mark.parametrize("stride", SERIES)
def test_a_corrector_that_wakes_late_at_any_statement_changes_nothing(stage: Stage, front: Front, stride: int) -> None:
    """While it sleeps others finish its plan, build more events of the same day and correct the day again."""
    days = prepare(stage)
    statements = _statements_of_a_correction(stage, front)
    for done, n in enumerate(range(1, statements, stride), 1):
        arrive(stage, n)

        def meanwhile(n: int = n) -> None:
            stage.build()
            stage.send("browser", browser(f"more{n}", click="known", at=days[n]))
            stage.send("location", location(f"more{n}"))
            stage.build()

        sleeper = paused(front.writer_url, n + 1, meanwhile)
        _run(stage, sleeper)
        assert stage.count("analytics.fact_events", f"toDate(event_timestamp) = '{days[n][:10]}'") == 3, f"woken at {n}"
        assert stage.count("analytics.fact_events", "is_complete") == DAYS + 1 + 2 * done, f"woken at {n}"
    assert_sound(stage)


def test_a_swap_that_arrives_late_finds_no_source(stage: Stage, front: Front) -> None:
    days = prepare(stage)
    swaps: list[str] = []
    arrive(stage, 1)
    _run(stage, Stepping(front.writer_url, lambda _n, sql: swaps.append(sql) if "REPLACE PARTITION" in sql else None))
    stage.send("browser", browser("more", click="known", at=days[1]))
    stage.send("location", location("more"))
    stage.build()
    before = fingerprint(stage.db)
    assert len(swaps) > 5
    for swap in swaps:
        with pytest.raises(HeadwaterError, match="UNKNOWN_TABLE"):
            stage.db.statements([swap])
    assert fingerprint(stage.db) == before


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("INSERT INTO ops.plans (", "ops.plans"),
        pytest.param("INSERT INTO ops.arrivals", "ops.arrivals", marks=pytest.mark.long),
        ("INSERT INTO ops.{sheet:Identifier}", "ops.corrections"),
        pytest.param("INSERT INTO ops.waiting", "ops.waiting", marks=pytest.mark.long),
        pytest.param("INSERT INTO ops.plans_done", "ops.plans_done", marks=pytest.mark.long),
    ],
)
def test_rows_that_a_crash_took_after_their_token_was_logged_are_written_again(
    stage: Stage, front: Front, statement: str, table: str
) -> None:
    class Torn(ClickHouse):
        torn = 0

        def execute(self, sql: str, token: str | None = None, parameters: object = None) -> int:
            written = super().execute(sql, token, parameters)  # type: ignore[arg-type]
            if statement in sql and self.torn < 2:
                self.torn += 1
                last = "plan = (SELECT max(plan) FROM ops.plans)" if table != "ops.plans" else "kind != 'build'"
                super().execute(f"ALTER TABLE {table} DELETE WHERE {last} SETTINGS mutations_sync = 2")
            return written

    prepare(stage)
    arrive(stage, 1)
    torn = Torn(front.writer_url)
    _run(stage, torn)
    assert torn.torn == 2
    stage.build()
    assert_sound(stage)
    assert stage.count("analytics.fact_events", "is_complete") == DAYS + 1


def test_two_correctors_at_once_correct_once(stage: Stage, front: Front) -> None:
    prepare(stage)
    for round_ in range(2):
        for n in range(round_ * 5 + 1, round_ * 5 + 6):
            arrive(stage, n)
        with ThreadPoolExecutor(3) as pool:
            runs = [pool.submit(Build(ClickHouse(front.writer_url), stage.clock, BuildLimits()).run) for _ in range(3)]
        for run in runs:
            run.result()
    stage.build()
    assert_sound(stage)
    assert stage.count("analytics.fact_events", "is_complete") == DAYS + 10
    assert stage.db.query("SELECT sum(corrected) AS n FROM ops.plans_done")[0]["n"] == 10
