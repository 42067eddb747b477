"""The doors of docs/dashboards.md beside Superset: its notebook and addresses as they stand, and what other tools ask first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy

from headwater.adapters.clickhouse import ClickHouse
from tests.support.events import browser, device, geo, location
from tests.support.front import Front
from tests.support.staging import Stage

pytestmark = pytest.mark.stack

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "dashboards.md").read_text(encoding="utf-8")


@pytest.fixture
def one_event(warehouse: ClickHouse) -> Stage:
    """A warehouse with a single event."""
    stage = Stage(warehouse)
    now = stage.clock.now()
    stage.send("browser", browser("e1", at=f"{now:%Y-%m-%d %H:%M:%S}"))
    stage.send("device", device())
    stage.send("geo", geo())
    stage.send("location", location("e1"))
    stage.build()
    return stage


@pytest.mark.usefixtures("one_event")
def test_the_notebook_of_the_page_gives_a_data_frame(front: Front) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    code = code.replace("port=8123", f"port={front.port}").replace('"…"', repr(front.passwords["reader"]))
    *lines, last = code.strip().splitlines()
    names: dict[str, Any] = {}
    exec("\n".join([*lines, f"frame = {last}"]), names)
    assert list(names["frame"].columns) == ["utm_source", "events"]
    assert names["frame"]["events"].sum() == 1


@pytest.mark.usefixtures("one_event")
@pytest.mark.filterwarnings("ignore:The 'clickhouse")
@pytest.mark.parametrize("dialect", ["clickhousedb", "clickhouse+http"])
def test_an_address_of_the_page_answers_in_sqlalchemy(front: Front, dialect: str) -> None:
    (address,) = re.findall(
        rf"^({re.escape(dialect)}://reader:PASSWORD@127\.0\.0\.1:8123/analytics)", PAGE, re.MULTILINE
    )
    url = address.replace("PASSWORD", front.passwords["reader"]).replace("8123", str(front.port))
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT count() FROM fact_events")).scalar() == 1
    engine.dispose()


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("tool", "parameters", "sql"),
    [
        ("ODBC of Power BI", {"default_format": "ODBCDriver2"}, "SELECT name FROM system.databases"),
        (
            "JDBC of DBeaver",
            {"default_format": "RowBinaryWithNamesAndTypes"},
            "SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1",
        ),
        (
            "Go of Grafana",
            {"default_format": "Native", "client_protocol_version": "54460"},
            "SELECT displayName(), version(), revision(), timezone()",
        ),
    ],
)
def test_the_first_question_of_other_tools_is_answered(
    front: Front, tool: str, parameters: dict[str, str], sql: str
) -> None:
    parts = urlsplit(front.reader_url)
    login = httpx.BasicAuth(parts.username or "", parts.password or "")
    answer = httpx.post(
        f"http://127.0.0.1:{front.port}/", params={"database": "analytics", **parameters}, content=sql, auth=login
    )
    assert answer.is_success, f"{tool}: {answer.text}"
    assert answer.content
