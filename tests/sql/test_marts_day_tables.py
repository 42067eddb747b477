"""The registry of what is derived by day names every view on the facts, and rebuilds a day as its view filled it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.core.day_tables import DAY_TABLES, FACTS, DayTable
from headwater.errors import Stop
from tests.support.front import Front
from tests.support.marts_oracle import Facts, fact, incomplete

EACH = pytest.mark.parametrize("table", DAY_TABLES, ids=lambda each: each.table)


@pytest.fixture
def facts(no_facts: ClickHouse, front: Front) -> Iterator[Facts]:
    """Inserts facts as a build does."""
    inserts = Facts(front.writer_url)
    yield inserts
    inserts.close()


@pytest.mark.stack
def test_every_view_on_the_facts_is_in_the_registry(no_facts: ClickHouse) -> None:
    rows = no_facts.query(
        "SELECT concat(database, '.', name) AS view FROM system.tables "
        f"WHERE engine = 'MaterializedView' AND match(as_select, '\\\\b{FACTS}\\\\b')"
    )
    assert {row["view"] for row in rows} == {each.view for each in DAY_TABLES}, (
        "A correction rebuilds what the registry names: bring headwater.core.day_tables and the migrations together."
    )


@pytest.mark.stack
@EACH
def test_a_table_is_split_by_the_day_of_the_event_and_remembers_tokens(table: DayTable, no_facts: ClickHouse) -> None:
    database, _, name = table.table.partition(".")
    row = no_facts.query(
        f"SELECT partition_key, engine_full FROM system.tables WHERE database = '{database}' AND name = '{name}'"
    )[0]
    assert row["partition_key"] == table.partition
    assert "non_replicated_deduplication_window = 1000000" in row["engine_full"]


@pytest.mark.stack
@EACH
def test_a_view_names_the_columns_of_its_table_in_their_order(table: DayTable, no_facts: ClickHouse) -> None:
    selected = no_facts.query(f"DESCRIBE TABLE ({_select(no_facts, table)})")
    columns = no_facts.query(f"DESCRIBE TABLE {table.table}")
    assert [row["name"] for row in selected] == [row["name"] for row in columns]


@pytest.mark.stack
def test_a_rebuilt_day_is_the_day_that_the_views_filled(facts: Facts, no_facts: ClickHouse) -> None:
    given = [
        fact("e1", "2026-05-01 00:00:00", "/product_a"),
        fact("e2", "2026-05-01 10:00:00.5", "/confirmation", geo_country="FR"),
        incomplete("e3", "2026-05-01 10:20:00"),
        fact("e4", "2026-05-01 23:59:59.999999", "/product_b", user="u2"),
    ]
    for number, row in enumerate(given):
        facts.insert([{**row, "geo_id": 7}], f"slice:{number}")
    for each in DAY_TABLES:
        target = f"{each.table}_again"
        no_facts.statements(
            [f"CREATE TABLE {target} AS {each.table}", each.rebuild(_select(no_facts, each), FACTS, target)]
        )
        try:
            assert _rows(no_facts, each.table), each.table
            if each.table != "ops.visit_slots":  # has a row for each insert
                assert _rows(no_facts, target) == _rows(no_facts, each.table), each.table
        finally:
            no_facts.statements([f"DROP TABLE {target} SYNC"])


@pytest.mark.parametrize(
    "select",
    [
        "SELECT event_id FROM analytics.fact_events AS f INNER JOIN ops.visits AS v ON v.click_id = f.click_id",
        "SELECT event_id FROM analytics.fact_events WHERE click_id IN (SELECT click_id FROM ops.visits)",
        "SELECT event_id FROM ops.matched",
    ],
)
def test_a_view_that_reads_anything_beside_the_facts_cannot_be_rebuilt(select: str) -> None:
    with pytest.raises(Stop, match="nothing else"):
        DAY_TABLES[0].rebuild(select, "ops.shadow", "ops.target")


def _select(database: ClickHouse, table: DayTable) -> str:
    schema, _, name = table.view.partition(".")
    rows = database.query(f"SELECT as_select FROM system.tables WHERE database = '{schema}' AND name = '{name}'")
    return str(rows[0]["as_select"])


def _shown(name: str, kind: str) -> str:
    if kind.startswith("AggregateFunction"):
        return f"finalizeAggregation({name})"
    return f"arraySort({name})" if "UniqArray" in kind else name


def _rows(database: ClickHouse, table: str) -> list[tuple[Any, ...]]:
    """All rows, merged, with the values of states."""
    columns = database.query(f"DESCRIBE TABLE {table}")
    shown = ", ".join(_shown(row["name"], row["type"]) for row in columns)
    schema, _, name = table.partition(".")
    engine = database.query(f"SELECT engine FROM system.tables WHERE database = '{schema}' AND name = '{name}'")
    final = "FINAL" if engine[0]["engine"] != "MergeTree" else ""
    return [tuple(row.values()) for row in database.query(f"SELECT {shown} FROM {table} {final} ORDER BY ALL")]
