"""What writers and owners may do, and what writers may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.local.front.conftest import client_of
from tests.local.front.statements import NOT_FOR_WRITERS, REFUSALS, WRITES
from tests.support.front import Front

pytestmark = pytest.mark.stack


def test_writer_builds_and_replaces_tables(writer: Client) -> None:
    for sql in WRITES:
        writer.command(sql, parameters={"db": "analytics"} if "{db" in sql else None)


@pytest.mark.parametrize("sql", NOT_FOR_WRITERS)
def test_writer_may_not(owner: Client, writer: Client, tmp_path: Path, sql: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(DatabaseError) as caught:
        writer.raw_query(sql.replace("{out}", str(out)), fmt=None)
    assert caught.value.code in REFUSALS, caught.value
    assert "hush" not in str(caught.value)
    assert not out.exists()
    assert owner.command("SELECT count() FROM private.secret") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("implicit_table_at_top_level", "private.secret"),
        ("additional_result_filter", "(SELECT count() FROM private.secret) > 0"),
        ("format_template_resultset", "/etc/passwd"),
        ("dialect", "kusto"),
    ],
)
def test_writer_cannot_reach_around_by_settings(writer: Client, front: Front, name: str, value: str) -> None:
    with client_of(front.writer_url, settings={name: value}) as client, pytest.raises(DatabaseError) as caught:
        client.command("SELECT 1")
    assert caught.value.code == 497
    for sql in (f"SELECT 1 SETTINGS {name} = '{value}'", f"SET {name} = '{value}'"):
        with pytest.raises(DatabaseError) as caught:
            writer.command(sql)
        assert caught.value.code == 497


def test_owner_may_read_files_and_write_tables(owner: Client, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("5\n6\n")
    assert owner.command(f"SELECT sum(c1) FROM file('{tmp_path}/rows.csv', CSV)") == 11
