"""Ingestion and replay as Airflow runs them: the tasks of the DAGs, beside a service, on a real broker and engine."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.app.ingest import Ingest
from headwater.contracts.streams import STREAMS, Stream
from headwater.core.parse_sql import create_chain, drop_chain
from headwater.ports import FlushLimits
from tests.sql.test_replay import LooseBrowserEvent
from tests.support.events import browser
from tests.support.front import Front
from tests.support.kafka import Broker
from tests.support.shell import Shell
from tests.support.tasks import Tasks
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.stack

BROWSER = STREAMS["browser"]
NOW = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
DRAIN = ["consume_events", {}, "browser"]
# What the DAG fills in.
REPLAY: dict[str, Any] = {
    "dry_run": True, "streams": [], "reasons": [], "fields": [], "ids": [], "origins": [], "since": None,
    "until": None, "failed_again": False, "on_failure": "dead-letter",
}  # fmt: skip


@contextmanager
def _feeding(broker: Broker) -> Iterator[list[int]]:
    """Send a few events at a time in the background; yields the numbers of those that Kafka has."""
    stop, sent = threading.Event(), list[int]()

    def feed() -> None:
        with KafkaLog(broker.bootstrap).sink() as sink:
            while not stop.wait(0.02):
                lot = range(len(sent), len(sent) + 5)
                for number in lot:
                    sink.send(BROWSER.topic, str(number).encode(), browser(f"e{number}", at=NOW))
                sink.flush()
                sent.extend(lot)

    thread = threading.Thread(target=feed, name="feed")
    thread.start()
    try:
        yield sent
    finally:
        stop.set()
        thread.join()


@pytest.mark.long
def test_the_dag_drains_and_proves_while_a_service_stores(
    front: Front, broker: Broker, warehouse: ClickHouse, tmp_path: Path
) -> None:
    fresh_topics(broker.bootstrap)
    shell = Shell.of(front, broker, tmp_path / "home")
    service = shell.start("consume", "--heartbeat-seconds", "0.1", "--stream", "browser", log=tmp_path / "service.log")
    try:
        with _feeding(broker) as sent:
            proof = ["validate_ingestion", {}, ["browser"]]
            drained, *proofs = Tasks(shell, tmp_path / "airflow").run(DRAIN, *[proof] * 8)
        assert drained["stream"] == "browser", drained
        assert proofs == [None] * 8
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0, (tmp_path / "service.log").read_text()
    finally:
        service.kill()
        service.wait(10)
    shell.run("consume", "--drain", "--stream", "browser")
    counted = "SELECT count() AS n, uniqExact(epoch, partition, offset) AS d, uniqExact(event_id) AS ids FROM "
    assert list(warehouse.query(counted + BROWSER.staging_table)[0].values()) == [len(sent)] * 3
    assert len(sent) > 100


def test_the_dag_and_the_command_replay_by_each_policy(
    front: Front, broker: Broker, warehouse: ClickHouse, tmp_path: Path
) -> None:
    fresh_topics(broker.bootstrap)
    shell = Shell.of(front, broker, tmp_path / "home")
    log = KafkaLog(broker.bootstrap)
    with log.sink() as sink:
        for number in range(2):
            sink.send(BROWSER.topic, b"k", browser(f"e{number}", at=NOW).replace(b'"pageview"', b'""'))
        sink.send(BROWSER.topic, b"k", b"no json")
        sink.send(BROWSER.topic, b"k", b"[]")
    Ingest(BROWSER, log, ClickHouseLedger(warehouse), SystemClock()).drain(FlushLimits())
    assert _letters(warehouse) == ["invalid_json", "missing_field", "missing_field", "not_an_object"]

    _loosen(front)
    mended = {**REPLAY, "dry_run": False, "fields": ["event_type"]}
    stop = {**REPLAY, "dry_run": False, "reasons": ["invalid_json"], "on_failure": "stop"}
    dry, sent, drained, again, stopped = Tasks(shell, tmp_path / "airflow").run(
        ["replay_dead_letters", REPLAY], ["replay_dead_letters", mended], DRAIN, ["replay_dead_letters", mended],
        ["replay_dead_letters", stop],
    )  # fmt: skip
    assert dry == {"sent": 0}
    assert (sent["sent"], again["sent"]) == (2, 0)
    assert drained["dead_letters"] == 0
    assert stopped.startswith("failed: ReplayFailed: 1 of 1 replayed events break the contract again")
    row = warehouse.query(f"SELECT count() AS n, uniqExact(event_id) AS d FROM {BROWSER.staging_table}")[0]
    assert (row["n"], row["d"]) == (2, 2)

    dropped = json.loads(shell.run("replay", "--on-failure", "drop", "--json"))
    assert (dropped["sent"], dropped["not_sent"]) == (0, 1)
    assert _letters(warehouse).count("invalid_json") == 2, "as it came, and replayed"


def _letters(warehouse: ClickHouse) -> list[str]:
    return sorted(row["reason"] for row in warehouse.query("SELECT reason FROM ops.dead_letters"))


def _loosen(front: Front) -> None:
    """Make the chain of a contract that was mended: an event needs no type."""
    loose = Stream("browser", LooseBrowserEvent, key_field="click_id")
    owner = ClickHouse(front.owner_url)
    owner.statements([*drop_chain(loose), *create_chain(loose)])
    owner.close()
