"""Compare every table of the warehouse with the oracle."""

from __future__ import annotations

from typing import Any, Protocol

from tests.support.oracle import Oracle


class Queryable(Protocol):
    """Anything that answers SQL with mappings."""

    def query(self, sql: str, parameters: Any = None) -> Any:
        """Rows of the statement."""
        ...


_FACT_COLUMNS = (
    "event_id", "event_timestamp", "event_type", "click_id", "browser_name", "browser_language", "browser_user_agent",
    "os", "os_name", "os_timezone", "device_type", "device_is_mobile", "user_custom_id", "user_domain_id",
    "geo_latitude", "geo_longitude", "geo_country", "geo_timezone", "geo_region_name", "ip_address",
    "page_url", "page_url_path", "referer_url", "referer_medium", "utm_medium", "utm_source", "utm_content",
    "utm_campaign", "is_complete",
)  # fmt: skip


def assert_warehouse_equals(oracle: Oracle, warehouse: Queryable) -> None:
    """Facts, dimensions and aggregates hold exactly what the oracle computed."""
    assert_facts_equal(oracle, warehouse)
    users = _rows(
        warehouse,
        "SELECT toString(user_domain_id), user_custom_id, first_seen, last_seen, total_events, device_type, os_name "
        "FROM analytics.dim_users ORDER BY toString(user_domain_id)",
    )
    assert users == oracle.users(), _first_difference(users, oracle.users())
    places = _rows(
        warehouse,
        "SELECT geo_country, geo_region_name, geo_latitude, geo_longitude, geo_timezone FROM analytics.dim_geo ORDER BY ALL",
    )
    assert places == oracle.places(), _first_difference(places, oracle.places())
    assert_aggregates_equal(oracle, warehouse)


def assert_facts_equal(oracle: Oracle, warehouse: Queryable) -> None:
    """Every column of every fact."""
    facts = _rows(
        warehouse, f"SELECT {', '.join(_FACT_COLUMNS)} FROM analytics.fact_events ORDER BY toString(event_id)"
    )
    expected = [
        tuple(fact[name] for name in _FACT_COLUMNS) for fact in sorted(oracle.facts, key=lambda f: str(f["event_id"]))
    ]
    assert len(facts) == len(expected)
    assert facts == expected, _first_difference(facts, expected)


def assert_aggregates_equal(oracle: Oracle, warehouse: Queryable) -> None:
    """Counts and distinct users and clicks of both aggregates; few enough per row for `uniq` to be exact."""
    hourly = _rows(
        warehouse,
        "SELECT event_hour, event_type, browser_name, device_type, geo_country, utm_source, utm_campaign, "
        "countMerge(total_events), uniqMerge(unique_users), uniqMerge(unique_clicks) "
        "FROM analytics.agg_events_hourly GROUP BY ALL ORDER BY ALL",
    )
    assert hourly == oracle.hourly(), _first_difference(hourly, oracle.hourly())
    traffic = _rows(
        warehouse,
        "SELECT date, utm_source, utm_medium, utm_campaign, utm_content, referer_medium, "
        "countMerge(total_events), uniqMerge(unique_users), uniqMerge(unique_sessions) "
        "FROM analytics.agg_traffic_sources GROUP BY ALL ORDER BY ALL",
    )
    assert traffic == oracle.traffic(), _first_difference(traffic, oracle.traffic())


def _rows(warehouse: Queryable, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(_plain(value) for value in row.values()) for row in warehouse.query(sql)]


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=None) if hasattr(value, "tzinfo") and value.tzinfo is not None else value


def _first_difference(found: list[Any], expected: list[Any]) -> str:
    for index, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"row {index}:\nfound    {one}\nexpected {other}"
    return f"{len(found)} rows, expected {len(expected)}"
