"""What stands in the topics: every message with its time, read from the first offset to the last."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from headwater.contracts.streams import VISIT_STREAMS

_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Found:
    """One message."""

    raw: bytes
    at: datetime

    @property
    def value(self) -> Any:
        """Its JSON."""
        return json.loads(self.raw)


def in_topics(bootstrap: str, *ids: str) -> dict[str, list[Found]]:
    """Messages of every stream; with ids only those whose event_id, or without one whose click_id, is among them."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "tests-look", "enable.auto.commit": False})
    names = {stream.topic: name for name, stream in VISIT_STREAMS.items()}
    found: dict[str, list[Found]] = {name: [] for name in names.values()}
    try:
        starts, left = [], 0
        for topic in names:
            for partition in consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions:
                begin, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)
                starts.append(TopicPartition(topic, partition, begin))
                left += end - begin
        consumer.assign(starts)
        while left:
            messages = consumer.consume(min(left, 10_000), timeout=_TIMEOUT_S)
            assert messages, f"{left} messages could not be read"
            left -= len(messages)
            for message in messages:
                assert message.error() is None, message.error()
                each = Found(message.value() or b"", datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC))
                if not ids or each.value.get("event_id", each.value.get("click_id")) in ids:
                    found[names[message.topic() or ""]].append(each)
    finally:
        consumer.close()
    return found
