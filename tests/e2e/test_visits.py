"""Visits through the collector of the whole stack, seen by the analyst: last, as other tests count exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from headwater.adapters.collector import CollectorClient
from headwater.app.build import BuildLimits
from headwater.app.dashboards_files import of_kind, read_assets
from headwater.bootstrap import Platform
from headwater.contracts.streams import VISIT_STREAMS
from headwater.core.shop_visits import shop_visit
from headwater.local.stack import Stack
from headwater.settings import load_settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ASSETS = read_assets(Path(__file__).resolve().parents[2] / "superset" / "assets")
PURCHASES = {
    Path(name).stem: chart for name, chart in of_kind(ASSETS, "charts") if chart["params"].get("metric") == "purchases"
}
VISITS = 3


@pytest.fixture
def analyst(whole: Stack) -> Iterator[httpx.Client]:
    """Superset's API, logged in as the analyst."""
    settings = load_settings(whole.layout.home)
    assert settings.superset_analyst_password is not None
    with httpx.Client(base_url=settings.superset_url, timeout=60, headers={"Referer": settings.superset_url}) as client:
        password = settings.superset_analyst_password.get_secret_value()
        login = {"username": settings.superset_analyst_user, "password": password, "provider": "db"}
        token = client.post("/api/v1/security/login", json=login).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        client.headers["X-CSRFToken"] = client.get("/api/v1/security/csrf_token/").json()["result"]
        yield client


def _shown(analyst: httpx.Client, days: str) -> dict[str, int]:
    """What the dataset of each chart of purchases answers for its metric now, in sum."""
    query = json.dumps({"page_size": 500, "columns": ["uuid", "datasource_id"]})
    rows = analyst.get("/api/v1/chart/", params={"q": query}).json()["result"]
    datasets = {row["uuid"]: row["datasource_id"] for row in rows}
    found = {}
    for name, chart in PURCHASES.items():
        time = chart["params"]["adhoc_filters"][0]["subject"]
        asked = {
            "columns": [],
            "metrics": ["purchases"],
            "filters": [{"col": time, "op": "TEMPORAL_RANGE", "val": days}],
        }
        payload = {
            "datasource": {"id": datasets[chart["uuid"]], "type": "table"}, "queries": [asked], "force": True,
            "result_format": "json", "result_type": "full",
        }  # fmt: skip
        answer = analyst.post("/api/v1/chart/data", json=payload)
        assert answer.is_success, answer.text
        found[name] = int(answer.json()["result"][0]["data"][0]["purchases"] or 0)
    return found


def test_visits_over_http_move_every_purchase_count_by_as_many(whole: Stack, analyst: httpx.Client) -> None:
    settings = load_settings(whole.layout.home)
    assert settings.collector_write_key is not None
    platform = Platform(settings)
    platform.migrate()
    platform.create_topics()
    now = platform.clock.now()
    days = f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%S} : {now + timedelta(days=1):%Y-%m-%dT%H:%M:%S}"
    client = CollectorClient(settings.collector_url, settings.collector_write_key.get_secret_value())
    before = _shown(analyst, days)
    for number in range(VISITS):
        client.send(shop_visit(settings.collector_url, number, now))
    for stream in VISIT_STREAMS:
        platform.drain(stream)
    platform.build(BuildLimits())
    platform.close()
    after = _shown(analyst, days)
    assert len(before) > 3
    assert {name: after[name] - before[name] for name in before} == dict.fromkeys(before, VISITS)
