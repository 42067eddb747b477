"""Superset as a part of the stack: who may do what, by which doors, and assets that come and go as files."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
import yaml

from headwater.adapters.superset import Superset
from headwater.app.dashboards import pull, push
from headwater.app.dashboards_files import bundle, chart_nodes, normalised, read_assets
from headwater.bootstrap import Platform
from headwater.local import superset
from headwater.local.credentials import Credentials
from headwater.local.stack import Stack
from headwater.settings import Settings, load_settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ASSETS = Path(__file__).resolve().parents[2] / "superset" / "assets"


@pytest.fixture(scope="module")
def settings(stack: Stack) -> Settings:
    """Where Superset is, and who may come in."""
    found = load_settings(stack.layout.home)
    assert found.superset_password is not None, "The stack runs without Superset: `make setup-superset`."
    Platform(found).migrate()
    return found


@contextmanager
def _login(settings: Settings, user: str, password: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=settings.superset_url, timeout=60, headers={"Referer": settings.superset_url}) as client:
        login = {"username": user, "password": password, "provider": "db"}
        client.headers["Authorization"] = (
            f"Bearer {client.post('/api/v1/security/login', json=login).json()['access_token']}"
        )
        client.headers["X-CSRFToken"] = client.get("/api/v1/security/csrf_token/").json()["result"]
        yield client


@pytest.fixture(scope="module")
def admin(settings: Settings) -> Iterator[httpx.Client]:
    """The administrator."""
    assert settings.superset_password is not None
    with _login(settings, settings.superset_user, settings.superset_password.get_secret_value()) as client:
        yield client


@pytest.fixture(scope="module")
def analyst(settings: Settings) -> Iterator[httpx.Client]:
    """The analyst."""
    assert settings.superset_analyst_password is not None
    password = settings.superset_analyst_password.get_secret_value()
    with _login(settings, settings.superset_analyst_user, password) as client:
        yield client


@pytest.fixture
def server(settings: Settings) -> Iterator[Superset]:
    """The assets' side of the API."""
    with Superset.of(settings) as found:
        yield found


@pytest.fixture
def files(tmp_path: Path, server: Superset) -> Iterator[Path]:
    """A copy of the assets that a test may write to; afterwards Superset has the committed ones again."""
    folder = tmp_path / "assets"
    shutil.copytree(ASSETS, folder)
    yield folder
    server.import_assets(bundle(read_assets(ASSETS)))


def test_the_dashboards_are_there_without_a_click(analyst: httpx.Client) -> None:
    found = analyst.get("/api/v1/dashboard/").json()
    titles = {each["dashboard_title"] for each in found["result"]}
    assert titles == {
        "Web Analytics Overview", "Traffic Sources", "Geo Distribution", "User Behavior", "Purchases",
        "Purchases in Depth", "Platform Health",
    }  # fmt: skip
    assert all(each["published"] for each in found["result"])


def test_the_analyst_has_no_page_of_administration(analyst: httpx.Client, admin: httpx.Client) -> None:
    for path in (
        "/api/v1/security/users/", "/api/v1/security/roles/", "/api/v1/security/groups/", "/api/v1/security/permissions/",
        "/api/v1/security/resources/", "/api/v1/security/permissions-resources/", "/api/v1/log/",
        "/api/v1/rowlevelsecurity/", "/api/v1/assets/export/",
    ):  # fmt: skip
        assert admin.get(path).status_code == 200, path
        assert analyst.get(path).status_code in (403, 404), path
    menus = {user: json.dumps(user.get("/api/v1/menu/").json()["result"]) for user in (admin, analyst)}
    assert "Security" in menus[admin]
    for entry in ("Security", "List Users", "List Roles", "Row Level Security", "Action Log"):
        assert entry not in menus[analyst], entry


def test_the_analyst_changes_no_asset_of_ours_and_brings_in_no_file(analyst: httpx.Client) -> None:
    database, dataset, chart, dashboard = (
        f"/api/v1/{kind}/{analyst.get(f'/api/v1/{kind}/').json()['result'][0]['id']}"
        for kind in ("database", "dataset", "chart", "dashboard")
    )
    file = {"file": ("x.csv", b"a,b\n1,2\n", "text/csv")}
    for method, path, words in (
        ("POST", "/api/v1/assets/import/", {}),
        ("POST", "/api/v1/database/", {"json": {"database_name": "x", "sqlalchemy_uri": "clickhousedb://x@y/z"}}),
        ("PUT", database, {"json": {"database_name": "mine"}}),
        ("DELETE", database, {}),
        ("GET", f"{database}/connection", {}),
        (
            "POST",
            f"{database}/upload/",
            {"files": file, "data": {"type": "csv", "table_name": "x", "schema": "analytics"}},
        ),
        ("PUT", dataset, {"json": {"description": "mine"}}),
        ("DELETE", dataset, {}),
        ("PUT", chart, {"json": {"slice_name": "mine"}}),
        ("DELETE", chart, {}),
        ("PUT", dashboard, {"json": {"dashboard_title": "mine"}}),
        ("DELETE", dashboard, {}),
    ):
        answer = analyst.request(method, path, **words)
        assert answer.status_code in (403, 404), f"{method} {path}: {answer.status_code} {answer.text[:200]}"
    number = int(dataset.rpartition("/")[2])
    own = {
        "slice_name": "Own",
        "viz_type": "table",
        "datasource_id": number,
        "datasource_type": "table",
        "params": "{}",
    }
    made = analyst.post("/api/v1/chart/", json=own)
    assert made.is_success, made.text
    assert analyst.delete(f"/api/v1/chart/{made.json()['id']}").is_success


