"""Put the dashboards of this project into a Superset, and take edits made there back into the files."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

from headwater.app.dashboards_files import (
    KINDS,
    Assets,
    Document,
    bundle,
    chart_nodes,
    holds_secret,
    kind_of,
    normalised,
    of_kind,
    read_assets,
    text_of,
)
from headwater.errors import Stop

_ADDED_ROW = "ROW-added"
_GRID = "GRID_ID"
_ROW_WIDTH = 12
_SEEN = frozenset({"CHART", "MARKDOWN", "HEADER", "DIVIDER", "DYNAMIC"})
_OUTSIDE_ROWS = frozenset({"HEADER", "DIVIDER"})


class DashboardServer(Protocol):
    """A Superset."""

    def export_assets(self) -> dict[str, str]:
        """Every asset as path and YAML text."""
        ...

    def import_assets(self, files: Mapping[str, str]) -> None:
        """Make these assets, or change those that have the same UUIDs; all or none."""
        ...


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push put in, by kind, and what it found there and kept."""

    counts: Mapping[str, int]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pulled:
    """Files that a pull wrote."""

    changed: tuple[str, ...]


def push(folder: Path, server: DashboardServer) -> Pushed:
    """Make the server's assets those of the files; what people added there stays.

    Kept are their own charts and dashboards, metrics and columns that they added to our datasets, and charts, texts and
    filters that they added to our dashboards. Changes of what the files define are undone: `pull` takes them over.
    """
    ours = read_assets(folder)
    theirs = _by_uuid(_parsed(server.export_assets()))
    kept: list[str] = []
    charts = {uuid for uuid, each in theirs.items() if "slice_name" in each}
    merged = {
        name: _with_additions(kind_of(name), each, theirs.get(each["uuid"]), charts, kept)
        for name, each in ours.items()
    }
    server.import_assets(bundle(merged))
    return Pushed({kind: sum(1 for _ in of_kind(ours, kind)) for kind in KINDS}, tuple(kept))


def pull(folder: Path, server: DashboardServer) -> Pulled:
    """Write what the server says of our assets into the files, and new files for charts added to our dashboards.

    Raises `Stop` when one of ours is not there (a push has to come first), and where a connection holds a secret.
    """
    ours = read_assets(folder)
    theirs = _by_uuid(_parsed(server.export_assets()))
    absent = [name for name, each in ours.items() if each["uuid"] not in theirs]
    if absent:
        raise Stop(
            f"Superset has no {', '.join(absent[:3])}{' and others' if len(absent) > 3 else ''}. Run "
            "`headwater dashboards push` first, or remove the files and what refers to them."
        )
    fresh: Assets = {name: normalised(kind_of(name), theirs[each["uuid"]], like=each) for name, each in ours.items()}
    known = {each["uuid"] for each in ours.values()}
    for _, dashboard in list(of_kind(fresh, "dashboards")):
        _adopt(chart_nodes(dashboard), "charts", theirs, known, fresh)
    datasets = [chart["dataset_uuid"] for _, chart in of_kind(fresh, "charts")]
    _adopt(datasets, "datasets", theirs, known, fresh)
    for name, database in of_kind(fresh, "databases"):
        if holds_secret(database):
            raise Stop(
                f"The connection {database.get('database_name')} holds a secret in Superset, which {name} must not. "
                "Take it out of the connection's engine parameters there. Nothing was written."
            )
    changed = []
    for name, document in fresh.items():
        path = folder / name
        text = text_of(document)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return Pulled(tuple(sorted(changed)))


def _adopt(uuids: Iterable[str], kind: str, theirs: Mapping[str, Document], known: set[str], into: Assets) -> None:
    """Take assets that ours refer to and that have no file yet."""
    for uuid in uuids:
        if uuid in known or uuid not in theirs:
            continue
        known.add(uuid)
        document = theirs[uuid]
        title = str(document.get("slice_name") or document.get("table_name"))
        name = re.sub(r"\W+", "_", title.lower()).strip("_")
        path = f"{kind}/{name}.yaml"
        into[path if path not in into else f"{kind}/{name}_{uuid[:8]}.yaml"] = normalised(kind, document)


def _parsed(files: Mapping[str, str]) -> Assets:
    return {name: yaml.load(text, yaml.CSafeLoader) for name, text in files.items() if kind_of(name) in KINDS}


def _by_uuid(assets: Assets) -> dict[str, Document]:
    return {str(document["uuid"]): document for document in assets.values()}


def _with_additions(
    kind: str, ours: Document, theirs: Document | None, charts: Collection[str], kept: list[str]
) -> Document:
    found = copy.deepcopy(ours)
    if theirs is None:
        return found
    if kind == "datasets":
        for key, name in (("metrics", "metric_name"), ("columns", "column_name")):
            known = {each[name] for each in found.get(key, [])}
            added = [each for each in theirs.get(key, []) if each[name] not in known]
            found[key] = [*found.get(key, []), *added]
            kept += [f"{ours['table_name']}: {key[:-1]} {each[name]}" for each in added]
    elif kind == "dashboards":
        _keep_places(found, theirs, charts, kept)
        _keep_filters(found, theirs, kept)
    return found


def _keep_places(ours: Document, theirs: Document, charts: Collection[str], kept: list[str]) -> None:
    """Charts, texts, headings and lines that people added come to the end of the page, in rows of their own.

    `charts` are those that the server has: a place whose chart was deleted is given up.
    """
    position, known = ours["position"], chart_nodes(ours)
    row: Document | None = None
    left = 0
    for node in _leaves(theirs["position"]):
        meta = node.get("meta", {})
        uuid = meta.get("uuid")
        if node["id"] in position or (node["type"] == "CHART" and (uuid in known or uuid not in charts)):
            continue
        key = f"CHART-{uuid}" if node["type"] == "CHART" else str(node["id"])
        width = int(meta.get("width", 4))
        position[key] = {**node, "id": key}
        kept.append(f"{ours['dashboard_title']}: {_title(node)}")
        if node["type"] in _OUTSIDE_ROWS:
            position[_GRID]["children"] = [*position[_GRID]["children"], key]
            row = None
            continue
        if row is None or width > left:
            name = f"{_ADDED_ROW}-{key}"
            row = {"type": "ROW", "id": name, "children": [], "meta": {"background": "BACKGROUND_TRANSPARENT"}}
            position[name] = row
            position[_GRID]["children"] = [*position[_GRID]["children"], name]
            left = _ROW_WIDTH
        left -= width
        row["children"] = [*row["children"], key]


def _leaves(position: Document) -> Iterator[Document]:
    """What is to be seen on a page, in the order of the page."""
    pending = ["ROOT_ID"]
    while pending:
        node = position.get(pending.pop(0), {})
        if node.get("type") in _SEEN:
            yield node
        pending = [*node.get("children", []), *pending]


def _title(node: Document) -> str:
    meta = node.get("meta", {})
    words = [str(meta.get(key) or "").strip() for key in ("sliceName", "code", "text")]
    return f"{node['type'].lower()} {next(filter(None, words), node['id']).splitlines()[0][:60]}"


def _keep_filters(ours: Document, theirs: Document, kept: list[str]) -> None:
    filters = ours["metadata"].get("native_filter_configuration", [])
    known = {each["id"] for each in filters}
    theirs_filters = normalised("dashboards", theirs)["metadata"].get("native_filter_configuration", [])
    added = [each for each in theirs_filters if each["id"] not in known]
    ours["metadata"]["native_filter_configuration"] = [*filters, *added]
    kept += [f"{ours['dashboard_title']}: filter {each.get('name', each['id'])}" for each in added]
