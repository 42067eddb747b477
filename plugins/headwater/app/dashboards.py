"""Put the dashboards of this project into a Superset, and take edits made there back into the files."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
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

    Kept are their own charts and dashboards, metrics and columns that they added to our datasets, and charts and
    filters that they added to our dashboards. Changes of what the files define are undone: `pull` takes them over.
    """
    ours = read_assets(folder)
    theirs = _by_uuid(_parsed(server.export_assets()))
    kept: list[str] = []
    merged = {name: _with_additions(kind_of(name), each, theirs.get(each["uuid"]), kept) for name, each in ours.items()}
    server.import_assets(bundle(merged))
    return Pushed({kind: sum(1 for _ in of_kind(ours, kind)) for kind in KINDS}, tuple(kept))


def pull(folder: Path, server: DashboardServer) -> Pulled:
    """Write what the server says of our assets into the files, and new files for charts added to our dashboards.

    Raises `Stop` when one of ours is not there: a push has to come first.
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


def _with_additions(kind: str, ours: Document, theirs: Document | None, kept: list[str]) -> Document:
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
        _keep_charts(found, theirs, kept)
        _keep_filters(found, theirs, kept)
    return found


def _keep_charts(ours: Document, theirs: Document, kept: list[str]) -> None:
    """Charts that people added come into rows of their own at the end of the page."""
    known = chart_nodes(ours)
    added = {uuid: node for uuid, node in chart_nodes(theirs).items() if uuid not in known}
    position = ours["position"]
    row: Document | None = None
    left = 0
    for number, (uuid, node) in enumerate(added.items()):
        width = int(node["meta"].get("width", 4))
        if row is None or width > left:
            key = f"{_ADDED_ROW}-{number}"
            row = {"type": "ROW", "id": key, "children": [], "meta": {"background": "BACKGROUND_TRANSPARENT"}}
            position[key] = row
            position[_GRID]["children"] = [*position[_GRID]["children"], key]
            left = _ROW_WIDTH
        left -= width
        key = f"CHART-{uuid}"
        position[key] = {**node, "id": key}
        row["children"] = [*row["children"], key]
        kept.append(f"{ours['dashboard_title']}: chart {node['meta'].get('sliceName', uuid)}")


def _keep_filters(ours: Document, theirs: Document, kept: list[str]) -> None:
    filters = ours["metadata"].get("native_filter_configuration", [])
    known = {each["id"] for each in filters}
    theirs_filters = normalised("dashboards", theirs)["metadata"].get("native_filter_configuration", [])
    added = [each for each in theirs_filters if each["id"] not in known]
    ours["metadata"]["native_filter_configuration"] = [*filters, *added]
    kept += [f"{ours['dashboard_title']}: filter {each.get('name', each['id'])}" for each in added]
