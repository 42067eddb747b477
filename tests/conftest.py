"""The parts of the platform that tests share: one engine and one broker for the whole run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.migrate import migrate, read_migrations
from tests.support.front import Front
from tests.support.kafka import Broker

ROOT = Path(__file__).resolve().parents[1]


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
    owner = ClickHouse(front.owner_url)
    for name in ("analytics", "ops"):
        owner.execute(f"DROP DATABASE IF EXISTS {name} SYNC")
    migrate(read_migrations(ROOT / "clickhouse" / "migrations"), owner)
    owner.close()
    database = ClickHouse(front.writer_url)
    yield database
    database.close()
