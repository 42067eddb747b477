"""Are the files of the dashboards sound? References, columns and colours, without a running Superset."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.app.dashboards_files import (
    Assets,
    Document,
    chart_nodes,
    holds_secret,
    kind_of,
    normalised,
    of_kind,
    read_assets,
)
from headwater.core.schema_text import tables_of

_ROW_WIDTH = 12
_DATABASES = frozenset({"analytics", "ops"})
_KEYWORDS = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "is",
        "null",
        "between",
        "like",
        "as",
        "case",
        "when",
        "then",
        "else",
        "end",
        "interval",
        "second",
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "true",
        "false",
        "distinct",
    ]
)
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'")
_QUOTED = re.compile(r"`([^`]+)`")
_WORD = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\b(?!\s*\()")
# Keys of a chart that name columns, one or several; and those that name metrics.
_COLUMN_KEYS = ("groupby", "columns", "all_columns", "x_axis", "entity", "series", "source", "target", "groupbyRows",
                "groupbyColumns")  # fmt: skip
_METRIC_KEYS = ("metric", "metrics", "secondary_metric", "size", "x", "y", "timeseries_limit_metric", "orderby",
                "series_limit_metric", "percent_metrics")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Soundness:
    """How many files were looked at, and what is wrong with them."""

    assets: int
    problems: tuple[str, ...]


def check(folder: Path, schema: str) -> Soundness:
    """Look at every file of `folder`; `schema` is the text of the schema's snapshot."""
    assets = read_assets(folder)
    if torn := [problem for name, dashboard in of_kind(assets, "dashboards") for problem in _torn(name, dashboard)]:
        return Soundness(len(assets), tuple(torn))
    tables = tables_of(schema)
    problems = [*_forms(assets), *_uuids(assets), *_datasets(assets, tables), *_charts(assets, tables),
                *_dashboards(assets), *_colours(assets)]  # fmt: skip
    return Soundness(len(assets), tuple(problems))


def _torn(name: str, dashboard: Document) -> Iterator[str]:
    """Places that the page refers to and that are not there; nothing else can be looked at before they are."""
    position = dashboard.get("position", {})
    for key in ("ROOT_ID", "GRID_ID"):
        if key not in position:
            yield f"{name}: its position has no {key}."
    for key, node in position.items():
        for child in node.get("children", []) if isinstance(node, dict) else []:
            if child not in position:
                yield f"{name}: {key} holds {child}, which its position lacks."


def _forms(assets: Assets) -> Iterator[str]:
    for name, document in assets.items():
        kept = normalised(kind_of(name), document, like=document)
        if json.dumps(kept) != json.dumps(document):  # the order of keys counts too
            yield (
                f"{name}: is not in the form in which assets are kept: remove what an export added (numeric ids, empty "
                "fields, query_context), and keep the order of keys. `headwater dashboards pull` writes that form."
            )
    for name, database in of_kind(assets, "databases"):
        uri = str(database.get("sqlalchemy_uri"))
        if "clickhouse" not in uri.partition("://")[0] or ":" in uri.partition("://")[2].partition("@")[0]:
            yield f"{name}: the address must be that of a ClickHouse and hold no password."
        if holds_secret(database):
            yield f"{name}: must hold no secret; the connection gets its login when it connects."


def _uuids(assets: Assets) -> Iterator[str]:
    counts = Counter(document.get("uuid") for document in assets.values())
    for name, document in assets.items():
        if counts[document.get("uuid")] > 1 or not document.get("uuid"):
            yield f"{name}: needs a UUID that no other file has."


def _known(assets: Assets, kind: str) -> dict[str, tuple[str, Document]]:
    return {str(document.get("uuid")): (name, document) for name, document in of_kind(assets, kind)}


