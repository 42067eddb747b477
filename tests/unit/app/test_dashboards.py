"""The dashboards' files without a Superset: the check finds what is wrong, pushes and pulls keep what they should."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater.app.dashboards import pull, push
from headwater.app.dashboards_check import check
from headwater.app.dashboards_files import (
    Assets,
    Document,
    bundle,
    chart_nodes,
    normalised,
    of_kind,
    read_assets,
    text_of,
)
from headwater.core.schema_text import tables_of
from headwater.errors import Stop

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = ROOT / "superset" / "assets"
SCHEMA = (ROOT / "clickhouse" / "schema.sql").read_text(encoding="utf-8")


class MemorySuperset:
    """Keeps what is imported, by UUID, and exports it as Superset does: with numbers and empty fields."""

    def __init__(self) -> None:
        self.kept: Assets = {}
        self.imports = 0

    def import_assets(self, files: Mapping[str, str]) -> None:
        """Make or change."""
        self.imports += 1
        for name, text in files.items():
            if name != "metadata.yaml":
                document = yaml.load(text, yaml.CSafeLoader)
                self.kept[document["uuid"]] = {**document, "__name": name}

    def export_assets(self) -> dict[str, str]:
        """Everything, with leftovers."""
        files = {"metadata.yaml": "version: 1.0.0\n"}
        for document in self.kept.values():
            found = {key: value for key, value in document.items() if key != "__name"}
            name = document["__name"]
            if name.startswith("dashboards/"):
                found["metadata"] = _as_saved_in_a_browser(found["metadata"])
            if name.startswith("charts/"):
                found["params"] = {**found["params"], "datasource": "7__table", "slice_id": 12}
                found |= {"query_context": "{}", "cache_timeout": None, "certified_by": None}
            files[name] = yaml.dump(found, Dumper=yaml.CSafeDumper, sort_keys=False)
        return files


def _as_saved_in_a_browser(metadata: Document) -> Document:
    filters = [{**each, "chartsInScope": [1, 2], "tabsInScope": []} for each in metadata["native_filter_configuration"]]
    return {
        **metadata,
        "chart_configuration": {"1": {"id": 1, "crossFilters": {"scope": "global", "chartsInScope": [2]}}},
        "global_chart_configuration": {"scope": {"rootPath": ["ROOT_ID"], "excluded": []}, "chartsInScope": [1, 2]},
        "shared_label_colors": ["Chrome"], "map_label_colors": {"Chrome": "#2F6DB5"}, "color_scheme_domain": ["#2F6DB5"],
        "default_filters": "{}", "timed_refresh_immune_slices": [], "expanded_slices": {}, "native_filter_configuration": filters,
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the committed files."""
    _write(tmp_path, read_assets(COMMITTED))
    return tmp_path


def _write(folder: Path, assets: Assets) -> None:
    for name, document in assets.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(document), encoding="utf-8")


def test_the_committed_files_are_sound() -> None:
    found = check(COMMITTED, SCHEMA)
    assert found.problems == ()
    assert found.assets > 50
    assert sum(1 for _ in of_kind(read_assets(COMMITTED), "dashboards")) == 7


def _chart(name: str, **params: Any) -> Callable[[Assets], None]:
    def change(assets: Assets) -> None:
        assets[f"charts/{name}.yaml"]["params"].update(params)

    return change


def _dataset(change: Callable[[Document], None], name: str = "facts") -> Callable[[Assets], None]:
    return lambda assets: change(assets[f"datasets/{name}.yaml"])


def _overview(change: Callable[[Document], None]) -> Callable[[Assets], None]:
    return lambda assets: change(assets["dashboards/web_analytics_overview.yaml"])


def _set(path: str, value: Any) -> Callable[[Document], None]:
    """Set `a.0.b` of a document."""
    *parents, last = path.split(".")

    def change(document: Any) -> None:
        for part in parents:
            document = document[int(part) if part.isdecimal() else part]
        document[last] = value

    return change


_BROWSER = "metadata.native_filter_configuration.1"


def _without_address(facts: Document) -> None:
    facts["columns"] = [each for each in facts["columns"] if each["column_name"] != "ip_address"]


def _without_top_pages(assets: Assets) -> None:
    del assets["charts/top_pages.yaml"]


