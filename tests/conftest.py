"""The parts of the platform that tests share: one engine and one broker for the whole run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from tests.support.emptied import empty_warehouse
from tests.support.front import Front
from tests.support.kafka import Broker


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path: Unix sockets have room for about 100 characters."""
    folder = Path(tempfile.mkdtemp(prefix="hwt-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def front(short_folder: Path) -> Iterator[Front]:
    """The ClickHouse engine behind its HTTP front."""
    with Front.start(short_folder / "clickhouse") as started:
        yield started


@pytest.fixture(scope="session")
def broker(short_folder: Path) -> Iterator[Broker]:
    """A real Kafka broker."""
    with Broker.start(short_folder / "kafka") as started:
        yield started


@pytest.fixture
def warehouse(front: Front) -> Iterator[ClickHouse]:
    """An empty warehouse at the head of the migrations, with the rights that the platform's jobs have."""
    empty_warehouse(front.owner_url)
    database = ClickHouse(front.writer_url)
    yield database
    database.close()
