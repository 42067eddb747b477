"""How soon can an event be asked for, at what cost, and do the parts stay few?

Run by `make bench-fresh`. Real Kafka, the real engine behind its front and `headwater consume` as a process of its own;
a steady rate over the four streams; every message is counted in the tables at the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import typer
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from bench.measure import cpu_s
from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.topics import KafkaTopics
from headwater.app.migrate import migrate, read_migrations
from headwater.app.reconcile import reconcile
from headwater.app.topics import apply_topics
from headwater.assets import asset
from headwater.contracts.streams import FACT_STREAMS, STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.generator.blocks import Spec, generate
from tests.support.front import Front
from tests.support.kafka import Broker

console = Console(stderr=True)
_TICK_S = 0.01
_WARM_S = 10.0
_CATCH_UP_S = 60.0
# What must hold at the full rate.
_P99_S, _P999_S, _CORES = 2.0, 4.0, 1.0
_FULL_RATE = 5_000
# Far below the 1,000 from which ClickHouse slows inserts down.
_MOST_PARTS = 150

# Seconds from Kafka's time of each message until its claim was closed, over every message of the measured time.
_WAITS = """
SELECT count() AS messages, quantileExact(0.5)(wait_s) AS p50_s, quantileExact(0.99)(wait_s) AS p99_s,
       quantileExact(0.999)(wait_s) AS p999_s, max(wait_s) AS max_s
