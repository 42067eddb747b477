"""Topics of the platform on a broker that other tests have used."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from headwater.adapters.topics import KafkaTopics
from headwater.app.topics import apply_topics
from headwater.assets import asset
from headwater.contracts.topics import load_topics

_DEADLINE_S = 30


def fresh_topics(bootstrap: str) -> None:
    """Delete the platform's topics and make them again, empty and with another epoch."""
    topics = load_topics(asset("kafka/topics.yaml"))
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = {topic.name: topic.partitions for topic in topics}
    there = set(admin.list_topics(timeout=10).topics) & set(wanted)
    if there:
        for future in admin.delete_topics(sorted(there)).values():
            future.result(10)
    _until(lambda: not set(admin.list_topics(timeout=10).topics) & set(wanted))
    apply_topics(topics, KafkaTopics(bootstrap))
    _until(
        lambda: {n: len(t.partitions) for n, t in admin.list_topics(timeout=10).topics.items() if n in wanted} == wanted
    )


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, "the broker did not show the change"


def committed(bootstrap: str, group: str, topic: str, partitions: int = 3) -> Mapping[int, int]:
    """Offsets that a group has committed; negative where it has none."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    try:
        found = consumer.committed([TopicPartition(topic, p) for p in range(partitions)], timeout=10)
        return {each.partition: each.offset for each in found}
    finally:
        consumer.close()
