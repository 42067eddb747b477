"""One engine for all contract tests: its tables are the committed migrations, and each test has its own epochs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headwater.adapters.clickhouse import ClickHouse
from tests.support.front import Front
from tests.support.head import lay_head
from tests.support.places import folder


@pytest.fixture(scope="session")
def contract_engine() -> Iterator[ClickHouse]:
    """The engine with the schema, apart from the one whose databases other tests drop."""
    with folder() as place:
        lay_head(place)
        with Front.start(place) as front:
            clickhouse = ClickHouse(front.owner_url)
            yield clickhouse
            clickhouse.close()
