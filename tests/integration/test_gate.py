"""The collector's way into Kafka: which calls fail with which message, and when a call is answered."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from headwater.adapters import kafka_gate
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.kafka_gate import KafkaGate
from headwater.adapters.topics import KafkaTopics
from headwater.contracts.topics import Topic
from headwater.errors import Busy, Retry
from headwater.ports import Keyed
from tests.support.kafka import Broker

pytestmark = pytest.mark.stack

_DEADLINE_S = 30
_MOST = 100
_SLOW_S = 0.5


@pytest.fixture
def topics(broker: Broker) -> tuple[str, str]:
    """A topic, and one that takes only small messages."""
    wide, narrow = (f"gate_{uuid4().hex[:8]}" for _ in range(2))
    for name, config in ((wide, {}), (narrow, {"max.message.bytes": "1000"})):
        KafkaTopics(broker.bootstrap).ensure(Topic(name=name, partitions=3, config=config))
    return wide, narrow


@asynccontextmanager
async def _open(broker: Broker, topics: Sequence[str]) -> AsyncIterator[KafkaGate]:
    gate = KafkaGate(broker.bootstrap, topics, _MOST, lambda: None)
    await gate.open()
    try:
        await _ready(gate)
        yield gate
    finally:
        await gate.close()


async def _ready(gate: KafkaGate) -> None:
    async with asyncio.timeout(_DEADLINE_S):
        while gate.problem:  # noqa: ASYNC110 - the gate tells it by a property only
            await asyncio.sleep(0.01)


def _messages(count: int = 3, size: int = 10) -> Keyed:
    # What does not pack well: limits are for packed messages.
    return Keyed([str(n) for n in range(count)], [os.urandom(size // 2).hex() for _ in range(count)])


def _kept(broker: Broker, topic: str) -> int:
    return sum(mark.end - mark.begin for mark in KafkaLog(broker.bootstrap).watermarks(topic).values())


def test_a_message_that_failed_fails_its_own_call_and_no_other(broker: Broker, topics: tuple[str, str]) -> None:
    wide, narrow = topics

    async def story() -> list[BaseException | None]:
        async with _open(broker, topics) as gate:
            await gate.send({wide: _messages(), narrow: _messages()})
            # These go out together.
            group = [
                {wide: _messages()},
                {wide: _messages(), narrow: _messages(size=10_000)},  # refused by Kafka
                {wide: _messages(), narrow: Keyed(["9"], ["x" * 3_000_000])},  # refused by the client
                {wide: _messages()},
            ]
            together = [asyncio.create_task(gate.send(messages)) for messages in group]
            await asyncio.gather(*together, return_exceptions=True)
            await _ready(gate)
            await gate.send({wide: _messages()})
            assert gate.waiting == 0
            return [task.exception() for task in together]

    errors = asyncio.run(story())
    assert [type(error) for error in errors] == [type(None), Retry, Retry, type(None)], errors
    assert _kept(broker, narrow) == 3
    assert _kept(broker, wide) == 18


def test_a_call_is_answered_when_kafka_has_its_messages_and_not_before(broker: Broker, topics: tuple[str, str]) -> None:
    wide, _narrow = topics

    async def story() -> None:
        async with _open(broker, topics) as gate:
            await gate.send({wide: _messages(1)})
            os.kill(broker.pid, signal.SIGSTOP)
            try:
                first = asyncio.create_task(gate.send({wide: _messages(40)}))
                left = asyncio.create_task(gate.send({wide: _messages(40)}))
                done, _ = await asyncio.wait([first, left], timeout=0.5)
                assert not done
                left.cancel()
                with pytest.raises(Busy):
                    await gate.send({wide: _messages(21)})
            finally:
                os.kill(broker.pid, signal.SIGCONT)
            await asyncio.wait_for(first, _DEADLINE_S)

    asyncio.run(story())
    # What was taken is sent, though its client went away.
    assert _kept(broker, wide) == 81


def test_a_call_that_cannot_be_sent_is_answered_and_the_next_one_sent(broker: Broker, topics: tuple[str, str]) -> None:
    wide, _ = topics

    async def story() -> None:
        async with _open(broker, topics) as gate, asyncio.timeout(_DEADLINE_S):
            with pytest.raises(Retry, match="could not send"):
                await gate.send({wide: Keyed(["1"], ["half of a pair: \ud800"])})
            await gate.send({wide: _messages()})
            assert gate.waiting == 0

    asyncio.run(story())
    assert _kept(broker, wide) == 3


def test_a_producer_that_met_a_fatal_error_is_replaced(
    broker: Broker, topics: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wide, narrow = topics
    # A message that is refused for good is a fatal error then.
    monkeypatch.setattr(kafka_gate, "_CONFIG", {**kafka_gate._CONFIG, "enable.gapless.guarantee": True})

    async def story() -> None:
        async with _open(broker, topics) as gate, asyncio.timeout(_DEADLINE_S):
            with pytest.raises(Retry):
                await gate.send({wide: _messages(), narrow: _messages(1, size=10_000)})
            # More than there are producers.
            for _ in range(4):
                await _ready(gate)
                await gate.send({wide: _messages()})
            assert gate.waiting == 0

    asyncio.run(story())
    assert _kept(broker, wide) >= 12


def test_a_call_does_not_wait_for_the_group_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Clusters within the client, whose answers take a while.
    slow = {"test.mock.num.brokers": 1, "test.mock.broker.rtt": int(_SLOW_S * 1000)}
    monkeypatch.setattr(kafka_gate, "_CONFIG", {**kafka_gate._CONFIG, **slow})

    async def story() -> float:
        gate = KafkaGate("", [], _MOST, lambda: None)
        await gate.open()
        try:
            await _ready(gate)
            for _ in range(2):  # each producer learns of the topic
                await gate.send({"slow": _messages(1)})
            began = time.perf_counter()
            first = asyncio.create_task(gate.send({"slow": _messages(1)}))
            await asyncio.sleep(_SLOW_S / 4)
            await gate.send({"slow": _messages(1)})
            await first
            return time.perf_counter() - began
        finally:
            await gate.close()

    assert asyncio.run(story()) < 1.9 * _SLOW_S
