"""How many events does a load from S3 send per CPU-second, and how much memory does it take, from 10 MB to 2 GB?

Run by `make bench-s3`. A real S3 server, a real broker and the real engine for the books, everything on this machine.
Each run is a process of its own, and the messages that its topic holds afterwards are counted. The bare arm is what
people write: open the zip, `produce()` each line.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

import typer
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from bench.measure import Used, own_use
from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.s3 import S3Objects, s3_client
from headwater.adapters.topics import KafkaTopics
from headwater.app.generate import write_files
from headwater.app.load import Loader
from headwater.app.migrate import migrate, read_migrations
from headwater.app.objects import Selection, list_objects, load_object
from headwater.app.topics import apply_topics
from headwater.assets import asset
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import load_topics
from headwater.core.generator.blocks import DEFAULT_START, Spec
from headwater.core.object_keys import object_key
from tests.support.front import Front
from tests.support.kafka import Broker
from tests.support.objects import bucket

console = Console(stderr=True)
BROWSER = STREAMS["browser"]
_URL = "BENCH_CLICKHOUSE_URL"
_ROOT = Path(__file__).resolve().parents[1]
_MB = 1_000_000
_SMALL_BYTES, _MIDDLE_BYTES = 10 * _MB, 200 * _MB
_SMALL_OBJECTS = 48
# The most that the memory for the largest object may be above that for the smallest.
_MOST_GROWTH_BYTES = 128 * _MB
_REQUIRED_RATIO = 0.5
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Work:
    """Objects of one folder of the bucket, all alike."""

    prefix: str
    objects: int
    lines: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Run:
    """One arm, once."""

    arm: str
    work: Work
    used: Used

    @property
    def per_cpu_s(self) -> float:
        """Events per CPU-second."""
        return self.work.objects * self.work.lines / self.used.cpu_s


@app.command()
def bench(largest_mb: int = 2_000, repeats: int = 3, seed: int = 7) -> None:
    """Compare the arms; memory must not follow the size of an object."""
    folder = Path(tempfile.mkdtemp(prefix="hws-"))
    try:
        block = _events(folder, seed)
        with Front.start(folder / "ch") as front, Broker.start(folder / "k") as broker, bucket() as store:
            owner = ClickHouse(front.owner_url)
            migrate(read_migrations(asset("clickhouse/migrations")), owner)
            owner.close()
            apply_topics(load_topics(asset("kafka/topics.yaml")), KafkaTopics(broker.bootstrap))
            sizes = (_SMALL_BYTES, _MIDDLE_BYTES, largest_mb * _MB)
            single = [_put(store, f"size{size}", block, size, 1) for size in sizes]
            many = _put(store, "many", block, 0, _SMALL_OBJECTS)
            given = {"endpoint": store._client.meta.endpoint_url, "bootstrap": broker.bootstrap}  # noqa: SLF001
            runs = [_run("load", work, given, front.writer_url) for work in single]
            for _ in range(repeats):
                for work in (single[1], many):
                    runs += [_run(arm, work, given, front.writer_url) for arm in ("bare", "load")]
    finally:
        shutil.rmtree(folder)
    sys.exit(0 if _report(runs, [work.prefix for work in single]) else 1)


def _events(folder: Path, seed: int) -> bytes:
    """10 MB of lines."""
    write_files(Spec(28_000, seed, DEFAULT_START, 30.0), folder / "events", lambda _written: None)
    text = (folder / "events" / BROWSER.file_name).read_bytes()[:_SMALL_BYTES]
    return text[: text.rindex(b"\n") + 1]


def _put(store: S3Objects, prefix: str, block: bytes, size: int, objects: int) -> Work:
    """Zips of about `size` bytes unpacked, at least of 1,000 lines; they are packed a block at a time."""
    content = block if size else b"\n".join(block.split(b"\n", 1_000)[:1_000]) + b"\n"
    times = max(1, size // len(content))
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(BROWSER.file_name, "w", force_zip64=True) as member,
    ):
        for _ in range(times):
            member.write(content)
    for number in range(objects):
        hour = DEFAULT_START + timedelta(hours=number)
        store.put(object_key(hour, BROWSER.name, prefix=prefix), packed.getvalue())
    console.print(
        f"{prefix}: {objects} objects of {times * len(content) / _MB:,.1f} MB, {packed.tell() / _MB:.1f} packed"
    )
    return Work(prefix, objects, content.count(b"\n") * times, times * len(content))


def _run(arm: str, work: Work, given: Mapping[str, str], url: str) -> Run:
    before = _messages(given["bootstrap"])
    words = [arm, work.prefix, str(work.objects), given["endpoint"], given["bootstrap"]]
    done = subprocess.run(
        [sys.executable, "-m", "bench.s3", "arm", *words],
        env={**os.environ, _URL: url}, cwd=_ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{arm} failed:\n{done.stderr[-3000:]}")
    kept = _messages(given["bootstrap"]) - before
    if kept != work.objects * work.lines:
        raise SystemExit(
            f"{arm}: the topic holds {kept:,} new messages, the objects {work.objects * work.lines:,} lines"
        )
    run = Run(arm, work, Used(**json.loads(done.stdout)))
    console.print(
        f"{work.prefix} {arm}: {run.per_cpu_s:,.0f} events per CPU-second, {run.used.peak_bytes / _MB:,.0f} MB"
    )
    return run


def _messages(bootstrap: str) -> int:
    return sum(mark.end for mark in KafkaLog(bootstrap).watermarks(BROWSER.topic).values())


@app.command(hidden=True)
def arm(name: str, prefix: str, objects: int, endpoint: str, bootstrap: str) -> None:
    """Send the objects of a folder from this process and print what that took."""
    store = S3Objects(s3_client(endpoint, "key", "secret"), "events")
    found = list_objects(store, Selection(DEFAULT_START, DEFAULT_START + timedelta(hours=objects), prefix))
    database = ClickHouse(os.environ[_URL])
    with own_use() as used:
        if name == "bare":
            _bare(store, [each.stored.key for each in found], bootstrap)
        else:
            loader = Loader(KafkaLog(bootstrap), ClickHouseLedger(database), database, SystemClock())
            for each in found:
                load_object(store, loader, each, again=True)
    sys.stdout.write(json.dumps(asdict(used)))


def _bare(store: S3Objects, keys: list[str], bootstrap: str) -> None:
    """What people write, without key, headers, books and checks; with the same safety. The object is held in memory."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "compression.type": "lz4",
            "linger.ms": 50,
        }
    )  # fmt: skip
    for key in keys:
        body = store._client.get_object(Bucket=store.bucket, Key=key)["Body"].read()  # noqa: SLF001
        with zipfile.ZipFile(io.BytesIO(body)) as archive, archive.open(archive.namelist()[0]) as lines:
            for line in lines:
                while True:
                    try:
                        producer.produce(BROWSER.topic, line[:-1])
                        break
                    except BufferError:
                        producer.poll(0.1)
        producer.flush()


