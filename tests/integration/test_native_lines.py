"""Lines sent by compiled code become the same messages as those that the client sends, and refusals are told."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from headwater.adapters import kafka_native
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.topics import KafkaTopics
from headwater.contracts.topics import Topic
from headwater.core.lines import keyed_lines
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


# What keys are made of, and what looks like one and is none.
_PIECES = (
    b'"key"', b'"key', b"key", b'"', b":", b" : ", b"\\", b"\t", b"\v\f", b"v" * 127, b"v" * 128, b"v" * 129, b"x", b"{", b"\0",
    b"\xff", b"\r", b"", b'"key":"a"', b'"key" :"b\\"', b'"key":""', b'"key":"with \0"', b'"kez":"c"', b'"key":5',
)  # fmt: skip


def _text(count: int, chance: random.Random) -> bytes:
    def line() -> bytes:
        return b"".join(chance.choices(_PIECES, k=chance.choice([0, 1, 2, 5, 9, 30]))) + chance.choice(
            [b"", b"\r", b"\r\r"]
        )

    return b"\n".join(line() for _ in range(count))


def _facts(messages: Sequence[Message]) -> Counter[tuple[Any, ...]]:
    return Counter((m.value(), m.key(), *(m.headers() or [])) for m in messages)


def test_each_line_is_a_message_with_its_key_and_place(broker: Broker, way: str) -> None:
    print(f"seed {SEED}, {way}")
    topic, chance = _topic(broker), random.Random(SEED)
    # More than the queue of the producer holds.
    texts = {1: _text(30_000, chance), 2**62: b'{"key":"last"}', 10**9: b"\n\n", 10**9 + 7: b"", 77: b"one\n"}
    expected = [each for first, text in texts.items() for each in keyed_lines(text, "key", first)]
    with KafkaLog(broker.bootstrap).sink() as sink:
        sent = [sink.send_lines(topic, "key", text, ORIGIN, first) for first, text in texts.items()]
    assert sum(sent) == len(expected)
    assert sent[1:] == [1, 0, 0, 1]
    assert len({key for _, _, key in expected}) > 5
    assert _facts(_held(broker, topic, len(expected))) == Counter(
        (line, key, ("origin_line", f"{ORIGIN}:{number}".encode())) for number, line, key in expected
    )


def test_keys_choose_the_same_partition_as_those_of_any_producer(broker: Broker, way: str) -> None:
    topic, keys = _topic(broker), [b"%d" % number for number in range(200)]
    with KafkaLog(broker.bootstrap).sink() as sink:
        sink.send_lines(topic, "key", b"\n".join(b'{"key":"%s"}' % key for key in keys), ORIGIN, 1)
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
            sink.send_lines(topic, "key", b"one\n" + b"x" * 3_000_000 + b"\nthree", ORIGIN, 1)
        sink.flush()
    assert [message.value() for message in _held(broker, topic, 1)] == [b"one"], way


@pytest.mark.parametrize("single", [False, True])
def test_what_kafka_refuses_is_told_when_it_is_waited_for(broker: Broker, way: str, single: bool) -> None:
    topic = _topic(broker, **{"max.message.bytes": "1000"})
    long = random.Random(SEED).randbytes(20_000).replace(b"\n", b"")  # so that compression does not make it small

    def load() -> None:
        with KafkaLog(broker.bootstrap).sink() as sink:
            if single:
                sink.send(topic, None, long, ORIGIN, 1)
            else:
                sink.send_lines(topic, "key", long, ORIGIN, 1)

    with pytest.raises(Retry, match=r"did not keep every message: .*too large"):
        load()
    assert way


def test_a_producer_without_the_plugin_is_refused(broker: Broker) -> None:
    Producer({"bootstrap.servers": broker.bootstrap})
    with pytest.raises(RuntimeError, match="no producer"):
        kafka_native.NativeLines()
