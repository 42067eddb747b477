"""How far is the newest fact behind ingestion with `headwater build --every 30s`, and what does that cost?

Run by `make bench-soon`. Real Kafka, the real engine, `headwater consume` and `headwater build --every` as processes;
first without the builder, so that its share of ClickHouse is what comes on top. How late the sender was is told: where
the load alone takes the whole machine, the figures say little. At the end every event is counted in the facts.
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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
# Two intervals of the builder by default, and what the consumer may take to store what is left.
_WARM_UP_S, _STORED_WITHIN_S = 60.0, 120.0
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


@contextmanager
def _sending(broker: Broker, lines: dict[str, list[bytes]], rate: float) -> Iterator[Sender]:
    """A steady stream of these messages while the block runs."""
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "linger.ms": 5, "compression.type": "lz4", "log_level": 0}
    )
    sender = Sender(producer, lines, rate)
    thread = threading.Thread(target=sender.run, daemon=True)
    thread.start()
    try:
        yield sender
    finally:
        sender.stop.set()
        thread.join()
    console.print(f"{sender.sent:,} messages were sent, late by at most {sender.late_s:.2f} s")


def measure(folder: Path, rate: float, seconds: float, every: str) -> tuple[float, float, int]:
    """Seconds behind at most, cores of the builder and its share of ClickHouse, and facts, over one run.

    What came without the builder is built before it starts, with nothing sent meanwhile: a backlog is another measure.
    """
    # Every event is new: what is repeated costs a build something else.
    half_s = seconds + _WARM_UP_S
    most = int(rate * (2 * half_s + 120))
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
        with _sending(broker, lines, rate * len(FACT_STREAMS)) as without:
            time.sleep(_WARM_UP_S)
            (alone,) = _cores([front.pid], seconds, [], owner)
        _build_all(owner, without.sent)
        of_each = -(-without.sent // len(FACT_STREAMS))
        rest = {name: sent[of_each:] for name, sent in lines.items()}
        builder, _ = _start(folder, front, broker, "build", "--every", every)
        stack.callback(builder.kill)
        behind: list[float] = []
        with _sending(broker, rest, rate * len(FACT_STREAMS)) as beside:
            time.sleep(_WARM_UP_S)
            clickhouse, own = _cores([front.pid, builder.pid], seconds, behind, owner)
        builder.send_signal(signal.SIGTERM)
        assert builder.wait(60) == 0, "the builder did not end well"
        console.print(
            f"ClickHouse {alone:.2f} cores without the builder, {clickhouse:.2f} with it, which took {own:.2f}"
        )
        _build_all(owner, without.sent + beside.sent)
        consumer.terminate()
        consumer.wait(30)
        return max(behind), own + clickhouse - alone, _counted(owner)


def _build_all(database: ClickHouse, sent: int) -> None:
    """Wait until everything that was sent is stored, and build it."""
    deadline = time.monotonic() + _STORED_WITHIN_S
    staged = "SELECT count() AS n FROM merge('analytics', '^events_')"
    while int(database.query(staged)[0]["n"]) < sent:
        assert time.monotonic() < deadline, "what was sent is not stored"
        time.sleep(0.2)
    Build(database, SystemClock(), BuildLimits(grace_s=0)).run()


def _counted(database: ClickHouse) -> int:
    """Facts; every distinct event must be one, and counted once."""
    row = database.query(
        "SELECT (SELECT uniqExact(event_id) FROM analytics.events_browser_raw) AS events, "
        "(SELECT count() FROM analytics.fact_events) AS facts, "
        "(SELECT countMerge(total_events) FROM analytics.agg_events_hourly) AS hourly"
    )[0]
    assert len(set(row.values())) == 1, f"{dict(row)}: the figures are worth nothing"
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
