"""A broker and a front of the chaos suite's own, for it kills them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.app.migrate import migrate, read_migrations
from tests.chaos.members import ROOT
from tests.chaos.scenario import Field, Scenario
from tests.chaos.tears import FragileFront
from tests.support.kafka import Broker
from tests.support.ports import free_port

SEED = int(os.environ.get("CHAOS_SEED", "20261124"))
_ROOM_BYTES = 4 << 30


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """The broker, which lets members be given up soon, and a front at the head of the migrations."""
    with _fast_folder(tmp_path_factory) as folder:
        yield from _started(folder)


def _started(folder: Path) -> Iterator[Field]:
    fragile = FragileFront.start(folder / "ch", free_port())
    try:
        owner = ClickHouse(fragile.front.owner_url)
        migrate(read_migrations(ROOT / "clickhouse" / "migrations"), owner)
        owner.close()
        with Broker.start(folder / "kafka", {"group.min.session.timeout.ms": "500"}) as broker:
            yield Field(folder, broker, fragile)
    finally:
        fragile.front.stop()


@contextmanager
def _fast_folder(factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where there is room: what is killed is processes, and a busy disk would only slow them down."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_BYTES:
        with tempfile.TemporaryDirectory(prefix="hwc-", dir=memory) as name:
            yield Path(name)
    else:
        yield factory.mktemp("chaos")


@pytest.fixture
def scenario(place: Field, request: pytest.FixtureRequest) -> Iterator[Scenario]:
    """A fresh topic and group; the members end with the test."""
    made = Scenario.open(place, request.node.name.split("[")[0].removeprefix("test_")[:24], SEED)
    try:
        yield made
    finally:
        made.crew.close()
        place.revive()
