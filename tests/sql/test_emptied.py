"""What one test leaves in the shared warehouse is gone for the next, though only what has changed is emptied."""

from __future__ import annotations

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.schema import snapshot
from tests.support.emptied import empty_warehouse
from tests.support.front import Front

pytestmark = pytest.mark.stack
INSERT = "INSERT INTO ops.stored (topic, partition, from_offset) VALUES ('t', 0, 7)"


def _rows(database: ClickHouse) -> int:
    return int(database.query("SELECT count() AS n FROM ops.stored")[0]["n"])


@pytest.mark.parametrize("also", ["ALTER TABLE ops.stored DELETE WHERE 1 SETTINGS mutations_sync = 2", "SELECT 1"])
def test_rows_and_tokens_are_gone_even_where_no_row_is_left(warehouse: ClickHouse, front: Front, also: str) -> None:
    for _ in range(3):
        assert _rows(warehouse) == 0
        warehouse.execute(INSERT, "a token")
        assert _rows(warehouse) == 1, "the token was still known"
        warehouse.execute(also)
        empty_warehouse(front.owner_url)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE ops.mine (x UInt8) ENGINE = MergeTree ORDER BY x",
        "ALTER TABLE ops.claims ADD COLUMN more UInt8",
        "DROP VIEW analytics.sessions",
    ],
)
def test_what_was_added_changed_or_removed_is_as_the_migrations_made_it(
    warehouse: ClickHouse, front: Front, statement: str
) -> None:
    owner, before = ClickHouse(front.owner_url), snapshot(warehouse)
    owner.execute(statement)
    owner.close()
    assert snapshot(warehouse) != before
    empty_warehouse(front.owner_url)
    assert snapshot(warehouse) == before
