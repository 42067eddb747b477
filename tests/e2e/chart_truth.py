"""What each chart must show, as SQL over facts and staging: never over the tables that the chart itself reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HOUR = "toStartOfHour(event_timestamp)"
IN_RANGE = f"{HOUR} >= {{since:DateTime64(3, 'UTC')}} AND {HOUR} < {{until:DateTime64(3, 'UTC')}}"
BROWSER = "if(browser_name = '', '(unknown)', browser_name)"
DEVICE = "if(device_type = '', '(unknown)', device_type)"
SOURCE = "if(utm_source = '', '(none)', utm_source)"
CAMPAIGN = "if(utm_campaign = '', '(none)', utm_campaign)"
MEDIUM = "if(utm_medium = '', '(none)', utm_medium)"
COUNTRY = "if(geo_country = '', '(unknown)', geo_country)"
REGION = "if(geo_region_name = '', '(unknown)', geo_region_name)"
BOTH = f"concat({BROWSER}, ' · ', {DEVICE})"
PURCHASE = "page_url_path = '/confirmation'"
KNOWN = "user_custom_id != ''"
STEPS = ("Home", "Product", "Cart", "Payment", "Confirmation")

# The columns of facts that the dashboards' filters mean.
FILTERS: Mapping[str, str] = {
    "source": SOURCE, "device": DEVICE, "browser": BROWSER, "country": COUNTRY, "campaign": CAMPAIGN
}  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """One query's expected answer: `keys` name a row, a column `label` names a series, other columns are values."""

    sql: str
    keys: Sequence[str] = ()
    limit: int = 0
    # Filters that reach the chart: its dataset has these columns.
    filters: Sequence[str] = ("source", "device")


def _facts(select: str, group: str = "", also: str = "1") -> str:
    grouped = f" GROUP BY {group}" if group else ""
    return f"SELECT {select} FROM analytics.fact_events WHERE {IN_RANGE} AND ({also}) AND {{where}}{grouped}"


def _trend(metric: str, expression: str) -> list[Truth]:
    hourly = _facts(f"{HOUR} AS time, {expression} AS {metric}", "time")
    return [Truth(hourly, ("time",)), Truth(_facts(f"{expression} AS {metric}"))]


def _series(label: str, also: str = "1") -> Truth:
    return Truth(_facts(f"{HOUR} AS time, {label} AS label, count() AS value", "time, label", also), ("time",))


EVENTS, USERS, SESSIONS = "count()", "uniqExact(user_domain_id)", "uniqExact(click_id)"
PURCHASES = f"countIf({PURCHASE})"

# Visits by their own arithmetic: a window over all facts of a click_id.
_VISITS = """
    SELECT click_id, visit, min(event_timestamp) AS started, count() AS n,
        dateDiff('second', toStartOfSecond(min(event_timestamp)), toStartOfSecond(max(event_timestamp))) AS seconds,
        uniqExactIf(page_url_path, page_url_path != '') AS paths,
        argMinIf(utm_source, (event_timestamp, event_id), utm_source != '' OR utm_campaign != '') AS utm_source,
        max(device_type) AS device_type
    FROM (
        SELECT *, sum(gap) OVER (PARTITION BY click_id ORDER BY event_timestamp, event_id) AS visit FROM (
            SELECT *, event_timestamp > lagInFrame(event_timestamp, 1, toDateTime64(0, 6, 'UTC')) OVER (
                PARTITION BY click_id ORDER BY event_timestamp, event_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
            ) + INTERVAL 30 MINUTE AS gap
            FROM analytics.fact_events))
    GROUP BY click_id, visit"""
# By the hour that a visit starts in, as everything else on the dashboards.
_VISIT_RANGE = (
    "toStartOfHour(started) >= {since:DateTime64(3, 'UTC')} AND toStartOfHour(started) < {until:DateTime64(3, 'UTC')}"
)


def _visits(select: str, group: str = "") -> str:
    return f"SELECT {select} FROM ({_VISITS}) WHERE {_VISIT_RANGE} AND {{where}}{group}"


