"""Marts equal the facts after whatever happened to the inserts: late history, repeats, other block sizes, corrections."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.core.day_tables import DAY_TABLES, FACTS
from tests.support.events import an_id
from tests.support.front import Front
from tests.support.marts_oracle import Fact, Facts, assert_marts_equal, fact, found_marts, incomplete, stored_facts

pytestmark = pytest.mark.stack

FIRST_DAY = datetime(2026, 4, 28, tzinfo=UTC)
DAYS = 4


@pytest.fixture
def facts(no_facts: ClickHouse, front: Front) -> Iterator[Facts]:
    """Inserts facts as a build does."""
    inserts = Facts(front.writer_url)
    yield inserts
    inserts.close()


def _random_facts(seed: int, events: int) -> list[Fact]:
    """Visits of few users over some days; times prefer the edges of hours, days and gaps."""
    chance = random.Random(seed)
    paths = ["/home", "/product_a", "/product_b", "/product_a", "/cart", "/confirmation", ""]
    gaps_s = [0, 1e-6, 1, 60, 600, 1799, 1800 - 1e-6, 1800, 1800 + 1e-6, 1801, 3600, 7200, 2 * 86400]
    made: list[Fact] = []
    while len(made) < events:
        user = f"u{chance.randrange(25)}"
        click = f"{user}/{chance.randrange(3)}"
        of_click = random.Random(click)
        moment = FIRST_DAY + timedelta(days=chance.randrange(DAYS), minutes=30 * chance.randrange(48))
        for _ in range(chance.choice([1, 3, 8, 40])):
            moment += timedelta(seconds=chance.choice(gaps_s[:8] if chance.random() < 0.95 else gaps_s))
            at, name = moment.strftime("%Y-%m-%d %H:%M:%S.%f"), f"{seed}/{len(made)}"
            if chance.random() < 0.05:
                made.append(incomplete(name, at, click))
                continue
            source = chance.choice(["", "", "google", "bing"])
            made.append(
                fact(
                    name, at, chance.choice(paths), user=user, click=click, utm_source=source,
                    utm_campaign=chance.choice(["", "spring"]), geo_country=of_click.choice(["DE", "FR"]),
                    geo_region_name=of_click.choice(["North", "South"]),
                    device_type=of_click.choice(["Desktop", "Mobile"]),
                    browser_name=chance.choice(["Firefox", "Chrome"]),
                    **({"user_custom_id": ""} if of_click.random() < 0.2 else {}),
                )
            )  # fmt: skip
    return made


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_of_slices_and_repeats_gives_the_same_marts(seed: int, facts: Facts, no_facts: ClickHouse) -> None:
    """Slices hold random events of all days; some are sent again later, under their token."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    events = _random_facts(seed, 2_000)
    slices = [events[n::4] for n in range(4)]
    for number, rows in enumerate(slices):
        facts.insert(rows, f"slice:{number}")
        again = chance.randrange(number + 1)
        facts.insert(slices[again], f"slice:{again}")
    assert_marts_equal(events, no_facts)


def test_history_that_comes_late_joins_the_sessions_and_purchases_of_its_days(
    facts: Facts, no_facts: ClickHouse
) -> None:
    today = [
        fact("buy", "2026-05-03 10:20:00", "/confirmation"),
        fact("after", "2026-05-03 10:50:00"),
    ]
    late = [
        fact("view", "2026-05-03 10:00:00", "/product_a"),
        fact("days before", "2026-04-28 10:00:00", "/product_b"),
        fact("too early", "2026-04-20 10:00:00", "/product_b"),
    ]
    facts.insert(today, "today")
    assert_marts_equal(today, no_facts)
    facts.insert(late, "late")
    assert_marts_equal(today + late, no_facts)


def test_a_slice_that_is_sent_again_changes_no_mart(facts: Facts, no_facts: ClickHouse) -> None:
    events = _random_facts(7, 500)
    for _ in range(3):
        facts.insert(events, "slice")
    assert_marts_equal(events, no_facts)


