"""Fixtures for the golden cases of the warehouse's SQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.core.day_tables import DAY_TABLES, FACTS
from tests.support.emptied import empty_tables, empty_warehouse
from tests.support.front import Front
from tests.support.staging import Stage


@pytest.fixture
def stage(warehouse: ClickHouse) -> Stage:
    """An empty warehouse with topics in memory."""
    return Stage(warehouse)


@pytest.fixture(scope="module")
def _migrated(front: Front) -> Iterator[ClickHouse]:
    """A warehouse that the tests of a module share."""
    empty_warehouse(front.owner_url)
    database = ClickHouse(front.writer_url)
    yield database
    database.close()


@pytest.fixture
def no_facts(_migrated: ClickHouse, front: Front) -> ClickHouse:
    """A warehouse without facts and without what is derived from them; for modules that do not use `warehouse`."""
    empty_tables(front.owner_url, {FACTS, *(each.table for each in DAY_TABLES)})
    return _migrated
