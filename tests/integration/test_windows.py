"""Clicks are counted once each on real Kafka and ClickHouse: killed at every step, frozen and woken, several at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from confluent_kafka.admin import AdminClient

from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.app.ingest import Ingest
from headwater.app.reconcile import reconcile
from headwater.app.windows import Windows, click_accounts
from headwater.contracts.streams import AGGREGATION_CLICKS, CLICKS
from headwater.core.generator.clicks import ClickSpec, clicks
from headwater.ports import FlushLimits
from tests.integration.counter import POINTS, SESSION, URL, WINDOWS
from tests.support.front import Front
from tests.support.kafka import Broker
from tests.support.ports import free_ports
from tests.support.shell import Shell
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_S = 60
SHORT = ("aside", "committed")


@pytest.fixture
def log(broker: Broker) -> KafkaLog:
    """Empty topics."""
    fresh_topics(broker.bootstrap)
    return KafkaLog(broker.bootstrap, **SESSION)


def _send(log: KafkaLog, count: int, seed: int, broken: float = 0.02) -> tuple[int, int]:
    """Send clicks at once; returns how many are valid and how many are not."""
    made = list(clicks(ClickSpec(count, 1, 20, out_of_order_s=50, broken=broken, seed=seed)))
    with log.sink() as sink:
        for click in made:
            sink.send(CLICKS.topic, *click.message(SystemClock().now()))
        sink.flush()
    wrong = sum(click.is_broken for click in made)
    return len(made) - wrong, wrong


def _windows(log: KafkaLog, warehouse: ClickHouse) -> Windows:
    return Windows(log, ClickHouseLedger(warehouse), WINDOWS)


def _store(log: KafkaLog, warehouse: ClickHouse) -> None:
    Ingest(AGGREGATION_CLICKS, log, ClickHouseLedger(warehouse), SystemClock()).drain(FlushLimits())
    reconcile(AGGREGATION_CLICKS, log, warehouse, SystemClock())


def _counted(log: KafkaLog, warehouse: ClickHouse) -> tuple[int, int]:
    """Clicks in `product_clicks`, and those kept aside."""
    _store(log, warehouse)
    accounts = click_accounts(log, warehouse)
    assert accounts.balance, accounts
    row = warehouse.query(
        "SELECT sum(count) AS counted, uniqExact(product_id, timestamp) = count() AS once FROM analytics.product_clicks"
    )[0]
    assert row["once"], "one row for each product and window"
    return int(row["counted"]), accounts.aside


@contextmanager
def _counter(point: str, nth: int, number: int, broker: Broker, front: Front) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.integration.counter", point, str(nth), str(number), broker.bootstrap]
    environment = {**os.environ, URL: front.writer_url, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def _ended(process: subprocess.Popen[bytes]) -> int:
    return process.wait(_DEADLINE_S)


def test_counted_stored_and_added_up(log: KafkaLog, warehouse: ClickHouse) -> None:
    valid, broken = _send(log, 2_000, seed=1)
    done = _windows(log, warehouse).drain()
    assert (done.counted + done.late, done.rejected) == (valid, broken)
    more, wrong = _send(log, 500, seed=2)
    again = _windows(log, warehouse).drain()
    late = done.late + again.late
    assert _counted(log, warehouse) == (valid + more - late, broken + wrong + late)


def test_the_service_waits_for_its_topics_counts_and_tells_what_it_counted(
    log: KafkaLog, warehouse: ClickHouse, broker: Broker, front: Front, tmp_path: Path
) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for future in admin.delete_topics([CLICKS.topic]).values():
        future.result(10)
    shell, (port,) = Shell.of(front, broker, tmp_path / "home"), free_ports(1)
    # Clicks are up to 50 s out of order: with such windows most of them are late.
    chosen = {"HEADWATER_WINDOW_S": "7", "HEADWATER_WINDOW_GRACE_S": "3", "HEADWATER_WINDOW_LATE": "count"}
    shell.environment.update(chosen)
    written = tmp_path / "log"
    service = shell.start("windows", "--wait", "--metrics-port", str(port), "--emit-every", "0.3", log=written)
    try:
        _until(lambda: '"waiting"' in written.read_text())
        assert _metrics(port)["headwater_windows_running"] == 0
        fresh_topics(broker.bootstrap)
        valid, broken = _send(log, 1_000, seed=60)
        _until(lambda: sum(_outcomes(port).values()) == valid + broken)
        told = _outcomes(port)
        assert _metrics(port)["headwater_windows_running"] == 1
        service.send_signal(signal.SIGTERM)
        assert service.wait(_DEADLINE_S) == 0, written.read_text()
    finally:
        service.kill()
        service.wait()
    assert told == {"counted": valid, "late": 0, "rejected": broken}
    assert _counted(log, warehouse) == (valid, broken)
    assert "windows of 7 s, 3 s of grace, later clicks are counted" in written.read_text()
    starts = warehouse.query("SELECT DISTINCT timestamp % 7 AS rest FROM analytics.product_clicks")
    assert [row["rest"] for row in starts] == [0]


def _metrics(port: int) -> dict[str, float]:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def _outcomes(port: int) -> dict[str, float]:
    found = _metrics(port)
    return {
        outcome: found.get(f'headwater_windows_clicks_total{{outcome="{outcome}"}}', 0)
        for outcome in ("counted", "late", "rejected")
    }


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


@pytest.mark.parametrize("point", [pytest.param(p, marks=[] if p in SHORT else pytest.mark.long) for p in POINTS])
def test_killed_at_any_step_each_click_counts_once(
    point: str, log: KafkaLog, warehouse: ClickHouse, broker: Broker, front: Front
) -> None:
    seed = POINTS.index(point) + 10
    valid, broken = _send(log, 1_500, seed)
    with _counter(point, 1 + seed % 2 if point == "polled" else 1, signal.SIGKILL, broker, front) as process:
        assert _ended(process) == -signal.SIGKILL
    _windows(log, warehouse).drain()
    counted, aside = _counted(log, warehouse)
    assert counted + aside == valid + broken
    assert counted >= valid * 0.9


@pytest.mark.parametrize("point", ["polled", pytest.param("sent", marks=pytest.mark.long)])
def test_a_member_that_wakes_after_another_took_over_counts_nothing_again(
    point: str, log: KafkaLog, warehouse: ClickHouse, broker: Broker, front: Front
) -> None:
    """Frozen for longer than its transaction may stay open and its place in the group lasts."""
    valid, broken = _send(log, 1_000, seed=30)
    with _counter(point, 1, signal.SIGSTOP, broker, front) as process:
        _until_stopped(process.pid)
        _windows(log, warehouse).drain(timeout_s=120)
        process.send_signal(signal.SIGCONT)
        assert _ended(process) in {0, 3}
    assert sum(_counted(log, warehouse)) == valid + broken


@pytest.mark.long
def test_members_that_come_and_go_count_each_click_once(
    log: KafkaLog, warehouse: ClickHouse, broker: Broker, front: Front
) -> None:
    rng = random.Random(7)
    sent = 0
    for number in range(3):
        sent += sum(_send(log, 700, seed=40 + number))
        with (
            _counter(rng.choice(POINTS), 1, signal.SIGKILL, broker, front) as one,
            _counter(rng.choice(POINTS), 1, signal.SIGTERM, broker, front) as other,
        ):
            _ended(one)
            _ended(other)
    _windows(log, warehouse).drain()
    assert sum(_counted(log, warehouse)) == sent


def _until_stopped(pid: int) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "T":
            return
        time.sleep(0.02)
    raise AssertionError("the member did not come to the point where it stops")