FROM
(
    SELECT dateDiff('millisecond', e.kafka_time, s.stored_at) / 1000 AS wait_s
    FROM
    (
        SELECT epoch, partition, offset, kafka_time FROM merge('analytics', '^events_')
        WHERE kafka_time >= {since:DateTime64(3, 'UTC')} AND kafka_time < {until:DateTime64(3, 'UTC')}
    ) AS e
    ASOF JOIN (SELECT epoch, partition, from_offset, stored_at FROM ops.stored) AS s
        ON e.epoch = s.epoch AND e.partition = s.partition AND e.offset >= s.from_offset
)
"""
_CLAIMS = """
SELECT count() AS n FROM ops.stored
WHERE stored_at >= {since:DateTime64(3, 'UTC')} AND stored_at < {until:DateTime64(3, 'UTC')}
"""
_PARTS = """
SELECT concat(database, '.', table) AS name, partition, count() AS parts FROM system.parts
WHERE active AND database IN ('analytics', 'ops') GROUP BY name, partition
"""


@dataclass
class Sender:
    """Sends lines of the four streams at a steady rate, in a thread, until it is told to stop."""

    producer: Producer
    lines: Mapping[str, list[bytes]]
    rate: float
    sent: int = 0
    late_s: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """One piece every 10 ms: what is due by then, the streams in turn."""
        names = cycle(FACT_STREAMS.values())
        began = time.monotonic()
        per_stream = dict.fromkeys(FACT_STREAMS, 0)
        while not self.stop.wait(max(0.0, began + (self.sent + 1) / self.rate - time.monotonic(), _TICK_S)):
            elapsed_s = time.monotonic() - began
            due = int(elapsed_s * self.rate)
            self.late_s = max(self.late_s, elapsed_s - self.sent / self.rate)
            for _ in range(due - self.sent):
                stream = next(names)
                number = per_stream[stream.name]
                per_stream[stream.name] += 1
                lines = self.lines[stream.name]
                self._produce(stream.topic, lines[number % len(lines)], number % 3)
                self.sent += 1
            self.producer.poll(0)
        self.producer.flush(30)

    def _produce(self, topic: str, line: bytes, partition: int) -> None:
        """Where the broker does not keep up, wait: the messages come late then, which is counted."""
        while True:
            try:
                return self.producer.produce(topic, line, partition=partition)
            except BufferError:
                self.producer.poll(0.05)


def event_lines(rate: float, seconds: float, seed: int, most: int = 400_000) -> dict[str, list[bytes]]:
    """Messages of every stream, as many as are sent in that time at `rate` messages a second, of at most `most` events.

    A sender that comes to their end begins again, and repeats them.
    """
    events = max(1_000, min(int(rate * seconds / len(FACT_STREAMS)), most))
    found: dict[str, list[bytes]] = {name: [] for name in FACT_STREAMS}
    for block in generate(Spec(events, seed=seed)):
        for name, lines in found.items():
            lines += [line.encode() for line in block.lines(name)]
    return found


def _sample_parts(database: ClickHouse, most: dict[str, int], seen: list[int]) -> None:
    total = 0
    for row in database.query(_PARTS):
        parts = int(row["parts"])
        total += parts
        most[row["name"]] = max(most.get(row["name"], 0), parts)
    seen.append(total)


def wait_for_ready(consumer: subprocess.Popen[bytes], log: Path) -> None:
    """Until every partition of every stream has been taken."""
    deadline = time.monotonic() + 60
    while log.read_text().count('"event": "resumed"') < 3 * len(STREAMS):
        if consumer.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"The consumer did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def _staged(database: ClickHouse) -> int:
    return int(database.query("SELECT count() AS n FROM merge('analytics', '^events_')")[0]["n"])


@dataclass
class Outcome:
    """What was measured."""

    sent: int
    seconds: float
    late_s: float
    beats: list[Mapping[str, Any]]
    waits: Mapping[str, Any]
    consumer_cores: float
    clickhouse_cores: float
    kafka_cores: float
    claims_per_s: float
    parts: dict[str, int]
    parts_over_time: list[int]

    def show(self) -> None:
        """Tables and one line per requirement follow."""
        table = Table("what", "messages", "50%", "99%", "99.9%", "max", title="Seconds until queryable")
        for name, row in [*((f"heartbeats of {b['stream']}", b) for b in self.beats), ("every event", self.waits)]:
            table.add_row(
                name, f"{row.get('heartbeats', row.get('messages')):,}",
                *(f"{row[key]:.2f}" for key in ("p50_s", "p99_s", "p999_s", "max_s")),
            )  # fmt: skip
        Console(width=120).print(table)
        table = Table("what", "figure", title=f"{self.sent:,} messages in {self.seconds:.0f} s")
        table.add_row("cores of the consumer", f"{self.consumer_cores:.2f}")
        table.add_row("cores of ClickHouse", f"{self.clickhouse_cores:.2f}")
        table.add_row("cores of Kafka (not counted)", f"{self.kafka_cores:.2f}")
        table.add_row("claims per second", f"{self.claims_per_s:.1f}")
        table.add_row("the sender was late by at most", f"{self.late_s:.2f} s")
        for name, parts in sorted(self.parts.items(), key=lambda item: -item[1])[:6]:
            table.add_row(f"most parts of a partition of {name}", f"{parts}")
        table.add_row("parts in all, over time", " ".join(map(str, _thinned(self.parts_over_time))))
        Console(width=120).print(table)

    def verdicts(self, *, full: bool) -> Iterator[tuple[str, float, float]]:
        """Name, figure and limit of each requirement."""
        if full:
            # The other streams get heartbeats alone, and batches of so few wait longer on purpose.
            beats = [b for b in self.beats if b["stream"] in FACT_STREAMS]
            yield "99% of heartbeats, seconds", max(b["p99_s"] for b in beats), _P99_S
            yield "99.9% of heartbeats, seconds", max(b["p999_s"] for b in beats), _P999_S
            yield "99% of events, seconds", self.waits["p99_s"], _P99_S
            yield "99.9% of events, seconds", self.waits["p999_s"], _P999_S
            yield "cores of consumer and ClickHouse", self.consumer_cores + self.clickhouse_cores, _CORES
        yield "most parts of a partition", max(self.parts.values()), _MOST_PARTS


def _thinned(values: list[int], wanted: int = 12) -> list[int]:
    return values[:: max(1, len(values) // wanted)]


def measure(folder: Path, rate: float, seconds: float, heartbeat_s: float, seed: int, sample_s: float) -> Outcome:
    """One run, from an empty warehouse to the proof that every message was stored once."""
    console.print(f"making events of seed {seed}")
    lines = event_lines(rate, seconds + _WARM_S, seed)
    with ExitStack() as stack:
        broker = stack.enter_context(Broker.start(folder / "kafka"))
        front = stack.enter_context(Front.start(folder / "clickhouse"))
        owner = ClickHouse(front.owner_url)
        migrate(read_migrations(asset("clickhouse/migrations")), owner)
        apply_topics(load_topics(asset("kafka/topics.yaml")), KafkaTopics(broker.bootstrap))
        log = folder / "consumer.log"
        with log.open("wb") as output:
            consumer = subprocess.Popen(
                [sys.executable, "-m", "headwater.entrypoints.cli", "consume", "--heartbeat-seconds", str(heartbeat_s)],
                stdout=output, stderr=output, cwd=folder,
                env={**os.environ, "HEADWATER_HOME": str(folder / "home"),
                     "HEADWATER_CLICKHOUSE_URL": front.owner_url, "HEADWATER_CLICKHOUSE_WRITER_URL": front.writer_url,
                     "HEADWATER_KAFKA_BOOTSTRAP": broker.bootstrap},
            )  # fmt: skip
        stack.callback(consumer.kill)
        wait_for_ready(consumer, log)
        producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "linger.ms": 5, "compression.type": "lz4", "log_level": 0}
        )
        sender = Sender(producer, lines, rate)
        thread = threading.Thread(target=sender.run, daemon=True)
        thread.start()
        time.sleep(_WARM_S)
        console.print(f"{rate:,.0f} messages/s for {seconds:.0f} s")
        pids = {"consumer": consumer.pid, "clickhouse": front.pid, "kafka": broker.pid}
        since, began, before = SystemClock().now(), time.monotonic(), {n: cpu_s(pid) for n, pid in pids.items()}
        most: dict[str, int] = {}
        over_time: list[int] = []
        while (left_s := began + seconds - time.monotonic()) > 0:
            _sample_parts(owner, most, over_time)
            if consumer.poll() is not None:
                raise SystemExit(f"The consumer ended:\n{log.read_text()[-3000:]}")
            time.sleep(min(sample_s, left_s))
        took_s = time.monotonic() - began
        between = {"since": since, "until": SystemClock().now()}
        used = {name: (cpu_s(pid) - before[name]) / took_s for name, pid in pids.items()}
        sender.stop.set()
        thread.join()
        _finish(owner, consumer, sender.sent, log)
        claims = owner.query(_CLAIMS, between)[0]["n"]
        for stream in STREAMS.values():
            reconcile(stream, KafkaLog(broker.bootstrap), owner, SystemClock())
        return Outcome(
            sent=sender.sent, seconds=took_s, late_s=sender.late_s,
            beats=list(owner.rows("ops/freshness", **between)),
            waits=owner.query(_WAITS, between)[0],
            consumer_cores=used["consumer"], clickhouse_cores=used["clickhouse"], kafka_cores=used["kafka"],
            claims_per_s=claims / took_s, parts=most, parts_over_time=over_time,
        )  # fmt: skip


def _finish(database: ClickHouse, consumer: subprocess.Popen[bytes], sent: int, log: Path) -> None:
    """Wait until everything is stored, end the consumer, and count."""
    deadline = time.monotonic() + _CATCH_UP_S
    while _staged(database) < sent and time.monotonic() < deadline:
        time.sleep(0.2)
    consumer.terminate()
    code = consumer.wait(30)
    if code:
        raise SystemExit(f"The consumer ended with {code}:\n{log.read_text()[-3000:]}")
    if (staged := _staged(database)) != sent:
        raise SystemExit(f"{sent:,} messages were sent and {staged:,} stand in staging. The figures are worth nothing.")


def main(
    rate: float = typer.Option(_FULL_RATE, help="Messages per second over the four streams."),
    minutes: float = typer.Option(5.0, help="How long is measured, after 10 s of warming up."),
    heartbeat_seconds: float = typer.Option(0.25, help="Between heartbeats: many, so that 99.9% means something."),
    sample_seconds: float = typer.Option(1.0, help="Between two looks at the parts."),
    seed: int = typer.Option(1, help="Seed of the generated events."),
) -> None:
    """Measure freshness, cost and parts; exit code 1 when a requirement is not met.

    Freshness and cost are required at 5,000 messages per second and more, few parts at any rate.
    """
    folder = Path(tempfile.mkdtemp(prefix="hwb-"))
    try:
        outcome = measure(folder, rate, minutes * 60, heartbeat_seconds, seed, sample_seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    outcome.show()
    failed = False
    for name, figure, limit in outcome.verdicts(full=rate >= _FULL_RATE):
        holds = figure < limit
        failed |= not holds
        print(f"{'ok  ' if holds else 'FAIL'} {name}: {figure:.2f} (under {limit:g})")
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(main)
