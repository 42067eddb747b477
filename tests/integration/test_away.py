"""A part that is not there is told at once, in words that say what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from headwater.adapters.clickhouse import ClickHouse
from headwater.adapters.kafka import KafkaLog
from headwater.adapters.topics import KafkaTopics
from headwater.contracts.topics import Topic
from headwater.errors import Retry


@pytest.fixture
def port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_clickhouse_that_never_answered_is_given_up_after_seconds(port: int) -> None:
    with pytest.raises(Retry, match=rf"ClickHouse at 127.0.0.1:{port} does not answer. Start the stack"):
        ClickHouse(f"http://reader:secret-word@127.0.0.1:{port}/").query("SELECT 1")


@pytest.mark.parametrize(
    "call",
    [
        lambda bootstrap: KafkaLog(bootstrap).epoch("browser_events"),
        lambda bootstrap: KafkaLog(bootstrap).watermarks("browser_events"),
        lambda bootstrap: KafkaTopics(bootstrap).ensure(Topic(name="browser_events", partitions=3, config={})),
    ],
    ids=["epoch", "watermarks", "ensure"],
)
def test_a_kafka_that_is_away_is_told(call: Callable[[str], object], port: int) -> None:
    with pytest.raises(Retry, match=r"Kafka does not answer\. Start the stack"):
        call(f"127.0.0.1:{port}")
