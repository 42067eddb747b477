"""From one topic to another in transactions: what was read counts as read exactly when what came of it is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, Producer, TopicPartition

from headwater.adapters.kafka_errors import answering, translate
from headwater.adapters.kafka_origins import origin_headers
from headwater.adapters.kafka_sink import SINK_CONFIG
from headwater.core.ranges import Message
from headwater.core.windows import Mark
from headwater.errors import Retry

log_ = logging.getLogger(__name__)

# Nobody reads on behind an open transaction, so one whose sender died and that nobody took over must not stay open.
_OPEN_MS = 20_000
ANSWER_S = 60.0
_AT_ONCE = 500
_TIME = 1

Config = Mapping[str, str | int | float | bool]


class KafkaRelay:
    """A member of the group `<name>.<topic>`, with a producer for each of its partitions.

    The producers are named after the partition. So whoever is given a partition ends the transaction that the member
    before it may have left open, and shuts that one out, however late it wakes.
    """

    def __init__(
        self,
        config: Config,
        overrides: Config,
        name: str,
        topic: str,
        began: Callable[[int, Mark], None],
        ended: Callable[[int], None],
    ) -> None:
        self._config = config
        self._group = f"{name}.{topic}"
        self._topic = topic
        self._began = began
        self._ended = ended
        self._producers: dict[int, Producer] = {}
        self._consumer = Consumer(
            {
                **config,
                "group.id": self._group,
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "partition.assignment.strategy": "cooperative-sticky",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
                **overrides,
            }
        )
        self._consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)

    def poll(self, timeout_s: float) -> Sequence[tuple[int, Message]]:
        """Messages with their partition, in the order of each partition; waits for at most `timeout_s`."""
        received = []
        for message in self._consumer.consume(_AT_ONCE, timeout=timeout_s):
            error, offset, partition = message.error(), message.offset(), message.partition()
            if error is not None:
                raise translate(KafkaException(error), self._topic)
            if offset is not None and partition is not None:
                received.append((partition, Message(offset, message.value() or b"", message.timestamp()[_TIME])))
        return received

    def commit(
        self, partition: int, mark: Mark, topic: str, messages: Sequence[tuple[bytes, bytes]], origin: str
    ) -> None:
        """Keep the mark of a partition and `messages` (key, value) in `topic`, all or nothing.

        Raises `Retry` when nothing was kept: the partition is another member's now, or Kafka is away.
        """
        producer = self._producers[partition]
        headers = origin_headers(origin, 0)
        try:
            producer.begin_transaction()
            for key, value in messages:
                _send(producer, topic, key, value, headers)
            place = TopicPartition(self._topic, partition, mark.offset, mark.text())
            producer.send_offsets_to_transaction([place], self._consumer.consumer_group_metadata(), ANSWER_S)
            _commit(producer)
        except KafkaException as error:
            cause = error.args[0]
            if cause.txn_requires_abort():
                producer.abort_transaction(ANSWER_S)
            raise Retry(
                f"What came of {self._topic}[{partition}] was not kept ({cause.name()}). It will be read again from "
                "the last place that was.",
                topic=self._topic,
            ) from error

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        for place in partitions:
            self._producers[place.partition] = self._producer(place.partition)
        found = consumer.committed(list(partitions), timeout=ANSWER_S)
        for place in found:
            if place.error is not None:
                raise KafkaException(place.error)
            mark = Mark(0) if place.offset == OFFSET_INVALID else Mark.of(place.offset, place.metadata or "")
            begin, _ = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
            if begin > mark.offset:
                log_.error(
                    "%s[%d]: retention removed the offsets %d–%d before they were counted",
                    self._topic, place.partition, mark.offset, begin - 1,
                )  # fmt: skip
                mark = Mark(begin, mark.watermark_s)
            self._began(place.partition, mark)
            place.offset = mark.offset
        consumer.incremental_assign(found)

    def _on_revoke(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        for place in partitions:
            self._producers.pop(place.partition, None)
            self._ended(place.partition)
        consumer.incremental_unassign(list(partitions))

    def _producer(self, partition: int) -> Producer:
        producer = Producer(
            {
                **self._config,
                **SINK_CONFIG,
                "linger.ms": 5,
                "transactional.id": f"{self._group}.{partition}",
                "transaction.timeout.ms": _OPEN_MS,
            }
        )
        producer.init_transactions(ANSWER_S)
        return producer


def _send(
    producer: Producer, topic: str, key: bytes, value: bytes, headers: dict[str, str | bytes | None] | None
) -> None:
    while True:
        try:
            producer.produce(topic, value, key, headers=headers)
        except BufferError:
            producer.poll(0.1)
        else:
            return


def _commit(producer: Producer) -> None:
    while True:
        try:
            producer.commit_transaction(ANSWER_S)
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
        else:
            return


@contextmanager
def relaying(
    config: Config,
    overrides: Config,
    name: str,
    topic: str,
    began: Callable[[int, Mark], None],
    ended: Callable[[int], None],
) -> Iterator[KafkaRelay]:
    """A relay that leaves its group at the end."""
    with answering(topic):
        relay = KafkaRelay(config, overrides, name, topic, began, ended)
        try:
            yield relay
        finally:
            relay.close()
