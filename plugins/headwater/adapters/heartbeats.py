"""Heartbeats into Kafka: a producer of its own, because an event waits for its neighbours and a heartbeat must not."""

from __future__ import annotations

import time

from confluent_kafka import KafkaException, Producer

from headwater.adapters.kafka import QUIET
from headwater.adapters.kafka_errors import answering

_KNOWN_S = 60.0
_ANSWER_S = 5.0
_LATE_MS = 5_000


class KafkaPulse:
    """A cluster, by its bootstrap address."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, **QUIET, "acks": "all", "linger.ms": 0, "message.timeout.ms": _LATE_MS}
        )
        # Per topic: its number of partitions, and until when that is believed.
        self._partitions: dict[str, tuple[int, float]] = {}

    def beat(self, topic: str, value: bytes) -> None:
        """Send one heartbeat to each partition. Raises `Retry` or `FixSettings` when Kafka does not know the topic."""
        for partition in range(self._count(topic)):
            try:
                self._producer.produce(topic, value, partition=partition)
            except BufferError:
                return
        self._producer.poll(0)

    def _count(self, topic: str) -> int:
        count, until_s = self._partitions.get(topic, (0, 0.0))
        if time.monotonic() > until_s:
            with answering(topic):
                found = self._producer.list_topics(topic, timeout=_ANSWER_S).topics[topic]
                if found.error is not None:
                    raise KafkaException(found.error)
            count = len(found.partitions)
            self._partitions[topic] = (count, time.monotonic() + _KNOWN_S)
        return count
