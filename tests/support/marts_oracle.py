"""What every mart must show, computed by DuckDB from a list of facts without any of the platform's SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import clickhouse_connect
import duckdb
import pyarrow as pa

from headwater.adapters.clickhouse import EXACT_SETTINGS
from tests.support.compare import Queryable
from tests.support.events import an_id

Fact = dict[str, Any]

SOURCE = "ops.facts_to_come"
_COLUMNS = {
    "event_id": pa.string(), "event_timestamp": pa.string(), "click_id": pa.string(), "user_custom_id": pa.string(),
    "user_domain_id": pa.string(), "browser_name": pa.string(), "device_type": pa.string(), "geo_country": pa.string(),
    "geo_region_name": pa.string(), "page_url_path": pa.string(), "utm_source": pa.string(), "utm_campaign": pa.string(),
}  # fmt: skip


def fact(event: str, at: str, path: str = "/home", **changes: Any) -> Fact:
    """A complete fact; `user` and `click` are names, and without a click it is the user's own."""
    user = changes.pop("user", "u1")
    click = changes.pop("click", user)
    made = {
        "event_id": an_id(event), "event_timestamp": at, "click_id": an_id(click),
        "user_custom_id": f"{user}@example.com", "user_domain_id": an_id(user), "browser_name": "Firefox",
        "device_type": "Desktop", "geo_country": "DE", "geo_region_name": "Berlin", "page_url_path": path,
        "utm_source": "google", "utm_campaign": "spring",
    }  # fmt: skip
    return {**made, **changes}


def incomplete(event: str, at: str, click: str = "u1") -> Fact:
    """A fact that was built without its location, device and geo part."""
    texts = ("user_custom_id", "device_type", "geo_country", "geo_region_name", "utm_source", "utm_campaign")
    return fact(event, at, "", click=click, user_domain_id=None, **dict.fromkeys(texts, ""))


class Facts:
    """Inserts facts as a build does: in slices, each under its token, by one `INSERT … SELECT`."""

    def __init__(self, url: str) -> None:
        self._client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)
        self._test = uuid4()  # the tables of earlier tests may remember their tokens
        self._client.command(f"DROP TABLE IF EXISTS {SOURCE} SYNC")
        self._client.command(f"CREATE TABLE {SOURCE} AS analytics.fact_events")

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def fill(self, facts: Iterable[Fact], table: str) -> None:
        """Write facts into a table that no view watches."""
        body = "\n".join(json.dumps(row) for row in facts).encode()
        if body:
            self._client.raw_insert(table, insert_block=body, fmt="JSONEachRow", settings={"async_insert": 0})

    def insert(self, facts: Iterable[Fact], token: str, **settings: object) -> None:
        """Insert one slice; `settings` differ from those of a build."""
        self._client.command(f"TRUNCATE TABLE {SOURCE}")
        self.fill(facts, SOURCE)
        self._client.command(
            f"INSERT INTO analytics.fact_events SELECT * FROM {SOURCE} ORDER BY event_id",
            settings={**EXACT_SETTINGS, "insert_deduplication_token": f"{self._test}:{token}", **settings},
        )


def stored_facts(warehouse: Queryable) -> list[Fact]:
    """The facts that stand in the warehouse."""
    rows = warehouse.query(f"SELECT {', '.join(_COLUMNS)} FROM analytics.fact_events")
    return [
        {name: str(value) if isinstance(value, UUID) or name == "event_timestamp" else value for name, value in row.items()}
        for row in rows
    ]  # fmt: skip


# A visit: events of a click_id in the order of time and id, until a gap of more than 30 minutes. One that came over
# midnight is cut at every noon that follows without a pause.
_SESSIONS = """
WITH
    gaps AS
    (
        SELECT *, lag(t) OVER w IS NULL OR t - lag(t) OVER w > INTERVAL 30 MINUTE AS is_first
        FROM facts WINDOW w AS (PARTITION BY click_id ORDER BY t, event_id)
    ),
    runs AS (SELECT *, sum(is_first::INT) OVER (PARTITION BY click_id ORDER BY t, event_id) AS run FROM gaps),
    cuts AS (SELECT *, date_trunc('day', min(t) OVER (PARTITION BY click_id, run)) + INTERVAL 36 HOUR AS noon FROM runs),
    visits AS (SELECT *, CASE WHEN t < noon THEN 0 ELSE 1 + (epoch_us(t) - epoch_us(noon)) // 86400000000 END AS piece FROM cuts)
SELECT
    md5(click_id || '/' || epoch_us(min(t))), min(user_domain_id), click_id,
    date_trunc('second', min(t)), date_trunc('second', max(t)),
    epoch(date_trunc('second', max(t)))::BIGINT - epoch(date_trunc('second', min(t)))::BIGINT,
    count(*), count(DISTINCT page_url_path) FILTER (page_url_path != ''),
    coalesce(arg_min(page_url_path, (t, event_id)) FILTER (page_url_path != ''), ''),
    coalesce(arg_max(page_url_path, (t, event_id)) FILTER (page_url_path != ''), ''),
    coalesce(arg_min(utm_source, (t, event_id)) FILTER (utm_source || utm_campaign != ''), ''),
    coalesce(arg_min(utm_campaign, (t, event_id)) FILTER (utm_source || utm_campaign != ''), ''),
    coalesce(min(geo_country) FILTER (geo_country != ''), ''),
    coalesce(min(device_type) FILTER (device_type != ''), ''),
    count(*) FILTER (page_url_path = '/confirmation')
FROM visits GROUP BY click_id, run, piece ORDER BY click_id, min(t)
"""

