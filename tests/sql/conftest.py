"""Fixtures for the golden cases of the warehouse's SQL."""

from __future__ import annotations

import pytest

from headwater.adapters.clickhouse import ClickHouse
from tests.support.staging import Stage


@pytest.fixture
def stage(warehouse: ClickHouse) -> Stage:
    """An empty warehouse with topics in memory."""
    return Stage(warehouse)
