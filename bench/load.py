"""How many lines does `headwater load` send per CPU-second, against a bare loop of `produce()` over the same file?

Run by `make bench-load`. A real broker and the real engine for the books, everything on this machine; each run is a
process of its own, and the messages that its topic holds afterwards are counted.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import typer
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from bench.measure import peak_bytes
from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.topics import KafkaTopics
from headwater.app.generate import write_files
from headwater.app.load import Loader
from headwater.app.migrate import migrate, read_migrations
from headwater.app.topics import apply_topics
from headwater.assets import asset
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.generator.blocks import DEFAULT_START, Spec
from tests.support.front import Front
from tests.support.kafka import Broker

console = Console(stderr=True)
BROWSER = STREAMS["browser"]
_URL = "BENCH_CLICKHOUSE_URL"
_ROOT = Path(__file__).resolve().parents[1]
_MILLION = 1e6
_LEAST_PER_CPU_S = 300_000
_MOST_BYTES = 300e6


@dataclass(frozen=True, slots=True)
class Run:
    """One arm, once: what its process used."""

    arm: str
    lines: int
    cpu_s: float
    wall_s: float
    peak_bytes: int

    @property
    def per_cpu_s(self) -> float:
        """Lines per CPU-second."""
        return self.lines / self.cpu_s


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def bench(lines: int = 1_000_000, repeats: int = 3, seed: int = 7) -> None:
    """Compare the arms; exit code 1 when the loader sends less than 300,000 lines per CPU-second or needs much memory.

    Memory must not depend on the file: `--lines 14000000` makes one of 5 GB.
    """
    folder = Path(tempfile.mkdtemp(prefix="hwl-"))
    try:
        console.print(f"generating {lines:,} lines")
        write_files(Spec(lines, seed, DEFAULT_START, 30.0), folder / "events", lambda _written: None)
        path = folder / "events" / BROWSER.file_name
        with Front.start(folder / "ch") as front, Broker.start(folder / "k") as broker:
            owner = ClickHouse(front.owner_url)
            migrate(read_migrations(asset("clickhouse/migrations")), owner)
            owner.close()
            apply_topics(load_topics(asset("kafka/topics.yaml")), KafkaTopics(broker.bootstrap))
            runs = [
                _run(arm, path, lines, broker.bootstrap, front.writer_url)
                for _ in range(repeats)
                for arm in ("bare", "load")
            ]
    finally:
        shutil.rmtree(folder)
    _report(runs)


def _run(arm: str, path: Path, lines: int, bootstrap: str, url: str) -> Run:
    before = _messages(bootstrap)
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", "arm", arm, str(path), bootstrap],
        env={**os.environ, _URL: url}, cwd=_ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    kept = _messages(bootstrap) - before
    if kept != lines:
        raise SystemExit(f"{arm}: the topic holds {kept:,} new messages, the file {lines:,} lines")
    run = Run(arm=arm, lines=lines, **json.loads(done.stdout))
    console.print(f"{arm}: {run.per_cpu_s:,.0f} lines per CPU-second, {lines / run.wall_s:,.0f} lines/s")
    return run


def _messages(bootstrap: str) -> int:
    return sum(mark.end for mark in KafkaLog(bootstrap).watermarks(BROWSER.topic).values())


@app.command(hidden=True)
def arm(name: str, path: Path, bootstrap: str) -> None:
    """Send the file in this process and print what that took."""
    began_cpu_s, began_s = time.process_time(), time.monotonic()
    if name == "bare":
        _bare(path, bootstrap)
    else:
        database = ClickHouse(os.environ[_URL])
        loader = Loader(KafkaLog(bootstrap), ClickHouseLedger(database), database, SystemClock())
        loader.load(BROWSER, path, again=True)
    used = {
        "cpu_s": time.process_time() - began_cpu_s,
        "wall_s": time.monotonic() - began_s,
        "peak_bytes": peak_bytes(os.getpid()),
    }
    sys.stdout.write(json.dumps(used))


def _bare(path: Path, bootstrap: str) -> None:
    """What people write, without key, headers and checks; with the same safety."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "compression.type": "lz4",
            "linger.ms": 50,
        }
    )  # fmt: skip
    with path.open("rb") as file:
        for line in file:
            while True:
                try:
                    producer.produce(BROWSER.topic, line[:-1])
                except BufferError:
                    producer.poll(0.1)
                else:
                    break
    producer.flush()


def _report(runs: list[Run]) -> None:
    table = Table("arm", "lines/CPU-s", "CPU-s per million", "lines/s", "peak MB")
    middle = {}
    for name in ("bare", "load"):
        mine = [run for run in runs if run.arm == name]
        middle[name] = median(run.per_cpu_s for run in mine)
        table.add_row(
            name, f"{middle[name]:,.0f}", f"{_MILLION / middle[name]:.2f}",
            f"{median(run.lines / run.wall_s for run in mine):,.0f}",
            f"{max(run.peak_bytes for run in mine) / _MILLION:,.0f}",
        )  # fmt: skip
    console.print(table)
    ratio = middle["bare"] / middle["load"]
    console.print(f"The loader takes {ratio:.2f} of the CPU time of the bare loop.")
    result = {"runs": [asdict(run) for run in runs], "load_per_cpu_s": middle["load"], "ratio_to_bare": ratio}
    sys.stdout.write(json.dumps(result) + "\n")
    most = max(run.peak_bytes for run in runs if run.arm == "load")
    if middle["load"] < _LEAST_PER_CPU_S or most > _MOST_BYTES:
        raise SystemExit(
            f"Required: {_LEAST_PER_CPU_S:,} lines per CPU-second in {_MOST_BYTES / _MILLION:,.0f} MB at most."
        )


if __name__ == "__main__":
    app()