# Views of product pages by known users that a purchase of theirs follows within a week.
_LEADING = f"""
    SELECT DISTINCT v.event_id AS event_id, v.page_url_path AS page, v.browser_name AS browser_name,
        v.device_type AS device_type
    FROM (SELECT * FROM analytics.fact_events WHERE startsWith(page_url_path, '/product_') AND {KNOWN} AND {IN_RANGE}) AS v
    CROSS JOIN (SELECT user_custom_id, event_timestamp FROM analytics.fact_events WHERE {PURCHASE} AND {KNOWN}) AS p
    WHERE v.user_custom_id = p.user_custom_id AND p.event_timestamp >= v.event_timestamp
        AND p.event_timestamp <= v.event_timestamp + INTERVAL 7 DAY"""


def _leading(select: str, group: str) -> str:
    return f"SELECT {select}, count() AS leading_views FROM ({_LEADING}) WHERE {{where}} GROUP BY {group}"


def _staged(value: str, label: str = "stream") -> str:
    parts = " UNION ALL ".join(
        f"SELECT '{stream}' AS stream, kafka_time, ingested_at FROM analytics.events_{stream}_raw"
        for stream in ("browser", "device", "geo", "location", "interaction")
    )
    return (
        f"SELECT toStartOfMinute(ingested_at) AS time, {label} AS label, {value} AS value FROM ({parts}) "
        "WHERE ingested_at >= {since:DateTime64(3, 'UTC')} AND ingested_at < {until:DateTime64(3, 'UTC')} GROUP BY time, label"
    )


_DELAY_S = "(toUnixTimestamp64Milli(ingested_at) - toUnixTimestamp64Milli(kafka_time)) / 1000"
_REACHED = (
    f"max(multiIf({PURCHASE}, 5, page_url_path = '/payment', 4, page_url_path = '/cart', 3, "
    "match(page_url_path, '^/product_'), 2, page_url_path IN ('/', '/home'), 1, 0))"
)
_FUNNEL = " UNION ALL ".join(
    f"SELECT '{step}' AS step, countIf(reached >= {number}) AS sessions FROM ("
    + _facts(f"click_id, {_REACHED} AS reached", "click_id")
    + ")"
    for number, step in enumerate(STEPS, start=1)
)
_BOTH_FILTERS = ("browser", "device")
_NONE: Sequence[str] = ()

