"""Dashboards as files: reading, writing, and the one form in which each asset is kept.

The files are Superset's import format without what an export adds: numeric ids, empty fields, the owner's leftovers.
Charts stand in a dashboard by their UUID; `bundle` gives them the numbers that Superset's importer wants.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from headwater.errors import FixSettings

Document = dict[str, Any]
Assets = dict[str, Document]

KINDS = ("databases", "datasets", "charts", "dashboards")
_HEADS: Mapping[str, tuple[str, ...]] = {
    "databases": ("database_name", "sqlalchemy_uri"),
    "datasets": ("table_name", "schema", "description", "main_dttm_col", "metrics", "columns"),
    "charts": ("slice_name", "description", "viz_type", "dataset_uuid", "params"),
    "dashboards": ("dashboard_title", "slug", "description", "published", "position", "metadata"),
}
_TAILS = ("database_uuid", "uuid", "version")
# What Superset writes by itself when nobody has chosen anything; said only where it differs.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "databases": {"cache_timeout": None, "allow_run_async": False, "allow_ctas": False, "allow_cvas": False,
                  "allow_dml": False, "impersonate_user": False, "configuration_method": "sqlalchemy_form"},
    "datasets": {"offset": 0, "filter_select_enabled": True, "normalize_columns": False,
                 "always_filter_main_dttm": False},
    "columns": {"is_active": True, "groupby": True, "filterable": True, "is_dttm": False},
    "metrics": {},
    "charts": {},
    "dashboards": {"css": "", "certification_details": "", "certified_by": ""},
}  # fmt: skip
_COLUMN_HEAD = ("column_name", "metric_name", "verbose_name", "type", "expression", "description")
_LEFTOVER_PARAMS = frozenset({"datasource", "slice_id", "dashboards", "url_params", "extra_form_data", "dashboardId"})
# What the page of a chart writes for controls that nobody has touched, where the chart's file does not name them.
_UNCHOSEN: Mapping[str, Any] = {
    "allow_render_html": True, "area": False, "colSubtotalPosition": False, "color_by_primary_axis": False,
    "color_scheme": "headwater",
    "comparison_color_enabled": False, "comparison_color_scheme": "Green", "comparison_type": "values",
    "echart_options": "{}", "force_max_interval": False, "force_timestamp_formatting": False, "forecastEnabled": False,
    "forecastInterval": 0.8, "forecastPeriods": 10, "group_others_when_limit_reached": False,
    "legendOrientation": "top", "legendType": "scroll", "linear_color_scheme": "superset_seq_1", "logAxis": False,
    "metric_name_font_size": 0.15, "minorSplitLine": False, "minorTicks": False, "opacity": 0.2, "order_desc": True,
    "percent_metric_calculation": "row_limit", "percentage_threshold": 0, "rowSubtotalPosition": False,
    "server_pagination": False, "showTooltipPercentage": False, "showTooltipTotal": True, "show_empty_columns": True,
    "show_value": False, "show_x_axis": False, "show_x_axis_min_max_labels": False, "show_y_axis": False,
    "show_y_axis_min_max_labels": False, "sort_series_ascending": False, "sort_series_type": "sum",
    "subheader_font_size": 0.15, "threshold_for_other": 0, "time_shift_color": True, "tooltipSortByMetric": False,
    "truncate_metric": True, "xAxisForceCategorical": False, "xAxisLabelInterval": "auto", "xAxisLabelRotation": 0,
    "x_axis_number_format": "~g", "x_axis_sort_asc": True, "x_axis_time_format": "smart_date", "x_axis_title": "",
    "yAxisLabelRotation": 0, "y_axis_title": "", "y_axis_title_position": "Left",
}  # fmt: skip
# What it leaves out where the control is not to be seen, and what it makes of the dataset's columns.
_UNSEEN = (
    "order_desc", "orientation", "seriesType", "server_page_length", "xAxisForceCategorical", "x_axis_bounds",
)  # fmt: skip
_DERIVED = "temporal_columns_lookup"
_LEFTOVER_METADATA = frozenset(
    {
        "chart_configuration", "global_chart_configuration", "shared_label_colors", "map_label_colors",
        "color_scheme_domain", "default_filters", "import_time", "filter_scopes", "expanded_slices",
        "timed_refresh_immune_slices", "color_namespace",
    }
)  # fmt: skip
# A file holds no secret of a connection, not even a masked one.
_NEVER_KEPT = (
    "allow_csv_upload", "allow_file_upload", "server_cert", "password", "encrypted_extra", "masked_encrypted_extra",
    "ssh_tunnel",
)  # fmt: skip
_SECRET = re.compile(r'"\w*(?:password|secret|token|private_key|encrypted_extra)\w*":')
_PASSWORD = re.compile(r"(?<=://)([^:@/]*):[^@/]*@")
_LEFTOVER_FILTER = frozenset({"chartsInScope", "tabsInScope"})


def read_assets(folder: Path) -> Assets:
    """All files below `folder` by their path. Raises `FixSettings` naming a file that is no YAML mapping."""
    found = {}
    for path in sorted(folder.glob("*/**/*.yaml")):
        name = path.relative_to(folder).as_posix()
        try:
            document = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        except yaml.YAMLError as error:
            raise FixSettings(f"{path} is not YAML: {error}") from error
        if not isinstance(document, dict):
            raise FixSettings(f"{path} must hold one mapping.", path=path)
        found[name] = document
    return found


def kind_of(name: str) -> str:
    """`charts` of `charts/top_pages.yaml`."""
    return name.partition("/")[0]


def of_kind(assets: Mapping[str, Document], kind: str) -> Iterator[tuple[str, Document]]:
    """The assets of one kind with their paths."""
    return ((name, document) for name, document in assets.items() if kind_of(name) == kind)


def text_of(document: Document) -> str:
    """The YAML of an asset."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def normalised(kind: str, document: Document, like: Document | None = None) -> Document:
    """The one form of an asset; lists that have no order of their own keep that of `like`, new members last."""
    found = _without(copy.deepcopy(document), _DEFAULTS[kind])
    if kind == "databases":
        for key in _NEVER_KEPT:
            found.pop(key, None)
        found["sqlalchemy_uri"] = _PASSWORD.sub(r"\1@", str(found.get("sqlalchemy_uri", "")))
    elif kind == "datasets":
        found.pop("folders", None)
        for key, name in (("metrics", "metric_name"), ("columns", "column_name")):
            members = [_ordered(_without(each, _DEFAULTS[key]), _COLUMN_HEAD, ()) for each in found.get(key, [])]
            order = {each[name]: place for place, each in enumerate((like or {}).get(key, []))}
            found[key] = sorted(members, key=lambda each: (order.get(each[name], len(order)), each[name]))
    elif kind == "charts":
        found.pop("query_context", None)
        found["params"] = _kept_params(found.get("params", {}), (like or {}).get("params"))
    elif kind == "dashboards":
        found.pop("theme_uuid", None)
        found["position"] = _kept_position(found.get("position", {}))
        uuids = _uuid_by_number(document.get("position", {}))
        found["metadata"] = _kept_metadata(found.get("metadata", {}), uuids)
    return _ordered(found, _HEADS[kind], _TAILS)


