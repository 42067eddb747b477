"""Days that are over are counted once for the leading pages: used while they stay as they were, and never wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.memory import FixedClock
from headwater.app.upkeep import count_leading_days
from tests.support.front import Front
from tests.support.marts_oracle import Facts, fact, rows_of

pytestmark = pytest.mark.stack

_LEADING = (
    "SELECT hour, page_url, browser_name, device_type, cnt FROM analytics.browser_device_hourly_buy_leading_pages_agg"
)
_WHOLE = FixedClock(datetime(2026, 6, 1, tzinfo=UTC))
_MUTATION = "SETTINGS mutations_sync = 2"


@pytest.fixture
def facts(no_facts: ClickHouse, front: Front) -> Iterator[Facts]:
    """Views and purchases of a few users on three days, and no day counted."""
    no_facts.statements(["TRUNCATE TABLE ops.leading_hours"])
    seed = 23
    print(f"seed {seed}")
    chance = random.Random(seed)
    made = Facts(front.writer_url)
    made.insert(
        [
            fact(
                f"e{n}", f"2026-05-{chance.choice([1, 2, 9]):02} {chance.randrange(24):02}:{chance.randrange(60):02}:00",
                chance.choice(["/product_a", "/product_b", "/home", "/confirmation"]), user=f"u{chance.randrange(25)}",
                browser_name=chance.choice(["Firefox", "Chrome"]),
            )
            for n in range(150)
        ],
        "all",
    )  # fmt: skip
    yield made
    made.close()


def _found(database: ClickHouse) -> list[tuple[Any, ...]]:
    return sorted(rows_of(database, _LEADING))


def _looked_up(database: ClickHouse) -> list[tuple[Any, ...]]:
    """The same without any count: every view's next purchase is looked up."""
    database.statements(["RENAME TABLE ops.leading_hours TO ops.counted"])
    try:
        database.statements(["CREATE TABLE ops.leading_hours AS ops.counted"])
        found = _found(database)
        database.statements(["DROP TABLE ops.leading_hours SYNC"])
    finally:
        database.statements(["RENAME TABLE ops.counted TO ops.leading_hours"])
    return found


def test_counted_days_say_what_looking_up_says(no_facts: ClickHouse, facts: Facts) -> None:
    before = _found(no_facts)
    assert len(before) > 20
    assert count_leading_days(no_facts, _WHOLE) == 3
    assert _found(no_facts) == before == _looked_up(no_facts)
    assert count_leading_days(no_facts, _WHOLE) == 0


def test_counted_days_are_read_and_not_looked_up(no_facts: ClickHouse, facts: Facts) -> None:
    count_leading_days(no_facts, _WHOLE)
    no_facts.statements([f"ALTER TABLE ops.leading_hours UPDATE cnt = cnt + 1000 WHERE page_url != '' {_MUTATION}"])
    assert min(row[-1] for row in _found(no_facts)) > 1000


def test_only_days_that_are_over_are_counted(no_facts: ClickHouse, facts: Facts) -> None:
    assert count_leading_days(no_facts, FixedClock(datetime(2026, 5, 9, 23, 59, tzinfo=UTC))) == 2
    counted = rows_of(no_facts, "SELECT DISTINCT day FROM ops.leading_hours ORDER BY day")
    assert [row[0] for row in counted] == [date(2026, 5, 1), date(2026, 5, 2)]
    assert _found(no_facts) == _looked_up(no_facts)


