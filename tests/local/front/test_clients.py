"""The official client, the SQLAlchemy dialects and Airflow's hook against the front, as against a server."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import ipaddress
import uuid
from typing import Any

import clickhouse_connect
import lz4.frame
import pyarrow as pa
import pytest
import zstandard
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from tests.local.front.conftest import client_of
from tests.support.front import Front

pytestmark = pytest.mark.stack

VALUES: list[tuple[str, Any]] = [
    ("Bool", True),
    ("Int8", -8),
    ("UInt64", 2**64 - 1),
    ("Int256", -(2**200)),
    ("Float64", 0.1),
    ("Decimal(20, 5)", decimal.Decimal("-12.34500")),
    ("String", "tab\t quote ' backslash \\ newline\n ünïcode €"),
    ("FixedString(3)", b"abc"),
    ("UUID", uuid.UUID("0195b1b4-1111-7000-8000-000000000001")),
    ("Date", dt.date(2024, 2, 29)),
    ("DateTime('UTC')", dt.datetime(2024, 2, 29, 23, 59, 59)),  # noqa: DTZ001 - the client gives naive UTC
    ("DateTime64(3, 'UTC')", dt.datetime(2024, 2, 29, 23, 59, 59, 123000)),  # noqa: DTZ001
    ("IPv4", ipaddress.IPv4Address("10.0.0.1")),
    ("IPv6", ipaddress.IPv6Address("::1")),
    ("Nullable(Int32)", None),
    ("LowCardinality(String)", "low"),
    ("Array(Array(String))", [["a'b", "c"], []]),
    ("Tuple(UInt8, String)", (1, "x")),
    ("Map(String, UInt64)", {"k": 1}),
    ("Enum8('a' = 1, 'b' = 2)", "b"),
]


@pytest.mark.parametrize(("type_", "value"), VALUES, ids=[type_ for type_, _ in VALUES])
def test_a_value_comes_back_as_it_was_inserted(owner: Client, type_: str, value: object) -> None:
    owner.command("DROP TABLE IF EXISTS analytics.typed")
    owner.command(f"CREATE TABLE analytics.typed (v {type_}) ENGINE = Memory")
    assert owner.insert("analytics.typed", [[value], [value]], column_names=["v"]).written_rows == 2
    assert owner.query("SELECT v FROM analytics.typed").result_rows == [(value,), (value,)]


@pytest.mark.parametrize("form", [False, True], ids=["url", "form"])
@pytest.mark.parametrize(
    ("type_", "value", "shown"),
    [
        ("String", "it's a\ttab, a \\ and a\nline {x}", None),
        ("Int32", -5, -5),
        ("Float64", 1.5, 1.5),
        ("Bool", False, False),
        ("Date", dt.date(2024, 1, 2), dt.date(2024, 1, 2)),
        ("UUID", uuid.UUID(int=7), uuid.UUID(int=7)),
        ("Array(String)", ["a'b", "c,d", "e\\f"], ["a'b", "c,d", "e\\f"]),
        ("Array(UInt64)", [1, 2], [1, 2]),
        ("Tuple(String, UInt8)", ("x", 2), ("x", 2)),
        ("Nullable(String)", None, None),
        ("DateTime64(3)", dt.datetime(2024, 1, 2, 3, 4, 5, 678000), dt.datetime(2024, 1, 2, 3, 4, 5, 678000)),  # noqa: DTZ001
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_parameter_arrives_as_it_was_bound(
    front: Front, type_: str, value: object, shown: object, form: bool
) -> None:
    expected = value if type_ == "String" else shown
    name = "x_64" if type_.startswith("DateTime64") else "x"
    with client_of(front.owner_url, form_encode_query_params=form) as client:
        rows = client.query(f"SELECT {{{name.removesuffix('_64')}:{type_}}}", {name: value}).result_rows
    assert rows == [(expected,)]


def test_names_can_be_bound(owner: Client) -> None:
    sql = "SELECT {c:Identifier} FROM {d:Identifier}.{t:Identifier} ORDER BY 1 LIMIT 1"
    assert owner.query(sql, {"c": "page", "d": "analytics", "t": "visits"}).first_row == ("cart",)


def test_an_empty_result_has_its_columns(owner: Client, reader: Client) -> None:
    for client in (owner, reader):
        result = client.query("SELECT id, page FROM analytics.visits WHERE id > {n:UInt8}", {"n": 100})
        assert (result.row_count, result.column_names) == (0, ("id", "page"))
        assert [type_.name for type_ in result.column_types] == ["UInt64", "String"]
        limited = client.query("SELECT id, page FROM analytics.visits LIMIT 0")
        assert limited.column_names == ("id", "page")


def test_a_large_result_streams(owner: Client) -> None:
    sql = "SELECT number, toString(number) FROM numbers(2000000)"
    rows = total = 0
    with owner.query_row_block_stream(sql) as stream:
        for block in stream:
            rows += len(block)
            total += sum(row[0] for row in block)
    assert (rows, total) == (2_000_000, 1_999_999 * 1_000_000)


def test_an_error_in_the_middle_of_a_stream_is_an_error(owner: Client) -> None:
    sql = "SELECT number, throwIf(number = 3000000, 'late trouble') FROM numbers(4000000) SETTINGS max_threads = 1"
    seen = 0
    with owner.query_row_block_stream(sql) as stream:
        blocks = iter(stream)
        seen += len(next(blocks))
        with pytest.raises(StreamFailureError, match="late trouble"):
            seen += sum(len(block) for block in blocks)
    assert 0 < seen <= 3_000_000


def test_an_answer_that_waits_for_its_end_has_the_errors_status(owner: Client) -> None:
    sql = "SELECT number, throwIf(number = 3000000, 'late trouble') FROM numbers(4000000) SETTINGS max_threads = 1"
    with pytest.raises(DatabaseError) as caught:
        owner.query(sql, settings={"wait_end_of_query": 1})
    assert caught.value.code == 395
    empty = owner.query("SELECT 1 AS one WHERE 0", settings={"wait_end_of_query": 1})
    assert empty.column_names == ("one",)


def test_totals_and_extremes_are_part_of_the_answer(owner: Client) -> None:
    sql = "SELECT page, count() FROM analytics.visits GROUP BY page WITH TOTALS ORDER BY page"
    assert owner.raw_query(sql, fmt="TSV") == b"cart\t1\nhome\t2\n\n\t3\n"
    extremes = owner.raw_query("SELECT id FROM analytics.visits ORDER BY id", fmt="TSV", settings={"extremes": 1})
    assert extremes == b"1\n2\n3\n\n1\n3\n"


def test_a_large_answer_in_a_format_with_a_frame_is_one_document(owner: Client) -> None:
    table = owner.query_arrow("SELECT number, number % 3 AS r FROM numbers(700000)")
    assert (table.num_rows, table.column_names) == (700_000, ["number", "r"])
    csv = owner.raw_query("SELECT number FROM numbers(200000)", fmt="CSVWithNames")
    assert csv.count(b'"number"') == 1
    assert csv.count(b"\n") == 200_001
    parquet = owner.raw_query("SELECT number FROM numbers(10) SETTINGS max_threads = 1", fmt="Parquet")
    assert (parquet[:4], parquet[-4:]) == (b"PAR1", b"PAR1")


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_compression_in_both_directions(front: Front, compress: Any) -> None:
    with client_of(front.owner_url, compress=compress) as client:
        client.command("CREATE OR REPLACE TABLE analytics.packed (id UInt64, page String) ENGINE = Memory")
        rows = [[number, f"page {number}"] for number in range(50_000)]
        assert client.insert("analytics.packed", rows, column_names=["id", "page"]).written_rows == 50_000
        result = client.query("SELECT * FROM analytics.packed ORDER BY id")
        assert [list(row) for row in result.result_rows] == rows


@pytest.mark.parametrize("compression", [None, "lz4", "zstd", "gzip"])
@pytest.mark.parametrize("form", ["bytes", "generator"])
def test_raw_inserts_of_rows_in_other_formats(owner: Client, compression: str | None, form: str) -> None:
    owner.command("CREATE OR REPLACE TABLE analytics.raw (id UInt64, page String DEFAULT 'none') ENGINE = Memory")
    data = b"".join(b'{"id":%d}\n' % number for number in range(10_000))
    pack = {"lz4": lz4.frame.compress, "zstd": zstandard.compress, "gzip": gzip.compress}
    packed = bytes(pack[compression](data)) if compression else data
    body: Any = packed if form == "bytes" else (packed[at : at + 1000] for at in range(0, len(packed), 1000))
    summary = owner.raw_insert("analytics.raw", ["id"], body, fmt="JSONEachRow", compression=compression)
    assert summary.written_rows == 10_000
    assert owner.query("SELECT count(), sum(id), any(page) FROM analytics.raw").first_row == (
        10_000,
        49_995_000,
        "none",
    )


def test_arrow_inserts_and_counts_rows_of_views(owner: Client) -> None:
    owner.command("CREATE OR REPLACE TABLE analytics.source (id UInt64) ENGINE = Null")
    owner.command("CREATE OR REPLACE TABLE analytics.target (id UInt64) ENGINE = MergeTree ORDER BY id")
    owner.command(
        "CREATE MATERIALIZED VIEW IF NOT EXISTS analytics.pour TO analytics.target AS SELECT id FROM analytics.source"
    )
    summary = owner.insert_arrow("analytics.source", pa.table({"id": pa.array(range(1000), pa.uint64())}))
    assert summary.written_rows == 2000
    assert owner.command("SELECT count() FROM analytics.target") == 1000
    selected: Any = owner.command("INSERT INTO analytics.target SELECT id FROM analytics.target WHERE id < 10")
    assert selected.written_rows == 10
    assert int(selected.summary["read_rows"]) >= 10
    owner.command("DROP VIEW analytics.pour")


def test_a_token_reaches_the_insert(owner: Client) -> None:
    owner.command(
        "CREATE OR REPLACE TABLE analytics.once (id UInt64) ENGINE = MergeTree ORDER BY id "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    for token in ("a", "a", "b"):
        owner.raw_insert(
            "analytics.once",
            ["id"],
            b"7\n",
            fmt="CSV",
            settings={"insert_deduplication_token": token, "async_insert": 0},
        )
    assert owner.command("SELECT count() FROM analytics.once") == 2


def test_errors_carry_code_name_and_text(owner: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        owner.query("SELECT * FROM analytics.nowhere")
    assert (caught.value.code, caught.value.name) == (60, "UNKNOWN_TABLE")
    with pytest.raises(DatabaseError) as caught:
        owner.raw_insert("analytics.visits", ["id"], b"word\n", fmt="CSV")
    assert caught.value.code in {27, 72, 117}
    with pytest.raises(DatabaseError) as caught:
        owner.command("SELECT 1", settings={"invalid_setting_action": 1})
    assert caught.value.code == 115


def test_an_unknown_setting_is_the_engines_own_error(front: Front) -> None:
    with client_of(front.owner_url, settings={"zork": "1"}) as client, pytest.raises(DatabaseError) as caught:
        client.command("SELECT 1")
    assert (caught.value.code, caught.value.name) == (115, "UNKNOWN_SETTING")


@pytest.mark.parametrize("user", ["owner", "writer"])
def test_settings_that_exactness_needs_can_be_given(front: Front, user: str) -> None:
    from headwater.adapters.clickhouse import EXACT_SETTINGS

    with client_of(front.url(user)) as client:
        names = [name for name in EXACT_SETTINGS if name != "wait_end_of_query"]
        sql = "SELECT name, value FROM system.settings WHERE name IN {names:Array(String)}"
        rows = client.query(sql, {"names": names}, settings=dict(EXACT_SETTINGS)).result_rows
        seen = {row[0]: row[1] for row in rows}
    assert seen == {name: str(EXACT_SETTINGS[name]) for name in names}


def test_external_data_is_a_table_of_its_query(owner: Client, reader: Client) -> None:
    data = ExternalData(file_name="wanted", data=b"1\n3\n", fmt="TSV", structure="id UInt64")
    for client in (owner, reader):
        result = client.query(
            "SELECT page FROM analytics.visits WHERE id IN (SELECT id FROM wanted) ORDER BY id", external_data=data
        )
        assert result.result_rows == [("home",), ("home",)]
        with pytest.raises(DatabaseError):
            client.query("SELECT * FROM wanted")


def test_a_session_keeps_temporary_tables_and_settings_and_nothing_leaks(front: Front) -> None:
    with (
        clickhouse_connect.get_client(dsn=front.owner_url, session_id="one") as one,
        client_of(front.owner_url) as other,
    ):
        one.command("CREATE TEMPORARY TABLE mine (a UInt8)")
        one.insert("mine", [[4]], column_names=["a"])
        one.command("SET max_block_size = 777")
        one.command("USE analytics")
        assert one.query("SELECT a FROM mine").first_row == (4,)
        assert one.command("SELECT getSetting('max_block_size')", settings={"max_rows_to_read": 5}) == 777
        assert one.command("SELECT getSetting('max_rows_to_read')") == 0
        assert one.command("SELECT currentDatabase()") == "analytics"
        for _ in range(8):
            assert other.command("SELECT getSetting('max_block_size')") != 777
            assert other.command("SELECT currentDatabase()") == "default"
        with pytest.raises(DatabaseError):
            other.query("SELECT a FROM mine")
        with client_of(front.owner_url) as checking, pytest.raises(DatabaseError) as caught:
            checking.command("SELECT 1", settings={"session_id": "unknown", "session_check": 1})
        assert caught.value.code == 372


def test_a_setting_of_one_request_is_gone_in_the_next(owner: Client) -> None:
    assert owner.command("SELECT getSetting('max_block_size')", settings={"max_block_size": 11}) == 11
    assert owner.command("SELECT getSetting('max_block_size')") != 11
    owner.command("SET max_block_size = 12")
    assert owner.command("SELECT getSetting('max_block_size')") != 12


def test_the_query_id_of_the_client_is_answered_and_logged(owner: Client) -> None:
    result = owner.query("SELECT 1", settings={"query_id": "asked-for-this"})
    assert result.query_id == "asked-for-this"
    owner.command("SYSTEM FLUSH LOGS")
    assert owner.command("SELECT count() > 0 FROM system.query_log WHERE log_comment = 'asked-for-this'") == 1


@pytest.mark.filterwarnings("ignore:The .clickhouse:UserWarning")
@pytest.mark.parametrize("dialect", ["clickhousedb", "clickhouse+http"])
def test_sqlalchemy_dialects(front: Front, dialect: str) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    for url in (front.owner_url, front.reader_url):
        engine = sqlalchemy.create_engine(url.replace("http", dialect, 1) + "analytics")
        try:
            with engine.connect() as connection:
                rows = connection.execute(
                    sqlalchemy.text("SELECT page, count() FROM visits GROUP BY page ORDER BY page")
                )
                assert [tuple(row) for row in rows] == [("cart", 1), ("home", 2)]
                empty = connection.execute(sqlalchemy.text("SELECT id FROM visits WHERE id > 100"))
                assert list(empty.keys()) == ["id"]
                inspector = sqlalchemy.inspect(connection)
                assert "visits" in inspector.get_table_names(schema="analytics")
                assert [column["name"] for column in inspector.get_columns("visits", schema="analytics")] == [
                    "id",
                    "page",
                ]
                assert "analytics" in inspector.get_schema_names()
        finally:
            engine.dispose()