TRUTHS: Mapping[str, list[Truth]] = {
    "total_events": _trend("events", EVENTS),
    "unique_users": _trend("users", USERS),
    "sessions": _trend("sessions", SESSIONS),
    "purchases": _trend("purchases", PURCHASES),
    "newest_event": [Truth("SELECT max(event_timestamp) AS newest_event_at FROM analytics.fact_events", filters=_NONE)],
    "events_by_hour": [_series("event_type")],
    "events_by_type": [
        Truth(_facts("event_type, count() AS events", "event_type"), ("event_type",), filters=("campaign", "browser"))
    ],
    "top_browsers": [Truth(_facts(f"{BROWSER} AS browser, count() AS events", "browser"), ("browser",), 10)],
    "top_pages": [
        Truth(
            _facts(f"page_url_path AS page, {EVENTS} AS events", "page"), ("page",), 20,
        )
    ],
    "traffic_over_time": [_series(SOURCE)],
    "source_campaign_sunburst": [
        Truth(
            _facts(f"{SOURCE} AS source, {CAMPAIGN} AS campaign, count() AS events", "source, campaign"),
            ("source", "campaign"),
        )
    ],
    "traffic_table": [
        Truth(
            _facts(
                f"{SOURCE} AS source, {MEDIUM} AS medium, {CAMPAIGN} AS campaign, {EVENTS} AS events, {USERS} AS users, "
                f"{SESSIONS} AS sessions, {PURCHASES} AS purchases, {PURCHASES} / {SESSIONS} AS conversion",
                "source, medium, campaign",
            ),
            ("source", "medium", "campaign"),
        )
    ],
    "world_map": [
        Truth(
            _facts(f"{COUNTRY} AS country, {USERS} AS users, {EVENTS} AS events", "country", "geo_country != ''"),
            ("country",),
        )
    ],
    "top_regions": [
        Truth(_facts(f"{REGION} AS region, count() AS events", "region"), ("region",), 20, filters=("campaign", "country"))
    ],
    "country_devices": [
        Truth(
            _facts(f"{COUNTRY} AS country, {DEVICE} AS device, count() AS events", "country, device"),
            ("country", "device"),
        )
    ],
    "places": [
        Truth(
            _facts(
                f"{COUNTRY} AS country, {REGION} AS region, sum(geo_longitude) / count() AS Longitude, "
                f"sum(geo_latitude) / count() AS Latitude, {USERS} AS users",
                "country, region",
                "isNotNull(geo_latitude)",
            ),
            ("country", "region"),
        )
    ],
    "visits": [
        Truth(
            _visits("toStartOfHour(started) AS time, count() AS visits", " GROUP BY time"), ("time",),
        ),
        Truth(_visits("count() AS visits")),
    ],
    "mean_duration": [Truth(_visits("sum(seconds) / count() AS mean_duration_s"))],
    "bounce_rate": [Truth(_visits("sum(n = 1) / count() AS bounce_share"))],
    "pages_per_visit": [Truth(_visits("sum(paths) / count() AS pages_per_visit"))],
    "funnel": [Truth(_FUNNEL, ("step",), filters=("campaign", "browser"))],
    "referer_page_flow": [
        Truth(
            _facts(
                "if(referer_url = '', '(direct)', if(domain(referer_url) = domain(page_url), 'from ' || path(referer_url), "
                f"replaceRegexpOne(domain(referer_url), '^www\\\\.', ''))) AS came_from, page_url_path AS page, "
                f"{EVENTS} AS events",
                "came_from, page",
            ),
            ("came_from", "page"), 40,
        )
    ],
    "cohort_retention": [
        Truth(
            "SELECT toString(first) AS cohort, d AS day_number, n / max(n) OVER (PARTITION BY first) AS retention FROM ("
            " SELECT first, toUInt32(day - first) AS d, count() AS n FROM ("
            "  SELECT DISTINCT user_domain_id, toDate(event_timestamp) AS day,"
            "   min(toDate(event_timestamp)) OVER (PARTITION BY user_domain_id) AS first"
            "  FROM analytics.fact_events WHERE isNotNull(user_domain_id)) GROUP BY first, d)"
            " WHERE first >= today() - 30",
            ("cohort", "day_number"), filters=_NONE,
        )
    ],
    "purchase_events_by_hour": [
        Truth(_facts(f"{HOUR} AS time, count() AS events", "time"), ("time",), filters=_BOTH_FILTERS)
    ],
    "purchases_by_hour": [
        Truth(
            _facts(
                f"leftPad(toString(toHour(event_timestamp)), 2, '0') || ':00' AS hour_label, {PURCHASES} AS purchases",
                "hour_label",
            ),
            ("hour_label",), filters=_BOTH_FILTERS,
        )
    ],
    "leading_pages": [Truth(_leading("page", "page"), ("page",), 10, filters=_BOTH_FILTERS)],
    "events_by_browser_device": [
        Truth(
            _facts(f"{HOUR} AS time, {BOTH} AS label, count() AS value", "time, label"), ("time",), filters=_BOTH_FILTERS
        )
    ],
    "purchases_by_browser_device": [
        Truth(
            _facts(f"{BOTH} AS browser_and_device, {PURCHASES} AS purchases", "browser_and_device"),
            ("browser_and_device",), 12, filters=_BOTH_FILTERS,
        )
    ],
    "leading_pages_by_browser_device": [
        Truth(
            _leading(f"page, {BROWSER} AS browser, {DEVICE} AS device", "page, browser, device"),
            ("page", "browser", "device"), 10, filters=_BOTH_FILTERS,
        )
    ],
    "purchases_by_source_campaign": [
        Truth(
            _facts(f"{SOURCE} AS source, {CAMPAIGN} AS label, count() AS value", "source, label", PURCHASE),
            ("source",), filters=("source", "country"),
        )
    ],
    "users_by_source": [
        Truth(_facts(f"{SOURCE} AS source, {USERS} AS users", "source"), ("source",), 12, filters=("campaign", "country"))
    ],
    "purchases_by_region": [
        Truth(
            _facts(f"{REGION} AS region, count() AS purchases", "region", PURCHASE), ("region",), 10,
            filters=("source", "country"),
        )
    ],
    "build_lag": [
        Truth(
            _facts(
                f"{HOUR} AS time, quantileExactLow(0.5)(toUnixTimestamp(created_at) - toUnixTimestamp(event_timestamp))"
                " AS build_lag_s",
                "time",
            ),
            ("time",), filters=_NONE,
        )
    ],
    "arrival_lag": [Truth(_staged(f"quantileExactInclusive(0.5)({_DELAY_S})"), ("time",), filters=_NONE)],
    "consumer_lag": [Truth(_staged(f"max({_DELAY_S})"), ("time",), filters=_NONE)],
    "rows_per_minute": [
        Truth(
            "SELECT toStartOfMinute(s.stored_at) AS time, splitByChar('_', s.topic)[1] AS label, count() AS value FROM ("
            " SELECT topic, partition, offset, ingested_at FROM analytics.events_browser_raw UNION ALL"
            " SELECT topic, partition, offset, ingested_at FROM analytics.events_device_raw UNION ALL"
            " SELECT topic, partition, offset, ingested_at FROM analytics.events_geo_raw UNION ALL"
            " SELECT topic, partition, offset, ingested_at FROM analytics.events_location_raw) AS r"
            " JOIN ops.stored AS s ON r.topic = s.topic AND r.partition = s.partition"
            " WHERE r.offset >= s.from_offset AND r.offset < s.to_offset"
            " AND s.stored_at >= {since:DateTime64(3, 'UTC')} AND s.stored_at < {until:DateTime64(3, 'UTC')} GROUP BY time, label",
            ("time",), filters=_NONE,
        )
    ],
    "dead_letters_by_reason": [
        Truth(
            "SELECT reason, countIf(found) AS dead_letters FROM ("
            " SELECT reason, 1 AS found FROM ops.dead_letters"
            " WHERE ingested_at >= {since:DateTime64(3, 'UTC')} AND ingested_at < {until:DateTime64(3, 'UTC')} UNION ALL"
            " SELECT arrayJoin({reasons:Array(String)}) AS reason, 0 AS found) GROUP BY reason",
            ("reason",), filters=_NONE,
        )
    ],
    "alerts": [
        Truth(
            "SELECT if(firing, 'FIRES', 'quiet') AS state, alert, message AS last_message,"
            " if(firing, help, '') AS to_do, evaluated_at AS evaluated"
            " FROM ops.alerts ORDER BY evaluated_at DESC LIMIT 1 BY alert",
            ("state", "alert", "last_message", "to_do"), filters=_NONE,
        )
    ],
    "clicks_per_minute": [
        Truth(
            "SELECT time, sum(clicks) AS product_clicks FROM ("
            " SELECT toDateTime(intDiv(timestamp, 60) * 60, 'UTC') AS time, count AS clicks"
            " FROM analytics.aggregation_clicks_raw UNION ALL"
            " SELECT toStartOfMinute({until:DateTime64(3, 'UTC')}) - INTERVAL 1 MINUTE, 0)"
            " WHERE time >= {since:DateTime64(3, 'UTC')} AND time < {until:DateTime64(3, 'UTC')} GROUP BY time",
            ("time",), filters=_NONE,
        )
    ],
    "quality_latest": [
        Truth(
            "SELECT if(passed, 'passed', if(severity = 'warn', 'warns', 'fails')) AS verdict, check_name,"
            " owner AS table_name, offending AS offending_rows, checked_at AS checked FROM ops.quality_results"
            " ORDER BY checked_at DESC LIMIT 1 BY check_name",
            ("verdict", "check_name", "table_name"), filters=_NONE,
        )
    ],
    "quality_history": [
        Truth(
            "SELECT toStartOfHour(checked_at) AS time, sum(passed) AS checks_passed,"
            " sum(NOT passed AND severity = 'warn') AS checks_warned, sum(NOT passed AND severity = 'fail') AS checks_failed"
            " FROM ops.quality_results WHERE checked_at >= {since:DateTime64(3, 'UTC')} AND checked_at < {until:DateTime64(3, 'UTC')}"
            " GROUP BY time",
            ("time",), filters=_NONE,
        )
    ],
    "table_sizes": [
        Truth(
            "SELECT 'analytics.fact_events' AS full_name, count() AS row_count FROM analytics.fact_events UNION ALL"
            " SELECT 'analytics.dim_users', count() FROM analytics.dim_users UNION ALL"
            " SELECT 'ops.purchases', count() FROM ops.purchases",
            ("full_name",), filters=_NONE,
        )
    ],
}  # fmt: skip

Cells = dict[tuple[Any, ...], Any]
