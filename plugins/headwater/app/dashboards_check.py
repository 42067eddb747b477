"""Are the files of the dashboards sound? References, columns and colours, without a running Superset."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.app.dashboards_files import (
    Assets,
    Document,
    chart_nodes,
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
_WORD = re.compile(r"(?<![\w.`])([A-Za-z_]\w*)\b(?!\s*\()")
# Keys of a chart that name columns, one or several; and those that name metrics.
_COLUMN_KEYS = ("groupby", "columns", "all_columns", "x_axis", "entity", "series", "source", "target", "groupbyRows",
                "groupbyColumns")  # fmt: skip
_METRIC_KEYS = ("metric", "metrics", "secondary_metric", "size", "x", "y", "timeseries_limit_metric", "orderby",
                "series_limit_metric")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Soundness:
    """How many files were looked at, and what is wrong with them."""

    assets: int
    problems: tuple[str, ...]


def check(folder: Path, schema: str) -> Soundness:
    """Look at every file of `folder`; `schema` is the text of the schema's snapshot."""
    assets = read_assets(folder)
    problems = [*_forms(assets), *_uuids(assets), *_datasets(assets, tables_of(schema)), *_charts(assets),
                *_dashboards(assets), *_colours(assets)]  # fmt: skip
    return Soundness(len(assets), tuple(problems))


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
        if "sql" in dataset or dataset.get("schema") not in _DATABASES or table not in tables:
            yield f"{name}: {table} is no table or view of clickhouse/schema.sql."
            continue
        yield from _columns(name, dataset, tables[table])


def _columns(name: str, dataset: Document, physical: Mapping[str, str]) -> Iterator[str]:
    columns = {column["column_name"]: column for column in dataset["columns"]}
    for key, column in columns.items():
        if "expression" in column:
            yield from _expression(f"{name}: column {key}", column["expression"], physical)
        elif key not in physical:
            yield f"{name}: the table has no column {key}."
        elif column.get("type") != physical[key]:
            yield f"{name}: column {key} is {physical[key]} in the table, not {column.get('type')}."
        if not column.get("description"):
            yield f"{name}: column {key} has no description."
    for metric in dataset.get("metrics", []):
        yield from _expression(f"{name}: metric {metric['metric_name']}", metric["expression"], physical)
        if metric["metric_name"] in physical:
            yield f"{name}: metric {metric['metric_name']} has the name of a column, which ClickHouse would confuse."
    main = dataset.get("main_dttm_col")
    if main is not None and not columns.get(main, {}).get("is_dttm"):
        yield f"{name}: the main time column {main} is no column of times."


def _expression(where: str, expression: str, physical: Mapping[str, str]) -> Iterator[str]:
    words = set(_WORD.findall(_TEXT.sub("''", expression)))
    for word in sorted(words):
        if word.lower() not in _KEYWORDS and word not in physical:
            yield f"{where}: {word} is no column of the table."


def _charts(assets: Assets) -> Iterator[str]:
    datasets = _known(assets, "datasets")
    for name, chart in of_kind(assets, "charts"):
        if chart.get("dataset_uuid") not in datasets:
            yield f"{name}: its dataset_uuid belongs to no file of datasets/."
            continue
        _, dataset = datasets[str(chart["dataset_uuid"])]
        params = chart.get("params", {})
        if params.get("viz_type") != chart.get("viz_type"):
            yield f"{name}: viz_type differs from that of its params."
        columns = {column["column_name"] for column in dataset["columns"]}
        metrics = {metric["metric_name"] for metric in dataset.get("metrics", [])}
        for key, value in _named(params, _COLUMN_KEYS):
            if value not in columns:
                yield f"{name}: {key} names {value}, which is no column of its dataset."
        for key, value in _named(params, _METRIC_KEYS):
            if value not in metrics:
                yield f"{name}: {key} names {value}, which is no metric of its dataset."
        for each in params.get("adhoc_filters", []):
            if each.get("expressionType") == "SIMPLE" and each.get("subject") not in columns:
                yield f"{name}: a filter names {each.get('subject')}, which is no column of its dataset."


def _named(params: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for key in keys:
        value = params.get(key)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str):
                yield key, each


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
        for each in dashboard.get("metadata", {}).get("native_filter_configuration", []):
            yield from _targets(f"{name}: the filter {each.get('name')}", each.get("targets", []), datasets)
    for uuid, (name, _) in charts.items():
        if uuid not in used:
            yield f"{name}: no dashboard shows this chart."


def _rows(name: str, position: Mapping[str, Any]) -> Iterator[str]:
    for node in position.values():
        if isinstance(node, dict) and node.get("type") == "ROW":
            width = sum(position[child]["meta"].get("width", 0) for child in node.get("children", []))
            if width > _ROW_WIDTH:
                yield f"{name}: {node['id']} is {width} wide; a row has room for {_ROW_WIDTH}."


def _targets(
    where: str, targets: Iterable[Mapping[str, Any]], datasets: Mapping[str, tuple[str, Document]]
) -> Iterator[str]:
    for target in targets:
        uuid, column = target.get("datasetUuid"), target.get("column", {}).get("name")
        if uuid is None:
            continue
        known = {found["column_name"] for found in datasets.get(uuid, ("", {"columns": []}))[1]["columns"]}
        if column not in known:
            yield f"{where} asks for {column}, which its dataset lacks."


def _colours(assets: Assets) -> Iterator[str]:
    chosen: dict[str, dict[str, str]] = defaultdict(dict)
    for name, dashboard in of_kind(assets, "dashboards"):
        for label, colour in dashboard.get("metadata", {}).get("label_colors", {}).items():
            chosen[label].setdefault(colour, name)
    for label, colours in chosen.items():
        if len(colours) > 1:
            shown = ", ".join(f"{colour} in {name}" for colour, name in colours.items())
            yield f"{label!r} must have one colour everywhere, and has {shown}."
