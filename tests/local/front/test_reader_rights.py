"""What readers may do, and every way around it that was thought of."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from tests.local.front.conftest import client_of, wait_for
from tests.local.front.statements import ALLOWED, HIDDEN, HOSTILE, PLACES, REFUSALS
from tests.support.front import Front

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def lost_reader(front: Front) -> Iterator[Client]:
    """A reader that asks for the database `default`."""
    with client_of(front.reader_url, database="default") as client:
        yield client


@pytest.mark.parametrize("sql", [place.replace("HIDDEN", HIDDEN) for place in PLACES])
def test_reader_cannot_hide_a_subquery(reader: Client, sql: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        reader.raw_query(sql)
    assert caught.value.code in REFUSALS, caught.value
    if caught.value.code == 62:
        assert "failed at position" in str(caught.value)


@pytest.mark.parametrize("sql", ALLOWED)
def test_reader_may(owner: Client, reader: Client, sql: str) -> None:
    owner.command("CREATE TABLE IF NOT EXISTS analytics.one_column (id UInt64) ENGINE = MergeTree ORDER BY id")
    reader.raw_query(sql, fmt=None)


@pytest.mark.parametrize("sql", HOSTILE)
def test_reader_may_not(owner: Client, reader: Client, tmp_path: Path, sql: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(DatabaseError) as caught:
        reader.raw_query(sql.format(out=out) if "{" in sql else sql, fmt=None)
    assert caught.value.code in REFUSALS, caught.value
    assert "hush" not in str(caught.value)
    assert not out.exists()
    assert owner.command("SELECT count() FROM analytics.visits") == 3


@pytest.mark.parametrize("sql", HOSTILE)
def test_reader_may_not_from_the_default_database(lost_reader: Client, tmp_path: Path, sql: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(DatabaseError) as caught:
        lost_reader.raw_query(sql.format(out=out) if "{" in sql else sql, fmt=None)
    assert caught.value.code in REFUSALS, caught.value
    assert not out.exists()


def test_reader_binds_names_only_inside_its_databases(reader: Client) -> None:
    sql = "SELECT count() FROM {db:Identifier}.{tab:Identifier}"
    assert reader.query(sql, {"db": "analytics", "tab": "visits"}).first_row == (3,)
    for database, table in (("private", "secret"), ("system", "processes"), ("default", "/etc/passwd")):
        with pytest.raises(DatabaseError) as caught:
            reader.query(sql, {"db": database, "tab": table})
        assert caught.value.code == 497


def test_a_verdict_is_not_reused_for_other_bound_names(front: Front) -> None:
    for spelling in ("{db:Identifier}", "{db : Identifier}", "{db/**/:\nIdentifier}"):
        sql = f"SELECT count() FROM {spelling}.visits".encode()
        for database, status in (("analytics", 200), ("private", 403), ("analytics", 200), ("private", 403)):
            connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
            login = {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": front.passwords["reader"]}
            connection.request("POST", f"/?param_db={database}", sql, login)
            assert connection.getresponse().status == status
            connection.close()


def test_reader_cannot_bind_a_table_into_a_test_of_membership(reader: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        reader.query("SELECT 'hush' IN {d:Identifier}.{t:Identifier}", {"d": "private", "t": "secret"})
    assert caught.value.code in {497, 62}


LOOSER = {
    "readonly": "0",
    "max_execution_time": "0",
    "max_memory_usage": "0",
    "additional_table_filters": "{}",
    "dialect": "prql",
    "session_timezone": "UTC",
    "format_template_resultset": "/etc/passwd",
    "output_format_schema": "/tmp/schema",
    "implicit_table_at_top_level": "private.secret",
    "limit": "0",
    "extremes": "1",
}


HARMLESS = {"readonly", "session_timezone", "extremes"}


@pytest.mark.parametrize("name", LOOSER)
def test_reader_cannot_loosen_its_limits_by_the_address(front: Front, name: str) -> None:
    limits = "SELECT name, value FROM system.settings WHERE name IN ('max_execution_time', 'max_memory_usage')"
    login = {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": front.passwords["reader"]}
    for sql in (limits, "CREATE TABLE analytics.mine (a UInt8) ENGINE = Memory"):
        connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
        connection.request("POST", f"/?{name}={LOOSER[name]}", sql, login)
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        if sql == limits and name in {*HARMLESS, "max_execution_time", "max_memory_usage"}:
            assert set(body.splitlines()[:2]) == {"max_execution_time\t120", f"max_memory_usage\t{2 << 30}"}
        else:
            assert response.status in {400, 403}
            assert response.getheader("x-clickhouse-exception-code") in {"164", "497"}


def test_reader_may_lower_its_limits(reader: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        reader.query("SELECT count() FROM system.numbers", settings={"max_execution_time": 0.2})
    assert caught.value.code == 159


def test_reader_sees_only_the_platforms_databases_in_catalogues(reader: Client) -> None:
    for sql in (
        "SELECT DISTINCT database FROM system.tables",
        "SELECT DISTINCT database FROM system.columns",
        "SELECT name FROM system.databases",
        "SHOW DATABASES",
        "SELECT t.database FROM system.tables AS t JOIN system.columns AS c ON c.table = t.name",
    ):
        assert {row[0] for row in reader.query(sql).result_rows} <= {"analytics", "ops", "system"}


def test_reader_cannot_use_sessions_to_leave_its_mode(front_reader_session: Client) -> None:
    client = front_reader_session
    assert client.query("SELECT name FROM system.settings LIMIT 1").row_count == 1
    assert client.command("SELECT count() FROM analytics.visits") == 3
    for sql in ("SET readonly = 0", "SELECT 1 SETTINGS readonly = 0", "INSERT INTO analytics.visits VALUES (9, 'x')"):
        with pytest.raises(DatabaseError):
            client.command(sql)


@pytest.mark.parametrize(
    "structure",
    [
        "a String DEFAULT (SELECT any(word) FROM private.secret)",
        "a String ALIAS file('x')",
        "a String) AS private.secret --",
        "a String) CLONE AS private.secret --",
        "a String) ENGINE = File(CSV) --",
        "a String) AS SELECT * FROM private.secret --",
        "a String) AS file('/etc/passwd', 'LineAsString') --",
        "a String); DROP TABLE analytics.visits --",
        "a String MATERIALIZED sleep(3)",
        "a String, INDEX i a TYPE minmax",
    ],
)
def test_the_structure_of_external_data_holds_types_only(owner: Client, reader: Client, structure: str) -> None:
    data = ExternalData(file_name="wanted", data=b"1\n", fmt="TSV", structure=structure)
    with pytest.raises(DatabaseError) as caught:
        reader.query("SELECT * FROM wanted", external_data=data)
    assert caught.value.code in {36, 62}
    assert "hush" not in str(caught.value)
    assert owner.command("SELECT count() FROM analytics.visits") == 3


def test_a_reader_that_leaves_ends_no_query_of_the_same_id(front: Front, owner: Client) -> None:
    long = "SELECT sum(sipHash64(number)) FROM numbers(15000000000)"
    login = {"X-ClickHouse-User": "owner", "X-ClickHouse-Key": front.passwords["owner"]}
    at_work = "SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'shared-id'"
    first = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
    first.request("POST", "/?query_id=shared-id", long, login)
    wait_for(lambda: owner.command(at_work) == 1)
    second = http.client.HTTPConnection("127.0.0.1", front.port, timeout=30)
    second.request(
        "POST",
        "/?query_id=shared-id",
        long,
        {**login, "X-ClickHouse-User": "reader", "X-ClickHouse-Key": front.passwords["reader"]},
    )
    wait_for(lambda: owner.command(at_work) == 2)
    second.close()
    wait_for(lambda: owner.command(at_work) == 1)
    assert first.sock is not None
    owner.command("KILL QUERY WHERE query_id = 'shared-id' SYNC")
    assert first.getresponse().getheader("x-clickhouse-exception-code") == "394"
    first.close()
