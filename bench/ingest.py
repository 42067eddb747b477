"""How fast is ingestion, per CPU-second of consumer and ClickHouse, against the limit and against what people write?

Run by `make bench-ingest`. Real Kafka, the real engine behind its front, everything on this machine; each way of
loading runs in turn, several times, and its rows are compared with those that came straight from the file.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from bench.measure import Used, cpu_s, forget_peak, peak_bytes
from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.topics import KafkaTopics
from headwater.app.migrate import migrate, read_migrations
from headwater.app.topics import apply_topics
from headwater.assets import asset
from headwater.contracts.streams import FACT_STREAMS, STREAMS, Stream
from headwater.contracts.topics import load_topics
from headwater.core.generator.blocks import Spec, generate
from tests.support.front import Front
from tests.support.kafka import Broker

console = Console(stderr=True)
_ROWS = 250_000
_TABLE = "bench.plain"
_USUAL_ROWS = 150_000
# The first inserts after a start are slower.
_WARM_UP_ROWS = 100_000
_BYTES_PER_S = 1e6


@dataclass(frozen=True, slots=True)
class Run:
    """One arm, once: what the consumer, ClickHouse and Kafka used for `rows` rows of `size_bytes`."""

    arm: str
    rows: int
    size_bytes: int
    consumer: Used
    clickhouse_s: float
    clickhouse_peak: int
    kafka_s: float

    @property
    def per_cpu_s(self) -> float:
        """Rows per CPU-second of consumer and ClickHouse."""
        return self.rows / (self.consumer.cpu_s + self.clickhouse_s)

    @property
    def per_s(self) -> float:
        """Rows per second."""
        return self.rows / self.consumer.wall_s

    @property
    def bytes_per_cpu_s(self) -> float:
        """Bytes of messages per CPU-second of consumer and ClickHouse."""
        return self.size_bytes / (self.consumer.cpu_s + self.clickhouse_s)

    @property
    def bytes_per_s(self) -> float:
        """Bytes of messages per second."""
        return self.size_bytes / self.consumer.wall_s


class Bench:
    """A broker, a front, and one set of events in a file and in a topic."""

    def __init__(self, broker: Broker, front: Front, compression: str) -> None:
        self._compression = compression
        self._broker = broker
        self._front = front
        self._owner = ClickHouse(front.owner_url)

    def prepare(self) -> None:
        """A migrated warehouse and a plain table."""
        migrate(read_migrations(asset("clickhouse/migrations")), self._owner)
        self._owner.execute("CREATE DATABASE bench")
        self.empty_plain()

    def reset(self) -> None:
        """An empty warehouse and an empty plain table.

        Tables are emptied, not made anew: ext4 looks for a minute at each of thousands of files that were removed
        before it makes another one, which cost the engine up to a twelfth of its CPU-seconds.
        """
        for row in self._owner.query(
            "SELECT database, name FROM system.tables WHERE database IN ('analytics', 'ops') AND total_rows > 0 "
            "AND engine LIKE '%MergeTree' AND name != 'migrations'"
        ):
            self._owner.execute(f"TRUNCATE TABLE {row['database']}.{row['name']} SYNC")
        self.empty_plain()

    def empty_plain(self) -> None:
        """A table like that of staging, without views, tokens or anything else around it."""
        self._owner.execute(f"DROP TABLE IF EXISTS {_TABLE} SYNC")
        self._owner.execute(f"CREATE TABLE {_TABLE} AS {STREAMS['browser'].staging_table}")
        self._owner.execute(f"ALTER TABLE {_TABLE} REMOVE TTL")  # the plain ways give no time of ingestion

    def fill(self, stream: Stream, file: Path) -> list[int]:
        """Make the stream's topic anew with the lines of `file`; returns the end offset of each partition."""
        self._remove(stream.topic)
        topics = [topic for topic in load_topics(asset("kafka/topics.yaml")) if topic.name == stream.topic]
        apply_topics(topics, KafkaTopics(self._broker.bootstrap))
        producer = Producer(
            {"bootstrap.servers": self._broker.bootstrap, "linger.ms": 50, "batch.size": 1_000_000,
             "compression.type": self._compression, "queue.buffering.max.messages": 500_000}
        )  # fmt: skip
        with file.open("rb") as lines:
            for number, line in enumerate(lines):
                while True:
                    try:
                        producer.produce(stream.topic, line[:-1], partition=number // 500 % 3)
                        break
                    except BufferError:
                        producer.poll(0.1)
        producer.flush()
        marks = KafkaLog(self._broker.bootstrap).watermarks(stream.topic)
        return [marks[partition].end for partition in sorted(marks)]

    def _remove(self, topic: str) -> None:
        admin = AdminClient({"bootstrap.servers": self._broker.bootstrap})
        if topic in admin.list_topics(timeout=10).topics:
            admin.delete_topics([topic])[topic].result(10)
        while topic in admin.list_topics(timeout=10).topics:
            time.sleep(0.05)

    def run(self, arm: str, rows: int, size_bytes: int = 0, **given: object) -> Run:
        """Run one arm in a process of its own and measure all three sides."""
        settings = {
            "bootstrap": self._broker.bootstrap, "owner_url": self._front.owner_url, "table": _TABLE,
            "writer_url": self._front.writer_url, "rows": _ROWS, **given,
        }  # fmt: skip
        forget_peak(self._front.pid)
        clickhouse_s, kafka_s = cpu_s(self._front.pid), cpu_s(self._broker.pid)
        answer = subprocess.run(
            [sys.executable, "-m", "bench.arms", arm],
            input=json.dumps(settings), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if answer.returncode:
            raise SystemExit(f"{arm} failed:\n{answer.stderr[-3000:]}")
        return Run(
            arm, rows, size_bytes, Used(**json.loads(answer.stdout.splitlines()[-1])),
            cpu_s(self._front.pid) - clickhouse_s, peak_bytes(self._front.pid), cpu_s(self._broker.pid) - kafka_s,
        )  # fmt: skip

    def offsets(self, stream: Stream) -> tuple[int, int]:
        """Rows of staging, and how many different places in the topic they have."""
        row = self._owner.query(
            f"SELECT count() AS rows, uniqExact(epoch, partition, offset) AS places FROM {stream.staging_table}"
        )[0]
        return int(row["rows"]), int(row["places"])

    def content(self, table: str) -> tuple[int, int, int]:
        """Rows, different ids, and a sum of hashes over all columns of the contract."""
        names = ", ".join(f"toString({field.name})" for field in STREAMS["browser"].fields)
        sql = f"SELECT count() AS rows, uniqExact(event_id) AS ids, sum(cityHash64({names})) AS hash FROM {table}"
        row = self._owner.query(sql)[0]
        return int(row["rows"]), int(row["ids"]), int(row["hash"])


def write_events(spec: Spec, streams: Sequence[str], folder: Path) -> dict[str, Path]:
    """Files of generated events, one for each of the streams."""
    paths = {name: folder / STREAMS[name].file_name for name in streams}
    for path in paths.values():
        path.write_bytes(b"")
    for block in generate(spec):
        for name, path in paths.items():
            with path.open("ab") as file:
                file.write("".join(f"{line}\n" for line in block.lines(name)).encode())
    return paths


def _cuts(file: Path) -> list[int]:
    """Bytes of each piece of 250,000 lines."""
    sizes, size = [], 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            size += len(line)
            if number % _ROWS == 0:
                sizes.append(size)
                size = 0
    return [*sizes, size] if size else sizes


def _demand(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise SystemExit(f"{what}: found {found}, expected {expected}. The figures above are worth nothing.")


def single(bench: Bench, file: Path, rows: int, rounds: int) -> list[Run]:
    """All arms over one stream, in turn; every result is checked against the rows from the file."""
    browser = STREAMS["browser"]
    console.print(f"filling {browser.topic} with {rows:,} events")
    ends = bench.fill(browser, file)
    few = [min(end, _USUAL_ROWS // len(ends)) for end in ends]
    runs: list[Run] = []
    for number in range(1, rounds + 1):
        bench.reset()
        runs.append(bench.run("limit", rows, file=str(file), cuts=_cuts(file)))
        expected = bench.content(_TABLE)
        _demand(expected[:2], (rows, rows), "Rows and ids from the file")
        runs.append(bench.run("headwater", rows, file.stat().st_size, streams=["browser"]))
        _demand(bench.content(browser.staging_table), expected, "Rows, ids and content hash of staging")
        bench.empty_plain()
        runs.append(bench.run("bare", rows, topic=browser.topic, ends=ends))
        _demand(bench.content(_TABLE), expected, "Rows, ids and content hash of the bare consumer")
        bench.empty_plain()
        runs.append(bench.run("usual", sum(few), topic=browser.topic, ends=few))
        _demand(bench.content(_TABLE)[0], sum(few), "Rows of the usual consumer")
        console.print(f"round {number} of {rounds}: {_line(runs[-3])}")
    return runs


def together(bench: Bench, files: Mapping[str, Path], rows: int, rounds: int) -> tuple[list[Run], list[Run]]:
    """The four streams at once, each from a backlog of `rows` messages, by turns with the first of them alone."""
    for name, file in files.items():
        console.print(f"filling {STREAMS[name].topic} with {rows:,} events")
        bench.fill(STREAMS[name], file)
    alone: list[Run] = []
    four: list[Run] = []
    for number in range(1, rounds + 1):
        for runs, streams in ((alone, [next(iter(files))]), (four, list(files))):
            bench.reset()
            size_bytes = sum(files[name].stat().st_size for name in streams)
            runs.append(bench.run("headwater", rows * len(streams), size_bytes, streams=streams))
            for name in streams:
                _demand(bench.offsets(STREAMS[name]), (rows, rows), f"Rows and offsets of {name}")
        console.print(f"round {number} of {rounds}: alone {_line(alone[-1])}; four {_line(four[-1])}")
    return alone, four


def _line(run: Run) -> str:
    return f"{run.arm} {run.per_cpu_s:,.0f} rows per CPU-second, {run.per_s:,.0f} rows/s"


def show(title: str, runs: Sequence[Run]) -> None:
    """A row for each arm, medians over the rounds."""
    table = Table(
        "arm", "rows/s", "rows per CPU-s", "consumer CPU-s per M", "ClickHouse", "Kafka", "consumer peak MB",
        "ClickHouse peak MB", title=title,
    )  # fmt: skip
    for arm, of_arm in _by_arm(runs).items():

        def per_million(value: str, of_arm: Sequence[Run] = of_arm) -> str:
            figures = [{"consumer": r.consumer.cpu_s, "clickhouse": r.clickhouse_s, "kafka": r.kafka_s}[value]
                       / r.rows * 1e6 for r in of_arm]  # fmt: skip
            return f"{median(figures):.2f}"

        table.add_row(
            arm, f"{median(r.per_s for r in of_arm):,.0f}", f"{median(r.per_cpu_s for r in of_arm):,.0f}",
            per_million("consumer"), per_million("clickhouse"), per_million("kafka"),
            f"{max(r.consumer.peak_bytes for r in of_arm) / _BYTES_PER_S:,.0f}",
            f"{max(r.clickhouse_peak for r in of_arm) / _BYTES_PER_S:,.0f}",
        )  # fmt: skip
    Console(width=160).print(table)


def _by_arm(runs: Sequence[Run]) -> Mapping[str, list[Run]]:
    arms: dict[str, list[Run]] = {}
    for run in runs:
        arms.setdefault(run.arm, []).append(run)
    return arms


def ratios(runs: Sequence[Run]) -> Iterator[tuple[str, float, float]]:
    """Name, median ratio over the rounds, and what is required."""
    arms = _by_arm(runs)
    for name, other, required, wall in (
        ("per CPU-second, to the limit", "limit", 0.95, False),
        ("per CPU-second, to the usual consumer", "usual", 7.0, False),
        ("events/s, to the bare consumer", "bare", 0.85, True),
    ):
        pairs = zip(arms["headwater"], arms[other], strict=True)
        yield name, median(a.per_s / b.per_s if wall else a.per_cpu_s / b.per_cpu_s for a, b in pairs), required


def main(
    events: Annotated[list[int], typer.Option(help="Sizes of the single-stream runs.")] = [1_000_000, 5_000_000],  # noqa: B006
    each: Annotated[int, typer.Option(help="Messages per stream in the run of all four; 0: none.")] = 2_500_000,
    rounds: Annotated[int, typer.Option(help="How often each arm runs.")] = 3,
    compression: Annotated[str, typer.Option(help="Of the producer; none is its default.")] = "none",
    seed: Annotated[int, typer.Option(help="Seed of the generated events.")] = 1,
) -> None:
    """Compare ways of loading; exit code 1 when a requirement is not met."""
    folder = Path(tempfile.mkdtemp(prefix="hwb-"))
    console.print(f"seed {seed}, {rounds} rounds")
    failed = []

    def judge(name: str, ratio: float, required: float) -> None:
        print(f"{'ok  ' if ratio >= required else 'FAIL'} {name}: {ratio:.2f} (at least {required})", flush=True)
        if ratio < required:
            failed.append(name)

    try:
        with Broker.start(folder / "kafka") as broker, Front.start(folder / "clickhouse") as front:
            bench = Bench(broker, front, compression)
            bench.prepare()
            runs: list[Run] = []
            for rows in [_WARM_UP_ROWS, *events]:
                file = write_events(Spec(rows, seed=seed), ["browser"], folder)["browser"]
                runs = single(bench, file, rows, 1 if rows == _WARM_UP_ROWS else rounds)
                if rows != _WARM_UP_ROWS:
                    show(f"{rows:,} browser events of {file.stat().st_size / rows:.0f} bytes", runs)
                    for name, ratio, required in ratios(runs):
                        judge(name, ratio, required)
            if each:
                files = write_events(Spec(each, seed=seed), list(FACT_STREAMS), folder)
                alone, four = together(bench, files, each, rounds)
                show(f"one stream of {each:,} messages", alone)
                show(f"four streams of {each:,} messages", four)
                ours = _by_arm(runs)["headwater"]
                runs += alone
                for what in ("bytes_per_cpu_s", "bytes_per_s"):
                    ratio = median(getattr(r, what) for r in four) / median(getattr(r, what) for r in ours)
                    judge(f"{what} of four streams, to one of {events[-1]:,}", ratio, 0.8)
                    pairs = zip(four, alone, strict=True)
                    ratio = median(getattr(a, what) / getattr(b, what) for a, b in pairs)
                    judge(f"{what} of four streams, by turns with one of {each:,}", ratio, 0.8)
            peak = max(r.consumer.peak_bytes for r in runs if r.arm == "headwater")
            judge("400 MB to the consumer's peak memory", 400e6 / peak, 1.0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(main)