def bundle(assets: Mapping[str, Document]) -> dict[str, str]:
    """The files of an import: numbers for charts, parents for what a dashboard holds, and the metadata file."""
    files = {"metadata.yaml": text_of({"version": "1.0.0", "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"})}
    for name, document in assets.items():
        found = copy.deepcopy(document)
        if kind_of(name) == "dashboards":
            _number_charts(found)
        if kind_of(name) == "datasets":
            # The importer takes a missing field of an existing asset as unchanged.
            for column in found.get("columns", []):
                column.update({key: column.get(key, usual) for key, usual in _DEFAULTS["columns"].items()})
        files[name] = text_of(found)
    return files


def holds_secret(database: Document) -> bool:
    """Whether a connection names a field that is for secrets."""
    return bool(_SECRET.search(json.dumps(database)))


def chart_nodes(dashboard: Document) -> dict[str, Document]:
    """The places of charts in a dashboard, by the chart's UUID."""
    nodes = (node for node in dashboard.get("position", {}).values() if isinstance(node, dict))
    return {node["meta"]["uuid"]: node for node in nodes if node.get("type") == "CHART" and "uuid" in node["meta"]}


def _number_charts(dashboard: Document) -> None:
    numbers = {uuid: number for number, uuid in enumerate(chart_nodes(dashboard), start=1)}
    for uuid, node in chart_nodes(dashboard).items():
        node["meta"]["chartId"] = numbers[uuid]
    for each in dashboard.get("metadata", {}).get("native_filter_configuration", []):
        scope = each.get("scope", {})
        scope["excluded"] = [numbers[uuid] for uuid in scope.get("excluded", []) if uuid in numbers]
    position = dashboard["position"]
    _set_parents(position, "ROOT_ID", [])