def test_purchases_of_today_count_on_top_of_what_is_counted(no_facts: ClickHouse, front: Front) -> None:
    """Each view once: not where it was counted with an earlier purchase, and not more than seven days before."""
    no_facts.statements(["TRUNCATE TABLE ops.leading_hours"])
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)

    def at(days: int, hours: int) -> str:
        return str(today + timedelta(days=days, hours=hours))

    facts = Facts(front.writer_url)
    facts.insert(
        [
            fact("both", at(-2, 1), "/product_a", user="both"),
            fact("bought", at(-1, 2), "/confirmation", user="both"),
            fact("between", at(-1, 3), "/product_b", user="both"),
            fact("once", at(-7, 5), "/product_c", user="once"),
            fact("seven", at(-7, 6), "/product_c", user="seven"),
            fact("other", at(-1, 4), "/product_a", user="other"),
            fact("own", at(0, 0), "/product_d", user="once"),
        ],
        "before",
    )
    assert count_leading_days(no_facts, FixedClock(datetime.now(UTC))) == 3
    assert sum(row[-1] for row in _found(no_facts)) == 1
    facts.insert(
        [
            fact("now", at(0, 0), "/confirmation", user="both"),
            fact("again", at(0, 0).replace("00:00:00", "00:00:01"), "/confirmation", user="both"),
            fact("first", at(0, 5), "/confirmation", user="once"),
            fact("late", at(0, 6).replace("06:00:00", "06:00:01"), "/confirmation", user="seven"),
            fact("tomorrow", at(1, 1), "/confirmation", user="other"),
        ],
        "now",
    )
    facts.close()
    found = _found(no_facts)
    assert sorted((row[1], row[-1]) for row in found) == [
        ("/product_a", 1), ("/product_a", 1), ("/product_b", 1), ("/product_c", 1), ("/product_d", 1),
    ]  # fmt: skip
    assert found == _looked_up(no_facts)
    assert count_leading_days(no_facts, FixedClock(datetime.now(UTC))) == 0, "purchases of today open no day"
    no_facts.statements([f"ALTER TABLE ops.leading_hours UPDATE cnt = cnt + 1000 WHERE page_url != '' {_MUTATION}"])
    assert sum(row[-1] for row in _found(no_facts)) == 1005


CHANGES: dict[str, tuple[Callable[[ClickHouse, Facts], None], int]] = {
    "a late view": (lambda _, facts: facts.insert([fact("late", "2026-05-01 00:00:00", "/product_z", user="u1")], "late"), 1),
    "a late purchase": (lambda _, facts: facts.insert([fact("late", "2026-05-09 23:59:59", "/confirmation", user="u1")], "late"), 2),
    "a view less": (lambda db, _: db.statements([f"ALTER TABLE ops.product_views DELETE WHERE toDate(hour) = '2026-05-02' AND browser_name = 'Chrome' {_MUTATION}"]), 1),
    "a purchase less": (lambda db, _: db.statements([f"ALTER TABLE ops.purchase_weeks DELETE WHERE toDate(purchased_at) = '2026-05-01' {_MUTATION}"]), 1),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_opens_the_days_that_it_touches(no_facts: ClickHouse, facts: Facts, change: str) -> None:
    count_leading_days(no_facts, _WHOLE)
    apply, opened = CHANGES[change]
    apply(no_facts, facts)
    changed = _found(no_facts)
    assert changed == _looked_up(no_facts)
    assert count_leading_days(no_facts, _WHOLE) == opened
    assert _found(no_facts) == changed
    (stale,) = rows_of(
        no_facts,
        "SELECT count() AS n FROM ops.leading_hours WHERE (day, print) NOT IN (SELECT day, print FROM ops.leading_prints)",
    )
    assert stale == (0,)


def test_a_day_counted_twice_counts_once(no_facts: ClickHouse, facts: Facts) -> None:
    before = _found(no_facts)
    count_leading_days(no_facts, _WHOLE)
    no_facts.statements(["INSERT INTO ops.leading_hours SELECT * FROM ops.leading_hours"])
    assert _found(no_facts) == before


def test_a_count_of_other_rows_than_those_that_stand_is_not_kept(no_facts: ClickHouse, facts: Facts) -> None:
    no_facts.run("build/count_leading", day=date(2026, 5, 1), print=1)
    assert rows_of(no_facts, "SELECT count() AS n FROM ops.leading_hours") == [(0,)]
