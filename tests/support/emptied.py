"""An empty warehouse for each test: the migrations take seconds, so tables that are as they made them are emptied."""

from __future__ import annotations

from pathlib import Path

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.migrate import migrate, read_migrations

_MIGRATIONS = Path(__file__).resolve().parents[2] / "clickhouse" / "migrations"
_DATABASES = ("analytics", "ops")
_HEAD = (
    "SELECT groupBitXor(cityHash64(database, name, create_table_query)) AS hash, count() AS tables, "
    "sumIf(total_rows, name = 'migrations') AS applied FROM system.tables WHERE database IN ('analytics', 'ops')"
)
_TABLES = (
    "SELECT concat(database, '.', name) AS full_name FROM system.tables WHERE database IN ('analytics', 'ops') "
    "AND (engine LIKE '%MergeTree' OR engine = 'Memory') AND name != 'migrations'"
)
_heads: dict[str, object] = {}


def empty_warehouse(owner_url: str) -> None:
    """Leave the server with the schema of the migrations and no rows; `TRUNCATE` forgets the tokens too."""
    owner = ClickHouse(owner_url)
    try:
        if owner_url in _heads and _head(owner) == _heads[owner_url]:
            owner.statements(f"TRUNCATE TABLE {row['full_name']} SYNC" for row in owner.query(_TABLES))
            return
        owner.statements(f"DROP DATABASE IF EXISTS {name} SYNC" for name in _DATABASES)
        migrate(read_migrations(_MIGRATIONS), owner)
        _heads[owner_url] = _head(owner)
    finally:
        owner.close()


def _head(owner: ClickHouse) -> object:
    return dict(owner.query(_HEAD)[0])
