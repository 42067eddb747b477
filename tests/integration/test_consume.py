"""The consumer as a service, as a process of its own on a real broker and the real engine."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from confluent_kafka.admin import AdminClient

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.kafka import KafkaLog
from headwater.app.migrate import migrate, read_migrations
from headwater.assets import asset
from headwater.contracts.streams import STREAMS
from tests.support.events import browser, counted, device, geo, interaction, location
from tests.support.front import Front
from tests.support.kafka import Broker
from tests.support.ports import free_port
from tests.support.shell import Shell
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.stack

_DEADLINE_S = 60
_MAKE: Mapping[str, Callable[..., bytes]] = {
    "browser": browser, "device": device, "geo": geo, "location": location, "interaction": interaction,
    "aggregation_clicks": counted,
}  # fmt: skip


class Service:
    """A running `headwater consume`, and the lines it has logged."""

    def __init__(self, shell: Shell, log: Path, *options: str) -> None:
        self._log = log
        self.process = shell.start("consume", *options, log=log)

    def lines(self) -> list[dict[str, Any]]:
        """Every line, each of them one JSON object."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of one event."""
        return [line for line in self.lines() if line["event"] == name]

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait while the service runs."""
        deadline = time.monotonic() + _DEADLINE_S
        while not is_so():
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.1)

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; returns its exit code."""
        self.process.send_signal(with_signal)
        return self.process.wait(_DEADLINE_S)


Serve = Callable[..., Service]


@pytest.fixture
def shell(front: Front, broker: Broker, tmp_path: Path) -> Shell:
    return Shell.of(front, broker, tmp_path / "home")


