"""What a buffer makes of messages: values, offsets and times as each message has them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from headwater.adapters.kafka_messages import consumed
from headwater.adapters.kafka_reader import PartitionBuffer
from headwater.core.ranges import Batch

TOPIC = "browser_events"
APPENDED, CREATED = TIMESTAMP_LOG_APPEND_TIME, TIMESTAMP_CREATE_TIME


def _batch(messages: Sequence[Message], position: int = 0) -> Batch:
    buffer = PartitionBuffer(TOPIC, UUID(int=1), 0, position)
    buffer.add(consumed(messages))
    return buffer.batch()


def _message(offset: int, value: bytes | None = b"x", timestamp: tuple[int, int] = (APPENDED, 1_000)) -> Message:
    return Message(topic=TOPIC, partition=0, offset=offset, value=value, timestamp=timestamp)


@pytest.mark.parametrize(
    "times",
    [
        [(APPENDED, 1_000)] * 4,
        [(APPENDED, 1_000), (APPENDED, 1_000), (APPENDED, 1_007), (APPENDED, 1_007)],
        [(CREATED, 1_000), (CREATED, 900), (CREATED, 2_000), (CREATED, 1_000)],
        [(CREATED, 1_000), (APPENDED, 1_003), (APPENDED, 1_004), (APPENDED, 1_000)],
    ],
    ids=["one append", "two appends", "times of clients", "a topic whose kind of time was changed"],
)
def test_every_message_keeps_its_time(times: list[tuple[int, int]]) -> None:
    batch = _batch([_message(n, timestamp=time) for n, time in enumerate(times)])
    assert batch.kafka_time.cast("int64").to_pylist() == [ms for _, ms in times]


def test_a_time_that_nobody_gave_is_what_the_client_says_of_it() -> None:
    message = _message(0, timestamp=(TIMESTAMP_NOT_AVAILABLE, 0))
    assert _batch([message]).kafka_time.cast("int64").to_pylist() == [message.timestamp()[1]]


def test_a_message_without_a_value_stands_as_an_empty_one() -> None:
    batch = _batch([_message(0, b"a"), _message(1, None), _message(2, b""), _message(3, b"bc")])
    assert batch.raw.to_pylist() == [b"a", b"", b"", b"bc"]


def test_offsets_with_gaps_are_kept_and_those_taken_before_left_out() -> None:
    buffer = PartitionBuffer(TOPIC, UUID(int=1), 0, 5)
    buffer.add(consumed([_message(offset, b"%d" % offset) for offset in (5, 6, 9)]))
    buffer.add(consumed([_message(offset, b"%d" % offset) for offset in (6, 9, 10, 14)]))
    batch = buffer.batch()
    assert batch.offsets.to_pylist() == [5, 6, 9, 10, 14]
    assert batch.raw.to_pylist() == [b"5", b"6", b"9", b"10", b"14"]
    assert (batch.from_offset, batch.to_offset) == (5, 15)
