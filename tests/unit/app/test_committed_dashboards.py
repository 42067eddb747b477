"""What the committed dashboards promise: their charts by their real types, a range, zoom, and one colour per name."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from headwater.app.dashboards_files import Document, chart_nodes, of_kind, read_assets

ROOT = Path(__file__).resolve().parents[3]
ASSETS = read_assets(ROOT / "superset" / "assets")
CHARTS = {chart["uuid"]: (Path(name).stem, chart) for name, chart in of_kind(ASSETS, "charts")}
DASHBOARDS = {dashboard["slug"]: dashboard for _, dashboard in of_kind(ASSETS, "dashboards")}

_BAR, _LINE = "echarts_timeseries_bar", "echarts_timeseries_line"
_NEWEST = {"newest_event": "big_number_total"}
_NUMBERS = {"total_events": "big_number", "unique_users": "big_number", "purchases": "big_number", **_NEWEST}
PROMISED: Mapping[str, Mapping[str, str]] = {
    "web-analytics-overview": {
        **_NUMBERS, "sessions": "big_number", "events_by_hour": _BAR, "events_by_type": "pie", "top_browsers": _BAR,
        "top_pages": "table",
    },
    "traffic-sources": {
        **_NUMBERS, "traffic_table": "table", "source_campaign_sunburst": "sunburst_v2", "traffic_over_time": "echarts_area",
    },
    "geo-distribution": {
        **_NUMBERS, "world_map": "world_map", "top_regions": _BAR, "country_devices": "pivot_table_v2", "places": "bubble_v2",
    },
    "user-behavior": {
        **_NEWEST, "visits": "big_number", "mean_duration": "big_number_total", "pages_per_visit": "big_number_total",
        "bounce_rate": "big_number_total", "funnel": "funnel", "referer_page_flow": "sankey_v2",
        "cohort_retention": "heatmap_v2",
    },
    "purchases": {**_NUMBERS, "purchase_events_by_hour": _BAR, "purchases_by_hour": "pie", "leading_pages": "table"},
    "purchases-in-depth": {
        **_NUMBERS, "events_by_browser_device": _BAR, "purchases_by_browser_device": "pie",
        "leading_pages_by_browser_device": "table", "purchases_by_source_campaign": _BAR, "users_by_source": "pie",
        "purchases_by_region": "pie",
    },
    "platform-health": {
        **_NEWEST, "build_lag": _LINE, "arrival_lag": _LINE, "rows_per_minute": _BAR, "consumer_lag": _LINE,
        "dead_letters_by_reason": _BAR, "quality_latest": "table", "quality_history": _BAR, "table_sizes": "table",
        "clicks_per_minute": _BAR, "alerts": "table",
    },
}  # fmt: skip
# The columns of charts whose values have a colour each, and the files and fields that they come from.
_COLOURED = {
    "browser": ("browser_events", "browser_name", "(unknown)"),
    "event_type": ("browser_events", "event_type", "(unknown)"),
    "device": ("device_events", "device_type", "(unknown)"),
    "source": ("location_events", "utm_source", "(none)"),
    "campaign": ("location_events", "utm_campaign", "(none)"),
}


@cache
def _values() -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for column, (file, field, unknown) in _COLOURED.items():
        for line in (ROOT / "data" / "samples" / f"{file}.jsonl").read_text(encoding="utf-8").splitlines():
            found[column].add(json.loads(line).get(field) or unknown)
    return found


def _charts_of(dashboard: Document) -> dict[str, Document]:
    return dict(CHARTS[uuid] for uuid in chart_nodes(dashboard))


def test_every_dashboard_has_the_charts_that_it_promises_by_their_types() -> None:
    assert {
        slug: {name: chart["viz_type"] for name, chart in _charts_of(dashboard).items()}
        for slug, dashboard in DASHBOARDS.items()
    } == PROMISED


@pytest.mark.parametrize("slug", PROMISED)
def test_a_dashboard_begins_with_the_last_day_and_lets_charts_filter_each_other(slug: str) -> None:
    metadata = DASHBOARDS[slug]["metadata"]
    first = metadata["native_filter_configuration"][0]
    assert (first["filterType"], first["defaultDataMask"]["extraFormData"]) == (
        "filter_time",
        {"time_range": "Last day"},
    )
    assert metadata["cross_filters_enabled"]


def test_every_series_over_time_has_a_slider_to_zoom_and_a_tooltip() -> None:
    over_time = {name: chart["params"] for name, chart in CHARTS.values() if chart["params"].get("x_axis") == "time"}
    series = {name: params for name, params in over_time.items() if params["viz_type"] != "big_number"}
    assert len(series) > 8
    assert [name for name, params in series.items() if not params["zoomable"]] == []
    assert [name for name, params in series.items() if not params["rich_tooltip"]] == []


@pytest.mark.parametrize("slug", PROMISED)
def test_every_name_of_the_bundled_data_has_a_colour_on_every_page_that_may_show_it(slug: str) -> None:
    dashboard = DASHBOARDS[slug]
    shown = [
        column
        for chart in _charts_of(dashboard).values()
        for key in ("groupby", "columns", "x_axis")
        for column in _list(chart["params"].get(key))
    ]
    colours = dashboard["metadata"]["label_colors"]
    wanted = set[str]().union(*(_values()[column] for column in _COLOURED if column in shown))
    assert wanted - colours.keys() == set()
    if "hour_label" in shown:
        assert {f"{hour:02}:00" for hour in range(24)} <= colours.keys()


def test_no_two_names_of_one_kind_share_a_colour() -> None:
    colours: dict[str, str] = {}
    for dashboard in DASHBOARDS.values():
        colours |= dashboard["metadata"]["label_colors"]
    for values in _values().values():
        assert len({colours[value] for value in values}) == len(values), values


def _list(value: object) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [each for each in found if isinstance(each, str)]
