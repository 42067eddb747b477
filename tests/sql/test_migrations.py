"""The migrations as one set: twice is once, the head equals the snapshot, and what is derived is not edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.migrate import Migration, migrate, read_migrations
from headwater.app.schema import snapshot
from headwater.core.ingestion_ddl import ingestion_ddl
from headwater.errors import Stop
from tests.support.front import Front

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = ROOT / "clickhouse" / "migrations"


def test_the_ingestion_migration_is_what_the_contract_says() -> None:
    latest = max(MIGRATIONS.glob("*_chain.sql"))
    assert latest.read_text() == ingestion_ddl(), (
        f"The contract and the chain of {latest.name} differ. Add a migration: "
        "python -m headwater.core.ingestion_ddl > clickhouse/migrations/NNNN_chain.sql"
    )


def test_numbers_must_follow_without_gaps(tmp_path: Path) -> None:
    for name in ("0001_first.sql", "0003_third.sql"):
        (tmp_path / name).write_text("SELECT 1;\n")
    with pytest.raises(Stop, match="without gaps"):
        read_migrations(tmp_path)


def test_a_statement_ends_with_a_semicolon_at_the_end_of_its_line() -> None:
    migration = Migration(1, "x", "-- about; this\nSELECT ';' ;\n\n-- more\nSELECT 2;\n-- the end\n")
    assert migration.statements == ["-- about; this\nSELECT ';'", "-- more\nSELECT 2"]


@pytest.mark.stack
def test_applying_twice_changes_nothing(warehouse: ClickHouse, front: Front) -> None:
    owner = ClickHouse(front.owner_url)
    before = snapshot(warehouse)
    migrations = read_migrations(MIGRATIONS)
    assert migrate(migrations, owner) == []
    for name in ("analytics", "ops"):
        owner.execute(f"DROP DATABASE {name} SYNC")
    for migration in migrations:
        owner.statements(migration.statements)
        owner.statements(migration.statements)  # as after a death before the record was written
    owner.close()
    assert snapshot(warehouse) == before


@pytest.mark.stack
def test_the_head_equals_the_snapshot_file(warehouse: ClickHouse) -> None:
    assert snapshot(warehouse) == (ROOT / "clickhouse" / "schema.sql").read_text(), (
        "The migrations make another schema than clickhouse/schema.sql shows. Write it anew with `headwater schema`."
    )


@pytest.mark.stack
def test_a_migration_that_was_changed_after_it_was_applied_is_refused(warehouse: ClickHouse) -> None:
    first, *rest = read_migrations(MIGRATIONS)
    changed = Migration(first.number, first.name, first.text + "\n-- changed\n")
    with pytest.raises(Stop, match="was changed after it was applied"):
        migrate([changed, *rest], warehouse)


@pytest.mark.stack
def test_every_table_says_what_exactness_needs(warehouse: ClickHouse) -> None:
    """Windows count parts per table: one of an insert's targets without a window doubles on a retry."""
    rows = warehouse.query(
        "SELECT concat(database, '.', name) AS qualified, engine_full FROM system.tables "
        "WHERE database IN ('analytics', 'ops') AND engine LIKE '%MergeTree' AND name NOT IN ('dim_users', 'dim_geo')"
    )
    assert len(rows) > 15
    short = [
        row["qualified"] for row in rows if "non_replicated_deduplication_window = 1000000" not in row["engine_full"]
    ]
    assert sorted(short) == ["ops.decisions", "ops.loaded_objects", "ops.migrations", "ops.quality_results"]
