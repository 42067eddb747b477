"""Compiled code gives the same columns as the client's objects, whatever the messages hold, and lets go of them."""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any
from uuid import uuid4

import psutil
import pytest
from confluent_kafka import Producer

from headwater.adapters import kafka_native
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.topics import KafkaTopics
from headwater.contracts.topics import Topic
from headwater.core.ranges import Batch
from headwater.errors import Retry
from headwater.ports import EventReader, FlushLimits
from tests.support.kafka import Broker

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"),
]

SEED = 20261130
NOW = FlushLimits(age_s=0)
LATER = FlushLimits(rows=10**9, size_bytes=10**12, age_s=10**6)


@pytest.fixture
def topic(broker: Broker) -> str:
    name = f"test_{uuid4().hex[:8]}"
    # The time is the producer's, so that it differs from message to message.
    config = {"message.timestamp.type": "CreateTime", "max.message.bytes": "3000000"}
    KafkaTopics(broker.bootstrap).ensure(Topic(name=name, partitions=3, config=config))
    return name


def test_it_is_built_where_there_is_a_compiler() -> None:
    assert kafka_native.library() is not None, "run `python -m headwater.local.native`"


def _headers(chance: random.Random) -> list[tuple[str, str | bytes | None]] | None:
    values = [b"a.jsonl:7", b"a.jsonl:8", "ü:9".encode(), b"no number:", b"\xff\xfe:1", b"", None, b"x" * 3000]
    names = ["origin_line", "origin", "other"]
    count = chance.choice([0, 0, 1, 1, 1, 2, 4])
    return [(chance.choice(names), chance.choice(values)) for _ in range(count)] or None


def _produce(
    broker: Broker,
    topic: str,
    count: int,
    chance: random.Random,
    *,
    transaction: bool = False,
    compression: str = "none",
) -> None:
    settings: dict[str, Any] = {
        "bootstrap.servers": broker.bootstrap, "message.max.bytes": 3_000_000, "linger.ms": 20,
        "compression.type": compression,
    }  # fmt: skip
    producer = Producer({**settings, **({"transactional.id": topic} if transaction else {})})
    if transaction:
        producer.init_transactions(30)
        producer.begin_transaction()
    for _ in range(count):
        size = chance.choice([0, 1, 10, 350, 350, 350, 5_000])
        value = chance.choice([None, chance.randbytes(size), chance.randbytes(size), chance.randbytes(size)])
        producer.produce(
            topic, value, chance.choice([None, b"key"]), partition=chance.randrange(3), headers=_headers(chance),
            timestamp=1_700_000_000_000 + chance.randrange(10**6),
        )  # fmt: skip
        producer.poll(0)
    producer.produce(topic, chance.randbytes(2_000_000), partition=0)
    if transaction:
        producer.commit_transaction(30)
    assert not producer.flush(30)


def _columns(batches: Sequence[Batch]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for batch in batches:
        columns = (batch.offsets, batch.raw, batch.kafka_time.cast("int64"), batch.origins, batch.origin_lines)
        found[batch.partition] += zip(*(column.to_pylist() for column in columns), strict=True)
    return dict(found)


def _from_start(partitions: Collection[int]) -> dict[int, int]:
    return dict.fromkeys(partitions, 0)


def _read(log: KafkaLog, topic: str, count: int) -> list[Batch]:
    batches: list[Batch] = []
    with log.join(topic, _from_start) as reader:
        for _ in range(300):
            batches += [*reader.poll(NOW, 0.1), *chain.from_iterable(reader.flush(NOW))]
            if sum(map(len, batches)) >= count:
                return batches
    raise AssertionError(f"only {sum(map(len, batches))} of {count} messages came")


def test_both_ways_give_the_same(broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    ways = ("none", "gzip", "snappy", "lz4", "zstd")
    for number, compression in enumerate(ways):
        _produce(broker, topic, 1_500, chance, transaction=number == 1, compression=compression)
    total = 1_501 * len(ways)
    native = _columns(_read(KafkaLog(broker.bootstrap, group=f"{topic}-a"), topic, total))
    monkeypatch.setattr(kafka_native, "library", lambda: None)
    objects = _columns(_read(KafkaLog(broker.bootstrap, group=f"{topic}-b"), topic, total))
    assert native == objects
    assert sum(map(len, native.values())) == total
    origins = {origin for rows in native.values() for *_, origin, _ in rows}
    assert {"", "a.jsonl", "ü"} < origins


def _poll_on(reader: EventReader) -> None:
    for _ in range(100):
        reader.poll(NOW, 0.1)


def test_an_offset_that_the_log_does_not_have_is_told_as_an_error(broker: Broker, topic: str) -> None:
    _produce(broker, topic, 10, random.Random(SEED))
    log = KafkaLog(broker.bootstrap, group=topic)
    with (
        log.join(topic, lambda partitions: dict.fromkeys(partitions, 10**6)) as reader,
        pytest.raises(Retry, match=f"for {topic}: .*offset"),
    ):
        _poll_on(reader)


def test_what_was_read_is_let_go(broker: Broker, topic: str) -> None:
    _produce(broker, topic, 3_000, random.Random(SEED))
    process = psutil.Process()
    sizes = []
    log = KafkaLog(broker.bootstrap, group=topic)
    end = log.watermarks(topic)[0].end
    with log.join(topic, _from_start) as reader:
        for _ in range(60):
            reached = 0
            while reached < end:
                reader.poll(LATER, 0.05)
                reached = max(
                    [b.to_offset for lot in reader.flush(LATER) for b in lot if b.partition == 0], default=reached
                )
            sizes.append(process.memory_info().rss)
            reader.seek(0, 0)
    # Each time about 4 MB are read; were they kept, 160 MB would be added.
    assert sizes[-1] - sizes[19] < 40e6, sizes


def test_a_consumer_that_was_left_reads_no_more(broker: Broker, topic: str) -> None:
    log = KafkaLog(broker.bootstrap, group=topic)
    with log.join(topic, _from_start) as reader:
        pass
    with pytest.raises(RuntimeError, match="was left"):
        reader.poll(NOW, 0)


def test_a_consumer_without_the_plugin_is_refused(broker: Broker, topic: str) -> None:
    log = KafkaLog(broker.bootstrap, group=topic)
    with log._consumer(group=topic) as consumer, pytest.raises(RuntimeError, match="no consumer"):
        kafka_native.NativeMessages(consumer, topic)
