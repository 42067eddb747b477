"""Each port by its twin in memory and by the real part: both must pass the same suite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from headwater.adapters import kafka_native
from headwater.adapters.clickhouse import ClickHouseLedger
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.memory import FixedClock, MemoryLedger, MemoryLog
from headwater.adapters.topics import KafkaTopics
from headwater.contracts.topics import Topic
from headwater.ports import EventLog, Ledger, TopicAdmin


@dataclass(frozen=True)
class LogUnderTest:
    """A log, its topics, and a topic of the test's own."""

    log: EventLog
    topics: TopicAdmin
    topic: str

    def make(self, partitions: int = 3) -> None:
        """Make the test's topic exist."""
        self.topics.ensure(
            Topic(name=self.topic, partitions=partitions, config={"message.timestamp.type": "LogAppendTime"})
        )


@pytest.fixture(
    params=[
        "memory",
        pytest.param("kafka", marks=pytest.mark.stack),
        pytest.param("kafka, messages as objects", marks=pytest.mark.stack),
    ]
)
def event_log(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LogUnderTest:
    """A log without messages."""
    topic = f"test_{uuid4().hex[:8]}"
    if request.param == "memory":
        memory = MemoryLog(FixedClock())
        return LogUnderTest(memory, memory, topic)
    if "objects" in request.param:
        monkeypatch.setattr(kafka_native, "library", lambda: None)
    bootstrap = request.getfixturevalue("broker").bootstrap
    return LogUnderTest(KafkaLog(bootstrap, group=topic), KafkaTopics(bootstrap), topic)


@pytest.fixture(params=["memory", pytest.param("clickhouse", marks=pytest.mark.stack)])
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Books without claims."""
    if request.param == "memory":
        yield MemoryLedger()
    else:
        yield ClickHouseLedger(request.getfixturevalue("warehouse"))
