"""A replay on real parts, killed at every step, run twice at once, paused and woken: each dead letter is sent once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.replays import ClickHouseReplays
from headwater.app import replay as replay_module
from headwater.app.ingest import Ingest
from headwater.app.reconcile import reconcile
from headwater.app.replay import Replay
from headwater.contracts.streams import STREAMS
from headwater.core.replay import Selection
from headwater.errors import Retry
from headwater.ports import FlushLimits
from tests.integration.replayer import POINTS, URL
from tests.support.front import Front
from tests.support.kafka import Broker
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.stack

BROWSER = STREAMS["browser"]
ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_S = 60
_EACH = 12


@pytest.fixture
def log(broker: Broker) -> KafkaLog:
    """Empty topics."""
    fresh_topics(broker.bootstrap)
    return KafkaLog(broker.bootstrap, group="replay-test")


def _break(warehouse: ClickHouse, first: int, count: int) -> None:
    """Put dead letters of a topic that was deleted since into the table."""
    now = f"{SystemClock().now():%Y-%m-%d %H:%M:%S}"
    warehouse.execute(
        """
        INSERT INTO ops.dead_letters
        SELECT concat('no json ', toString(number)), 'browser', 'browser_events', {epoch:UUID}, 0, number,
               {now:DateTime64(3, 'UTC')}, {now:DateTime64(3, 'UTC')}, '', 0, 'invalid_json', '', ''
        FROM numbers({first:UInt64}, {count:UInt64})
        """,
        parameters={"epoch": UUID(int=1), "now": now, "first": first, "count": count},
    )


def _sent(log: KafkaLog) -> list[str]:
    """Origins of the replayed messages that readers of the topic see."""
    ends = {p: mark.end for p, mark in log.watermarks(BROWSER.topic).items()}
    batches = [log.read_range(BROWSER.topic, p, 0, end) for p, end in ends.items()]
    return [m.origin for batch in batches for m in batch.messages() if m.origin]


def _replay(log: KafkaLog, warehouse: ClickHouse) -> int:
    return Replay(log, ClickHouseReplays(warehouse), SystemClock()).run(Selection()).sent


@contextmanager
def _replayer(point: str, number: str, broker: Broker, front: Front) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.integration.replayer", point, number, broker.bootstrap]
    environment = {**os.environ, URL: front.writer_url, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_a_replay_that_is_killed_at_any_step_and_run_again_sends_each_dead_letter_once(
    log: KafkaLog, warehouse: ClickHouse, broker: Broker, front: Front
) -> None:
    for number, point in enumerate(POINTS):
        _break(warehouse, number * _EACH, _EACH)
        with _replayer(point, "SIGKILL", broker, front) as process:
            assert process.wait(_DEADLINE_S) == -signal.SIGKILL, f"it was not killed when {point}"
        _replay(log, warehouse)
        assert _replay(log, warehouse) == 0
    sent = Counter(int(origin.rpartition("/")[2]) for origin in _sent(log))
    total = len(POINTS) * _EACH
    wrong = {POINTS[offset // _EACH]: sent[offset] for offset in range(total) if sent[offset] != 1}
    assert not wrong, "after a kill at these points some were not sent once"
    done = warehouse.query("SELECT sum(sent) AS sent, count() AS plans FROM ops.replays_done")[0]
    assert (done["sent"], done["plans"]) == (total, len(POINTS))
    Ingest(BROWSER, log, ClickHouseLedger(warehouse), SystemClock()).drain(FlushLimits(), timeout_s=40)
    reconcile(BROWSER, log, warehouse, SystemClock())
    sql = "SELECT uniqExact(origin) AS n FROM ops.dead_letters WHERE startsWith(origin, 'replay of ')"
    assert warehouse.query(sql)[0]["n"] == total


@pytest.mark.parametrize("point", ["opened", "sent", "noted"])
def test_a_replay_that_was_paused_and_overtaken_sends_nothing_when_it_wakes(
    log: KafkaLog, warehouse: ClickHouse, broker: Broker, front: Front, point: str
) -> None:
    _break(warehouse, 0, 12)
    with _replayer(point, "SIGSTOP", broker, front) as process:
        _until_stopped(process.pid)
        assert _replay(log, warehouse) == 12
        process.send_signal(signal.SIGCONT)
        assert process.wait(_DEADLINE_S) == Retry.exit_code
    sent = _sent(log)
    assert (len(sent), len(set(sent))) == (12, 12)


def test_replays_that_run_at_once_share_the_work(
    log: KafkaLog, warehouse: ClickHouse, broker: Broker, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_module, "PLAN_ROWS", 50)
    _break(warehouse, 0, 200)

    def run(_number: int) -> None:
        own = ClickHouse(front.writer_url)
        deadline = time.monotonic() + _DEADLINE_S
        while True:
            try:
                _replay(KafkaLog(broker.bootstrap), own)
            except Retry:
                assert time.monotonic() < deadline
            else:
                own.close()
                return

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
    sent = _sent(log)
    assert (len(sent), len(set(sent))) == (200, 200)
    assert warehouse.query("SELECT count() AS n FROM ops.replays_done")[0]["n"] == 4


def _until_stopped(pid: int) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline, "the replay did not stop itself"
        time.sleep(0.02)
