"""Grafana's dashboard of platform health: its form, its overlay, and every query run by the real engine as the reader."""

from __future__ import annotations

import importlib.util
import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from headwater.adapters.clickhouse import ClickHouse
from tests.deploy.composition import ROOT, composition, make_secrets
from tests.support.front import Front

FOLDER = ROOT / "deploy" / "grafana"
DASHBOARD = json.loads((FOLDER / "dashboards" / "platform-health.json").read_text(encoding="utf-8"))
OVERLAY = yaml.safe_load((ROOT / "deploy" / "monitoring.yml").read_text(encoding="utf-8"))
SOURCE = yaml.safe_load((FOLDER / "provisioning" / "datasources" / "clickhouse.yaml").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]

# What Grafana's dashboard schema (version 42) demands of the parts that are used here.
_PANEL = {
    "type": "object",
    "required": ["id", "type", "title", "gridPos", "datasource", "targets", "fieldConfig", "options"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "type": {"enum": ["stat", "table", "timeseries", "barchart"]},
        "title": {"type": "string", "minLength": 1},
        "description": {"type": "string", "minLength": 1},
        "gridPos": {
            "type": "object",
            "required": ["x", "y", "w", "h"],
            "properties": {
                "x": {"type": "integer", "minimum": 0, "maximum": 23},
                "y": {"type": "integer", "minimum": 0},
                "w": {"type": "integer", "minimum": 1, "maximum": 24},
                "h": {"type": "integer", "minimum": 1},
            },
        },
        "datasource": {"type": "object", "required": ["type", "uid"]},
        "targets": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": ["refId", "datasource", "rawSql", "queryType", "format"]},
        },
        "fieldConfig": {"type": "object", "required": ["defaults", "overrides"]},
    },
}
_SCHEMA = {
    "type": "object",
    "required": ["uid", "title", "schemaVersion", "panels", "time", "timezone"],
    "properties": {
        "uid": {"type": "string", "maxLength": 40},
        "schemaVersion": {"const": 42},
        "time": {"type": "object", "required": ["from", "to"]},
        "panels": {"type": "array", "minItems": 1, "items": _PANEL},
    },
}


def test_the_dashboard_has_grafana_s_form_and_its_panels_do_not_overlap() -> None:
    jsonschema.Draft202012Validator(_SCHEMA).validate(DASHBOARD)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


def test_every_panel_asks_the_provisioned_source() -> None:
    (source,) = SOURCE["datasources"]
    expected = {"type": source["type"], "uid": source["uid"]}
    for panel in PANELS:
        assert panel["datasource"] == expected, panel["title"]
        assert all(target["datasource"] == expected for target in panel["targets"]), panel["title"]
    assert source["jsonData"]["username"] == "reader"
    assert re.fullmatch(r"\$__file\{/run/secrets/\w+\}", source["secureJsonData"]["password"])


def test_the_overlay_keeps_the_compose_specification_and_names_what_is_there() -> None:
    spec = importlib.util.find_spec("check_jsonschema")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.Draft7Validator(json.loads(path.read_text(encoding="utf-8"))).validate(OVERLAY)
    (service,) = OVERLAY["services"].values()
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    for mount in service["volumes"]:
        source = mount.partition(":")[0]
        assert source in OVERLAY["volumes"] or (ROOT / source).exists(), mount
    made = make_secrets().mounted_files(dict.fromkeys(make_secrets().NAMES, "x"))
    assert set(OVERLAY["secrets"]) == set(service["secrets"])
    assert set(service["secrets"]) <= made.keys()
    assert set(service["depends_on"]) <= composition()["services"].keys()


@pytest.mark.stack
@pytest.mark.usefixtures("warehouse")
def test_the_reader_may_run_every_query(front: Front) -> None:
    reader = ClickHouse(front.url("reader"))
    for panel in PANELS:
        for target in panel["targets"]:
            sql = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 > now() - INTERVAL 1 DAY", target["rawSql"])
            assert "$__" not in sql
            reader.query(sql)
    reader.close()
