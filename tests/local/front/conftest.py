"""One front for all tests of this folder; tests make tables of their own names in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from tests.support.front import Front
from tests.support.places import folder


@pytest.fixture(scope="package")
def front() -> Iterator[Front]:
    """A running front with the two databases of the platform and one that is nobody else's business."""
    with folder() as place, Front.start(place, "--max-queries", "6") as running:
        with clickhouse_connect.get_client(dsn=running.owner_url, autogenerate_session_id=False) as client:
            for name in ("analytics", "ops", "private"):
                client.command(f"CREATE DATABASE {name}")
            client.command("CREATE TABLE private.secret (word String) ENGINE = MergeTree ORDER BY word")
            client.command("INSERT INTO private.secret VALUES ('hush')")
            client.command("CREATE TABLE analytics.visits (id UInt64, page String) ENGINE = MergeTree ORDER BY id")
            client.command("INSERT INTO analytics.visits VALUES (1, 'home'), (2, 'cart'), (3, 'home')")
            client.command(
                "CREATE VIEW analytics.by_page AS SELECT page, count() AS n FROM analytics.visits GROUP BY page"
            )
            client.command(
                "CREATE VIEW analytics.of_page AS SELECT id FROM analytics.visits WHERE page = {page:String}"
            )
        yield running


def client_of(url: str, **options: object) -> Client:
    """The official client without a session of its own."""
    return clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False, **options)  # type: ignore[arg-type]


def wait_for(condition: Callable[[], bool], deadline_s: float = 20) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s"
        time.sleep(0.02)


@pytest.fixture(scope="package")
def owner(front: Front) -> Iterator[Client]:
    """A client that may do everything."""
    with client_of(front.owner_url) as client:
        yield client


@pytest.fixture(scope="package")
def writer(front: Front) -> Iterator[Client]:
    """A client of the platform's jobs."""
    with client_of(front.writer_url) as client:
        yield client


@pytest.fixture(scope="package")
def reader(front: Front) -> Iterator[Client]:
    """A client of dashboards and people."""
    with client_of(front.reader_url) as client:
        yield client


@pytest.fixture
def front_reader_session(front: Front) -> Iterator[Client]:
    """A reader that keeps one session."""
    with clickhouse_connect.get_client(dsn=front.reader_url, session_id="reader-session") as client:
        yield client
