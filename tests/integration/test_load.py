"""Loading on real parts: killed and resumed, malformed and oversized lines, packed files."""

from __future__ import annotations

import errno
import gzip
import os
import pty
import random
import re
import signal
import subprocess
import sys
import termios
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import zstandard

from headwater.adapters import kafka_sink
from headwater.adapters.clickhouse import ClickHouse, ClickHouseLedger
from headwater.adapters.clock import SystemClock
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.topics import KafkaTopics
from headwater.app import load as load_module
from headwater.app.build import Build, BuildLimits
from headwater.app.ingest import Ingest
from headwater.app.load import MAX_LINE_BYTES, Loader, Progress
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import Topic
from headwater.errors import FixSettings, Retry
from headwater.ports import FlushLimits
from tests.integration.loader import NOTE_LINES, URL
from tests.support.events import browser
from tests.support.front import Front
from tests.support.kafka import Broker
from tests.support.shell import HEADWATER, Shell
from tests.support.topics import fresh_topics

pytestmark = pytest.mark.stack

BROWSER = STREAMS["browser"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def log(broker: Broker) -> KafkaLog:
    """Empty topics."""
    fresh_topics(broker.bootstrap)
    return KafkaLog(broker.bootstrap, group="load-test")


def _loader(log: KafkaLog, warehouse: ClickHouse) -> Loader:
    return Loader(log, ClickHouseLedger(warehouse), warehouse, SystemClock())


def _sent(log: KafkaLog) -> Counter[tuple[str, int, bytes]]:
    """Origin, line and bytes of every message of the topic."""
    ends = {p: mark.end for p, mark in log.watermarks(BROWSER.topic).items()}
    batches = [log.read_range(BROWSER.topic, p, 0, end) for p, end in ends.items()]
    return Counter((m.origin, m.origin_line, m.raw) for batch in batches for m in batch.messages())


@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_a_load_that_was_killed_goes_on_and_every_event_counts_once(
    log: KafkaLog, warehouse: ClickHouse, broker: Broker, front: Front, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, suffix: str,
) -> None:  # fmt: skip
    seed = random.randrange(10**6)
    lines = [browser(f"e{n}", click=f"c{n % 500}") for n in range(12_000)]
    path = tmp_path / f"browser_events.jsonl{suffix}"
    data = b"".join(line + b"\n" for line in lines)
    path.write_bytes(zstandard.compress(data) if suffix else data)
    killed_at = random.Random(seed).randrange(3 * NOTE_LINES, len(lines))
    command = [sys.executable, "-m", "tests.integration.loader", str(path), str(killed_at), broker.bootstrap]
    environment = {**os.environ, URL: front.writer_url, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, timeout=60)
    assert done.returncode == -signal.SIGKILL

    monkeypatch.setattr(load_module, "NOTE_LINES", NOTE_LINES)
    loaded = _loader(log, warehouse).load(BROWSER, path)
    assert loaded.resumed_at >= 2 * NOTE_LINES, f"seed {seed}"
    assert loaded.sent == len(lines), f"seed {seed}"
    sent = _sent(log)
    assert set(sent) == {(path.name, n, line) for n, line in enumerate(lines, 1)}, f"seed {seed}"
    assert max(sent.values()) <= 2, f"seed {seed}"
    twice = [line for (_, line, _), count in sent.items() if count == 2]
    assert all(loaded.resumed_at < line <= loaded.resumed_at + NOTE_LINES + 2_000 for line in twice), f"seed {seed}"
    assert _loader(log, warehouse).load(BROWSER, path).skipped

    Ingest(BROWSER, log, ClickHouseLedger(warehouse), SystemClock()).drain(FlushLimits())
    built = Build(warehouse, SystemClock(), BuildLimits(grace_s=0)).run()
    assert built.facts == len(lines), f"seed {seed}"


@pytest.mark.parametrize("returns", [True, False], ids=["kafka-returns", "kafka-stays-away"])
def test_a_load_whose_kafka_is_killed_loses_nothing(
    log: KafkaLog, warehouse: ClickHouse, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, returns: bool
) -> None:
    """Kafka dies in the middle of a load, and comes back while it waits or only after it has given up.

    In the second case more lines are left than the queue of the client holds, and no note is due.
    """
    seed = random.randrange(10**6)
    lines = [browser(f"e{n}", click=f"c{n % 500}") for n in range(24_000)]
    path = tmp_path / "browser_events.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    note_lines = NOTE_LINES if returns else 12_000
    monkeypatch.setattr(load_module, "NOTE_LINES", note_lines)
    monkeypatch.setattr(load_module, "_TELL_LINES", 1)
    monkeypatch.setattr(kafka_sink, "_PATIENCE_S", 60 if returns else 3)
    killed_at = random.Random(seed).randrange(12_600, 13_500)
    back: list[Future[None]] = []
    reached = 0
    with ThreadPoolExecutor(1) as pool:

        def kill_once(progress: Progress) -> None:
            nonlocal reached
            reached = progress.lines
            if progress.lines >= killed_at and not back:
                broker.kill()
                back.append(pool.submit(broker.restart) if returns else Future())

        try:
            if returns:
                assert _loader(log, warehouse).load(BROWSER, path, tell=kill_once).sent == len(lines), f"seed {seed}"
                assert back, "it ended before Kafka was killed"
            else:
                with pytest.raises(Retry, match="Load again"):
                    _loader(log, warehouse).load(BROWSER, path, tell=kill_once)
        finally:
            if returns and back:
                back[0].result(60)
            elif not broker.is_alive:
                broker.restart()
    if not returns:
        assert reached < len(lines), "it read on although Kafka had not kept what was sent"
        resumed = _loader(log, warehouse).load(BROWSER, path)
        assert resumed.resumed_at >= note_lines, f"seed {seed}"
        assert resumed.sent == len(lines), f"seed {seed}"
    sent = _sent(log)
    assert set(sent) == {(path.name, n, line) for n, line in enumerate(lines, 1)}, f"seed {seed}"
    assert max(sent.values()) <= (1 if returns else 2), f"seed {seed}"


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_malformed_and_oversized_lines_are_kept_with_their_number_and_reason(
    log: KafkaLog, warehouse: ClickHouse, tmp_path: Path, suffix: str
) -> None:
    good = browser("e1")
    data = b"\n".join([good, b"", b"no json", b"x" * (MAX_LINE_BYTES + 1), b"  ", good[:-1], b"y" * MAX_LINE_BYTES])
    path = tmp_path / f"browser_events.jsonl{suffix}"
    path.write_bytes(gzip.compress(data) if suffix else data)
    loaded = _loader(log, warehouse).load(BROWSER, path)
    assert (loaded.sent, loaded.rejected, loaded.size_bytes) == (4, 1, len(data))
    Ingest(BROWSER, log, ClickHouseLedger(warehouse), SystemClock()).drain(FlushLimits())
    letters = warehouse.query("SELECT origin, origin_line, reason FROM ops.dead_letters ORDER BY origin_line")
    assert [tuple(row.values()) for row in letters] == [
        (path.name, 3, "invalid_json"), (path.name, 6, "invalid_json"), (path.name, 7, "too_large")
    ]  # fmt: skip
    rejects = warehouse.query("SELECT origin, origin_line, reason, detail FROM ops.rejects")
    assert [tuple(row.values()) for row in rejects] == [
        (path.name, 4, "too_large", f"{MAX_LINE_BYTES + 1:,} bytes, the limit is {MAX_LINE_BYTES:,}")
    ]
    staged = warehouse.query("SELECT origin, origin_line FROM analytics.events_browser_raw")
    assert [tuple(row.values()) for row in staged] == [(path.name, 1)]


def test_a_file_that_ends_in_the_middle_is_told_and_goes_on_when_it_is_whole(
    log: KafkaLog, warehouse: ClickHouse, tmp_path: Path
) -> None:
    path = tmp_path / "browser_events.jsonl.gz"
    packed = gzip.compress(b"".join(browser(f"e{n}") + b"\n" for n in range(5_000)))
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(FixSettings, match="cannot be read"):
        _loader(log, warehouse).load(BROWSER, path)
    path.write_bytes(packed)
    assert _loader(log, warehouse).load(BROWSER, path).sent == 5_000


@pytest.mark.usefixtures("log", "warehouse")
def test_on_a_terminal_a_bar_shows_messages_and_rate(front: Front, broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "browser_events.jsonl"
    path.write_bytes(b"".join(browser(f"e{n}") + b"\n" for n in range(25_000)))
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 160))
    shell = Shell.of(front, broker, tmp_path / "home")
    with subprocess.Popen(
        [HEADWATER, "load", str(path)], env={**shell.environment, "TERM": "xterm"}, stdout=subprocess.DEVNULL,
        stderr=slave,
    ) as process:  # fmt: skip
        os.close(slave)
        shown = _read_all(master)
    assert process.returncode == 0, shown
    assert re.search(r"browser_events\.jsonl .*100%.* [\d,]+ messages .*[\d,]+/s", shown), shown