def _report(runs: list[Run], sizes: list[str]) -> bool:
    table = Table(
        "objects", "of MB", "arm", "events/CPU-s", "objects/s", "events/s", "peak MB", title="Median of the rounds"
    )
    middle = {}
    for prefix, name in dict.fromkeys((run.work.prefix, run.arm) for run in runs):
        mine = [run for run in runs if (run.work.prefix, run.arm) == (prefix, name)]
        work = mine[0].work
        wall_s = median(run.used.wall_s for run in mine)
        middle[prefix, name] = median(run.per_cpu_s for run in mine)
        table.add_row(
            str(work.objects), f"{work.size_bytes / _MB:,.1f}", name, f"{middle[prefix, name]:,.0f}",
            f"{work.objects / wall_s:,.1f}", f"{work.objects * work.lines / wall_s:,.0f}",
            f"{max(run.used.peak_bytes for run in mine) / _MB:,.0f}",
        )  # fmt: skip
    console.print(table)
    peaks = [next(run.used.peak_bytes for run in runs if run.work.prefix == prefix) for prefix in sizes]
    growth = max(peaks) - min(peaks)
    ratio = middle[sizes[1], "load"] / middle[sizes[1], "bare"]
    good = [growth <= _MOST_GROWTH_BYTES, ratio >= _REQUIRED_RATIO]
    console.print(f"{_word(good[0])} memory grows by {growth / _MB:.0f} MB from the smallest object to the largest "
                  f"(at most {_MOST_GROWTH_BYTES / _MB:.0f})")  # fmt: skip
    console.print(f"{_word(good[1])} events/CPU-s to the bare loop: {ratio:.2f} (at least {_REQUIRED_RATIO})")
    sys.stdout.write(json.dumps({"runs": [asdict(run) for run in runs], "ratio_to_bare": ratio}) + "\n")
    return all(good)


def _word(good: bool) -> str:
    return "ok  " if good else "FAIL"


if __name__ == "__main__":
    app()
