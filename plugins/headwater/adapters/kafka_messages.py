"""Messages of Kafka as columns, made of the client's objects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol, cast

import numpy as np
import pyarrow as pa
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, KafkaException, Message
from numpy.typing import NDArray

from headwater.adapters.kafka_errors import translate
from headwater.adapters.kafka_origins import Headers, origin_columns
from headwater.core.columns import Column, texts

_SECOND = itemgetter(1)
# The type allows a mapping too; what was consumed has a list.
_headers = cast("Any", Message.headers)


@dataclass(frozen=True, slots=True)
class Consumed:
    """Messages of one partition in the order of their offsets; times in milliseconds."""

    values: Column
    size_bytes: int
    offsets: NDArray[np.int64]
    times_ms: NDArray[np.int64]
    origins: Column
    lines: Column

    def __len__(self) -> int:
        return len(self.offsets)

    def after(self, offset: int) -> Consumed:
        """Those behind `offset`."""
        known = int(np.searchsorted(self.offsets, offset, side="right"))
        if not known:
            return self
        values = self.values[known:]
        ends = np.frombuffer(cast("Any", values.buffers()[1]), np.int32)[
            values.offset : values.offset + len(values) + 1
        ]
        return Consumed(
            values, int(ends[-1] - ends[0]), self.offsets[known:], self.times_ms[known:],
            self.origins[known:], self.lines[known:],
        )  # fmt: skip


class Messages(Protocol):
    """Where a reader gets the messages of its partitions from, at most `most` at a time."""

    most: int
    can_choose: bool
    """Whether messages of partitions that are not led here wait for their turn."""

    def lead_here(self, partitions: Collection[int]) -> None:
        """Of the partitions, only these are read from now on. Called with a new one before it is assigned."""

    def read(self, timeout_s: float) -> Sequence[tuple[int, Consumed]]:
        """What comes until there are `most` or the time is over: partitions with what came of them, in turn.

        Raises the error that came instead of a message.
        """

    def close(self) -> None:
        """Called before the consumer is closed."""


class ClientMessages:
    """Those that the client gives as objects."""

    # About what the client's queue holds: a reader that is ahead of the broker waits for the rest of a larger number.
    most = 500
    can_choose = False

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic

    def lead_here(self, partitions: Collection[int]) -> None:
        """All come, as they are."""

    def read(self, timeout_s: float) -> Sequence[tuple[int, Consumed]]:
        """What `consume` gives."""
        messages = self._consumer.consume(self.most, timeout=timeout_s)
        for error in filter(None, map(Message.error, messages)):
            raise translate(KafkaException(error), self._topic)
        runs = groupby(messages, key=Message.partition)
        return [(partition or 0, consumed(list(run))) for partition, run in runs]

    def close(self) -> None:
        """Nothing is kept here."""


def consumed(messages: Sequence[Message]) -> Consumed:
    """The columns of messages of one partition; a message without a value stands as an empty one."""
    values = cast("list[bytes]", list(map(Message.value, messages)))
    try:
        data = b"".join(values)
    except TypeError:  # a message without a value, as clients write one to a compacted topic
        values = [value or b"" for value in values]
        data = b"".join(values)
    lengths = np.fromiter(map(len, values), np.int32, len(values))
    headers: list[Headers | None] = list(map(_headers, messages))
    return Consumed(
        texts(data, lengths, pa.binary()), len(data), _offsets(messages), _times(messages), *origin_columns(headers)
    )


def _offsets(messages: Sequence[Message]) -> NDArray[np.int64]:
    """Offsets of messages of one partition. They only grow, so that the first and the last may tell all."""
    count = len(messages)
    if count:
        first, last = messages[0].offset() or 0, messages[-1].offset() or 0
        if last - first == count - 1:
            return np.arange(first, last + 1, dtype=np.int64)
    return np.fromiter(map(Message.offset, messages), np.int64, count)


def _times(messages: Sequence[Message]) -> NDArray[np.int64]:
    """Milliseconds at which messages of one partition came.

    The broker writes one time for all that it appends together, so that the first and the last mostly tell all: where
    they say the same, another time between them would need a broker's clock that was moved and moved back.
    """
    if messages:
        first, last = messages[0].timestamp(), messages[-1].timestamp()
        if first == last and first[0] == TIMESTAMP_LOG_APPEND_TIME:
            return np.full(len(messages), first[1], np.int64)
    return np.fromiter(map(_SECOND, map(Message.timestamp, messages)), np.int64, len(messages))
