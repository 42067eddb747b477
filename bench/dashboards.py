"""How fast does every chart of the dashboards answer, and how much does it read?

Run by `make bench-dashboards`. The real engine behind its front; facts over 30 days, made by the engine, with the
aggregates that the views make of them; each chart's query as its files say it, warm, over its own range (the last day)
and over all 30 days. The limits are those of the largest size, 50 million facts.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from bench.measure import cpu_s
from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.clock import SystemClock
from headwater.app.dashboards_files import Document, of_kind, read_assets
from headwater.app.migrate import migrate, read_migrations
from headwater.app.upkeep import count_leading_days, count_session_days
from headwater.assets import asset
from tests.support.front import Front

console = Console(stderr=True)
DAYS = 30
_DAY_MS, _MONTH_MS = 300.0, 1_500.0
_REPEATS = 3
_HEADS = ("ms", "CPU s", "rows", "MB")
_GRAINS = {"PT1H": "toStartOfHour", "PT1M": "toStartOfMinute"}
_DIMENSIONS = ("groupby", "columns", "entity", "series", "source", "target", "groupbyRows", "groupbyColumns")
_METRICS = ("metric", "metrics", "secondary_metric", "size", "x", "y")

# One day of facts: six events a visit, some 30 visits a user, the keys as spread as those of a real shop.
_FACTS = """
INSERT INTO analytics.fact_events (
    event_id, event_timestamp, event_type, click_id, browser_name, os_name, device_type, user_custom_id, user_domain_id,
    geo_latitude, geo_longitude, geo_country, geo_region_name, page_url, page_url_path, referer_url, referer_medium,
    utm_medium, utm_source, utm_campaign, geo_id, created_at, build, is_complete)
WITH
    number + {first:UInt64} AS n, intDiv(n, 6) AS visit, cityHash64(visit) AS v, cityHash64(n, 7) AS e,
    v % {users:UInt64} AS user,
    [
        '/home', '/product_a', '/product_b', '/product_c', '/cart', '/payment', '/confirmation', '/',
        '/product_d', '/about'
    ] AS paths,
    ['google', 'facebook', 'instagram', 'newsletter', 'blog', 'bing', ''] AS sources,
    toDateTime64({day:Date}, 6, 'UTC') + toIntervalSecond(v % 85000) + toIntervalSecond((n % 6) * 60) AS at
SELECT
    reinterpretAsUUID(toFixedString(unhex(hex(MD5(toString(n)))), 16)), at,
    ['pageview', 'pageview', 'pageview', 'click', 'scroll'][e % 5 + 1],
    reinterpretAsUUID(toFixedString(unhex(hex(MD5(concat('v', toString(visit))))), 16)),
    ['Chrome', 'Safari', 'Firefox', 'Edge', 'Samsung Internet'][v % 5 + 1], ['Windows', 'iOS', 'Android'][v % 3 + 1],
    ['Desktop', 'Mobile', 'Tablet'][intDiv(v, 5) % 3 + 1], concat('u', toString(user), '@example.org'),
    reinterpretAsUUID(toFixedString(unhex(hex(MD5(concat('u', toString(user))))), 16)),
    toInt64(user % 120) - 60, toInt64(user % 300) - 150,
    ['US', 'DE', 'FR', 'IN', 'BR', 'GB', 'ES', 'JP', 'TR', 'CA'][user % 10 + 1], concat('Region ', toString(user % 60)),
    concat('https://shop.example', paths[e % 10 + 1]), paths[e % 10 + 1],
    if(n % 6 = 0, ['https://www.google.com/', '', 'https://www.facebook.com/'][v % 3 + 1], 'https://shop.example/home'),
    ['search', '', 'social', 'email'][v % 4 + 1], ['cpc', 'organic', 'email', ''][v % 4 + 1], sources[v % 7 + 1],
    ['brand', 'spring_sale', 'new_arrivals', '', ''][intDiv(v, 7) % 5 + 1], user % 60, at + INTERVAL 5 MINUTE, 1, true
