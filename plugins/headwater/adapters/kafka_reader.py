"""Messages of Kafka as batches: collected per partition, with their values in one piece per poll."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from uuid import UUID

import numpy as np
import pyarrow as pa
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from numpy.typing import NDArray

from headwater.adapters.kafka_messages import Consumed, Messages
from headwater.core.columns import Column, numbers
from headwater.core.ranges import MILLISECONDS, Batch
from headwater.ports import FlushLimits

log_ = logging.getLogger(__name__)

# Under a backlog a batch waits for its size, but a partition with little in it not for ever.
_PATIENCE = 5
# All partitions together hold at most this, and at most two batches of full size. Flushing the largest of n then gives
# batches of 2 / (n + 1) of what is held; where partitions take turns, one of them has nearly all of it.
_HELD_BYTES = 160 << 20
_HELD_BATCHES = 2
# How long the partition whose turn it is may have little before the others are asked too; what was read of it is stored
# then, if it is worth a batch of its own: this share of a full one.
_TURN_S = 0.15
_WORTH = 1 / 4


class PartitionBuffer:
    """What was consumed of one partition and is not a batch yet."""

    def __init__(self, topic: str, epoch: UUID, partition: int, position: int) -> None:
        self._topic = topic
        self._epoch = epoch
        self._partition = partition
        self.position = position
        self._clear()

    def _clear(self) -> None:
        self.rows = 0
        self.size_bytes = 0
        self.since_s = 0.0
        self._last = self.position - 1
        self._raw: list[Column] = []
        self._offsets: list[NDArray[np.uint64]] = []
        self._times: list[NDArray[np.int64]] = []
        self._origins: list[tuple[Column, Column]] = []

    @property
    def reached(self) -> int:
        """Offset behind the last message that was taken."""
        return self._last + 1

    def add(self, messages: Consumed, since_s: float = 0.0) -> None:
        """Take messages that may have waited since `since_s`.

        What was taken before is left out.
        """
        new = messages.after(self._last)
        if not len(new):
            return
        if not self.rows:
            self.since_s = since_s
        self._raw.append(new.values)
        self.size_bytes += new.size_bytes
        self._offsets.append(new.offsets.astype(np.uint64))
        self._times.append(new.times_ms)
        self._origins.append((new.origins, new.lines))
        self._last = int(new.offsets[-1])
        self.rows += len(new)

    def batch(self, to_offset: int | None = None) -> Batch:
        """Everything here as one batch; the buffer goes on behind it, empty."""
        end = self.reached if to_offset is None else to_offset
        batch = Batch(
            self._topic, self._epoch, self._partition, self.position, end,
            numbers(_joined(self._offsets, np.uint64), pa.uint64()),
            pa.chunked_array(self._raw, pa.binary()),
            numbers(_joined(self._times, np.int64), MILLISECONDS),
            pa.concat_arrays([origins for origins, _ in self._origins] or [pa.nulls(0, pa.string())]),
            pa.concat_arrays([lines for _, lines in self._origins] or [pa.nulls(0, pa.uint64())]),
        )  # fmt: skip
        self.position = end
        self._clear()
        return batch


class KafkaReader:
    """One member of the consumer group on one topic."""

    def __init__(
        self,
        consumer: Consumer,
        messages: Messages,
        topic: str,
        epoch: UUID,
        resume: Callable[[Collection[int]], Mapping[int, int]],
    ) -> None:
        self._consumer = consumer
        self._messages = messages
        self._topic = topic
        self._epoch = epoch
        self._resume = resume
        self._buffers: dict[int, PartitionBuffer] = {}
        self.caught_up = False
        self._is_idle = False
        self._polled_s = time.monotonic()
        self._more_is_ready = False
        self._turn: int | None = None
        consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)

    def poll(self, limits: FlushLimits, timeout_s: float) -> Sequence[Batch]:
        """Consume what is there for at most `timeout_s`, and return what is ready to be stored together."""
        self._messages.lead_here(self._buffers.keys() if self._turn is None else {self._turn})
        patience_s = timeout_s if self._turn is None else min(timeout_s, _TURN_S)
        runs = self._messages.read(0 if self._more_is_ready else min(patience_s, self._until_due_s(limits)))
        full = sum(len(run) for _, run in runs) >= self._messages.most
        if self._turn is None and not self._more_is_ready:
            self.caught_up = not full
            self._is_idle = not runs
        # What came now may have waited while the last batch was stored.
        since_s, self._polled_s = self._polled_s, time.monotonic()
        for partition, run in runs:
            buffer = self._buffers.get(partition)
            if buffer is not None:
                buffer.add(run, since_s)
        dry = self._buffers.get(self._turn) if self._turn is not None and not full else None
        ready, self._more_is_ready = self._ready(limits, dry)
        batches = [buffer.batch() for buffer in ready]
        self._turn = self._next_turn(runs if full else (), {batch.partition for batch in batches})
        return batches

    def has_read(self, until: Mapping[int, int]) -> bool:
        """Whether everything before these offsets was taken.

        The marks that end a transaction are never handed out, so a poll in which nothing came is an answer too.
        """
        return self._is_idle or all(b.reached >= until.get(p, 0) for p, b in self._buffers.items())

    def _next_turn(self, runs: Sequence[tuple[int, Consumed]], stored: Collection[int]) -> int | None:
        """Under a backlog, the partition that alone is read on until it has a batch; else all are.

        So memory holds one batch of full size instead of one for each partition that is begun. The first is the one
        of which most came, as it has more; when its batch is ready, the next one follows.
        """
        if self.caught_up or not runs or not self._messages.can_choose:
            return None
        if self._turn is None or self._turn not in self._buffers:
            return max(runs, key=lambda run: len(run[1]))[0]
        if self._turn not in stored:
            return self._turn
        partitions = sorted(self._buffers)
        return next((partition for partition in partitions if partition > self._turn), partitions[0])

    def _ready(self, limits: FlushLimits, dry: PartitionBuffer | None) -> tuple[Sequence[PartitionBuffer], bool]:
        """The buffers that are stored together next, and whether more are ready.

        A full one is stored alone, and one that is not but has nothing more while others have. As soon as one has
        reached its age, all are stored, as many as fit into one batch.
        """
        filled = sorted((buffer for buffer in self._buffers.values() if buffer.rows), key=lambda buffer: buffer.since_s)
        full = [b for b in filled if b.rows >= limits.rows or b.size_bytes >= limits.size_bytes]
        if full:
            return full[:1], len(full) > 1
        if dry and (dry.rows >= limits.rows * _WORTH or dry.size_bytes >= limits.size_bytes * _WORTH):
            return [dry], False
        if sum(b.size_bytes for b in filled) >= min(_HELD_BYTES, _HELD_BATCHES * limits.size_bytes):
            return [max(filled, key=lambda buffer: buffer.size_bytes)], False
        if self._until_due_s(limits) > 0:
            return [], False
        lots = list(_lots(filled, limits))
        return lots[0], len(lots) > 1

    def _until_due_s(self, limits: FlushLimits) -> float:
        """Seconds until what is held has reached its age."""
        filled = [buffer for buffer in self._buffers.values() if buffer.rows]
        if not filled:
            return math.inf
        patience = 1 if self.caught_up else _PATIENCE
        due_s = min(b.since_s for b in filled) + limits.age_of(sum(b.rows for b in filled)) * patience
        return max(0.0, due_s - time.monotonic())

    def flush(self, limits: FlushLimits) -> Sequence[Sequence[Batch]]:
        """Everything collected so far."""
        filled = [buffer for buffer in self._buffers.values() if buffer.rows]
        return [[buffer.batch() for buffer in lot] for lot in _lots(filled, limits)]

    def seek(self, partition: int, offset: int) -> None:
        """Drop what was collected of `partition` and read on from `offset`."""
        if partition in self._buffers:
            self._buffers[partition] = PartitionBuffer(self._topic, self._epoch, partition, offset)
            self._consumer.seek(TopicPartition(self._topic, partition, offset))

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit in the consuming thread; a member that was fenced is told so and goes on."""
        places = [TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            log_.warning("offsets %s of %s not committed: %s", dict(offsets), self._topic, error.args[0].name())

    def _on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        assigned = []
        for partition, offset in self._resume([each.partition for each in partitions]).items():
            self._buffers[partition] = PartitionBuffer(self._topic, self._epoch, partition, offset)
            assigned.append(TopicPartition(self._topic, partition, offset or OFFSET_BEGINNING))
        # Before they are assigned, so that no message of theirs takes another way.
        self._messages.lead_here(self._buffers.keys())
        self._turn = None
        consumer.incremental_assign(assigned)
        self._polled_s = time.monotonic()

    def _on_revoke(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            self._buffers.pop(partition.partition, None)
        self._turn = None
        self._messages.lead_here(self._buffers.keys())
        consumer.incremental_unassign(list(partitions))


def _lots(buffers: Iterable[PartitionBuffer], limits: FlushLimits) -> Iterator[list[PartitionBuffer]]:
    """The buffers in order, as many together as stay within the limits of one batch."""
    lot: list[PartitionBuffer] = []
    for buffer in buffers:
        together = [*lot, buffer]
        rows, size_bytes = sum(b.rows for b in together), sum(b.size_bytes for b in together)
        if lot and (rows > limits.rows or size_bytes > limits.size_bytes):
            yield lot
            together = [buffer]
        lot = together
    if lot:
        yield lot


def _joined(parts: Sequence[NDArray[np.generic]], kind: type[np.generic]) -> NDArray[np.generic]:
    return np.concatenate(parts) if parts else np.empty(0, kind)