def _set_parents(position: Document, key: str, parents: list[str]) -> None:
    node = position[key]
    if parents:
        node["parents"] = parents
    for child in node.get("children", []):
        _set_parents(position, child, [*parents, key])


def _uuid_by_number(position: Mapping[str, Any]) -> dict[int, str]:
    metas = (node["meta"] for node in position.values() if isinstance(node, dict) and node.get("type") == "CHART")
    return {meta["chartId"]: meta["uuid"] for meta in metas if "chartId" in meta and "uuid" in meta}


def _kept_params(params: Mapping[str, Any], like: Mapping[str, Any] | None) -> Document:
    """Without what the page of a chart adds whenever somebody saves it there."""
    kept = {key: value for key, value in params.items() if key not in _LEFTOVER_PARAMS and value is not None}
    if not kept.get("annotation_layers"):
        kept.pop("annotation_layers", None)
    if not kept.get("matrixify_enable"):
        kept = {key: value for key, value in kept.items() if not key.startswith("matrixify_")}
    if like is not None:
        kept = {key: value for key, value in kept.items() if key in like or _UNCHOSEN.get(key, kept) != value}
        kept.pop(_DERIVED, None)
        kept |= {key: like[key] for key in (*_UNSEEN, _DERIVED) if key in like and key not in kept}
    if "adhoc_filters" in kept:
        kept["adhoc_filters"] = [each for each in kept["adhoc_filters"] if each.get("comparator") != "No filter"]
    found: Document = _deeply_sorted(kept)
    return found


def _kept_position(position: Mapping[str, Any]) -> Document:
    kept: Document = {}
    for key in _walk(position):
        node = position[key]
        if not isinstance(node, dict):
            kept[key] = node
            continue
        node = {name: value for name, value in node.items() if name != "parents"}
        if node.get("type") == "CHART":
            node["meta"] = {name: value for name, value in node["meta"].items() if name != "chartId"}
        if "meta" in node:
            node["meta"] = dict(sorted(node["meta"].items()))
        if not node.get("children", True):
            node.pop("children")
        kept[key] = _ordered(node, ("type", "id", "children", "meta"), ())
    return kept


def _walk(position: Mapping[str, Any]) -> Iterator[str]:
    """Keys in the order in which the page shows them; what hangs nowhere comes last and is left out."""
    for key in ("DASHBOARD_VERSION_KEY", "HEADER_ID"):
        if key in position:
            yield key
    pending = ["ROOT_ID"] if "ROOT_ID" in position else []
    while pending:
        key = pending.pop(0)
        yield key
        pending = [*position[key].get("children", []), *pending]


def _kept_metadata(metadata: Mapping[str, Any], uuids: Mapping[int, str]) -> Document:
    kept = {key: value for key, value in metadata.items() if key not in _LEFTOVER_METADATA}
    filters = []
    for each in kept.get("native_filter_configuration", []):
        found = {key: value for key, value in each.items() if key not in _LEFTOVER_FILTER}
        scope = dict(found.get("scope", {}))
        scope["excluded"] = sorted(str(uuids.get(number, number)) for number in scope.get("excluded", []))
        filters.append(_deeply_sorted({**found, "scope": scope}))
    if filters:
        kept["native_filter_configuration"] = filters
    kept = {key: value for key, value in kept.items() if value not in (None, "", [], {})}
    order = kept.pop("native_filter_configuration", None)
    found_order: Document = _deeply_sorted(kept)
    return {**found_order, "native_filter_configuration": order} if order else found_order


def _without(document: Document, defaults: Mapping[str, Any]) -> Document:
    kept = {key: value for key, value in document.items() if value is not None and value not in ("", [], {})}
    return {key: value for key, value in kept.items() if key not in defaults or value != defaults[key]}


def _ordered(document: Document, head: tuple[str, ...], tail: tuple[str, ...]) -> Document:
    middle = sorted(set(document) - set(head) - set(tail))
    return {key: document[key] for key in (*head, *middle, *tail) if key in document}


def _deeply_sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _deeply_sorted(value[key]) for key in sorted(value)}
    return [_deeply_sorted(each) for each in value] if isinstance(value, list) else value


class _Dumper(yaml.CSafeDumper):
    """Text of several lines as a block."""


def _text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
