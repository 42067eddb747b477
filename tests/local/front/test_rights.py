"""What readers and writers may do, and every way around it that was thought of."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData
from tests.local.front.conftest import client_of, wait_for
from tests.support.front import Front

pytestmark = pytest.mark.stack

REFUSALS = {497, 164, 62}

ALLOWED = [
    "SELECT count() FROM analytics.visits",
    "SELECT count() FROM visits",
    "WITH p AS (SELECT page FROM analytics.visits) SELECT count() FROM p",
    "SELECT * FROM analytics.by_page ORDER BY n LIMIT 1",
    "SELECT * FROM analytics.of_page(page = 'cart')",
    "SELECT 1 UNION ALL SELECT id FROM analytics.visits",
    "(SELECT 1) INTERSECT (SELECT 1)",
    "SELECT id FROM analytics.visits WHERE id IN (SELECT number FROM numbers(3))",
    "SELECT 1 IN analytics.one_column",
    "SELECT a.id FROM analytics.visits a JOIN analytics.visits b ON a.id = b.id ORDER BY 1",
    "SELECT sumIf(id, page = 'home'), uniqExact(page), quantile(0.5)(id) FROM analytics.visits",
    "SELECT arrayMap(x -> x + 1, [1, 2]), row_number() OVER (ORDER BY id) FROM analytics.visits",
    "SELECT (SELECT max(id) FROM analytics.visits)",
    "SHOW TABLES",
    "SHOW TABLES FROM analytics LIKE 'v%'",
    "SHOW DATABASES",
    "SHOW CREATE TABLE analytics.visits",
    "SHOW COLUMNS FROM visits FROM analytics",
    "DESCRIBE TABLE analytics.visits",
    "DESC (SELECT 1)",
    "EXISTS TABLE analytics.visits",
    "EXPLAIN SELECT count() FROM analytics.visits",
    "EXPLAIN indexes = 1 SELECT count() FROM analytics.visits",
    "EXPLAIN PIPELINE SELECT 1",
    "SELECT version(), timezone(), currentUser(), currentDatabase()",
    "SELECT name FROM system.settings LIMIT 1",
    "SELECT name FROM system.tables WHERE database = 'analytics' LIMIT 1",
    "SELECT name FROM system.columns LIMIT 1",
    "SELECT name FROM system.databases LIMIT 1",
    "SELECT name FROM system.functions LIMIT 1",
    "SELECT 'INTO OUTFILE', 'x; DROP TABLE y' -- INTO OUTFILE 'z'",
    "SELECT 1 /* /* */ ; DROP TABLE analytics.visits -- */",
    "USE analytics",
]

HOSTILE = [
    # files
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM FILE('/etc/passwd', 'LineAsString')",
    "SELECT * FROM /* numbers */ file /* x */ ('/etc/passwd', 'LineAsString')",
    "SELECT * FROM `file`('/etc/passwd', 'LineAsString')",
    "SELECT * FROM \"file\"('/etc/passwd', 'LineAsString')",
    "SELECT file('/etc/passwd')",
    "SELECT * FROM `/etc/passwd`",
    "SELECT * FROM default.`/etc/passwd`",
    "SELECT * FROM '/etc/passwd'",
    "DESCRIBE TABLE file('/etc/passwd', 'LineAsString')",
    "DESCRIBE (SELECT * FROM file('/etc/passwd', 'LineAsString'))",
    "SELECT 1 INTO OUTFILE '{out}'",
    "SELECT 1 INTO OUTFILE '{out}' FORMAT Native",
    "SELECT 1 FORMAT CSV SETTINGS max_threads = 1 INTO OUTFILE '{out}'",
    "SELECT 1 into/**/outfile '{out}' APPEND AND STDOUT",
    "SHOW TABLES INTO OUTFILE '{out}'",
    "DESCRIBE TABLE analytics.visits INTO OUTFILE '{out}'",
    "EXPLAIN SELECT 1 INTO OUTFILE '{out}'",
    "EXPLAIN AST SELECT 1 INTO OUTFILE '{out}'",
    "EXISTS TABLE analytics.visits INTO OUTFILE '{out}'",
    "SHOW CREATE TABLE analytics.visits INTO OUTFILE '{out}'",
    "INSERT INTO FUNCTION file('{out}', 'CSV') SELECT 1",
    "INSERT INTO analytics.visits FROM INFILE '/etc/passwd' FORMAT CSV",
    # nesting
    "SELECT (SELECT max(line) FROM file('/etc/passwd', 'LineAsString', 'line String'))",
    "WITH p AS (SELECT * FROM file('/etc/passwd', 'LineAsString')) SELECT * FROM p",
    "WITH (SELECT count() FROM private.secret) AS n SELECT n",
    "SELECT 1 UNION ALL SELECT count() FROM private.secret",
    "SELECT 1 EXCEPT SELECT count() FROM private.secret",
    "SELECT 1 WHERE 'hush' IN private.secret",
    "SELECT 1 WHERE 'hush' GLOBAL NOT IN private.secret",
    "SELECT 1 WHERE 'hush' IN (SELECT word FROM private.secret)",
    "SELECT in('hush', private.secret)",
    "SELECT * FROM analytics.visits JOIN private.secret ON 1 = 1",
    "SELECT * FROM view(SELECT * FROM private.secret)",
    "SELECT * FROM view(SELECT * FROM view(SELECT * FROM private.secret))",
    "SELECT * FROM numbers((SELECT count() FROM private.secret))",
    "SELECT arrayMap(x -> (SELECT any(word) FROM private.secret), [1])",
    "SELECT if((SELECT count() FROM private.secret) > 0, 1, 0)",
    "SELECT id FROM analytics.visits ORDER BY (SELECT any(word) FROM private.secret)",
    "SELECT id FROM analytics.visits LIMIT (SELECT count() FROM private.secret)",
    "SELECT count() OVER (PARTITION BY (SELECT any(word) FROM private.secret)) FROM analytics.visits",
    "SELECT * FROM analytics.of_page(page = (SELECT any(word) FROM private.secret))",
    "SELECT * FROM private.secret(x = 1)",
    "FROM private.secret SELECT *",
    "SELECT * FROM `private`.`secret`",
    "SELECT * FROM private . secret",
    "SELECT private.secret.word FROM private.secret",
    "SHOW TABLES WHERE name IN (SELECT word FROM private.secret)",
    "SHOW TABLES FROM private",
    "SHOW COLUMNS FROM secret FROM private",
    "SHOW INDEX FROM private.secret",
    "SHOW CREATE TABLE private.secret",
    "SHOW CREATE DATABASE private",
    "EXISTS TABLE private.secret",
    "DESC private.secret",
    "EXPLAIN SELECT * FROM private.secret",
    "EXPLAIN QUERY TREE SELECT (SELECT any(word) FROM private.secret)",
    "EXPLAIN TABLE OVERRIDE mysql('127.0.0.1', 'a', 'b', 'c', 'd') COLUMNS (a Int8)",
    "USE private",
    "USE system",
    # table functions
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "SELECT * FROM s3('http://127.0.0.1:1/b/k', 'CSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1', 'private', 'secret')",
    "SELECT * FROM cluster('default', 'private', 'secret')",
    "SELECT * FROM merge('private', '.*')",
    "SELECT * FROM merge('.*')",
    "SELECT * FROM loop(private.secret)",
    "SELECT * FROM input('a String')",
    "SELECT * FROM executable('x', 'CSV', 'a String')",
    "SELECT * FROM python('x')",
    "SELECT * FROM dictionary('x')",
    "SELECT * FROM mergeTreeIndex('private', 'secret')",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM viewIfPermitted(SELECT 1 ELSE null('a UInt8'))",
    "SELECT * FROM filesystem('/')",
    # functions
    "SELECT dictGet('d', 'a', 1)",
    "SELECT dictget('d', 'a', 1)",
    "SELECT joinGet('private.j', 'a', 1)",
    "SELECT JOINGET('private.j', 'a', 1)",
    "SELECT getSetting('max_threads')",
    "SELECT getServerSetting('max_server_memory_usage')",
    "SELECT getMacro('x')",
    "SELECT hasColumnInTable('private', 'secret', 'word')",
    "SELECT sleep(3)",
    "SELECT filesystemAvailable()",
    "SELECT aiGenerate('x')",
    "SELECT * APPLY(sleep) FROM numbers(1)",
    # system
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.processes",
    "SELECT * FROM system.parts",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.users",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM information_schema.tables",
    "SHOW PROCESSLIST",
    "SHOW GRANTS",
    "SHOW USERS",
    "SHOW CLUSTERS",
    # changes
    "INSERT INTO analytics.visits VALUES (9, 'x')",
    "INSERT INTO analytics.visits SELECT 9, 'x'",
    "CREATE TABLE analytics.mine (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (a UInt8)",
    "CREATE FUNCTION mine AS x -> x",
    "CREATE VIEW analytics.mine AS SELECT * FROM private.secret",
    "DROP TABLE analytics.visits",
    "TRUNCATE TABLE analytics.visits",
    "ALTER TABLE analytics.visits DELETE WHERE 1",
    "DELETE FROM analytics.visits WHERE 1",
    "UPDATE analytics.visits SET page = 'x' WHERE 1",
    "OPTIMIZE TABLE analytics.visits FINAL",
    "RENAME TABLE analytics.visits TO analytics.gone",
    "DETACH TABLE analytics.visits",
    "KILL QUERY WHERE 1",
    "SYSTEM FLUSH LOGS",
    "SYSTEM SHUTDOWN",
    "BACKUP TABLE analytics.visits TO File('{out}')",
    "GRANT ALL ON *.* TO reader",
    "SET readonly = 0",
    "SET max_execution_time = 0",
    "SET ROLE ALL",
    "EXECUTE AS owner SELECT 1",
    # settings
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT * FROM (SELECT 1 SETTINGS max_result_rows = 0)",
    "SELECT name FROM system.settings SETTINGS max_memory_usage = 0",
    "SELECT name FROM system.tables SETTINGS additional_table_filters = {{}}",
    # more than one statement, or none
    "SELECT 1; SELECT * FROM private.secret",
    "SELECT 1; DROP TABLE analytics.visits",
    "SELECT 1;; SELECT 2",
    "/* a */ -- b\n DROP TABLE analytics.visits",
    "",
    "SELECT 'unclosed",
    "$$",
    # names made to look like others
    "SELECT * FROM `analytics.visits`.secret",
    "SELECT * FROM `x\n TableIdentifier analytics.visits`.secret",
    "SELECT * FROM “private”.“secret”",
    "WITH `/etc/passwd` AS (SELECT 1) SELECT 1 UNION ALL SELECT * FROM default.`/etc/passwd`",
]


@pytest.fixture(scope="module")
def lost_reader(front: Front) -> Iterator[Client]:
    """A reader that asks for the database `default`."""
    with client_of(front.reader_url, database="default") as client:
        yield client


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


WRITES = [
    "CREATE TABLE analytics.built (id UInt64, page String) ENGINE = MergeTree ORDER BY id PARTITION BY id % 2",
    "INSERT INTO analytics.built SELECT * FROM analytics.visits",
    "INSERT INTO analytics.built (id, page) VALUES (7, 'cart')",
    "CREATE TABLE ops.built AS analytics.built",
    "INSERT INTO ops.built SELECT * FROM analytics.built",
    "ALTER TABLE analytics.built REPLACE PARTITION 1 FROM ops.built",
    "ALTER TABLE analytics.built DELETE WHERE id = 7",
    "ALTER TABLE analytics.built ADD COLUMN n UInt8",
    "CREATE MATERIALIZED VIEW ops.watch TO ops.built AS SELECT id, page FROM analytics.visits WHERE 0",
    "DROP VIEW ops.watch",
    "OPTIMIZE TABLE analytics.built FINAL",
    "RENAME TABLE ops.built TO ops.renamed",
    "EXCHANGE TABLES analytics.built AND ops.renamed",
    "TRUNCATE TABLE ops.renamed",
    "SELECT count() FROM system.parts WHERE database = 'analytics'",
    "SYSTEM FLUSH LOGS",
    "SELECT count() FROM system.query_log",
    "DROP TABLE ops.renamed",
    "DROP TABLE {db:Identifier}.built",
]

NOT_FOR_WRITERS = [
    "SELECT * FROM private.secret",
    "INSERT INTO private.secret VALUES ('x')",
    "INSERT INTO private.secret FORMAT CSV\nx",
    "INSERT INTO analytics.visits SELECT 1, word FROM private.secret",
    "INSERT INTO FUNCTION file('{out}', 'CSV') SELECT 1",
    "INSERT INTO TABLE FUNCTION url('http://127.0.0.1:1/', 'CSV', 'a UInt8') SELECT 1",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM `/etc/passwd`",
    "SELECT 1 INTO OUTFILE '{out}'",
    "CREATE TABLE analytics.f (a String) ENGINE = File(CSV)",
    "CREATE TABLE analytics.f (a String) ENGINE = URL('http://127.0.0.1:1/', CSV)",
    "CREATE TABLE analytics.f (a String) ENGINE = Merge('private', '.*')",
    "CREATE TABLE analytics.f AS private.secret",
    "CREATE TABLE analytics.f AS file('/etc/passwd', 'LineAsString')",
    "CREATE TABLE analytics.f (a String DEFAULT file('/etc/passwd')) ENGINE = Memory",
    "CREATE TABLE analytics.f (a String) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = 'local', path = '/tmp/')",
    "CREATE TABLE private.f (a String) ENGINE = Memory",
    "CREATE MATERIALIZED VIEW analytics.f TO private.secret AS SELECT 'x' AS word FROM analytics.visits",
    "CREATE VIEW analytics.f AS SELECT * FROM private.secret",
    "CREATE DATABASE mine",
    "CREATE DATABASE analytics ENGINE = Filesystem('/')",
    "CREATE DICTIONARY analytics.d (a UInt8) PRIMARY KEY a SOURCE(FILE(path '/x' format CSV)) LAYOUT(FLAT())",
    "CREATE FUNCTION f AS x -> x",
    "DROP DATABASE analytics",
    "DROP TABLE private.secret",
    "DROP TABLE analytics.visits, private.secret",
    "ALTER TABLE analytics.visits REPLACE PARTITION 1 FROM private.secret",
    "ALTER TABLE analytics.visits MOVE PARTITION 1 TO TABLE private.secret",
    "ALTER TABLE analytics.visits FREEZE",
    "ALTER TABLE analytics.visits FETCH PARTITION 1 FROM '/x'",
    "RENAME TABLE analytics.visits TO private.visits",
    "EXCHANGE TABLES analytics.visits AND private.secret",
    "ATTACH TABLE analytics.x FROM '/tmp/x' (a UInt8) ENGINE = MergeTree ORDER BY a",
    "BACKUP DATABASE analytics TO File('{out}')",
    "SYSTEM SHUTDOWN",
    "SYSTEM DROP MARK CACHE",
    "GRANT ALL ON *.* TO writer",
    "USE private",
]


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
