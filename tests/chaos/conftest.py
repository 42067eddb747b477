"""A broker and a front of the chaos suite's own, for it kills them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.chaos.scenario import Field, Scenario
from tests.chaos.tears import FragileFront
from tests.support.kafka import Broker
from tests.support.places import folder
from tests.support.ports import free_port

SEED = int(os.environ.get("CHAOS_SEED", "20261124"))


@pytest.fixture(scope="session")
def place() -> Iterator[Field]:
    """The broker, which lets members be given up soon, and a front at the head of the migrations."""
    with folder("hwc-") as made:
        fragile = FragileFront.start(made / "ch", free_port())
        try:
            with Broker.start(made / "kafka", {"group.min.session.timeout.ms": "500"}) as broker:
                yield Field(made, broker, fragile)
        finally:
            fragile.front.stop()


@pytest.fixture
def scenario(place: Field, request: pytest.FixtureRequest) -> Iterator[Scenario]:
    """A fresh topic and group; the members end with the test."""
    made = Scenario.open(place, request.node.name.split("[")[0].removeprefix("test_")[:24], SEED)
    try:
        yield made
    finally:
        made.crew.close()
        place.revive()
