"""What the collector promised is kept: every acknowledged event becomes a fact, whatever was killed meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.app.build import Build, BuildLimits
from headwater.app.ingest import Ingest
from headwater.contracts.streams import VISIT_STREAMS
from headwater.ports import FlushLimits
from tests.support.collector import Served, serving, web_event
from tests.support.kafka import Broker
from tests.support.places import folder
from tests.support.web_topics import in_topics

pytestmark = pytest.mark.stack

_BATCH = 20
_CLIENTS = 4
_DEADLINE_S = 60


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    """A broker that may be killed."""
    with folder() as place, Broker.start(place) as started:
        yield started


@dataclass
class Load:
    """Clients that send batches, and send each again until it is taken."""

    served: Served
    stop: threading.Event = field(default_factory=threading.Event)
    taken: dict[str, list[str]] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """One client."""
        while not self.stop.is_set():
            events = [web_event(session_id=f"s{number % 3}") for number in range(_BATCH)]
            ids = [event["event_id"] for event in events]
            with self.lock:
                self.sent.update(ids)
            deadline = time.monotonic() + _DEADLINE_S
            while (status := self._try(events)) != 202:
                with self.lock:
                    self.refused.add(status)
                assert time.monotonic() < deadline, "a batch was not taken"
                time.sleep(0.05)
            with self.lock:
                self.taken[ids[0]] = ids

    def _try(self, events: list[dict[str, object]]) -> int:
        try:
            answer = self.served.post(events)
        except httpx.HTTPError:
            return 0
        if answer.status_code == 202:
            assert answer.json() == {"accepted": _BATCH, "rejected": []}
        return answer.status_code

    def batches(self) -> int:
        """Batches that were taken."""
        with self.lock:
            return len(self.taken)

    def wait_for_more(self, batches: int) -> None:
        """Until so many more batches were taken."""
        wanted, deadline = self.batches() + batches, time.monotonic() + _DEADLINE_S
        while self.batches() < wanted:
            assert time.monotonic() < deadline, "nothing is taken any more"
            time.sleep(0.02)


def test_every_acknowledged_event_is_one_fact_after_kills(
    own_broker: Broker, warehouse: ClickHouse, tmp_path: Path
) -> None:
    with serving(tmp_path, own_broker.bootstrap) as served:
        load = Load(served)
        with ThreadPoolExecutor(_CLIENTS) as pool:
            clients = [pool.submit(load.run) for _ in range(_CLIENTS)]
            try:
                load.wait_for_more(20)
                own_broker.kill()
                time.sleep(1)
                own_broker.restart()
                load.wait_for_more(20)
                for _ in range(2):
                    served.stop(signal.SIGKILL)
                    served.start()
                    load.wait_for_more(20)
            finally:
                load.stop.set()
            for client in clients:
                client.result(_DEADLINE_S)
    assert {0, 503} <= load.refused <= {0, 429, 503}
    taken = {each for ids in load.taken.values() for each in ids}
    assert len(taken) == _BATCH * load.batches() > 1_000
    found = in_topics(own_broker.bootstrap)
    for name in ("browser", "location", "interaction"):
        there = {message.value["event_id"] for message in found[name]}
        assert taken <= there, f"{len(taken - there)} acknowledged events are not in {name}"
        assert there <= load.sent
    visits = {message.value["click_id"] for message in found["browser"]}
    for name in ("device", "geo"):
        assert {message.value["click_id"] for message in found[name]} == visits

    log, clock = KafkaLog(own_broker.bootstrap, "tests-kills"), SystemClock()
    for stream in VISIT_STREAMS.values():
        Ingest(stream, log, ClickHouseLedger(warehouse), clock).drain(FlushLimits())
    Build(warehouse, clock, BuildLimits(grace_s=0)).run()
    for table in ("fact_events WHERE is_complete", "fact_interactions"):
        facts = [row["id"] for row in warehouse.query(f"SELECT toString(event_id) AS id FROM analytics.{table}")]
        assert len(set(facts)) == len(facts)
        assert taken <= set(facts), f"{len(taken - set(facts))} acknowledged events are not in {table}"


@pytest.mark.long
def test_while_kafka_is_away_it_says_so_and_its_memory_stays(own_broker: Broker, tmp_path: Path) -> None:
    with serving(tmp_path, own_broker.bootstrap, {"collector_rate": "100000"}) as served:
        assert served.post([web_event()]).status_code == 202
        own_broker.kill()
        try:
            deadline = time.monotonic() + _DEADLINE_S
            while httpx.get(f"{served.url}/ready").status_code != 503:
                assert time.monotonic() < deadline
                served.post([web_event()])
            assert served.process is not None
            program = psutil.Process(served.process.pid)
            batch = [web_event(payload={"text": "x" * 1_000}) for _ in range(500)]
            before = program.memory_info().rss
            for _ in range(60):
                answer = served.post(batch)
                assert answer.status_code == 503
                assert answer.json()["error"] == "log_away"
                assert int(answer.headers["retry-after"]) >= 1
            assert program.memory_info().rss - before < 40_000_000
            assert httpx.get(f"{served.url}/health").status_code == 200
        except BaseException:
            own_broker.restart()
            raise
        with serving(tmp_path / "later", own_broker.bootstrap, ready=False) as later:
            assert later.post([web_event()]).status_code == 503
            own_broker.restart()
            for each in (served, later):
                each.wait("/ready")
                assert each.post([web_event()]).status_code == 202


def test_when_kafka_is_slow_it_takes_a_bounded_number_and_refuses_the_rest(own_broker: Broker, tmp_path: Path) -> None:
    with (
        serving(tmp_path, own_broker.bootstrap, {"collector_queue_messages": "60"}) as served,
        ThreadPoolExecutor(1) as pool,
    ):
        assert served.post([web_event()]).status_code == 202
        os.kill(own_broker.pid, signal.SIGSTOP)
        try:
            first = pool.submit(served.post, [web_event() for _ in range(10)])
            deadline = time.monotonic() + _DEADLINE_S
            while "waiting_messages 32" not in httpx.get(f"{served.url}/metrics").text:
                assert time.monotonic() < deadline
                assert not first.done()
            refused = served.post([web_event() for _ in range(10)])
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) >= 1
        finally:
            os.kill(own_broker.pid, signal.SIGCONT)
        assert first.result(_DEADLINE_S).status_code == 202