def _read_all(terminal: int) -> str:
    """What is written to a terminal until nobody has it open."""
    pieces = []
    try:
        while piece := os.read(terminal, 65_536):
            pieces.append(piece)
    except OSError as error:  # Linux's way to tell the end of a terminal
        if error.errno != errno.EIO:
            raise
    finally:
        os.close(terminal)
    return b"".join(pieces).decode()


def _send(log: KafkaLog, topic: str, *values: bytes) -> object:
    """Send messages; returns the sink that did it."""
    with log.sink() as sink:
        for value in values:
            sink.send(topic, b"key", value)
        sink.flush()
    return sink


def _kept(log: KafkaLog, topic: str) -> int:
    return sum(mark.end - mark.begin for mark in log.watermarks(topic).values())


def test_a_producer_serves_the_next_load_unless_it_lost_a_message(broker: Broker) -> None:
    topic = f"narrow_{uuid4().hex[:8]}"
    narrow = Topic(name=topic, partitions=1, config={"max.message.bytes": "1000"})
    KafkaTopics(broker.bootstrap).ensure(narrow)
    log = KafkaLog(broker.bootstrap)
    first = _send(log, topic, b"1")
    assert _send(log, topic, b"2") is first, "a new producer costs a second"
    with pytest.raises(KeyError), log.sink():
        raise KeyError  # as when an object cannot be read
    assert _send(log, topic, b"2a") is first, "it kept everything"
    with log.sink() as one, log.sink() as other:
        assert one is not other, "two at once must not wait for each other's messages"
    with pytest.raises(Retry):
        _send(log, topic, os.urandom(5_000))
    assert _send(log, topic, b"3") is not one
    assert _send(log, topic, b"4", b"5") is not one
    assert _kept(log, topic) == 6


def test_a_producer_goes_on_when_its_topic_was_made_anew(broker: Broker, log: KafkaLog) -> None:
    first = _send(log, BROWSER.topic, b"1", b"2")
    fresh_topics(broker.bootstrap)
    assert _send(log, BROWSER.topic, b"3") is first
    assert _kept(log, BROWSER.topic) == 1