@pytest.fixture
def serve(shell: Shell, tmp_path: Path) -> Iterator[Serve]:
    """Starts services and ends those that a failed test leaves."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> Service:
        service = Service(shell, tmp_path / f"consumer-{len(started)}.log", *options)
        started.append(service.process)
        return service

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def _send(broker: Broker, count: int, bad: int = 0, stream: str | None = None) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    with KafkaLog(broker.bootstrap).sink() as sink:
        for name in [stream] if stream else list(STREAMS):
            for number in range(count):
                more = {"at": now} if name == "browser" else {}
                value = _MAKE[name](f"e{number}", **more) if number >= bad else b"a payload that is no event"
                sink.send(STREAMS[name].topic, str(number).encode(), value)
        sink.flush()


def _staged(warehouse: ClickHouse) -> int:
    return sum(int(row["staged"]) for row in warehouse.rows("ops/stage_rows"))


def test_it_waits_for_schema_and_topics_then_stores_and_tells_how_it_is(
    shell: Shell, serve: Serve, front: Front, broker: Broker
) -> None:
    owner = ClickHouse(front.owner_url)
    for name in ("analytics", "ops"):
        owner.execute(f"DROP DATABASE IF EXISTS {name} SYNC")
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    if topics := [name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")]:
        for future in admin.delete_topics(topics).values():
            future.result(10)

    port = free_port()
    service = serve("--wait", "--metrics-port", str(port), "--heartbeat-seconds", "0.3")
    service.until(lambda: bool(service.events("waiting")))
    assert "headwater migrate" in service.events("waiting")[0]["reason"]
    migrate(read_migrations(asset("clickhouse/migrations")), owner)
    service.until(lambda: "headwater topics" in service.events("waiting")[-1]["reason"])
    fresh_topics(broker.bootstrap)
    service.until(lambda: len(service.events("resumed")) == 3 * len(STREAMS))

    _send(broker, 400, bad=3)
    service.until(lambda: _staged(owner) == len(STREAMS) * 397)
    service.until(lambda: 'reason="invalid_json"} 3' in _metrics(port))
    text = _metrics(port)
    assert 'headwater_ingested_rows_total{stream="geo",target="staged"} 397' in text
    assert 'headwater_ingested_rows_total{stream="geo",target="heartbeats"}' in text
    assert 'headwater_stream_running{stream="location"} 1' in text

    status = json.loads(shell.run("consume", "--status", "--json"))
    assert {(part["stream"], part["partition"]) for part in status["partitions"]} == {
        (name, partition) for name in STREAMS for partition in range(3)
    }
    for part in status["partitions"]:
        assert part["lag"] == part["end"] - part["position"] < 50, "Only heartbeats of the last seconds may be open."
        assert part["messages_per_s"] > 1
        assert part["last_stored_at"] is not None
    assert status["errors"] == []
    for each in json.loads(shell.run("lag", "--json")):
        assert each["heartbeats"] > 3
        assert 0 < each["p50_s"] <= each["p99_s"] <= each["max_s"] < _DEADLINE_S
    assert "geo" in shell.run("consume", "--status", "--stream", "geo")
    assert "99.9%" in shell.run("lag", "--minutes", "1")

    assert service.end() == 0
    assert {line["stream"]: line["staged"] for line in service.events("stopped")} == dict.fromkeys(STREAMS, 397)
    assert {"stream", "partition", "from_offset", "to_offset", "messages", "insert_s"} <= set(
        service.events("progress")[0]
    )
    assert all({"time", "level", "event"} <= set(line) for line in service.lines())
    assert "payload" not in json.dumps(service.lines())
    owner.close()


@pytest.mark.usefixtures("warehouse")
def test_an_error_that_needs_a_person_ends_the_service_and_is_kept_for_the_status(
    shell: Shell, serve: Serve, broker: Broker
) -> None:
    fresh_topics(broker.bootstrap)
    _send(broker, 12_000, bad=12_000, stream="geo")
    service = serve("--heartbeat-seconds", "0")
    assert service.process.wait(_DEADLINE_S) == 1
    (ended,) = service.events("ended")
    assert ended["exit_code"] == 1
    assert ended["error"].startswith("FloodOfRejects")
    status = json.loads(shell.run("consume", "--status", "--json"))
    assert [(error["stream"], error["consequence"]) for error in status["errors"]] == [("geo", "stop")]
    shown = shell.run("consume", "--status")
    heads = next(line for line in shown.splitlines() if "partition" in line)
    assert [head.strip() for head in heads.strip("┃ ").split("┃")] == [
        "stream", "partition", "position", "end", "lag", "messages/s", "last stored at", "last error",
    ]  # fmt: skip
    assert "FloodOfRejects" in shown
    assert all("stop, 20" in line for line in shown.splitlines() if "│ geo" in line)


@pytest.mark.usefixtures("warehouse")
def test_two_services_share_the_work_and_end_on_ctrl_c(serve: Serve, broker: Broker, warehouse: ClickHouse) -> None:
    fresh_topics(broker.bootstrap)
    one = serve("--heartbeat-seconds", "0", "--stream", "browser")
    one.until(lambda: len(one.events("resumed")) == 3)
    two = serve("--heartbeat-seconds", "0", "--stream", "browser")
    two.until(lambda: bool(two.events("resumed")))
    _send(broker, 600, stream="browser")
    one.until(lambda: _staged(warehouse) == 600)
    assert (one.end(signal.SIGINT), two.end(signal.SIGINT)) == (0, 0)
    assert sum(line["staged"] for line in one.events("stopped") + two.events("stopped")) == 600
    row = warehouse.query("SELECT uniqExact(epoch, partition, offset) AS n FROM analytics.events_browser_raw")[0]
    assert (_staged(warehouse), row["n"]) == (600, 600)


def test_without_schema_everything_says_what_to_run(shell: Shell, serve: Serve, front: Front) -> None:
    owner = ClickHouse(front.owner_url)
    for name in ("analytics", "ops"):
        owner.execute(f"DROP DATABASE IF EXISTS {name} SYNC")
    owner.close()
    service = serve()
    assert service.process.wait(_DEADLINE_S) == 2
    assert "headwater migrate" in service.events("ended")[0]["error"]
    for words in (("consume", "--status"), ("lag",)):
        assert "headwater migrate" in shell.run(*words, code=2)


def _metrics(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
    return text
