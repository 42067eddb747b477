"""Sessions of days that are over are put together once: read while the days stay as they were, and never wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.memory import FixedClock
from headwater.app.upkeep import count_session_days
from tests.support.front import Front
from tests.support.marts_oracle import Facts, fact, rows_of

pytestmark = pytest.mark.stack

_SESSIONS = """
SELECT toStartOfHour(started_at) AS hour, duration_s, events, pages, utm_source, utm_campaign, geo_country, device_type
FROM analytics.sessions ORDER BY ALL
"""
_FOUND = """
SELECT started_hour, duration_s, event_count, page_count, utm_source, utm_campaign, geo_country, device_type
FROM analytics.session_hours ORDER BY ALL
"""
_DAYS = (date(2026, 5, 1), date(2026, 5, 2), date(2026, 5, 3), date(2026, 5, 9))
_WHOLE = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
_LATER = FixedClock(datetime(2026, 6, 1, 2, tzinfo=UTC))
_MUTATION = "SETTINGS mutations_sync = 2"


@pytest.fixture
def facts(no_facts: ClickHouse, front: Front) -> Iterator[Facts]:
    """Visits of four days: most near a midnight, some over it, some with pauses or several sources; none counted."""
    no_facts.statements(["TRUNCATE TABLE ops.counted_sessions", "TRUNCATE TABLE ops.session_counts"])
    seed = 26
    print(f"seed {seed}")
    chance = random.Random(seed)
    made = Facts(front.writer_url)
    rows = []
    for visit in range(60):
        at = datetime.combine(chance.choice(_DAYS), datetime.min.time()) + timedelta(
            minutes=chance.choice([0, 5, 700, 725, 1380, 1415, 1435, chance.randrange(1440)])
        )
        for event in range(chance.randrange(1, 7)):
            name = f"e{visit}-{event}"
            rows.append(
                fact(
                    name, f"{at:%F %T}", chance.choice(["/home", "/product_a", "/cart", ""]), click=f"c{visit % 45}",
                    user=f"u{visit % 45}", utm_source=chance.choice(["", "google", "bing"]),
                    geo_country=chance.choice(["", "DE"]), device_type="Desktop",
                )
            )  # fmt: skip
            at += timedelta(minutes=chance.choice([1, 10, 29, 30, 31, 40]), seconds=chance.randrange(60))
    made.insert(rows, "all")
    yield made
    made.close()


def _found(database: ClickHouse) -> list[tuple[Any, ...]]:
    return rows_of(database, _FOUND)


def _assert_right(database: ClickHouse) -> None:
    """As the half hours make them; with the other part of the visits than what is compared."""
    assert _found(database) == rows_of(database, _SESSIONS)


def _kept(database: ClickHouse) -> list[date]:
    return [row[0] for row in rows_of(database, "SELECT DISTINCT day FROM ops.session_counts ORDER BY day")]


def test_counted_days_say_what_half_hours_make(no_facts: ClickHouse, facts: Facts) -> None:
    before = _found(no_facts)
    assert len(before) > 60
    _assert_right(no_facts)
    assert count_session_days(no_facts, _WHOLE) == len(_kept(no_facts)) >= 4
    assert _found(no_facts) == before
    assert count_session_days(no_facts, _WHOLE) == 0


def test_counted_days_are_read_and_not_put_together(no_facts: ClickHouse, facts: Facts) -> None:
    count_session_days(no_facts, _WHOLE)
    no_facts.statements(
        [f"ALTER TABLE ops.counted_sessions UPDATE event_count = event_count + 1000 WHERE 1 {_MUTATION}"]
    )
    assert min(row[2] for row in _found(no_facts)) > 1000


def test_only_days_that_are_over_are_counted(no_facts: ClickHouse, facts: Facts) -> None:
    count_session_days(no_facts, FixedClock(datetime(2026, 5, 3, 23, 59, tzinfo=UTC)))
    assert _kept(no_facts) == [date(2026, 5, 1), date(2026, 5, 2)]
    _assert_right(no_facts)


def test_the_newest_days_come_first_and_counting_ends_when_its_time_is_over(no_facts: ClickHouse, facts: Facts) -> None:
    class Ticking(FixedClock):
        def now(self) -> datetime:
            self.moment += timedelta(seconds=50)
            return super().now()

    assert count_session_days(no_facts, Ticking(datetime(2026, 6, 1, tzinfo=UTC)), budget_s=120.0) == 2
    assert _kept(no_facts)[-1] >= date(2026, 5, 9)
    _assert_right(no_facts)


def _late(name: str, at: str, click: str = "c1") -> Callable[[ClickHouse, Facts], None]:
    return lambda _, facts: facts.insert([fact(name, at, "/late", click=click, user="u1")], name)


CHANGES: dict[str, tuple[Callable[[ClickHouse, Facts], None], list[date]]] = {
    "a late event at noon": (_late("noon", "2026-05-02 12:00:00"), [date(2026, 5, 2)]),
    "a late event of another visit in the morning": (
        _late("morning", "2026-05-03 00:00:00", click="new"), [date(2026, 5, 2), date(2026, 5, 3)],
    ),
    "a late event before midnight": (_late("evening", "2026-05-02 23:59:59"), [date(2026, 5, 2), date(2026, 5, 3)]),
    "an event less": (
        lambda db, _: db.statements([f"ALTER TABLE ops.visit_slots DELETE WHERE day = '2026-05-09' {_MUTATION}"]),
        [],
    ),
    "another country": (
        lambda db, _: db.statements(
            [f"ALTER TABLE ops.visit_slots UPDATE geo_country = 'FR' WHERE day = '2026-05-02' AND toHour(slot) BETWEEN 12 AND 22 {_MUTATION}"]
        ),
        [date(2026, 5, 2)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_opens_the_days_that_it_may_touch(no_facts: ClickHouse, facts: Facts, change: str) -> None:
    count_session_days(no_facts, _WHOLE)
    apply, opened = CHANGES[change]
    apply(no_facts, facts)
    uncounted = rows_of(
        no_facts,
        "SELECT day FROM ops.session_prints WHERE (day, print) NOT IN (SELECT day, print FROM ops.session_counts) ORDER BY day",
    )
    if opened:
        assert [row[0] for row in uncounted] == opened
    if change not in ("an event less", "another country"):  # these change the half hours beneath the plain visits
        _assert_right(no_facts)
    count_session_days(no_facts, _LATER)
    _assert_right(no_facts)
    stale = rows_of(
        no_facts,
        """SELECT count() AS n FROM ops.counted_sessions
           WHERE count_id NOT IN (SELECT count_id FROM ops.session_counts WHERE (day, print) IN (SELECT day, print FROM ops.session_prints))
             AND toDate(started_hour) IN (SELECT day FROM ops.session_prints)""",
    )
    assert stale == [(0,)]


def test_a_count_that_another_run_is_about_to_keep_stays(no_facts: ClickHouse, facts: Facts) -> None:
    young = int(_WHOLE.now().timestamp() * 1000) << 20
    no_facts.run("build/count_sessions", token="young", day=date(2026, 5, 2), count_id=young)
    count_session_days(no_facts, _WHOLE)
    rows = rows_of(
        no_facts, f"SELECT count() AS n, any(sessions) AS s FROM ops.counted_sessions WHERE count_id = {young}"
    )
    assert rows[0][0] == rows[0][1] > 0


def _print_of(database: ClickHouse, day: date) -> int:
    return int(rows_of(database, f"SELECT print FROM ops.session_prints WHERE day = '{day}'")[0][0])


def test_a_count_that_is_not_whole_is_not_kept(no_facts: ClickHouse, facts: Facts) -> None:
    day, print_ = date(2026, 5, 2), _print_of(no_facts, date(2026, 5, 2))
    no_facts.run("build/keep_sessions", day=day, print=print_, count_id=7)
    assert _kept(no_facts) == [], "no row is there"
    no_facts.run("build/count_sessions", token="7", day=day, count_id=7)
    no_facts.statements([f"ALTER TABLE ops.counted_sessions DELETE WHERE duration_s = 0 {_MUTATION}"])
    no_facts.run("build/keep_sessions", day=day, print=print_, count_id=7)
    assert _kept(no_facts) == [], "some rows are not there"
    no_facts.run("build/count_sessions", token="8", day=day, count_id=7)
    no_facts.run("build/keep_sessions", day=day, print=print_, count_id=7)
    assert _kept(no_facts) == [], "some rows stand twice"
    _assert_right(no_facts)


def test_a_count_of_other_half_hours_than_those_that_stand_is_not_kept(no_facts: ClickHouse, facts: Facts) -> None:
    day = date(2026, 5, 2)
    no_facts.run("build/count_sessions", token="9", day=day, count_id=9)
    no_facts.run("build/keep_sessions", day=day, print=_print_of(no_facts, day) + 1, count_id=9)
    assert _kept(no_facts) == []


def test_an_insert_that_is_sent_again_counts_once(no_facts: ClickHouse, facts: Facts) -> None:
    for _ in range(2):
        no_facts.run("build/count_sessions", token="10", day=date(2026, 5, 2), count_id=10)
    rows = rows_of(no_facts, "SELECT count() AS n, any(sessions) AS s FROM ops.counted_sessions WHERE count_id = 10")
    assert rows[0][0] == rows[0][1] > 0


def test_a_day_counted_twice_is_read_once(no_facts: ClickHouse, facts: Facts) -> None:
    before = _found(no_facts)
    count_session_days(no_facts, _WHOLE)
    day = date(2026, 5, 2)
    for number in (1, 2):
        no_facts.run("build/count_sessions", token=f"again {number}", day=day, count_id=number)
        for _ in range(2):
            no_facts.run("build/keep_sessions", day=day, print=_print_of(no_facts, day), count_id=number)
    assert _found(no_facts) == before
    no_facts.run("build/drop_stale_sessions", day=day, before=2**63)
    assert _found(no_facts) == before, "a count that is kept was removed"
