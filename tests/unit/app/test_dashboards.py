"""The dashboards' files without a Superset: the check finds what is wrong, pushes and pulls keep what they should."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
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
            if name.startswith("charts/"):
                found["params"] = {**found["params"], "datasource": "7__table", "slice_id": 12}
                found |= {"query_context": "{}", "cache_timeout": None, "certified_by": None}
            files[name] = yaml.dump(found, Dumper=yaml.CSafeDumper, sort_keys=False)
        return files


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
    "colour": (_overview(_set("metadata.label_colors.google", "#000000")), "'google' must have one colour everywhere"),
    "numeric id": (_chart("top_pages", slice_id=12), "is not in the form in which assets are kept"),
    "chart number": (_overview(_set("position.CHART-top_pages.meta.chartId", 12)), "is not in the form"),
    "password": (
        lambda assets: assets["databases/clickhouse.yaml"].update(sqlalchemy_uri="clickhousedb://reader:x@clickhouse/"),
        "hold no password",
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


def test_pull_writes_an_edit_and_nothing_else(folder: Path) -> None:
    server = MemorySuperset()
    push(folder, server)
    uuid = read_assets(folder)["charts/funnel.yaml"]["uuid"]
    server.kept[uuid]["slice_name"] = "From home to order"
    assert pull(folder, server).changed == ("charts/funnel.yaml",)
    assert read_assets(folder)["charts/funnel.yaml"]["slice_name"] == "From home to order"


def test_pull_without_a_push_says_what_to_do(folder: Path) -> None:
    with pytest.raises(Stop, match="dashboards push"):
        pull(folder, MemorySuperset())


def test_push_keeps_added_charts_filters_and_metrics_and_restores_the_rest(folder: Path) -> None:
    server = MemorySuperset()
    push(folder, server)
    ours = read_assets(folder)
    overview, facts = ours["dashboards/web_analytics_overview.yaml"], ours["datasets/facts.yaml"]
    theirs = server.kept[overview["uuid"]]
    theirs["dashboard_title"] = "Mine now"
    theirs["position"]["CHART-x"] = {
        "type": "CHART", "id": "CHART-x", "meta": {"uuid": "u-1", "chartId": 99, "width": 5, "sliceName": "Added"}
    }  # fmt: skip
    theirs["position"]["GRID_ID"]["children"].append("CHART-x")
    theirs["metadata"]["native_filter_configuration"].append({"id": "NATIVE_FILTER-x", "name": "Language", "scope": {}})
    server.kept[facts["uuid"]]["metrics"].append({"metric_name": "mine", "expression": "max(build)"})
    done = push(folder, server)
    assert set(done.kept) == {
        "fact_events: metric mine",
        "Web Analytics Overview: chart Added",
        "Web Analytics Overview: filter Language",
    }
    now = server.kept[overview["uuid"]]
    assert now["dashboard_title"] == "Web Analytics Overview"
    assert "u-1" in chart_nodes(now)
    assert push(folder, server).kept == done.kept, "What was kept stays kept."


def test_a_bundle_has_numbers_for_charts_and_parents_for_rows() -> None:
    overview = yaml.load(bundle(read_assets(COMMITTED))["dashboards/web_analytics_overview.yaml"], yaml.CSafeLoader)
    charts = [node for node in overview["position"].values() if isinstance(node, dict) and node["type"] == "CHART"]
    assert sorted(chart["meta"]["chartId"] for chart in charts) == list(range(1, len(charts) + 1))
    assert charts[0]["parents"] == ["ROOT_ID", "GRID_ID", "ROW-1"]
    assert normalised("dashboards", overview) == read_assets(COMMITTED)["dashboards/web_analytics_overview.yaml"]
