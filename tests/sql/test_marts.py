"""Marts on rows that a reader can follow: each edge has its case, and DuckDB agrees with every mart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from headwater.adapters.clickhouse import ClickHouse
from tests.support.front import Front
from tests.support.marts_oracle import Fact, Facts, assert_marts_equal, fact, incomplete, rows_of

pytestmark = pytest.mark.stack

CONFIRMATION = "/confirmation"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "marts.md"


class Marts:
    """A warehouse whose facts a test writes by hand."""

    def __init__(self, database: ClickHouse, facts: Facts) -> None:
        self.db = database
        self._facts = facts

    def hold(self, *facts: Fact) -> None:
        """Insert the facts, and let DuckDB compare all marts."""
        self._facts.insert(facts, "slice")
        assert_marts_equal(facts, self.db)

    def rows(self, columns: str, mart: str, where: str = "1") -> list[tuple[Any, ...]]:
        """Rows of a mart in order."""
        return rows_of(self.db, f"SELECT {columns} FROM analytics.{mart} WHERE {where} ORDER BY ALL")

    def leading(self) -> list[tuple[Any, ...]]:
        """Hour, page and count of the pages that led to purchases."""
        return self.rows("hour, page_url, cnt", "browser_device_hourly_buy_leading_pages_agg")

    def sessions(self, columns: str = "started_at, ended_at, events") -> list[tuple[Any, ...]]:
        """Sessions in the order of the columns."""
        return self.rows(columns, "sessions")


@pytest.fixture
def marts(no_facts: ClickHouse, front: Front) -> Iterator[Marts]:
    """Facts that a test writes by hand."""
    facts = Facts(front.writer_url)
    yield Marts(no_facts, facts)
    facts.close()


def _at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-05-{text}")


COLUMNS = {
    "browser_device_hourly_events_agg": "hour, browser_name, device_type, total_event_count, buy_cnt",
    "browser_device_hourly_buy_leading_pages_agg": "hour, page_url, browser_name, device_type, cnt",
    "source_campaign_buy_events_agg": "hour, utm_source, utm_campaign, cnt",
    "hourly_sources_users_agg": "hour, utm_source, cnt_users",
    "hourly_country_regions_users_agg": "hour, geo_country, geo_region_name, cnt_users",
    "sessions": "session_id, user_domain_id, click_id, started_at, ended_at, duration_s, events, pages, entry_page, "
    "exit_page, utm_source, utm_campaign, geo_country, device_type, purchases",
    "retention_daily": "cohort_date, day_number, users",
}


@pytest.mark.parametrize("mart", COLUMNS)
def test_a_mart_has_its_columns_and_the_page_explains_each(marts: Marts, mart: str) -> None:
    """Dashboards and people rely on the names."""
    described = marts.db.query(f"DESCRIBE TABLE analytics.{mart}")
    names = [row["name"] for row in described]
    assert ", ".join(names) == COLUMNS[mart]
    assert all(row["type"] == "DateTime('UTC')" for row in described if row["name"] == "hour")
    section = PAGE.read_text().partition(f"## {mart}\n")[2].partition("\n## ")[0]
    firsts = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", "".join(firsts)) == names, f"{PAGE.name}: ## {mart}"


def test_the_examples_of_the_page_run(marts: Marts) -> None:
    examples = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) == len(COLUMNS)
    for example in examples:
        marts.db.query(example)


def test_marts_of_an_empty_warehouse_are_empty(marts: Marts) -> None:
    assert_marts_equal([], marts.db)


def test_events_and_purchases_are_counted_per_hour_browser_and_device(marts: Marts) -> None:
    marts.hold(
        fact("e1", "2026-05-01 10:00:00"),
        fact("e2", "2026-05-01 10:59:59.999999", CONFIRMATION),
        fact("e3", "2026-05-01 10:30:00", CONFIRMATION, browser_name="Chrome", device_type="Mobile"),
    )
    assert marts.rows("*", "browser_device_hourly_events_agg") == [
        (_at("01 10:00"), "Chrome", "Mobile", 1, 1),
        (_at("01 10:00"), "Firefox", "Desktop", 2, 1),
    ]


def test_an_event_at_the_edge_belongs_to_the_hour_and_day_that_begin(marts: Marts) -> None:
    marts.hold(
        fact("e1", "2026-05-01 10:59:59.999999", CONFIRMATION),
        fact("e2", "2026-05-01 11:00:00", CONFIRMATION),
        fact("e3", "2026-05-01 23:59:59.999999", CONFIRMATION),
        fact("e4", "2026-05-02 00:00:00", CONFIRMATION),
    )
    hours = [(_at("01 10:00"),), (_at("01 11:00"),), (_at("01 23:00"),), (_at("02 00:00"),)]
    assert marts.rows("hour", "source_campaign_buy_events_agg") == hours
    assert marts.rows("hour", "browser_device_hourly_events_agg") == hours


def test_a_product_view_counts_once_however_many_purchases_follow(marts: Marts) -> None:
    marts.hold(
        fact("view", "2026-05-01 10:00:00", "/product_a"),
        fact("buy1", "2026-05-01 10:10:00", CONFIRMATION),
        fact("buy2", "2026-05-01 12:00:00", CONFIRMATION),
        fact("buy3", "2026-05-03 12:00:00", CONFIRMATION),
    )
    assert marts.leading() == [(_at("01 10:00"), "/product_a", 1)]


def test_all_product_views_before_a_purchase_lead_to_it(marts: Marts) -> None:
    marts.hold(
        fact("view1", "2026-05-01 10:00:00", "/product_a"),
        fact("view2", "2026-05-01 10:01:00", "/product_a"),
        fact("view3", "2026-05-01 11:00:00", "/product_b"),
        fact("buy", "2026-05-01 12:00:00", CONFIRMATION),
        fact("view4", "2026-05-01 13:00:00", "/product_b"),
    )
    assert marts.leading() == [(_at("01 10:00"), "/product_a", 2), (_at("01 11:00"), "/product_b", 1)]


def test_a_purchase_without_a_product_view_counts_as_purchase_only(marts: Marts) -> None:
    marts.hold(
        fact("home", "2026-05-01 10:00:00", "/home"),
        fact("near", "2026-05-01 10:00:00", "/productions"),
        fact("buy", "2026-05-01 10:10:00", CONFIRMATION),
    )
    assert marts.leading() == []
    assert marts.rows("utm_source, utm_campaign, cnt", "source_campaign_buy_events_agg") == [("google", "spring", 1)]


def test_a_purchase_at_the_instant_of_the_view_follows_it(marts: Marts) -> None:
    marts.hold(
        fact("view", "2026-05-01 10:00:00.5", "/product_a"),
        fact("buy", "2026-05-01 10:00:00.5", CONFIRMATION),
        fact("late", "2026-05-01 10:00:00.500001", "/product_b"),
    )
    assert marts.leading() == [(_at("01 10:00"), "/product_a", 1)]


def test_a_purchase_follows_a_view_up_to_seven_days_later(marts: Marts) -> None:
    """From every day of the week, as purchases are looked up by whole weeks."""
    later = {"same": "0", "exactly": "7", "over": "7", "far": "14"}
    facts = []
    for day in range(1, 8):
        for name, days in later.items():
            user = f"{name}{day}"
            facts.append(fact(f"{user}-view", f"2026-05-{day:02} 10:00:00", f"/product_{name}", user=user))
            moment = "10:00:00.000001" if name == "over" else "10:00:00"
            facts.append(fact(f"{user}-buy", f"2026-05-{day + int(days):02} {moment}", CONFIRMATION, user=user))
    marts.hold(*facts)
    assert {row[1] for row in marts.leading()} == {"/product_same", "/product_exactly"}
    assert sum(row[2] for row in marts.leading()) == 14


def test_a_view_has_its_own_browser_and_device_though_the_purchase_came_from_another(marts: Marts) -> None:
    marts.hold(
        fact("view", "2026-05-01 10:00:00", "/product_a", click="phone", device_type="Mobile", browser_name="Safari"),
        fact("buy", "2026-05-01 20:00:00", CONFIRMATION, click="u1"),
    )
    columns = "page_url, browser_name, device_type, cnt"
    assert marts.rows(columns, "browser_device_hourly_buy_leading_pages_agg") == [("/product_a", "Safari", "Mobile", 1)]


def test_purchases_of_others_and_of_the_unknown_lead_nobody(marts: Marts) -> None:
    marts.hold(
        fact("view1", "2026-05-01 10:00:00", "/product_a", user="ada"),
        fact("buy1", "2026-05-01 11:00:00", CONFIRMATION, user="bob"),
        fact("view2", "2026-05-01 10:00:00", "/product_a", user_custom_id=""),
        fact("buy2", "2026-05-01 11:00:00", CONFIRMATION, user_custom_id=""),
    )
    assert marts.leading() == []


def test_empty_utm_fields_are_a_source_of_their_own(marts: Marts) -> None:
    marts.hold(
        fact("e1", "2026-05-01 10:00:00", CONFIRMATION, utm_source="", utm_campaign=""),
        fact("e2", "2026-05-01 10:00:00", CONFIRMATION),
    )
    assert marts.rows("utm_source, utm_campaign, cnt", "source_campaign_buy_events_agg") == [
        ("", "", 1),
        ("google", "spring", 1),
    ]
    assert marts.rows("utm_source, cnt_users", "hourly_sources_users_agg") == [("", 1), ("google", 1)]


def test_a_user_counts_once_per_hour_and_source_and_the_unknown_do_not_count(marts: Marts) -> None:
    marts.hold(
        fact("e1", "2026-05-01 10:00:00", user="ada", click="phone"),
        fact("e2", "2026-05-01 10:30:00", user="ada", click="desk"),
        fact("e3", "2026-05-01 10:40:00", user="bob"),
        fact("e4", "2026-05-01 10:50:00", user_custom_id=""),
        fact("e5", "2026-05-01 11:00:00", user_custom_id=""),
    )
    assert marts.rows("hour, cnt_users", "hourly_sources_users_agg") == [(_at("01 10:00"), 2)]


def test_a_user_in_two_countries_buys_in_both(marts: Marts) -> None:
    marts.hold(
        fact("e1", "2026-05-01 10:00:00", CONFIRMATION, click="berlin"),
        fact("e2", "2026-05-01 10:10:00", CONFIRMATION, click="berlin"),
        fact("e3", "2026-05-01 10:30:00", CONFIRMATION, click="paris", geo_country="FR", geo_region_name="Paris"),
        fact("e4", "2026-05-01 10:40:00", "/home", click="rome", geo_country="IT", geo_region_name="Rome"),
    )
    assert marts.rows("geo_country, geo_region_name, cnt_users", "hourly_country_regions_users_agg") == [
        ("DE", "Berlin", 1),
        ("FR", "Paris", 1),
    ]


@pytest.mark.parametrize(
    ("second", "events"),
    [
        ("2026-05-01 10:29:59.999999", [2]),
        ("2026-05-01 10:30:00", [2]),
        ("2026-05-01 10:30:00.000001", [1, 1]),
    ],
    ids=["just-under", "exactly", "just-over"],
)
def test_a_gap_of_more_than_thirty_minutes_ends_a_session(marts: Marts, second: str, events: list[int]) -> None:
    marts.hold(fact("e1", "2026-05-01 10:00:00"), fact("e2", second))
    assert [row[2] for row in marts.sessions()] == events


def test_a_gap_is_measured_from_the_last_event_though_an_earlier_one_lies_further_back(marts: Marts) -> None:
    marts.hold(*[fact(f"e{n}", f"2026-05-01 {10 + n // 2}:{n % 2 * 30:02}:00") for n in range(8)])
    assert marts.sessions() == [(_at("01 10:00"), _at("01 13:30"), 8)]


def test_two_clicks_of_a_user_are_two_sessions(marts: Marts) -> None:
    marts.hold(
        fact("e1", "2026-05-01 10:00:00", click="phone", device_type="Mobile"),
        fact("e2", "2026-05-01 10:01:00", click="desk"),
    )
    assert sorted(marts.sessions("device_type, events")) == [("Desktop", 1), ("Mobile", 1)]


def test_a_session_over_midnight_belongs_to_the_day_it_starts_on(marts: Marts) -> None:
    marts.hold(
        fact("e1", "2026-05-01 23:50:00"),
        fact("e2", "2026-05-02 00:10:00", CONFIRMATION),
        fact("e3", "2026-05-02 00:40:00"),
        fact("e4", "2026-05-02 02:00:00"),
    )
    assert marts.sessions() == [
        (_at("01 23:50"), _at("02 00:40"), 3),
        (_at("02 02:00"), _at("02 02:00"), 1),
    ]
    first = "started_at >= '2026-05-01 00:00:00' AND started_at < '2026-05-02 00:00:00'"
    assert marts.rows("events, purchases", "sessions", first) == [(3, 1)]
    assert marts.rows("events", "sessions", "started_at >= '2026-05-02 00:00:00'") == [(1,)]


def test_thirty_minutes_over_midnight_are_no_break_and_more_are_one(marts: Marts) -> None:
    marts.hold(
        fact("e1", "2026-05-01 23:30:00", click="stays"),
        fact("e2", "2026-05-02 00:00:00", click="stays"),
        fact("e3", "2026-05-01 23:29:59.999999", click="breaks"),
        fact("e4", "2026-05-02 00:00:00", click="breaks"),
    )
    assert [row[2] for row in marts.sessions()] == [1, 2, 1]


def test_a_session_that_came_over_midnight_is_cut_at_noon_when_it_never_paused(marts: Marts) -> None:
    """Half hours without end, from 22:00 on the first to 15:00 on the third."""
    times = [(1, n) for n in range(44, 48)] + [(2, n) for n in range(48)] + [(3, n) for n in range(31)]
    marts.hold(*[fact(f"e{day}-{n}", f"2026-05-{day:02} {n // 2:02}:{n % 2 * 30:02}:00") for day, n in times])
    assert marts.sessions() == [
        (_at("01 22:00"), _at("02 11:30"), 28),
        (_at("02 12:00"), _at("03 11:30"), 48),
        (_at("03 12:00"), _at("03 15:00"), 7),
    ]


def test_a_session_of_one_day_may_last_all_day(marts: Marts) -> None:
    marts.hold(*[fact(f"e{n}", f"2026-05-01 {n // 2:02}:{n % 2 * 30:02}:00") for n in range(48)])
    assert marts.sessions() == [(_at("01 00:00"), _at("01 23:30"), 48)]


def test_the_first_and_last_page_go_by_time_and_then_by_id(marts: Marts) -> None:
    ids = [f"0000000{n}-0000-4000-8000-00000000000{9 - n}" for n in range(1, 5)]
    marts.hold(
        fact("x", "2026-05-01 10:00:00", "/second", event_id=ids[1]),
        fact("x", "2026-05-01 10:00:00", "/first", event_id=ids[0]),
        fact("x", "2026-05-01 10:00:00", "/third", event_id=ids[2]),
        fact("x", "2026-05-01 10:00:00", "/fourth", event_id=ids[3]),
    )
    assert marts.sessions("entry_page, exit_page, pages") == [("/first", "/fourth", 4)]


def test_a_session_takes_source_and_campaign_together_from_the_first_event_with_either(marts: Marts) -> None:
    marts.hold(
        fact("e1", "2026-05-01 10:00:00", utm_source="", utm_campaign=""),
        fact("e2", "2026-05-01 10:01:00", utm_source="bing", utm_campaign=""),
        fact("e3", "2026-05-01 10:02:00", utm_source="google", utm_campaign="spring"),
    )
    assert marts.sessions("utm_source, utm_campaign") == [("bing", "")]


def test_incomplete_events_count_in_their_session_and_name_nothing(marts: Marts) -> None:
    marts.hold(
        incomplete("e1", "2026-05-01 10:00:00"),
        fact("e2", "2026-05-01 10:10:00", "/product_a"),
        fact("e3", "2026-05-01 10:15:00", "/product_a"),
        incomplete("e4", "2026-05-01 10:20:00"),
        incomplete("e5", "2026-05-01 10:00:00", click="c2"),
    )
    columns = "events, pages, entry_page, exit_page, utm_source, geo_country, device_type, isNull(user_domain_id)"
    assert marts.sessions(columns) == [
        (1, 0, "", "", "", "", "", 1),
        (4, 1, "/product_a", "/product_a", "google", "DE", "Desktop", 0),
    ]


def test_a_users_cohort_is_the_first_day_and_a_day_counts_once(marts: Marts) -> None:
    marts.hold(
        fact("e1", "2026-05-01 10:00:00", user="ada"),
        fact("e2", "2026-05-01 23:00:00", user="ada"),
        fact("e3", "2026-05-03 10:00:00", user="ada", click="other"),
        fact("e4", "2026-05-01 10:00:00", user="bob"),
        fact("e5", "2026-05-02 00:00:00", user="eve"),
        incomplete("e6", "2026-04-01 10:00:00"),
    )
    first, second = _at("01").date(), _at("02").date()
    assert marts.rows("*", "retention_daily") == [(first, 0, 2), (first, 2, 1), (second, 0, 1)]
