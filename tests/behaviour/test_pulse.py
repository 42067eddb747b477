"""What every pulse does: one heartbeat to each partition, judged as a heartbeat by the contract."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from headwater.adapters.clock import SystemClock
from headwater.adapters.heartbeats import KafkaPulse
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.memory import MemoryLog
from headwater.adapters.topics import KafkaTopics
from headwater.app.heartbeats import heartbeat
from headwater.contracts.streams import STREAMS
from headwater.contracts.topics import Topic
from headwater.core.verdict import Heartbeat, judge
from headwater.errors import FixSettings
from headwater.ports import EventLog, Pulse, TopicAdmin

CLOCK = SystemClock()


@dataclass(frozen=True)
class PulseUnderTest:
    """A pulse, the log it goes into, and a topic of the test's own."""

    pulse: Pulse
    log: EventLog
    topics: TopicAdmin
    topic: str


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.stack)])
def under(request: pytest.FixtureRequest) -> Iterator[PulseUnderTest]:
    topic = f"test_{uuid4().hex[:8]}"
    if request.param == "memory":
        memory = MemoryLog(CLOCK)
        yield PulseUnderTest(memory, memory, memory, topic)
    else:
        bootstrap = request.getfixturevalue("broker").bootstrap
        yield PulseUnderTest(KafkaPulse(bootstrap), KafkaLog(bootstrap), KafkaTopics(bootstrap), topic)


def test_each_partition_gets_one_heartbeat_that_the_contract_knows_as_such(under: PulseUnderTest) -> None:
    under.topics.ensure(Topic(name=under.topic, partitions=3, config={}))
    sent_at = CLOCK.now()
    value = heartbeat("host/1", sent_at)
    for number in (1, 2):
        under.pulse.beat(under.topic, value)
        deadline = time.monotonic() + 30
        while (ends := [mark.end for mark in under.log.watermarks(under.topic).values()]) != [number] * 3:
            assert time.monotonic() < deadline, ends
    for stream in STREAMS.values():
        assert judge(stream, value, sent_at) == Heartbeat()
    assert json.loads(value) == {
        "headwater_heartbeat": "host/1",
        "sent_at": f"{sent_at:%Y-%m-%d %H:%M:%S}.{sent_at.microsecond // 1000:03d}",
    }


def test_a_topic_that_is_not_there_is_told(under: PulseUnderTest) -> None:
    with pytest.raises(FixSettings, match="has no topic"):
        under.pulse.beat(under.topic, b"{}")
