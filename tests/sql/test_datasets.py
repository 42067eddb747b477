"""Every column and metric of the dashboards' datasets, run by the engine with the rights of Superset's connection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.dashboards import query_of
from headwater.adapters.clickhouse import ClickHouse
from headwater.app.alerts import evaluate, read_alerts
from headwater.app.dashboards_files import Document, of_kind, read_assets
from headwater.contracts.rejects import RejectReason
from tests.support.events import browser
from tests.support.front import Front
from tests.support.staging import Stage

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
ASSETS = read_assets(ROOT / "superset" / "assets")
DATASETS = {Path(name).stem: dataset for name, dataset in of_kind(ASSETS, "datasets")}
BY_UUID = {dataset["uuid"]: dataset for dataset in DATASETS.values()}


@pytest.fixture(scope="module")
def reader(front: Front) -> Iterator[ClickHouse]:
    """The user that Superset's connection is."""
    found = ClickHouse(front.reader_url)
    yield found
    found.close()


def _bare(type_: str) -> str:
    """`String` of `LowCardinality(Nullable(String))`, `DateTime` of `DateTime64(3, 'UTC')`."""
    while inner := re.fullmatch(r"(?:LowCardinality|Nullable)\((.*)\)", type_):
        type_ = inner[1]
    return re.sub(r"(?:64)?\(.*\)$", "", type_)


@pytest.mark.parametrize("name", DATASETS)
def test_the_engine_knows_every_column_and_metric_of_a_dataset(reader: ClickHouse, name: str) -> None:
    dataset = DATASETS[name]
    table = f"{dataset['schema']}.{dataset['table_name']}"
    own = {each["column_name"]: each for each in dataset["columns"] if "expression" in each}
    selected = ", ".join(f"{each['expression']} AS `own_{key}`" for key, each in own.items())
    if own:
        described = reader.query(f"DESCRIBE (SELECT {selected} FROM {table})")
        found = {str(row["name"]).removeprefix("own_"): _bare(str(row["type"])) for row in described}
        assert found == {key: _bare(each["type"]) for key, each in own.items()}
    metrics = ", ".join(f"{each['expression']} AS `m_{each['metric_name']}`" for each in dataset["metrics"])
    assert len(reader.query(f"SELECT {metrics} FROM {table}")) == 1


def _shown(reader: ClickHouse, name: str) -> list[tuple[Any, ...]]:
    """The rows of a chart over the last hour."""
    chart: Document = ASSETS[f"charts/{name}.yaml"]
    now = datetime.now(UTC).replace(tzinfo=None)
    sql = query_of(chart, BY_UUID[chart["dataset_uuid"]], now - timedelta(hours=1), now + timedelta(minutes=5))
    return [tuple(row.values()) for row in reader.query(sql)]


def test_platform_health_shows_refused_messages_clicks_alerts_and_checks_that_fail(
    stage: Stage, reader: ClickHouse
) -> None:
    stage.send("browser", browser("e1"), b"broken", b"[1]", b"[2]")
    minute = stage.clock.now().replace(second=0, microsecond=0)
    stage.db.statements(
        [
            (
                "INSERT INTO analytics.aggregation_clicks_raw (product_id, timestamp, count)"
                f" SELECT number, {minute.timestamp():.0f}, 10 + number FROM numbers(1, 3)"
            )
        ]
    )
    for check, severity, passed in (("hard", "fail", False), ("soft", "warn", False), ("good", "fail", True)):
        stage.db.run(
            "ops/quality_result", run_id="r", checked_at=stage.clock.now(), kind="nulls", check_name=check, owner="t",
            severity=severity, passed=passed, offending=0 if passed else 7, sample="", help="",
        )  # fmt: skip
    evaluate(read_alerts(ROOT / "clickhouse" / "sql" / "alerts"), "r", stage.db, stage.clock)

    reasons = {reason.value: 0 for reason in RejectReason} | {"invalid_json": 1, "not_an_object": 2}
    assert dict(_shown(reader, "dead_letters_by_reason")) == reasons
    assert [row[1] for row in _shown(reader, "clicks_per_minute") if row[1]] == [36]
    assert {row[:4] for row in _shown(reader, "quality_latest")} == {
        ("fails", "hard", "t", 7), ("warns", "soft", "t", 7), ("passed", "good", "t", 0)
    }  # fmt: skip
    assert [row[1:] for row in _shown(reader, "quality_history")] == [(1, 1, 1)]
    alerts = {row[1]: row for row in _shown(reader, "alerts")}
    assert alerts["quality_check_fails"][:3] == ("FIRES", "quality_check_fails", "hard has 7 offending rows in t.")
    assert "run data_quality_checks" in alerts["quality_check_fails"][3]
    assert alerts["purchases_drop"][:4] == ("quiet", "purchases_drop", "", "")
    sizes = {row[0]: row[1:] for row in _shown(reader, "table_sizes")}
    size, rows, parts = sizes["analytics.aggregation_clicks_raw"]
    assert (rows, parts) == (3, 1)
    assert size > 0