@pytest.mark.long
def test_rights_that_were_given_by_hand_stay_when_superset_is_prepared_again(stack: Stack, admin: httpx.Client) -> None:
    roles = {role["name"]: role["id"] for role in admin.get("/api/v1/security/roles/").json()["result"]}
    path = f"/api/v1/security/roles/{roles['Analyst']}/permissions"
    before = {each["id"] for each in admin.get(f"{path}/").json()["result"]}
    every = admin.get("/api/v1/security/permissions-resources/", params={"q": '{"page_size":500}'}).json()["result"]
    given = next(each["id"] for each in every if each["id"] not in before)
    assert admin.post(path, json={"permission_view_menu_ids": sorted({*before, given})}).is_success
    secrets = Credentials.of(stack.layout)
    known = {**superset.variables(stack.layout, stack.ports, secrets), **superset.preparing(secrets)}
    subprocess.run(superset.prepare_command(), env={**os.environ, **known}, check=True, capture_output=True)
    assert {each["id"] for each in admin.get(f"{path}/").json()["result"]} == {*before, given}


def test_sql_lab_answers_the_analyst_and_only_reads(analyst: httpx.Client) -> None:
    (database,) = [each["id"] for each in analyst.get("/api/v1/database/").json()["result"]]

    def run(sql: str) -> httpx.Response:
        return analyst.post(
            "/api/v1/sqllab/execute/", json={"database_id": database, "sql": sql, "schema": "analytics"}
        )

    answer = run("SELECT toUInt8(6) * 7 AS answer, count() AS checks FROM ops.quality_latest").json()
    assert answer["data"][0]["answer"] == 42, answer
    for sql in (
        "SELECT * FROM system.query_log",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "INSERT INTO ops.decisions VALUES ('x', 'y', now())",
        "DROP TABLE analytics.fact_events",
    ):
        assert not run(sql).is_success, sql


@pytest.mark.parametrize("dialect", ["clickhousedb", "clickhouse+http"])
def test_both_dialects_answer_in_sql_lab(admin: httpx.Client, dialect: str) -> None:
    made = admin.post(
        "/api/v1/database/",
        json={"database_name": f"by {dialect}", "sqlalchemy_uri": f"{dialect}://reader@clickhouse/analytics"},
    )
    assert made.is_success, made.text
    number = made.json()["id"]
    try:
        sql = "SELECT name, toDate('2026-01-02') AS day, 1.5 AS half FROM system.databases WHERE name = 'analytics'"
        body = {"database_id": number, "sql": sql, "schema": "analytics"}
        answer = admin.post("/api/v1/sqllab/execute/", json=body)
        assert answer.is_success, answer.text
        assert [list(row.values()) for row in answer.json()["data"]] == [["analytics", "2026-01-02", 1.5]]
        tables = admin.get(f"/api/v1/database/{number}/tables/", params={"q": "(force:!t,schema_name:ops)"}).json()
        assert "quality_latest" in {each["value"] for each in tables["result"]}
    finally:
        assert admin.delete(f"/api/v1/database/{number}").is_success