MARTS: Mapping[str, tuple[str, str]] = {
    "browser_device_hourly_events_agg": (
        "hour, browser_name, device_type, total_event_count, buy_cnt",
        """SELECT hour, browser_name, device_type, count(*), count(*) FILTER (page_url_path = '/confirmation')
           FROM facts GROUP BY ALL ORDER BY ALL""",
    ),
    "browser_device_hourly_buy_leading_pages_agg": (
        "hour, page_url, browser_name, device_type, cnt",
        r"""SELECT hour, page_url_path, browser_name, device_type, count(*) FROM facts AS v
           WHERE page_url_path LIKE '/product\_%' ESCAPE '\' AND user_custom_id != '' AND EXISTS
           (
               SELECT 1 FROM facts AS p
               WHERE p.page_url_path = '/confirmation' AND p.user_custom_id = v.user_custom_id
                 AND p.t BETWEEN v.t AND v.t + INTERVAL 7 DAY
           )
           GROUP BY ALL ORDER BY ALL""",
    ),
    "source_campaign_buy_events_agg": (
        "hour, utm_source, utm_campaign, cnt",
        """SELECT hour, utm_source, utm_campaign, count(*) FROM facts WHERE page_url_path = '/confirmation'
           GROUP BY ALL ORDER BY ALL""",
    ),
    "hourly_sources_users_agg": (
        "hour, utm_source, cnt_users",
        """SELECT hour, utm_source, count(DISTINCT user_custom_id) FROM facts WHERE user_custom_id != ''
           GROUP BY ALL ORDER BY ALL""",
    ),
    "hourly_country_regions_users_agg": (
        "hour, geo_country, geo_region_name, cnt_users",
        """SELECT hour, geo_country, geo_region_name, count(DISTINCT user_custom_id) FROM facts
           WHERE user_custom_id != '' AND page_url_path = '/confirmation' GROUP BY ALL ORDER BY ALL""",
    ),
    "sessions": (
        """replaceAll(toString(session_id), '-', '') AS id, toString(user_domain_id) AS user, toString(click_id) AS click,
           started_at, ended_at, duration_s, events, pages, entry_page, exit_page, utm_source, utm_campaign, geo_country,
           device_type, purchases""",
        _SESSIONS,
    ),
    "session_hours": (
        "started_hour, duration_s, event_count, page_count, utm_source, utm_campaign, geo_country, device_type",
        f"""SELECT date_trunc('hour', started), seconds, events, pages, utm_source, utm_campaign, geo_country, device_type
           FROM ({_SESSIONS}) AS s(session, user_id, click_id, started, ended, seconds, events, pages, entry_page, exit_page,
               utm_source, utm_campaign, geo_country, device_type, purchases)
           ORDER BY ALL""",
    ),
    "retention_daily": (
        "cohort_date, day_number, users",
        """WITH seen AS (SELECT DISTINCT user_domain_id, t::DATE AS day FROM facts WHERE user_domain_id IS NOT NULL),
           cohorts AS (SELECT user_domain_id, min(day) AS cohort FROM seen GROUP BY ALL)
           SELECT cohort, day - cohort, count(*) FROM seen JOIN cohorts USING (user_domain_id)
           GROUP BY ALL ORDER BY ALL""",
    ),
}  # fmt: skip
_ORDER = {"sessions": "click, toUnixTimestamp(started_at)"}


def expected_marts(facts: Sequence[Fact]) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every mart by its name."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    columns = {name: pa.array([row[name] for row in facts], kind) for name, kind in _COLUMNS.items()}
    db.register("given", pa.table(columns))
    db.execute(
        "CREATE TABLE facts AS SELECT *, event_timestamp::TIMESTAMP AS t, "
        "date_trunc('hour', event_timestamp::TIMESTAMP) AS hour FROM given"
    )
    found = {name: db.execute(sql).fetchall() for name, (_, sql) in MARTS.items()}
    db.close()
    return found


def found_marts(warehouse: Queryable) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every mart as it stands."""
    return {
        name: rows_of(warehouse, f"SELECT {columns} FROM analytics.{name} ORDER BY {_ORDER.get(name, 'ALL')}")
        for name, (columns, _) in MARTS.items()
    }


def assert_marts_equal(facts: Sequence[Fact], warehouse: Queryable) -> None:
    """Every column of every mart."""
    expected, found = expected_marts(facts), found_marts(warehouse)
    for name, rows in expected.items():
        assert len(found[name]) == len(rows), name
        differing = [(one, other) for one, other in zip(found[name], rows, strict=True) if one != other]
        assert not differing, f"{name}: found {differing[0][0]}\nexpected {differing[0][1]}"


def rows_of(warehouse: Queryable, sql: str) -> list[tuple[Any, ...]]:
    """Rows as tuples, with times that know no zone."""
    return [tuple(_plain(value) for value in row.values()) for row in warehouse.query(sql)]


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=None) if getattr(value, "tzinfo", None) is not None else value