FAULTS: Mapping[str, tuple[Callable[[Assets], None], str]] = {
    "metric": (_chart("top_pages", metrics=["events", "evnts"]), "metrics names evnts, which is no metric"),
    "column": (_chart("top_pages", groupby=["pge"]), "groupby names pge, which is no column"),
    "table": (_dataset(_set("table_name", "fact_event")), "analytics.fact_event is no table"),
    "foreign database": (_dataset(_set("schema", "system")), "system.fact_events is no table"),
    "physical column": (
        _dataset(lambda found: found["columns"].append({"column_name": "gone", "type": "String", "description": "x"})),
        "the table has no column gone",
    ),
    "type": (_dataset(lambda found: next(each for each in found["columns"] if each["column_name"] == "event_id").update(type="String")), "in the table, not String"),
    "description": (_dataset(lambda found: found["columns"][0].pop("description")), "has no description"),
    "column without a place": (_dataset(_without_address), "lacks the table's column ip_address"),
    "metric without words": (_dataset(lambda found: found["metrics"][0].pop("description")), "needs a verbose_name and a desc"),
    "query": (_dataset(_set("sql", "SELECT 1")), "is a query of its own"),
    "quoted name": (_dataset(_set("metrics.0.expression", "sum(`evnts`)")), "evnts is no column of the table"),
    "metric of a chart": (
        _chart("places", x={"expressionType": "SQL", "label": "x", "sqlExpression": "sum(longitude_e8)"}),
        "x: longitude_e8 is no column of the table",
    ),
    "metric of a chart for one column": (
        _chart("top_pages", metrics=[{"expressionType": "SIMPLE", "aggregate": "SUM", "column": {"column_name": "evnts"}}]),
        "metrics names evnts, which is no column",
    ),
    "filter of a chart": (
        _chart("places", adhoc_filters=[{"clause": "WHERE", "expressionType": "SIMPLE", "operator": "==", "subject": "contry"}]),
        "a filter names contry",
    ),
    "filter of a chart by an expression": (
        _chart("places", adhoc_filters=[{"clause": "WHERE", "expressionType": "SQL", "sqlExpression": "locatd > 0"}]),
        "a filter: locatd is no column of the table",
    ),
    "order": (_chart("top_pages", orderby=[["evnts", False]]), "orderby names evnts, which is no metric"),
    "order of raw rows": (_chart("top_pages", order_by_cols=['["pge", true]']), "pge is no column of its dataset"),
    "order of an axis": (_chart("top_browsers", x_axis_sort="evnts"), "evnts is neither a column nor a metric"),
    "time column of a chart": (_chart("top_pages", temporal_columns_lookup={"tme": True}), "tme is no column of its dataset"),
    "coloured column": (_chart("top_pages", conditional_formatting=[{"column": "evnts"}]), "evnts is neither a column"),
    "metric's expression": (_dataset(_set("metrics.0.expression", "sum(evnts)")), "evnts is no column of the table"),
    "metric named as a column": (_dataset(_set("metrics.0.metric_name", "build")), "the name of a column"),
    "time column": (_dataset(_set("main_dttm_col", "click_id")), "click_id is no column of times"),
    "dataset of a chart": (
        lambda assets: assets["charts/top_pages.yaml"].update(dataset_uuid="0"),
        "its dataset_uuid belongs to no file",
    ),
    "chart of a dashboard": (_without_top_pages, "shows a chart that has no"),
    "unused chart": (
        lambda assets: assets.update(
            {"charts/new.yaml": {**copy.deepcopy(assets["charts/top_pages.yaml"]), "uuid": "1"}}
        ),
        "no dashboard shows this chart",
    ),
    "wide row": (_overview(_set("position.CHART-top_pages.meta.width", 11)), "a row has room for 12"),
    "filter": (
        _overview(_set("metadata.native_filter_configuration.1.targets", [
            {"column": {"name": "browsr"}, "datasetUuid": read_assets(COMMITTED)["datasets/facts.yaml"]["uuid"]}
        ])),
        "asks for browsr",
    ),
    "filter's dataset": (
        _overview(_set(f"{_BROWSER}.targets", [{"column": {"name": "browser"}, "datasetUuid": "0"}])),
        "takes its values from a dataset that has no file",
    ),
    "filter that nothing follows": (
        _overview(_set(f"{_BROWSER}.targets", [
            {"column": {"name": "lag_s"}, "datasetUuid": read_assets(COMMITTED)["datasets/build_lags.yaml"]["uuid"]}
        ])),
        "asks for lag_s, which no chart of the page has",
    ),
    "filter's default": (
        _overview(_set(f"{_BROWSER}.defaultDataMask.extraFormData", {"filters": [{"col": "browsr", "op": "IN", "val": ["x"]}]})),
        "begins with browsr",
    ),
    "filter's scope": (_overview(_set(f"{_BROWSER}.scope.excluded", ["u-1"])), "leaves out the chart u-1"),
    "filter's parent": (_overview(_set(f"{_BROWSER}.cascadeParentIds", ["NATIVE_FILTER-x"])), "depends on NATIVE_FILTER-x"),
    "torn page": (_overview(_set("position.ROW-1.children", ["CHART-gone"])), "holds CHART-gone, which its position lacks"),
    "colour": (_overview(_set("metadata.label_colors.google", "#000000")), "'google' must have one colour everywhere"),
    "numeric id": (_chart("top_pages", slice_id=12), "is not in the form in which assets are kept"),
    "chart number": (_overview(_set("position.CHART-top_pages.meta.chartId", 12)), "is not in the form"),
    "password": (
        lambda assets: assets["databases/clickhouse.yaml"].update(sqlalchemy_uri="clickhousedb://reader:x@clickhouse/"),
        "hold no password",
    ),
    "secret": (
        lambda assets: assets["databases/clickhouse.yaml"]["extra"].update(engine_params={"connect_args": {"password": "x"}}),
        "must hold no secret",
    ),
    "same uuid": (
        lambda assets: assets["charts/purchases.yaml"].update(uuid=assets["charts/sessions.yaml"]["uuid"]),
        "needs a UUID that no other file has",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_the_check_finds(folder: Path, fault: str) -> None:
    change, message = FAULTS[fault]
    assets = read_assets(folder)
    before = set(assets)
    change(assets)
    for name in before - set(assets):
        (folder / name).unlink()
    _write(folder, assets)
    problems = check(folder, SCHEMA).problems
    assert any(message in problem for problem in problems), problems


def test_the_schema_s_text_gives_columns_of_tables_and_views() -> None:
    tables = tables_of(SCHEMA)
    assert tables["analytics.fact_events"]["user_domain_id"] == "Nullable(UUID)"
    assert tables["analytics.sessions"]["duration_s"] == "UInt32"
    assert tables["ops.table_sizes"]["size_bytes"] == "UInt64"
    assert tables["ops.user_days"]["last_event"].startswith("AggregateFunction(argMax, Tuple( String, String, String")


def test_push_then_pull_changes_nothing_and_drops_what_an_export_adds(folder: Path) -> None:
    server = MemorySuperset()
    assert push(folder, server).counts == {"databases": 1, "datasets": 20, "charts": 42, "dashboards": 7}
    assert pull(folder, server).changed == ()
    before = copy.deepcopy(server.kept)
    assert push(folder, server).kept == ()
    assert server.kept == before


def _other_default(overview: Document) -> None:
    overview["metadata"]["native_filter_configuration"][0]["defaultDataMask"] = {
        "extraFormData": {"time_range": "Last week"}, "filterState": {"value": "Last week"}
    }  # fmt: skip


def _swapped(overview: Document) -> None:
    position = overview["position"]
    position["ROW-3"]["children"].reverse()
    position["CHART-top_browsers"]["meta"]["width"], position["CHART-top_pages"]["meta"]["width"] = 6, 6


def _text_added(overview: Document) -> None:
    position = overview["position"]
    position["MARKDOWN-x"] = {
        "type": "MARKDOWN", "id": "MARKDOWN-x", "children": [], "parents": ["ROOT_ID", "GRID_ID", "ROW-3"],
        "meta": {"code": "Read me", "width": 2, "height": 20},
    }  # fmt: skip
    position["ROW-1"]["children"].append("MARKDOWN-x")


# An edit as Superset keeps it, and how many lines of the file it may change.
EDITS: Mapping[str, tuple[str, Callable[[Document], None], int]] = {
    "title of a chart": ("charts/funnel.yaml", _set("slice_name", "From home to order"), 2),
    "rows of a chart": ("charts/top_pages.yaml", _set("params.row_limit", 50), 2),
    "new condition": (
        "charts/top_pages.yaml",
        lambda chart: chart["params"]["adhoc_filters"].append(
            {"clause": "WHERE", "expressionType": "SIMPLE", "subject": "page", "operator": "!=", "comparator": "/"}
        ),
        5,
    ),
    "own metric": (
        "charts/top_pages.yaml",
        lambda chart: chart["params"]["metrics"].append(
            {"expressionType": "SQL", "label": "Builds", "sqlExpression": "max(build)"}
        ),
        3,
    ),
    "default of a filter": ("dashboards/web_analytics_overview.yaml", _other_default, 4),
    "places swapped": ("dashboards/web_analytics_overview.yaml", _swapped, 24),
    "text": ("dashboards/web_analytics_overview.yaml", _text_added, 8),
    "colour": ("dashboards/web_analytics_overview.yaml", _set("metadata.label_colors.new", "#000000"), 1),
    "chart taken away": (
        "dashboards/web_analytics_overview.yaml",
        lambda overview: overview["position"]["ROW-3"]["children"].remove("CHART-top_pages"),
        9,
    ),
    "words of a metric": ("datasets/facts.yaml", _set("metrics.0.description", "How many of them buy."), 2),
    "new metric": (
        "datasets/facts.yaml",
        lambda facts: facts["metrics"].append({"metric_name": "builds", "expression": "max(build)"}),
        2,
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_pull_writes_an_edit_and_nothing_else(folder: Path, edit: str) -> None:
    name, change, most = EDITS[edit]
    server = MemorySuperset()
    push(folder, server)
    before = (folder / name).read_text(encoding="utf-8").splitlines()
    change(server.kept[read_assets(folder)[name]["uuid"]])
    assert pull(folder, server).changed == (name,)
    after = (folder / name).read_text(encoding="utf-8").splitlines()
    lines = [line for line in unified_diff(before, after, n=0) if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert 0 < len(lines) <= most, lines
    assert pull(folder, server).changed == ()


def test_a_chart_saved_on_its_own_page_comes_back_without_controls_that_nobody_touched(folder: Path) -> None:
    server = MemorySuperset()
    push(folder, server)
    params = server.kept[read_assets(folder)["charts/top_browsers.yaml"]["uuid"]]["params"]
    for key in ("order_desc", "xAxisForceCategorical"):
        del params[key]
    params["adhoc_filters"].append(
        {
            "clause": "WHERE",
            "expressionType": "SIMPLE",
            "operator": "TEMPORAL_RANGE",
            "subject": "hour",
            "comparator": "No filter",
        }
    )
    params |= {
        "matrixify_enable": False, "matrixify_charts_per_row": 4, "echart_options": "{}", "forecastEnabled": False,
        "logAxis": False, "temporal_columns_lookup": {"time": True}, "truncate_metric": True,
    }  # fmt: skip
    assert pull(folder, server).changed == ()
    params |= {"logAxis": True, "row_limit": 25, "matrixify_enable": True}
    assert pull(folder, server).changed == ("charts/top_browsers.yaml",)
    now = read_assets(folder)["charts/top_browsers.yaml"]["params"]
    assert (now["logAxis"], now["row_limit"], now["matrixify_charts_per_row"]) == (True, 25, 4)
    assert "echart_options" not in now


def test_pull_writes_a_chart_and_a_dataset_that_a_page_of_ours_has_got(folder: Path) -> None:
    server = MemorySuperset()
    push(folder, server)
    ours = read_assets(folder)
    _put(
        server,
        "charts/Mine_7.yaml",
        {**ours["charts/top_pages.yaml"], "uuid": "u-1", "slice_name": "Mine", "dataset_uuid": "d-1"},
    )
    _put(server, "datasets/ClickHouse/mine.yaml", {**ours["datasets/facts.yaml"], "uuid": "d-1", "table_name": "mine"})
    _put(server, "charts/Elsewhere_8.yaml", {**ours["charts/top_pages.yaml"], "uuid": "u-2", "slice_name": "Elsewhere"})
    _add(
        server.kept[ours["dashboards/web_analytics_overview.yaml"]["uuid"]], "CHART-x", "CHART", uuid="u-1", chartId=99
    )
    assert pull(folder, server).changed == (
        "charts/mine.yaml", "dashboards/web_analytics_overview.yaml", "datasets/mine.yaml"
    )  # fmt: skip
    assert check(folder, SCHEMA).problems == (
        "datasets/mine.yaml: analytics.mine is no table or view of clickhouse/schema.sql.",
    )


def test_pull_writes_no_secret_of_a_connection(folder: Path) -> None:
    server = MemorySuperset()
    push(folder, server)
    connection = server.kept[read_assets(folder)["databases/clickhouse.yaml"]["uuid"]]
    connection |= {
        "sqlalchemy_uri": "clickhousedb://reader:XXXXXXXXXX@clickhouse/analytics", "password": "hush",
        "masked_encrypted_extra": '{"key": "hush"}', "ssh_tunnel": {"password": "hush"},
    }  # fmt: skip
    assert pull(folder, server).changed == ()
    connection["extra"] = {**connection["extra"], "engine_params": {"connect_args": {"password": "hush"}}}
    with pytest.raises(Stop, match="holds a secret"):
        pull(folder, server)
    assert "hush" not in (folder / "databases/clickhouse.yaml").read_text()


def _put(server: MemorySuperset, name: str, document: Document) -> None:
    server.kept[document["uuid"]] = {**copy.deepcopy(document), "__name": name}


def _add(dashboard: Document, key: str, kind: str, **meta: Any) -> None:
    """Put something at the end of a page."""
    dashboard["position"][key] = {"type": kind, "id": key, "children": [], "meta": {"width": 5, **meta}}
    dashboard["position"]["GRID_ID"]["children"].append(key)


def test_pull_without_a_push_says_what_to_do(folder: Path) -> None:
    with pytest.raises(Stop, match="dashboards push"):
        pull(folder, MemorySuperset())


def test_push_keeps_what_people_added_and_restores_the_rest(folder: Path) -> None:
    server = MemorySuperset()
    push(folder, server)
    ours = read_assets(folder)
    overview, facts = ours["dashboards/web_analytics_overview.yaml"], ours["datasets/facts.yaml"]
    _put(server, "charts/Added_99.yaml", {**ours["charts/top_pages.yaml"], "uuid": "u-1", "slice_name": "Added"})
    _put(server, "dashboards/Own_9.yaml", {**copy.deepcopy(overview), "uuid": "o-1", "dashboard_title": "Own"})
    own = copy.deepcopy(server.kept["o-1"])
    theirs = server.kept[overview["uuid"]]
    theirs["dashboard_title"] = "Mine now"
    _add(theirs, "HEADER-x", "HEADER", text="Ours")
    _add(theirs, "CHART-x", "CHART", uuid="u-1", chartId=99, sliceName="Added")
    _add(theirs, "CHART-y", "CHART", uuid="u-gone", chartId=98, sliceName="Deleted since")
    _add(theirs, "MARKDOWN-x", "MARKDOWN", code="# Read me\nfirst")
    _add(theirs, "DIVIDER-x", "DIVIDER")
    theirs["metadata"]["native_filter_configuration"].append({"id": "NATIVE_FILTER-x", "name": "Language", "scope": {}})
    server.kept[facts["uuid"]]["metrics"].append({"metric_name": "mine", "expression": "max(build)"})
    done = push(folder, server)
    assert done.kept == (
        "Web Analytics Overview: header Ours",
        "Web Analytics Overview: chart Added",
        "Web Analytics Overview: markdown # Read me",
        "Web Analytics Overview: divider DIVIDER-x",
        "Web Analytics Overview: filter Language",
        "fact_events: metric mine",
    )
    now = server.kept[overview["uuid"]]
    assert now["dashboard_title"] == "Web Analytics Overview"
    assert "u-1" in chart_nodes(now)
    assert now["position"]["GRID_ID"]["children"] == [
        "ROW-1", "ROW-2", "ROW-3", "HEADER-x", "ROW-added-CHART-u-1", "DIVIDER-x"
    ]  # fmt: skip
    assert now["position"]["ROW-added-CHART-u-1"]["children"] == ["CHART-u-1", "MARKDOWN-x"]
    assert now["position"]["MARKDOWN-x"]["meta"]["code"] == "# Read me\nfirst"
    assert server.kept["o-1"] == own
    before = copy.deepcopy(server.kept)
    assert push(folder, server).kept == done.kept, "What was kept stays kept."
    assert server.kept == before


def test_push_keeps_a_text_that_is_still_empty(folder: Path) -> None:
    server = MemorySuperset()
    push(folder, server)
    _add(
        server.kept[read_assets(folder)["dashboards/web_analytics_overview.yaml"]["uuid"]],
        "MARKDOWN-x",
        "MARKDOWN",
        code=" \n",
    )
    assert push(folder, server).kept == ("Web Analytics Overview: markdown MARKDOWN-x",)


def test_a_bundle_has_numbers_for_charts_and_parents_for_rows() -> None:
    overview = yaml.load(bundle(read_assets(COMMITTED))["dashboards/web_analytics_overview.yaml"], yaml.CSafeLoader)
    charts = [node for node in overview["position"].values() if isinstance(node, dict) and node["type"] == "CHART"]
    assert sorted(chart["meta"]["chartId"] for chart in charts) == list(range(1, len(charts) + 1))
    assert charts[0]["parents"] == ["ROOT_ID", "GRID_ID", "ROW-1"]
    assert normalised("dashboards", overview) == read_assets(COMMITTED)["dashboards/web_analytics_overview.yaml"]
