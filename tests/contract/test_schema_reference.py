"""Every table and column of the schema says what it is for."""

from __future__ import annotations

from pathlib import Path

from headwater.assets import asset
from headwater.core.column_meanings import RELATIONS
from headwater.core.day_tables import DAY_TABLES
from headwater.core.reference import migrations_text
from headwater.core.schema_reference import read_tables

TABLES = read_tables(asset("clickhouse/schema.sql").read_text(), migrations_text())


def test_every_column_has_a_meaning() -> None:
    silent = [f"{table.name}.{column.name}" for table in TABLES for column in table.columns if not column.meaning]
    assert silent == [], "Say it in a COMMENT of the migration, or in headwater/core/column_meanings.py."


def test_every_table_has_a_purpose() -> None:
    silent = [f"{table.database}.{table.name}" for table in TABLES if not table.purpose]
    assert silent == [], "Write it as the comment before CREATE TABLE in the migration."


def test_every_column_of_the_snapshot_is_read() -> None:
    assert len(TABLES) > 35
    facts = next(table for table in TABLES if table.name == "fact_events")
    names = [column.name for column in facts.columns]
    assert (names[0], names[2], names[-1], len(names)) == ("event_id", "event_date", "location_object", 38)
    assert (facts.partition, facts.order) == ("toDate(event_timestamp)", "(toStartOfHour(event_timestamp), event_id)")
    staging = next(table for table in TABLES if table.name == "events_browser_raw")
    assert staging.kept.startswith("toDateTime(ingested_at)")


def test_the_diagram_names_tables_and_columns_that_are_there() -> None:
    columns = {table.name: {column.name for column in table.columns} for table in TABLES}
    for left, right, by in RELATIONS:
        assert by in columns[left] | columns[right], f"{left} and {right} have no {by}"


def test_the_docs_say_of_every_table_what_it_costs_to_keep_it_up_to_date() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    rows = [
        line.split(" | ")[0]
        for page, heading in (("exactly-once.md", "## What it costs"), ("marts.md", "## What keeps them up to date"))
        for line in (docs / page).read_text().partition(heading)[2].partition("\n## ")[0].splitlines()
        if line.startswith("| `")
    ]
    others = (
        "fact_events",
        "fact_interactions",
        "dim_users",
        "dim_geo",
        "ops.visits",
        "ops.waiting",
        "ops.leading_hours",
        "ops.counted_sessions",
    )
    named = [table.table.removeprefix("analytics.") for table in DAY_TABLES]
    silent = [
        name for name in (*named, *others) if not any(f"`{name}`" in r or f"`analytics.{name}`" in r for r in rows)
    ]
    assert silent == []