@pytest.mark.parametrize(
    "settings",
    [{"max_block_size": 50}, {"max_block_size": 100, "min_insert_block_size_rows": 100}],
    ids=["read-in-smaller-blocks", "written-in-smaller-blocks"],
)
def test_a_slice_in_other_blocks_doubles_facts_and_marts_alike(
    facts: Facts, no_facts: ClickHouse, settings: dict[str, int]
) -> None:
    """A token works per block, so builds pin the size of blocks; should one not, marts still tell what facts tell."""
    events = _random_facts(9, 500)
    facts.insert(events, "slice")
    facts.insert(events, "slice", **settings)
    standing = stored_facts(no_facts)
    assert len(standing) > len(events)
    assert_marts_equal(standing, no_facts)


def test_incomplete_facts_change_the_marts_when_a_correction_completes_them(facts: Facts, no_facts: ClickHouse) -> None:
    before = [
        fact("view", "2026-05-01 10:00:00", "/product_a"),
        incomplete("buy", "2026-05-02 10:00:00"),
        fact("other", "2026-05-02 11:00:00", user="u2"),
    ]
    facts.insert(before, "slice")
    assert_marts_equal(before, no_facts)
    after = [before[0], fact("buy", "2026-05-02 10:00:00", "/confirmation"), before[2]]
    _correct(facts, no_facts, date(2026, 5, 2), after[1:])
    assert_marts_equal(after, no_facts)
    assert sum(row[-1] for row in found_marts(no_facts)["browser_device_hourly_buy_leading_pages_agg"]) == 1


def test_an_erased_user_leaves_no_trace_in_the_marts_and_tables(facts: Facts, no_facts: ClickHouse) -> None:
    events = _random_facts(10, 600)
    facts.insert(events, "slice")
    gone = {an_id(f"u3/{n}") for n in range(3)}
    kept = [row for row in events if row["click_id"] not in gone]
    assert len(kept) < len(events)
    for day in sorted({row["event_timestamp"][:10] for row in events if row["click_id"] in gone}):
        _correct(facts, no_facts, date.fromisoformat(day), [row for row in kept if row["event_timestamp"][:10] == day])
    assert_marts_equal(kept, no_facts)
    facts.insert(events, "slice")
    assert_marts_equal(kept, no_facts)


def test_a_day_that_was_emptied_by_a_correction_is_filled_by_later_events(facts: Facts, no_facts: ClickHouse) -> None:
    facts.insert([fact("e1", "2026-05-01 10:00:00", "/confirmation")], "first")
    _correct(facts, no_facts, date(2026, 5, 1), [])
    assert_marts_equal([], no_facts)
    late = [fact("e2", "2026-05-01 10:10:00", "/confirmation")]
    facts.insert(late, "second")
    assert_marts_equal(late, no_facts)


def _correct(facts: Facts, warehouse: ClickHouse, day: date, right: list[Fact]) -> None:
    """Rebuild one day as corrections do: shadows of facts and of each derived table, then one swap after the other."""
    shadow = "analytics.shadow_of_facts"
    warehouse.statements([f"DROP TABLE IF EXISTS {shadow} SYNC", f"CREATE TABLE {shadow} AS {FACTS}"])
    facts.fill(right, shadow)
    swaps = [f"ALTER TABLE {FACTS} REPLACE PARTITION '{day}' FROM {shadow}"]
    for each in DAY_TABLES:
        target = f"{each.table}_shadow"
        database, _, view = each.view.partition(".")
        text = warehouse.query(
            f"SELECT as_select FROM system.tables WHERE database = '{database}' AND name = '{view}'"
        )[0]["as_select"]
        warehouse.statements(
            [
                f"DROP TABLE IF EXISTS {target} SYNC",
                f"CREATE TABLE {target} AS {each.table}",
                each.rebuild(text, shadow, target),
            ]
        )
        swaps.append(f"ALTER TABLE {each.table} REPLACE PARTITION '{day}' FROM {target}")
    empty_allowed = " SETTINGS allow_replace_partition_from_empty_source = 1"
    warehouse.statements(swap + empty_allowed for swap in swaps)
    warehouse.statements(f"DROP TABLE {each.table}_shadow SYNC" for each in DAY_TABLES)
