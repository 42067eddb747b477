"""Kafka behind the port `EventLog`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from headwater.core.ranges import Batch
from headwater.errors import FixSettings, HeadwaterError, Retry
from headwater.ports import FlushLimits, Watermarks

log_ = logging.getLogger(__name__)

GROUP = "headwater-ingest"
ORIGIN_HEADER = "origin"
LINE_HEADER = "line"

# What goes wrong comes as an exception; librdkafka's own lines on stderr would repeat it many times a second.
QUIET: Mapping[str, str | int | float | bool] = {"log_level": 0}

_TIMEOUT_S = 10.0
_SILENCE_S = 60.0
# The client reports that a request took too long a little later than the request's own limit.
ANSWER_S = _TIMEOUT_S + 5
_CONSUME = 10_000


class KafkaLog:
    """A cluster, by its bootstrap address."""

    def __init__(self, bootstrap: str, group: str = GROUP) -> None:
        self._config: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, **QUIET}
        self._group = group
        self._admin = AdminClient(self._config)
        self._epochs: dict[str, UUID] = {}

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
    def join(self, topic: str, resume: Callable[[int], int]) -> Iterator[KafkaReader]:
        """Become a member of the group; partitions move one by one when members come and go."""
        with self._consumer(group=self._group) as consumer:
            yield KafkaReader(consumer, topic, self._epochs.get(topic) or self.epoch(topic), resume)

    def read_range(self, topic: str, partition: int, from_offset: int, to_offset: int) -> Batch:
        """Read [from_offset, to_offset) outside any group; what retention has removed is left out."""
        marks = self.watermarks(topic)[partition]
        start, end = max(from_offset, marks.begin), min(to_offset, marks.end)
        buffer = _Buffer(topic, self._epochs.get(topic) or self.epoch(topic), partition, from_offset)
        if start < end:
            with self._consumer(group="headwater-ranges", **{"enable.partition.eof": True}) as consumer:
                consumer.assign([TopicPartition(topic, partition, start)])
                silent_since = time.monotonic()
                while not buffer.read_to(end, messages := consumer.consume(_CONSUME, timeout=1.0)):
                    silent_since = time.monotonic() if messages else silent_since
                    if time.monotonic() - silent_since > _SILENCE_S:
                        raise Retry(f"Kafka sends nothing of {topic}[{partition}]. Look at `headwater status`.")
        return buffer.batch(to_offset)

    @contextmanager
    def sink(self) -> Iterator[KafkaSink]:
        """An idempotent producer that waits for all replicas."""
        sink = KafkaSink(
            Producer(
                {
                    **self._config,
                    "acks": "all",
                    "enable.idempotence": True,
                    "linger.ms": 50,
                    "batch.size": 1_000_000,
                    "compression.type": "lz4",
                    "message.max.bytes": 2_000_000,
                    "queue.buffering.max.messages": 200_000,
                    "queue.buffering.max.kbytes": 131_072,
                }
            )
        )
        try:
            yield sink
        finally:
            sink.flush()

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
                "fetch.message.max.bytes": 4_000_000,
                "queued.max.messages.kbytes": 65_536,
                "fetch.wait.max.ms": 100,
                **more,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()


_MASK = (1 << 64) - 1


@dataclass(slots=True)
class _Buffer:
    """What was consumed of one partition and is not a batch yet."""

    topic: str
    epoch: UUID
    partition: int
    position: int
    offsets: list[int] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    size_bytes: int = 0
    since_s: float = 0.0

    def add(self, message: Message) -> None:
        """Take one message; what lies before the position was taken already."""
        offset = _offset(message)
        if offset < self.position or (self.offsets and offset <= self.offsets[-1]):
            return
        if not self.offsets:
            self.since_s = time.monotonic()
        value = message.value() or b""
        origin, line = _origin(message)
        self.offsets.append(offset)
        self.raw.append(value)
        self.times.append(message.timestamp()[1])
        self.origins.append(origin)
        self.lines.append(line)
        self.size_bytes += len(value)

    def read_to(self, end: int, messages: Sequence[Message]) -> bool:
        """Take the messages before `end`; true when the partition was read up to there."""
        for message in messages:
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                    return True
                raise _translate(KafkaException(error), self.topic)
            if _offset(message) >= end:
                return True
            self.add(message)
        return bool(self.offsets) and self.offsets[-1] >= end - 1

    def is_ready(self, limits: FlushLimits) -> bool:
        """Whether the rows, the bytes or the age of what is here have reached a limit."""
        return bool(self.offsets) and (
            len(self.offsets) >= limits.rows
            or self.size_bytes >= limits.size_bytes
            or time.monotonic() - self.since_s >= limits.age_s
        )

    def batch(self, to_offset: int | None = None) -> Batch:
        """Everything here as one batch; the buffer goes on behind it, empty."""
        end = to_offset if to_offset is not None else self.offsets[-1] + 1
        batch = Batch(
            self.topic, self.epoch, self.partition, self.position, end,
            self.offsets, self.raw, self.times, self.origins, self.lines,
        )  # fmt: skip
        self.position = end
        self.offsets, self.raw, self.times, self.origins, self.lines = [], [], [], [], []
        self.size_bytes = 0
        return batch


class KafkaReader:
    """One member of the consumer group on one topic."""

    def __init__(self, consumer: Consumer, topic: str, epoch: UUID, resume: Callable[[int], int]) -> None:
        self._consumer = consumer
        self._topic = topic
        self._epoch = epoch
        self._resume = resume
        self._buffers: dict[int, _Buffer] = {}
        consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)

    def poll(self, limits: FlushLimits, timeout_s: float) -> Sequence[Batch]:
        """Consume what is there for at most `timeout_s`, and return the batches that are ready."""
        for message in self._consumer.consume(_CONSUME, timeout=timeout_s):
            if message.error() is not None:
                raise _translate(KafkaException(message.error()), self._topic)
            buffer = self._buffers.get(message.partition() or 0)
            if buffer is not None:
                buffer.add(message)
        return [b.batch() for b in self._buffers.values() if b.is_ready(limits)]

    def flush(self) -> Sequence[Batch]:
        """Everything collected so far."""
        return [b.batch() for b in self._buffers.values() if b.offsets]

    def seek(self, partition: int, offset: int) -> None:
        """Drop what was collected of `partition` and read on from `offset`."""
        if partition in self._buffers:
            self._buffers[partition] = _Buffer(self._topic, self._epoch, partition, offset)
            self._consumer.seek(TopicPartition(self._topic, partition, offset))

    def commit(self, partition: int, offset: int) -> None:
        """Commit in the consuming thread; a member that was fenced is told so and goes on."""
        try:
            self._consumer.commit(offsets=[TopicPartition(self._topic, partition, offset)], asynchronous=False)
        except KafkaException as error:
            log_.warning("offset %d of %s[%d] not committed: %s", offset, self._topic, partition, error.args[0].name())

    def _on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        assigned = []
        for partition in partitions:
            offset = self._resume(partition.partition)
            self._buffers[partition.partition] = _Buffer(self._topic, self._epoch, partition.partition, offset)
            assigned.append(TopicPartition(self._topic, partition.partition, offset or OFFSET_BEGINNING))
        consumer.incremental_assign(assigned)

    def _on_revoke(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            self._buffers.pop(partition.partition, None)
        consumer.incremental_unassign(list(partitions))


class KafkaSink:
    """A producer that reports what was not acknowledged."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._failure: KafkaError | None = None

    def send(self, topic: str, key: bytes | None, value: bytes, origin: str = "", line: int = 0) -> None:
        """Queue one message with its origin in the headers."""
        headers: list[tuple[str, str | bytes | None]] | None = (
            [(ORIGIN_HEADER, origin.encode()), (LINE_HEADER, str(line).encode())] if origin else None
        )
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers, on_delivery=self._on_delivery)
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def flush(self) -> None:
        """Wait for every acknowledgement. Raises `Retry` when a message was not kept."""
        waiting = self._producer.flush(120)
        if self._failure is not None or waiting:
            reason = self._failure.str() if self._failure is not None else "no answer within 120 s"
            raise Retry(f"Kafka did not keep every message: {reason}. Load again: what was kept counts once.")

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failure = error


