"""Count and content hash of every table of the warehouse, independent of plans, tries and the order of inserts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.adapters.clickhouse import ClickHouse

_KEYS = {
    "agg_events_hourly": (
        "event_hour, event_type, browser_name, device_type, geo_country, utm_source, utm_campaign",
        "unique_clicks",
    ),
    "agg_traffic_sources": (
        "date, utm_source, utm_medium, utm_campaign, utm_content, referer_medium",
        "unique_sessions",
    ),
}
_MARTS = (
    "browser_device_hourly_events_agg", "browser_device_hourly_buy_leading_pages_agg", "source_campaign_buy_events_agg",
    "hourly_sources_users_agg", "hourly_country_regions_users_agg", "sessions", "session_hours",
    "retention_daily",
)  # fmt: skip
QUERIES: Mapping[str, str] = {
    "facts": "SELECT * EXCEPT (created_at, build) FROM analytics.fact_events",
    "incomplete": "SELECT * EXCEPT (build) FROM ops.incomplete WHERE build > 0",
    "users": "SELECT * FROM analytics.dim_users",
    "places": "SELECT * FROM analytics.dim_geo",
    "purchase_weeks": "SELECT * FROM ops.purchase_weeks",
    "visit_hours": "SELECT * REPLACE (arraySort(event_types) AS event_types) FROM analytics.visit_hours FINAL",
    "visit_days": "SELECT * REPLACE (arraySort(pages) AS pages) FROM analytics.visit_days FINAL",
    "visit_nights": "SELECT * FROM ops.visit_nights FINAL",
    "quarantine": "SELECT reason, event_id, event_timestamp, browser_name FROM ops.quarantine",
    **{
        table: f"SELECT {keys}, countMerge(total_events), uniqMerge(unique_users), uniqMerge({ids}) "
        f"FROM analytics.{table} GROUP BY {keys}"
        for table, (keys, ids) in _KEYS.items()
    },
    **{mart: f"SELECT * FROM analytics.{mart}" for mart in _MARTS},
}


def fingerprint(database: ClickHouse) -> dict[str, tuple[int, int]]:
    """For every table and mart: rows, and the sum of the hashes of its rows."""
    sql = " UNION ALL ".join(
        f"SELECT '{name}' AS name, count() AS rows, sum(cityHash64(toString(tuple(*)))) AS hash FROM ({query})"
        for name, query in QUERIES.items()
    )
    return {row["name"]: (row["rows"], row["hash"]) for row in database.query(sql)}


def of_facts(database: ClickHouse) -> dict[str, tuple[Any, ...]]:
    """Events and distinct users and clicks per day: by the facts, and by each table that is derived from them."""
    facts = database.query(
        "SELECT toString(toDate(event_timestamp)) AS day, count() AS events, uniq(user_domain_id) AS users, "
        "uniq(click_id) AS clicks FROM analytics.fact_events GROUP BY day ORDER BY day"
    )
    hourly = database.query(
        "SELECT toString(toDate(event_hour)) AS day, countMerge(total_events) AS events, "
        "uniqMerge(unique_users) AS users, uniqMerge(unique_clicks) AS clicks "
        "FROM analytics.agg_events_hourly GROUP BY day ORDER BY day"
    )
    traffic = database.query(
        "SELECT toString(date) AS day, countMerge(total_events) AS events, uniqMerge(unique_users) AS users, "
        "uniqMerge(unique_sessions) AS clicks FROM analytics.agg_traffic_sources GROUP BY day ORDER BY day"
    )
    visits = database.query(
        "SELECT toString(toDate(hour)) AS day, sum(event_count) AS events, uniqIf(user_key, user_key != 0) AS users, "
        "uniq(click_key) AS clicks FROM analytics.visit_hours GROUP BY day ORDER BY day"
    )
    days = database.query(
        "SELECT toString(day) AS day, sum(event_count) AS events, uniq(click_id) AS clicks "
        "FROM analytics.visit_days GROUP BY day ORDER BY day"
    )
    by_page = database.query(
        "SELECT toString(toDate(event_hour)) AS day, count() AS events, countIf(page_url_path = '/confirmation') AS purchases "
        "FROM analytics.fact_events GROUP BY day ORDER BY day"
    )
    purchases = database.query(
        "SELECT toString(toDate(event_timestamp)) AS day, count() AS events, countIf(page_url_path = '/confirmation') AS purchases "
        "FROM analytics.fact_events GROUP BY day ORDER BY day"
    )
    lags = database.query(
        "SELECT toString(toDate(hour)) AS day, sum(event_count) AS events, sum(lag_s * event_count) AS seconds "
        "FROM analytics.build_lags GROUP BY day ORDER BY day"
    )
    waited = database.query(
        "SELECT toString(toDate(event_timestamp)) AS day, count() AS events, "
        "sum(dateDiff('second', event_timestamp, created_at)) AS seconds "
        "FROM analytics.fact_events GROUP BY day ORDER BY day"
    )
    return {
        name: tuple(tuple(row.values()) for row in rows)
        for name, rows in (
            ("facts", facts),
            ("hourly", hourly),
            ("traffic", traffic),
            ("visits", visits),
            ("days", days),
            ("by_page", by_page),
            ("purchases", purchases),
            ("lags", lags),
            ("waited", waited),
        )
    }


def assert_aggregates_follow(database: ClickHouse) -> None:
    """`countMerge` is the count and `uniqMerge` is `uniq` over the facts, on every day."""
    found = of_facts(database)
    assert found["hourly"] == found["facts"]
    assert found["traffic"] == found["facts"]
    assert found["visits"] == found["facts"]
    assert found["by_page"] == found["purchases"]
    assert found["lags"] == found["waited"]
    assert found["days"] == tuple((day, events, clicks) for day, events, _, clicks in found["facts"])
