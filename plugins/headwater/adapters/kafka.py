"""Kafka behind the port `EventLog`."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from headwater.adapters import kafka_native
from headwater.adapters.kafka_errors import answering, translate
from headwater.adapters.kafka_messages import ClientMessages, consumed
from headwater.adapters.kafka_native import NativeMessages
from headwater.adapters.kafka_once import KafkaOnce, sending_once
from headwater.adapters.kafka_reader import KafkaReader, PartitionBuffer
from headwater.adapters.kafka_relay import ANSWER_S as RELAY_ANSWER_S
from headwater.adapters.kafka_relay import KafkaRelay, relaying
from headwater.adapters.kafka_sink import KafkaSink
from headwater.core.ranges import Batch
from headwater.core.windows import Mark
from headwater.errors import Retry
from headwater.ports import Watermarks

log_ = logging.getLogger(__name__)

GROUP = "headwater-ingest"

# What goes wrong comes as an exception; librdkafka's own lines on stderr would repeat it many times a second.
QUIET: Mapping[str, str | int | float | bool] = {"log_level": 0}

_TIMEOUT_S = 10.0
_SILENCE_S = 60.0
# The client reports that a request took too long a little later than the request's own limit.
ANSWER_S = _TIMEOUT_S + 5
_CONSUME = 500


class KafkaLog:
    """A cluster, by its bootstrap address; `overrides` are settings of librdkafka for its consumers."""

    def __init__(self, bootstrap: str, group: str = GROUP, **overrides: str | float | bool) -> None:
        self._config: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, **QUIET}
        self._group = group
        self._overrides = overrides
        self._admin = AdminClient(self._config)
        self._epochs: dict[str, UUID] = {}
        self._spare_sinks: list[KafkaSink] = []

    def epoch(self, topic: str) -> UUID:
        """Kafka's topic id. Raises `FixSettings` when there is no such topic."""
        with answering(topic):
            asked = self._admin.describe_topics(TopicCollection([topic]), request_timeout=_TIMEOUT_S)
            topic_id = asked[topic].result(ANSWER_S).topic_id
        value = (topic_id.get_most_significant_bits() & _MASK) << 64 | (topic_id.get_least_significant_bits() & _MASK)
        self._epochs[topic] = UUID(int=value)
        return self._epochs[topic]

    def watermarks(self, topic: str) -> Mapping[int, Watermarks]:
        """First kept and next offset of every partition."""
        with answering(topic), self._consumer(group="headwater-watermarks") as consumer:
            metadata = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
            if metadata.error is not None:
                raise KafkaException(metadata.error)
            return {
                p: Watermarks(*consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=_TIMEOUT_S))
                for p in sorted(metadata.partitions)
            }

    @contextmanager
    def join(self, topic: str, resume: Callable[[Collection[int]], Mapping[int, int]]) -> Iterator[KafkaReader]:
        """Become a member of the group; partitions move one by one when members come and go."""
        # A group for each topic, so that members of one do not wait for those of another.
        epoch = self._epochs.get(topic) or self.epoch(topic)
        native = kafka_native.library() is not None
        settings = kafka_native.plugin() if native else {}
        with _few_collections(), self._consumer(group=f"{self._group}.{topic}", **settings) as consumer:
            messages = (NativeMessages if native else ClientMessages)(consumer, topic)
            try:
                yield KafkaReader(consumer, messages, topic, epoch, resume)
            finally:
                messages.close()

    def read_range(self, topic: str, partition: int, from_offset: int, to_offset: int) -> Batch:
        """Read [from_offset, to_offset) outside any group; what retention has removed is left out."""
        marks = self.watermarks(topic)[partition]
        start, end = max(from_offset, marks.begin), min(to_offset, marks.end)
        buffer = PartitionBuffer(topic, self._epochs.get(topic) or self.epoch(topic), partition, from_offset)
        if start < end:
            with self._consumer(group="headwater-ranges", **_RANGES) as consumer:
                consumer.assign([TopicPartition(topic, partition, start)])
                silent_since = time.monotonic()
                while not _read_to(end, consumer.consume(_CONSUME, timeout=1.0), buffer, topic):
                    if time.monotonic() - silent_since > _SILENCE_S:
                        raise Retry(f"Kafka sends nothing of {topic}[{partition}]. Look at `headwater status`.")
        return buffer.batch(to_offset)

    def has_messages(self, topic: str, partition: int, from_offset: int, to_offset: int) -> bool:
        """Read on from `from_offset` until a message or the end comes."""
        start = max(from_offset, self.watermarks(topic)[partition].begin)
        if start >= to_offset:
            return False
        with self._consumer(group="headwater-ranges", **_RANGES) as consumer:
            consumer.assign([TopicPartition(topic, partition, start)])
            silent_since = time.monotonic()
            while time.monotonic() - silent_since < _SILENCE_S:
                for message in consumer.consume(1, timeout=1.0):
                    error, offset = message.error(), message.offset()
                    if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                        raise translate(KafkaException(error), topic)
                    return error is None and offset is not None and offset < to_offset
        raise Retry(f"Kafka sends nothing of {topic}[{partition}]. Look at `headwater status`.")

    @contextmanager
    def once(self, name: str, topics: Sequence[str], closing: bytes) -> Iterator[KafkaOnce]:
        """A transaction under its name; taken back when it was not committed."""
        with answering(topics[0]), sending_once(self._config, name, topics, closing) as sink:
            yield sink

    @contextmanager
    def relay(
        self, name: str, topic: str, began: Callable[[int, Mark], None], ended: Callable[[int], None]
    ) -> Iterator[KafkaRelay]:
        """A member of the group of that name, with a producer."""
        with relaying(self._config, self._overrides, name, topic, began, ended) as relay:
            yield relay

    def relayed_to(self, name: str, topic: str) -> Mapping[int, int]:
        """Committed offsets of the group, 0 where there is none."""
        with answering(topic), self._consumer(group=f"{name}.{topic}") as consumer:
            partitions = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions
            for attempt in _SOON:
                with attempt:
                    places = consumer.committed([TopicPartition(topic, p) for p in partitions], timeout=RELAY_ANSWER_S)
            return {place.partition: max(place.offset, 0) for place in places}

    @contextmanager
    def sink(self) -> Iterator[KafkaSink]:
        """An idempotent producer that waits for all replicas.

        One that kept everything serves the next caller again: a new one needs a second until it may send.
        """
        try:
            sink = self._spare_sinks.pop()
        except IndexError:
            sink = KafkaSink(self._config)
        try:
            yield sink
        finally:
            sink.flush()
            self._spare_sinks.append(sink)

    @contextmanager
    def _consumer(self, group: str, **more: str | float | bool) -> Iterator[Consumer]:
        consumer = Consumer(
            {
                **self._config,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "partition.assignment.strategy": "cooperative-sticky",
                "isolation.level": "read_committed",
                "fetch.message.max.bytes": 500_000,
                "queued.max.messages.kbytes": 4_096,
                # A steady trickle comes in a few answers a second instead of hundreds.
                "fetch.min.bytes": 65_536,
                "fetch.wait.max.ms": 100,
                # While the queue is full the client would look for room only once a second.
                "fetch.queue.backoff.ms": 5,
                **self._overrides,
                **more,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()


def _coordinator_is_coming(error: BaseException) -> bool:
    """A broker that has just started, or never had a group, does not know at once who keeps the offsets of one."""
    coming = {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE}
    return isinstance(error, KafkaException) and error.args[0].code() in coming


_SOON = Retrying(
    retry=retry_if_exception(_coordinator_is_coming), wait=wait_fixed(0.2), stop=stop_after_delay(30), reraise=True
)
# Of a range that ends with the log, nothing more comes for which to wait.
_RANGES: Mapping[str, str | float | bool] = {"enable.partition.eof": True, "fetch.min.bytes": 1}
_MASK = (1 << 64) - 1
_COLLECT_AFTER = 100_000


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for cycles of garbage rarely: thousands of messages at a time, none of them in a cycle, would have it done
    all the time, at a fifth of the consumer's work."""
    usual = gc.get_threshold()
    gc.set_threshold(max(usual[0], _COLLECT_AFTER), *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _read_to(end: int, messages: Sequence[Message], buffer: PartitionBuffer, topic: str) -> bool:
    """Take the messages before `end`; true when the partition was read up to there."""
    taken: list[Message] = []
    for message in messages:
        error, offset = message.error(), message.offset()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
            raise translate(KafkaException(error), topic)
        if error is not None or offset is None or offset >= end:
            buffer.add(consumed(taken))
            return True
        taken.append(message)
    buffer.add(consumed(taken))
    return buffer.reached >= end