def _offset(message: Message) -> int:
    """Every consumed message has an offset; only the type does not say so."""
    offset = message.offset()
    return -1 if offset is None else offset


def _origin(message: Message) -> tuple[str, int]:
    headers = message.headers()
    found = dict(headers) if headers else {}
    origin, line = found.get(ORIGIN_HEADER), found.get(LINE_HEADER)
    return _text(origin), int(_text(line)) if line is not None and line.isdigit() else 0


def _text(value: str | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


_AWAY = {
    KafkaError._TRANSPORT,  # noqa: SLF001 - the client's own codes have no other names
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
}


@contextmanager
def answering(topic: str) -> Iterator[None]:
    """Errors of Kafka as errors of ours: no such topic is a matter of settings, everything else may pass."""
    try:
        yield
    except KafkaException as error:
        raise _translate(error, topic) from error


def _translate(error: KafkaException, topic: str) -> HeadwaterError:
    cause = error.args[0]
    if cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return FixSettings(f"Kafka has no topic {topic}. Run `headwater topics` to create the topics.", topic=topic)
    if cause.code() in _AWAY:
        return Retry("Kafka does not answer. Start the stack with `headwater up`; `headwater status` shows what runs.")
    return Retry(f"Kafka did not answer for {topic}: {cause.str()}. Look at `headwater status`.", topic=topic)