def _datasets(assets: Assets, tables: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    databases = _known(assets, "databases")
    for name, dataset in of_kind(assets, "datasets"):
        if dataset.get("database_uuid") not in databases:
            yield f"{name}: its database_uuid belongs to no file of databases/."
        table = f"{dataset.get('schema')}.{dataset.get('table_name')}"
        if "sql" in dataset:
            yield f"{name}: is a query of its own; make it a view by a migration, so that it is tested and described."
            continue
        if dataset.get("schema") not in _DATABASES or table not in tables:
            yield f"{name}: {table} is no table or view of clickhouse/schema.sql."
            continue
        yield from _columns(name, dataset, tables[table])
        yield from _metrics(name, dataset, tables[table])


def _columns(name: str, dataset: Document, physical: Mapping[str, str]) -> Iterator[str]:
    columns = {column["column_name"]: column for column in dataset.get("columns", [])}
    for key in physical:
        if key not in columns:
            yield f"{name}: lacks the table's column {key}; give it with its type {physical[key]} and a description."
    for key, column in columns.items():
        if "expression" in column:
            yield from _expression(f"{name}: column {key}", column["expression"], physical)
        elif key not in physical:
            yield f"{name}: the table has no column {key}."
        elif column.get("type") != physical[key]:
            yield f"{name}: column {key} is {physical[key]} in the table, not {column.get('type')}."
        if not column.get("description"):
            yield f"{name}: column {key} has no description."
    main = dataset.get("main_dttm_col")
    if main is not None and not columns.get(main, {}).get("is_dttm"):
        yield f"{name}: the main time column {main} is no column of times."


def _metrics(name: str, dataset: Document, physical: Mapping[str, str]) -> Iterator[str]:
    for metric in dataset.get("metrics", []):
        yield from _expression(f"{name}: metric {metric['metric_name']}", metric["expression"], physical)
        if metric["metric_name"] in physical:
            yield f"{name}: metric {metric['metric_name']} has the name of a column, which ClickHouse would confuse."
        if not metric.get("description") or not metric.get("verbose_name"):
            yield f"{name}: metric {metric['metric_name']} needs a verbose_name and a description."


def _expression(where: str, expression: str, physical: Mapping[str, str]) -> Iterator[str]:
    bare = _TEXT.sub("''", expression)
    words = {word for word in _WORD.findall(_QUOTED.sub("", bare)) if word.lower() not in _KEYWORDS}
    for word in sorted(words | set(_QUOTED.findall(bare))):
        if word not in physical:
            yield f"{where}: {word} is no column of the table."


def _charts(assets: Assets, tables: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    datasets = _known(assets, "datasets")
    for name, chart in of_kind(assets, "charts"):
        if chart.get("dataset_uuid") not in datasets:
            yield f"{name}: its dataset_uuid belongs to no file of datasets/."
            continue
        _, dataset = datasets[str(chart["dataset_uuid"])]
        params = chart.get("params", {})
        if params.get("viz_type") != chart.get("viz_type"):
            yield f"{name}: viz_type differs from that of its params."
        physical = tables.get(f"{dataset.get('schema')}.{dataset.get('table_name')}", {})
        yield from _params(name, params, dataset, physical)


def _params(name: str, params: Mapping[str, Any], dataset: Document, physical: Mapping[str, str]) -> Iterator[str]:
    """Whatever a chart calls by name or by an expression of its own."""
    columns = _names(dataset, "columns", "column_name")
    metrics = _names(dataset, "metrics", "metric_name")
    for keys, known, kind in ((_COLUMN_KEYS, columns, "column"), (_METRIC_KEYS, metrics, "metric")):
        for key in keys:
            for each in _flat(params.get(key)):
                if isinstance(each, dict):
                    yield from _own(f"{name}: {key}", each, columns, physical)
                elif each not in known:
                    yield f"{name}: {key} names {each}, which is no {kind} of its dataset."
    for each in params.get("adhoc_filters", []):
        yield from _own(f"{name}: a filter", each, columns, physical)
    yield from _orders(name, params, columns, metrics)


def _orders(name: str, params: Mapping[str, Any], columns: set[str], metrics: set[str]) -> Iterator[str]:
    """What a chart sorts, colours or formats by."""
    coloured = [each.get("column") for each in params.get("conditional_formatting", [])]
    for each in filter(None, [params.get("x_axis_sort"), *coloured]):
        if each not in columns | metrics:
            yield f"{name}: {each} is neither a column nor a metric of its dataset."
    pairs = params.get("order_by_cols", [])
    ordered = [(json.loads(each) if isinstance(each, str) else each)[0] for each in pairs]
    for each in [*ordered, *params.get("temporal_columns_lookup", {})]:
        if each not in columns:
            yield f"{name}: {each} is no column of its dataset."


def _own(where: str, each: Mapping[str, Any], columns: set[str], physical: Mapping[str, str]) -> Iterator[str]:
    """A metric, column or filter that the chart itself defines: by an expression, or for one column."""
    if expression := each.get("sqlExpression"):
        yield from _expression(where, expression, physical)
    named = each.get("subject") or (each.get("column") or {}).get("column_name")
    if named and each.get("expressionType") != "SQL" and named not in columns:
        yield f"{where} names {named}, which is no column of its dataset."


def _flat(value: Any) -> Iterator[Any]:
    """The names and definitions in a value, which may be one, a list, or pairs with the direction of an order."""
    if isinstance(value, list):
        for each in value:
            yield from _flat(each)
    elif value and isinstance(value, str | dict):
        yield value


def _names(dataset: Document, key: str, name: str) -> set[str]:
    return {each[name] for each in dataset.get(key, [])}


def _dashboards(assets: Assets) -> Iterator[str]:
    charts, datasets = _known(assets, "charts"), _known(assets, "datasets")
    used: set[str] = set()
    for name, dashboard in of_kind(assets, "dashboards"):
        nodes = chart_nodes(dashboard)
        used |= set(nodes)
        for uuid, node in nodes.items():
            if uuid not in charts:
                yield f"{name}: {node['id']} shows a chart that has no file."
        yield from _rows(name, dashboard["position"])
        shown = [
            datasets.get(str(charts[uuid][1].get("dataset_uuid")), ("", {}))[1] for uuid in nodes if uuid in charts
        ]
        reached = set[str]().union(*(_names(dataset, "columns", "column_name") for dataset in shown))
        yield from _filters(name, dashboard, datasets, reached)
    for uuid, (name, _) in charts.items():
        if uuid not in used:
            yield f"{name}: no dashboard shows this chart."


def _rows(name: str, position: Mapping[str, Any]) -> Iterator[str]:
    for node in position.values():
        if isinstance(node, dict) and node.get("type") == "ROW":
            width = sum(position[child]["meta"].get("width", 0) for child in node.get("children", []))
            if width > _ROW_WIDTH:
                yield f"{name}: {node['id']} is {width} wide; a row has room for {_ROW_WIDTH}."


def _filters(
    name: str, dashboard: Document, datasets: Mapping[str, tuple[str, Document]], reached: set[str]
) -> Iterator[str]:
    """The filters of a page; `reached` are the columns of its charts."""
    nodes = chart_nodes(dashboard)
    filters = dashboard.get("metadata", {}).get("native_filter_configuration", [])
    known = {each.get("id") for each in filters}
    for each in filters:
        where = f"{name}: the filter {each.get('name')}"
        yield from _targets(where, each, datasets, reached)
        for uuid in each.get("scope", {}).get("excluded", []):
            if uuid not in nodes:
                yield f"{where} leaves out the chart {uuid}, which is not on the page."
        for parent in each.get("cascadeParentIds", []):
            if parent not in known:
                yield f"{where} depends on {parent}, which is no filter of the page."


def _targets(
    where: str, each: Mapping[str, Any], datasets: Mapping[str, tuple[str, Document]], reached: set[str]
) -> Iterator[str]:
    """A filter's own columns, and those that its default names."""
    for target in each.get("targets", []):
        uuid, column = target.get("datasetUuid"), target.get("column", {}).get("name")
        if uuid is None:
            continue
        if uuid not in datasets:
            yield f"{where} takes its values from a dataset that has no file."
        elif column not in _names(datasets[uuid][1], "columns", "column_name"):
            yield f"{where} asks for {column}, which its dataset lacks."
        elif column not in reached:
            yield f"{where} asks for {column}, which no chart of the page has."
    for condition in each.get("defaultDataMask", {}).get("extraFormData", {}).get("filters", []):
        if condition.get("col") not in reached:
            yield f"{where} begins with {condition.get('col')}, which no chart of the page has."


def _colours(assets: Assets) -> Iterator[str]:
    chosen: dict[str, dict[str, str]] = defaultdict(dict)
    for name, dashboard in of_kind(assets, "dashboards"):
        for label, colour in dashboard.get("metadata", {}).get("label_colors", {}).items():
            chosen[label].setdefault(colour, name)
    for label, colours in chosen.items():
        if len(colours) > 1:
            shown = ", ".join(f"{colour} in {name}" for colour, name in colours.items())
            yield f"{label!r} must have one colour everywhere, and has {shown}."
