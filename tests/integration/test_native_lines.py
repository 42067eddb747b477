"""Lines sent by compiled code become the same messages as those that the client sends, and refusals are told."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from headwater.adapters import kafka_native
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.topics import KafkaTopics
from headwater.contracts.topics import Topic
from headwater.errors import Retry
from tests.support.kafka import Broker

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"),
]

SEED = 20261130
ORIGIN = "ü 100%d: events.jsonl"


@pytest.fixture(params=["compiled", "objects"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "objects":
        monkeypatch.setattr(kafka_native, "library", lambda: None)
    return str(request.param)


def _topic(broker: Broker, **config: str) -> str:
    name = f"test_{uuid4().hex[:8]}"
    KafkaTopics(broker.bootstrap).ensure(Topic(name=name, partitions=3, config=config))
    return name


def _held(broker: Broker, topic: str, count: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": topic, "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(3)])
    messages: list[Message] = []
    for _ in range(100):
        messages += consumer.consume(10_000, timeout=0.3)
        if len(messages) >= count:
            break
    consumer.close()
    return messages


def _lines(count: int, chance: random.Random) -> tuple[list[bytes], list[bytes | None], list[int]]:
    lines = [chance.randbytes(chance.choice([1, 350, 350, 5_000])) for _ in range(count)]
    keys: list[bytes | None] = [chance.choice([None, b"a", b"with \0 in it", b"x" * 128]) for _ in range(count)]
    numbers = [*sorted(chance.sample(range(1, 10**9), count - 1)), 2**62]
    return lines, keys, numbers


def _facts(messages: Sequence[Message]) -> set[tuple[Any, ...]]:
    return {(m.value(), m.key(), *(m.headers() or [])) for m in messages}


def test_each_line_is_a_message_with_its_key_and_place(broker: Broker, way: str) -> None:
    print(f"seed {SEED}, {way}")
    topic = _topic(broker)
    # More than the queue of the producer holds.
    lines, keys, numbers = _lines(25_000, random.Random(SEED))
    with KafkaLog(broker.bootstrap).sink() as sink:
        sink.send_lines(topic, keys, lines, ORIGIN, numbers)
        sink.send_lines(topic, [], [], ORIGIN, [])
        sink.send_lines(topic, [b"k"] * 3, [b"p", b"q", b"r"], ORIGIN, range(7, 10))
    messages = _held(broker, topic, 25_003)
    assert len(messages) == 25_003
    expected = list(zip(lines, keys, numbers, strict=True))
    expected += [(b"p", b"k", 7), (b"q", b"k", 8), (b"r", b"k", 9)]
    assert _facts(messages) == {
        (line, key, ("origin_line", f"{ORIGIN}:{number}".encode())) for line, key, number in expected
    }


def test_keys_choose_the_same_partition_as_those_of_any_producer(broker: Broker, way: str) -> None:
    topic, keys = _topic(broker), [b"%d" % number for number in range(200)]
    with KafkaLog(broker.bootstrap).sink() as sink:
        sink.send_lines(topic, keys, [b"line"] * 200, ORIGIN, range(1, 201))
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for key in keys:
        producer.produce(topic, b"plain", key)
    producer.flush(30)
    places: dict[bytes | str | None, set[int | None]] = {}
    for message in _held(broker, topic, 400):
        places.setdefault(message.key(), set()).add(message.partition())
    assert len(places) == 200, way
    assert all(len(partitions) == 1 for partitions in places.values())


def test_a_line_that_the_client_refuses_is_an_error_at_once(broker: Broker, way: str) -> None:
    topic = _topic(broker)
    with KafkaLog(broker.bootstrap).sink() as sink:
        with pytest.raises(KafkaException, match="Message size too large"):
            sink.send_lines(topic, [None] * 3, [b"one", b"x" * 3_000_000, b"three"], ORIGIN, range(1, 4))
        sink.flush()
    assert [message.value() for message in _held(broker, topic, 1)] == [b"one"], way


@pytest.mark.parametrize("single", [False, True])
def test_what_kafka_refuses_is_told_when_it_is_waited_for(broker: Broker, way: str, single: bool) -> None:
    topic = _topic(broker, **{"max.message.bytes": "1000"})
    chance = random.Random(SEED)  # so that compression does not make it small

    def load() -> None:
        with KafkaLog(broker.bootstrap).sink() as sink:
            if single:
                sink.send(topic, None, chance.randbytes(20_000), ORIGIN, 1)
            else:
                sink.send_lines(topic, [None], [chance.randbytes(20_000)], ORIGIN, [1])

    with pytest.raises(Retry, match=r"did not keep every message: .*too large"):
        load()
    assert way


def test_a_producer_without_the_plugin_is_refused(broker: Broker) -> None:
    Producer({"bootstrap.servers": broker.bootstrap})
    with pytest.raises(RuntimeError, match="no producer"):
        kafka_native.NativeLines()
