"""One engine for all contract tests: its tables are the committed migrations, and each test has its own epochs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.migrate import migrate, read_migrations
from tests.support.front import Front

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def contract_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """The engine with the schema, apart from the one whose databases other tests drop."""
    with Front.start(tmp_path_factory.mktemp("contract") / "clickhouse") as front:
        clickhouse = ClickHouse(front.owner_url)
        migrate(read_migrations(ROOT / "clickhouse" / "migrations"), clickhouse)
        yield clickhouse