def test_no_file_no_export_and_no_table_of_superset_holds_the_secret_of_the_connection(
    stack: Stack, server: Superset, files: Path
) -> None:
    secrets = Credentials.of(stack.layout)
    pull(files, server)
    texts = [*server.export_assets().values(), *(path.read_text() for path in files.rglob("*.yaml"))]
    assert not any(secrets.clickhouse_reader in text for text in texts)
    secret = secrets.clickhouse_reader.encode()
    cached = [path for path in (stack.layout.home / "superset").rglob("*") if path.is_file()]
    assert cached
    assert [path for path in cached if secret in path.read_bytes()] == []
    assert secrets.clickhouse_reader not in str(_ask(stack, superset.DATABASE, "SELECT d::text FROM dbs AS d"))
    assert secrets.clickhouse_reader not in str(_ask(stack, superset.DATABASE, "SELECT l::text FROM logs AS l"))
    for path in (stack.layout.run / "superset.job.json", stack.layout.secrets / "credentials.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    log = stack.layout.log(superset.PART).read_text()
    for name in Credentials.__dataclass_fields__:
        assert getattr(secrets, name) not in log, name


def _ask(stack: Stack, database: str, sql: str) -> list[tuple[Any, ...]]:
    """Ask PostgreSQL as Superset's own role."""
    connection = psycopg2.connect(host=str(stack.layout.runtime), user=superset.DATABASE, dbname=database)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def test_superset_s_own_tables_belong_to_its_own_role(stack: Stack) -> None:
    assert _ask(stack, superset.DATABASE, "SELECT count(*) FROM dashboards")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        _ask(stack, "airflow", "SELECT count(*) FROM dag")


def test_push_may_be_repeated_and_pull_then_has_nothing_to_write(files: Path, server: Superset) -> None:
    push(files, server)
    once = _exported(server)
    assert push(files, server).kept == ()
    assert _exported(server) == once
    assert pull(files, server).changed == ()


def test_an_edit_made_in_superset_comes_back_as_one_line(files: Path, server: Superset, admin: httpx.Client) -> None:
    chart = _number(admin, "chart", read_assets(files)["charts/top_pages.yaml"]["uuid"])
    assert admin.put(f"/api/v1/chart/{chart}", json={"slice_name": "Pages that people see"}).is_success
    before = (files / "charts/top_pages.yaml").read_text().splitlines()
    assert pull(files, server).changed == ("charts/top_pages.yaml",)
    after = (files / "charts/top_pages.yaml").read_text().splitlines()
    assert [line for line in after if line not in before] == ["slice_name: Pages that people see"]
    assert len(after) == len(before)


def test_push_undoes_edits_and_keeps_what_people_added(files: Path, server: Superset, admin: httpx.Client) -> None:
    ours = read_assets(files)
    overview, facts = ours["dashboards/web_analytics_overview.yaml"], ours["datasets/facts.yaml"]
    added = _copy(ours["charts/top_pages.yaml"], uuid="7d0d4d36-5c55-4b0c-9f07-0a5c3e1b0b01", slice_name="Mine")
    position = overview["position"]
    position["CHART-mine"] = {
        "type": "CHART", "id": "CHART-mine", "meta": {"uuid": added["uuid"], "sliceName": "Mine", "width": 4, "height": 40}
    }  # fmt: skip
    position["ROW-mine"] = {"type": "ROW", "id": "ROW-mine", "children": ["CHART-mine"], "meta": {"background": "x"}}
    position["GRID_ID"]["children"].append("ROW-mine")
    position["MARKDOWN-mine"] = {
        "type": "MARKDOWN",
        "id": "MARKDOWN-mine",
        "meta": {"code": "Mine", "width": 4, "height": 20},
    }
    position["ROW-mine"]["children"].append("MARKDOWN-mine")
    own = {
        **copy.deepcopy(overview),
        "uuid": "7d0d4d36-5c55-4b0c-9f07-0a5c3e1b0b02",
        "slug": "own",
        "dashboard_title": "Own",
    }
    overview["dashboard_title"] = "Renamed"
    facts["metrics"].append({"metric_name": "my_metric", "expression": "max(build)"})
    server.import_assets(bundle({**ours, "charts/mine.yaml": added, "dashboards/own.yaml": own}))
    before = _exported(server)[own["uuid"]]
    try:
        done = push(ASSETS, server)
        assert set(done.kept) == {
            "fact_events: metric my_metric", "Web Analytics Overview: chart Mine", "Web Analytics Overview: markdown Mine"
        }  # fmt: skip
        exported = _exported(server)
        assert exported[own["uuid"]] == before
        charts = admin.get("/api/v1/dashboard/web-analytics-overview/charts").json()["result"]
        assert {"Mine", "Top pages", "Events by hour"} <= {each["slice_name"] for each in charts}
        kept = exported[overview["uuid"]]
        assert kept["dashboard_title"] == "Web Analytics Overview"
        assert added["uuid"] in chart_nodes(kept)
        assert kept["position"]["MARKDOWN-mine"]["meta"]["code"] == "Mine"
        assert "my_metric" in {metric["metric_name"] for metric in exported[facts["uuid"]]["metrics"]}
        assert "charts/mine.yaml" in pull(files, server).changed
    finally:
        assert admin.delete(f"/api/v1/dashboard/{_number(admin, 'dashboard', own['uuid'])}").is_success
        number = _number(admin, "chart", added["uuid"])
        assert admin.delete(f"/api/v1/chart/{number}").is_success
        dataset = _number(admin, "dataset", facts["uuid"])
        metrics = admin.get(f"/api/v1/dataset/{dataset}").json()["result"]["metrics"]
        (mine,) = [each["id"] for each in metrics if each["metric_name"] == "my_metric"]
        assert admin.delete(f"/api/v1/dataset/{dataset}/metric/{mine}").is_success


def _copy(document: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {**document, **changes}


def _exported(server: Superset) -> dict[str, dict[str, Any]]:
    documents = {}
    for name, text in server.export_assets().items():
        kind = name.partition("/")[0]
        if kind in ("databases", "datasets", "charts", "dashboards"):
            document = yaml.safe_load(text)
            documents[document["uuid"]] = normalised(kind, document)
    return documents


def _number(admin: httpx.Client, kind: str, uuid: str) -> int:
    query = json.dumps({"page_size": 500, "columns": ["id", "uuid"]})
    rows = admin.get(f"/api/v1/{kind}/", params={"q": query}).json()["result"]
    (found,) = [row["id"] for row in rows if row["uuid"] == uuid]
    return int(found)
