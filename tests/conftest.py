"""The parts of the platform that tests share: one engine and one broker for the whole run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from tests.support.emptied import empty_warehouse
from tests.support.front import Front
from tests.support.head import RUN_FOLDER, lay_head
from tests.support.kafka import Broker
from tests.support.places import folder, new_folder

_HERE = Path(__file__).parent
_LONG = ("chaos", "integration", "sql", "tracker", "local")


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that the workers of a run share."""
    if not hasattr(config, "workerinput"):
        os.environ[RUN_FOLDER] = str(new_folder())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders with long files come first: a worker keeps a file, and the last one to begin should not be long."""
    items.sort(
        key=lambda item: next((n for n, name in enumerate(_LONG) if _HERE / name in item.path.parents), len(_LONG))
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove it."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[RUN_FOLDER], ignore_errors=True)


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path, in memory where there is room."""
    with folder() as made:
        yield made


@pytest.fixture(scope="session")
def front(short_folder: Path) -> Iterator[Front]:
    """The ClickHouse engine behind its HTTP front, at the head of the migrations."""
    lay_head(short_folder / "clickhouse")
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