FROM numbers_mt({rows:UInt64})
SETTINGS max_insert_threads = 2, min_insert_block_size_rows = 1000000
"""


@dataclass(frozen=True)
class Measured:
    """One chart over one range."""

    ms: float
    cpu_s: float
    rows: int
    size_bytes: int


def query_of(chart: Document, dataset: Document, since: datetime, until: datetime) -> str:
    """The SQL that Superset makes of the chart, by the same columns and metrics."""
    columns = {each["column_name"]: each.get("expression", f"`{each['column_name']}`") for each in dataset["columns"]}
    metrics = {each["metric_name"]: each["expression"] for each in dataset["metrics"]}
    params = chart["params"]
    selected, grouped = [], []
    if params.get("x_axis") == "time":
        grain = _GRAINS[params["time_grain_sqla"]]
        selected.append(f"{grain}(toDateTime({columns['time']})) AS time")
        grouped.append("time")
    elif "x_axis" in params:
        selected.append(f"{columns[params['x_axis']]} AS `d_{params['x_axis']}`")
        grouped.append(f"`d_{params['x_axis']}`")
    for name in _named(params, _DIMENSIONS):
        selected.append(f"{columns[name]} AS `d_{name}`")
        grouped.append(f"`d_{name}`")
    for number, metric in enumerate(_values(params, _METRICS)):
        selected.append(f"{metrics[metric] if isinstance(metric, str) else metric['sqlExpression']} AS m{number}")
    where = []
    for each in params.get("adhoc_filters", []):
        if each["expressionType"] == "SQL":
            where.append(f"({each['sqlExpression']})")
        else:
            where.append(
                f"{columns['time']} >= toDateTime('{since:%F %T}') AND {columns['time']} < toDateTime('{until:%F %T}')"
            )
    return (
        f"SELECT {', '.join(selected)} FROM {dataset['schema']}.{dataset['table_name']}"
        + (f" WHERE {' AND '.join(where)}" if where else "")
        + (f" GROUP BY {', '.join(grouped)}" if grouped else "")
        + (f" ORDER BY m0 DESC LIMIT {params.get('row_limit', 10_000)}")
    )


def _values(params: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Any]:
    for key in keys:
        value = params.get(key)
        yield from (value if isinstance(value, list) else [value] if value is not None else [])


def _named(params: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    yield from dict.fromkeys(value for value in _values(params, keys) if isinstance(value, str))


def _ask(client: httpx.Client, sql: str, engine: int) -> Measured:
    """Ask several times; the first time warms up. `engine` is the process whose CPU time counts."""
    taken, used, rows, size = [], [], 0, 0
    for _ in range(_REPEATS + 1):
        began, before = time.perf_counter(), cpu_s(engine)
        answer = client.post("/", content=sql.encode())
        taken.append((time.perf_counter() - began) * 1000)
        used.append(cpu_s(engine) - before)
        assert answer.is_success, f"{answer.text}\n{sql}"
        summary = json.loads(answer.headers["x-clickhouse-summary"])
        rows, size = int(summary["read_rows"]), int(summary["read_bytes"])
    return Measured(statistics.median(taken[1:]), statistics.median(used[1:]), rows, size)


def _fill(database: ClickHouse, first_day: datetime, events: int) -> None:
    per_day = events // DAYS
    for number in range(DAYS):
        parameters = {
            "day": (first_day + timedelta(days=number)).date(),
            "first": number * per_day,
            "rows": per_day,
            "users": max(1_000, events // 180),
        }
        database.execute(_FACTS, None, parameters)
    for name in ("fact_events", "agg_events_hourly", "visit_hours", "visit_days"):
        database.execute(f"OPTIMIZE TABLE analytics.{name}")
    count_leading_days(database, SystemClock(), budget_s=3_600.0)
    count_session_days(database, SystemClock(), budget_s=3_600.0)


def main(
    events: int = typer.Option(5_000_000, help="Facts over 30 days."),
    only: str = typer.Option("", help="Part of a chart's name."),
) -> None:
    """Measure every chart; the exit code says whether all keep the limits."""
    assets = read_assets(asset("superset/assets"))
    datasets = {document["uuid"]: document for _, document in of_kind(assets, "datasets")}
    folder = Path(tempfile.mkdtemp(prefix="hw-bench-"))
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    table = Table(
        "chart", "table", *(f"{days}d {head}" for days in (1, DAYS) for head in _HEADS), "of a scan", box=None
    )
    late = []
    try:
        with Front.start(folder / "clickhouse") as front:
            owner = ClickHouse(front.owner_url)
            migrate(read_migrations(asset("clickhouse/migrations")), owner)
            began = time.monotonic()
            _fill(owner, until - timedelta(days=DAYS), events)
            console.print(f"{events:,} facts with their aggregates in {time.monotonic() - began:.0f} s")
            with httpx.Client(base_url=front.url("reader"), timeout=120) as client:
                scan = _ask(client, "SELECT sum(cityHash64(*)) FROM analytics.fact_events", front.pid)
                console.print(
                    f"a full scan of the facts: {scan.ms:,.0f} ms, {scan.rows:,} rows, {scan.size_bytes / 1e6:,.0f} MB"
                )
                for name, chart in of_kind(assets, "charts"):
                    if only not in name:
                        continue
                    dataset = datasets[chart["dataset_uuid"]]
                    day = _ask(client, query_of(chart, dataset, until - timedelta(days=1), until), front.pid)
                    month = _ask(client, query_of(chart, dataset, until - timedelta(days=DAYS), until), front.pid)
                    ratio = month.size_bytes / scan.size_bytes if scan.size_bytes else 0.0
                    table.add_row(
                        Path(name).stem, dataset["table_name"], f"{day.ms:,.0f}", f"{day.cpu_s:,.2f}",
                        f"{day.rows:,}", f"{day.size_bytes / 1e6:,.1f}", f"{month.ms:,.0f}", f"{month.cpu_s:,.2f}",
                        f"{month.rows:,}", f"{month.size_bytes / 1e6:,.1f}", f"{ratio:.1%}",
                    )  # fmt: skip
                    if day.ms > _DAY_MS or month.ms > _MONTH_MS:
                        late.append(Path(name).stem)
            owner.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    Console(width=160).print(table)
    console.print(f"over {_DAY_MS:.0f} ms for a day or {_MONTH_MS:.0f} ms for 30: {', '.join(late) or 'none'}")
    sys.exit(1 if late else 0)


if __name__ == "__main__":
    typer.run(main)
