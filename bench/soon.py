"""How far is the newest fact behind ingestion with `headwater build --every 30s`, and what does that cost?

Run by `make bench-soon`. Real Kafka, the real engine, `headwater consume` and `headwater build --every` as processes;
first without the builder, so that its share of ClickHouse is what comes on top. At the end every event is counted in
the facts.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import Producer
from rich.console import Console

from bench.freshness import Sender, event_lines, wait_for_ready
from bench.measure import cpu_s
from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.clock import SystemClock
from headwater.adapters.topics import KafkaTopics
from headwater.app.build import Build, BuildLimits
from headwater.app.migrate import migrate, read_migrations
from headwater.app.topics import apply_topics
from headwater.assets import asset
from headwater.contracts.streams import FACT_STREAMS
from headwater.contracts.topics import load_topics
from tests.support.front import Front
from tests.support.kafka import Broker

console = Console(stderr=True)
# What must hold: seconds behind ingestion, and cores of the builder with its share of ClickHouse.
_BEHIND_S, _CORES = 60.0, 0.5
_CATCH_UP_S = 120.0
_BEHIND = """
SELECT if(count() = 0, 0, dateDiff('millisecond', max(last_ingested_at), now64(3)) / 1000) AS behind_s
FROM ops.plans WHERE notEmpty(ranges) AND plan IN (SELECT plan FROM ops.plans_done)
"""


def _start(folder: Path, front: Front, broker: Broker, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
    log = folder / f"{arguments[0]}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "headwater.entrypoints.cli", *arguments],
            stdout=output, stderr=output, cwd=folder,
            env={**os.environ, "HEADWATER_HOME": str(folder / "home"), "HEADWATER_CLICKHOUSE_URL": front.owner_url,
                 "HEADWATER_CLICKHOUSE_WRITER_URL": front.writer_url, "HEADWATER_KAFKA_BOOTSTRAP": broker.bootstrap},
        )  # fmt: skip
    return process, log


def _cores(pids: list[int], seconds: float, look: list[float], database: ClickHouse) -> list[float]:
    """Cores that each process uses over some seconds; how far facts are behind goes to `look`."""
    before, began = [cpu_s(pid) for pid in pids], time.monotonic()
    while time.monotonic() - began < seconds:
        look.append(float(database.query(_BEHIND)[0]["behind_s"]))
        time.sleep(1)
    took = time.monotonic() - began
    return [(cpu_s(pid) - was) / took for pid, was in zip(pids, before, strict=True)]


def _catch_up(database: ClickHouse) -> None:
    """Until the builder has built what came while there was none."""
    began = time.monotonic()
    while not 0 < float(database.query(_BEHIND)[0]["behind_s"]) < _BEHIND_S / 2:
        assert time.monotonic() - began < _CATCH_UP_S, "the builder does not catch up with what came before it"
        time.sleep(0.5)
    console.print(f"what had come before the builder was built {time.monotonic() - began:.0f} s after its start")


def measure(folder: Path, rate: float, seconds: float, every: str) -> tuple[float, float, int]:
    """Seconds behind at most, cores of the builder and its share of ClickHouse, and facts, over one run."""
    # Every event is new: what is repeated costs a build something else.
    most = int(rate * (seconds * 2 + _CATCH_UP_S + 60))
    lines = event_lines(rate * len(FACT_STREAMS), most / rate, seed=1, most=most)
    with ExitStack() as stack:
        broker = stack.enter_context(Broker.start(folder / "kafka"))
        front = stack.enter_context(Front.start(folder / "clickhouse"))
        owner = ClickHouse(front.owner_url)
        migrate(read_migrations(asset("clickhouse/migrations")), owner)
        apply_topics(load_topics(asset("kafka/topics.yaml")), KafkaTopics(broker.bootstrap))
        consumer, log = _start(folder, front, broker, "consume")
        stack.callback(consumer.kill)
        wait_for_ready(consumer, log)
        producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "linger.ms": 5, "compression.type": "lz4", "log_level": 0}
        )
        sender = Sender(producer, lines, rate * len(FACT_STREAMS))
        thread = threading.Thread(target=sender.run, daemon=True)
        thread.start()
        time.sleep(5)
        (alone,) = _cores([front.pid], seconds, [], owner)
        builder, _ = _start(folder, front, broker, "build", "--every", every)
        stack.callback(builder.kill)
        _catch_up(owner)
        behind: list[float] = []
        clickhouse, own = _cores([front.pid, builder.pid], seconds, behind, owner)
        sender.stop.set()
        thread.join()
        console.print(f"the sender was late by at most {sender.late_s:.2f} s")
        builder.send_signal(signal.SIGTERM)
        assert builder.wait(60) == 0, "the builder did not end well"
        facts = _finish(owner, consumer, lines, sender.sent)
        return max(behind), own + clickhouse - alone, facts


def _finish(database: ClickHouse, consumer: subprocess.Popen[bytes], lines: dict[str, list[bytes]], sent: int) -> int:
    """Build what is left; every distinct event must be a fact, and counted once."""
    deadline = time.monotonic() + _CATCH_UP_S
    staged = "SELECT count() AS n FROM merge('analytics', '^events_')"
    while int(database.query(staged)[0]["n"]) < sent and time.monotonic() < deadline:
        time.sleep(0.2)
    consumer.terminate()
    consumer.wait(30)
    Build(database, SystemClock(), BuildLimits(grace_s=0)).run()
    row = database.query(
        "SELECT (SELECT uniqExact(event_id) FROM analytics.events_browser_raw) AS events, "
        "(SELECT count() FROM analytics.fact_events) AS facts, "
        "(SELECT countMerge(total_events) FROM analytics.agg_events_hourly) AS hourly"
    )[0]
    assert len(set(row.values())) == 1, f"{dict(row)}: the figures are worth nothing"
    assert row["facts"] <= len(lines["browser"])
    return int(row["facts"])


def main(
    rate: Annotated[float, typer.Option(help="Events per second, each with its four messages.")] = 2_000,
    minutes: Annotated[float, typer.Option(help="How long is measured, without and with the builder each.")] = 3,
    every: Annotated[str, typer.Option(help="Interval of the builder.")] = "30s",
) -> None:
    """Measure; exit code 1 when a requirement is not met."""
    folder = Path(tempfile.mkdtemp(prefix="hwb-"))
    try:
        behind, cores, facts = measure(folder, rate, minutes * 60, every)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    console.print(f"{facts:,} facts, each counted once")
    verdicts = [("seconds behind ingestion at most", behind, _BEHIND_S), ("cores for building", cores, _CORES)]
    for name, figure, limit in verdicts:
        print(f"{'ok  ' if figure < limit else 'FAIL'} {name}: {figure:.2f} (under {limit:g})")
    raise typer.Exit(int(any(figure >= limit for _, figure, limit in verdicts)))


if __name__ == "__main__":
    typer.run(main)
