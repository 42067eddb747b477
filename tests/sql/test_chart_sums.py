"""The sums by hour that charts of many days are answered from: they are used, and they are what the rows say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bench.dashboards import query_of
from headwater.adapters.clickhouse import ClickHouse
from headwater.app.dashboards_files import of_kind, read_assets
from headwater.core.corrections import create_shadow, empty_days, swap_days
from tests.support.front import Front
from tests.support.marts_oracle import Facts, fact, incomplete, rows_of

pytestmark = pytest.mark.stack

_ASSETS = read_assets(Path(__file__).resolve().parents[2] / "superset" / "assets")
_DATASETS = {dataset["uuid"]: dataset for _, dataset in of_kind(_ASSETS, "datasets")}
_DAY = date(2026, 5, 1)
_SINCE, _UNTIL = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 3, tzinfo=UTC)
QUERIES = {
    name: query_of(chart, _DATASETS[chart["dataset_uuid"]], _SINCE, _UNTIL)
    for name, chart in ((Path(file).stem, chart) for file, chart in of_kind(_ASSETS, "charts"))
    if name in ("top_pages", "purchases", "referer_page_flow", "build_lag", "traffic_table", "unique_users", "sessions")
}
_MUTATION = "SETTINGS mutations_sync = 2"


@pytest.fixture
def facts(no_facts: ClickHouse, front: Front) -> Iterator[Facts]:
    """Some facts of two days, in two inserts."""
    made = Facts(front.writer_url)
    paths = ["/home", "/product_a", "/cart", "/confirmation", ""]
    days = ("2026-05-01", "2026-05-02")
    for number, day in enumerate(days):
        made.insert(
            [
                fact(
                    f"e{number}-{n}", f"{day} {9 + n % 3}:{n:02}:00", paths[n % 5], user=f"u{n % 7}", click=f"c{n % 9}",
                    utm_source=["google", ""][n % 2], referer_url=["", "https://www.example.org/"][n % 2],
                    created_at=f"{day} 12:{n % 4:02}:00",
                )
                for n in range(40)
            ],
            f"slice:{day}",
        )  # fmt: skip
    yield made
    made.close()


def _assert_sums_are_the_rows(database: ClickHouse) -> None:
    for name, sql in QUERIES.items():
        by_sums = rows_of(database, f"{sql} SETTINGS force_optimize_projection = 1")
        by_rows = rows_of(database, f"{sql} SETTINGS optimize_use_projections = 0")
        assert sorted(by_sums) == sorted(by_rows), name
        assert by_sums, name


def test_charts_over_many_days_are_answered_from_sums(no_facts: ClickHouse, facts: Facts) -> None:
    assert len(QUERIES) == 7
    _assert_sums_are_the_rows(no_facts)


def test_sums_follow_late_events_and_merges(no_facts: ClickHouse, facts: Facts) -> None:
    facts.insert(
        [fact("late", "2026-05-01 09:30:00", "/confirmation"), incomplete("bare", "2026-05-02 10:00:00")], "late"
    )
    _assert_sums_are_the_rows(no_facts)
    for table in ("fact_events", "visit_hours"):
        no_facts.statements([f"OPTIMIZE TABLE analytics.{table} FINAL"])
    _assert_sums_are_the_rows(no_facts)


def test_sums_follow_rows_that_are_deleted(no_facts: ClickHouse, facts: Facts) -> None:
    no_facts.statements([f"ALTER TABLE analytics.fact_events DELETE WHERE page_url_path = '/cart' {_MUTATION}"])
    no_facts.statements([f"ALTER TABLE analytics.visit_hours DELETE WHERE utm_source = '' {_MUTATION}"])
    _assert_sums_are_the_rows(no_facts)


def test_sums_follow_a_day_that_is_swapped_or_emptied(no_facts: ClickHouse, facts: Facts) -> None:
    for table in ("fact_events", "visit_hours"):
        shadow, day = f"shadow_0_x_{table}", "event_timestamp" if table == "fact_events" else "hour"
        no_facts.statements(
            [
                create_shadow(shadow, f"analytics.{table}"),
                f"INSERT INTO ops.{shadow} SELECT * FROM analytics.{table} WHERE toDate({day}) = '{_DAY}' AND utm_source != ''",
                swap_days(shadow, f"analytics.{table}", [_DAY]),
                f"DROP TABLE ops.{shadow} SYNC",
            ]
        )
    _assert_sums_are_the_rows(no_facts)
    for table in ("fact_events", "visit_hours"):
        no_facts.statements([empty_days(f"analytics.{table}", [_DAY], 1)])
    _assert_sums_are_the_rows(no_facts)


def test_sums_count_once_what_a_torn_swap_left_twice(no_facts: ClickHouse, facts: Facts) -> None:
    no_facts.statements(
        [
            "CREATE TABLE ops.shadow_0_x_twice AS analytics.fact_events",
            "INSERT INTO ops.shadow_0_x_twice SELECT * FROM analytics.fact_events WHERE event_date = '2026-05-01'",
            "ALTER TABLE analytics.fact_events ATTACH PARTITION '2026-05-01' FROM ops.shadow_0_x_twice",
            "DROP TABLE ops.shadow_0_x_twice SYNC",
        ]
    )
    _assert_sums_are_the_rows(no_facts)
    before = rows_of(no_facts, QUERIES["top_pages"])
    no_facts.run("correct/deduplicate", day=_DAY)
    _assert_sums_are_the_rows(no_facts)
    assert rows_of(no_facts, QUERIES["top_pages"]) != before
