"""When what was read becomes a batch: ages, turns, and quiet partitions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from headwater.adapters import kafka_reader
from headwater.adapters.kafka_messages import ClientMessages
from headwater.adapters.kafka_reader import KafkaReader
from headwater.ports import FlushLimits

TOPIC = "browser_events"


class Clock:
    """Monotonic seconds that the test moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s


class Scripted:
    """A consumer that gives one list of messages per call and takes the time of the call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next: dict[int, int] = {}
        self.script: list[list[Message]] = []
        self.timeouts: list[float] = []

    def subscribe(self, topics: Sequence[str], on_assign: Callable[..., None], **_more: Any) -> None:
        on_assign(self, [TopicPartition(topics[0], partition) for partition in range(3)])

    def incremental_assign(self, _partitions: Sequence[TopicPartition]) -> None: ...

    def consume(self, _count: int, timeout: float) -> list[Message]:
        self.timeouts.append(timeout)
        self._clock.now_s += timeout
        return self.script.pop(0) if self.script else []

    def comes(self, *partitions: int, each: int = 1) -> None:
        """The next call returns `each` messages of every one of these partitions."""
        messages = []
        for partition in partitions:
            first = self._next.get(partition, 0)
            self._next[partition] = first + each
            messages += [
                Message(topic=TOPIC, partition=partition, offset=first + n, value=b"x", timestamp=(2, 1))
                for n in range(each)
            ]
        self.script.append(messages)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(kafka_reader, "time", made)
    return made


@pytest.fixture
def consumer(clock: Clock) -> Scripted:
    return Scripted(clock)


@pytest.fixture
def reader(consumer: Scripted) -> KafkaReader:
    client = cast(Consumer, consumer)
    return KafkaReader(
        client, ClientMessages(client, TOPIC), TOPIC, UUID(int=1), lambda partitions: dict.fromkeys(partitions, 0)
    )


def _polls_until_ready(reader: KafkaReader, limits: FlushLimits) -> int:
    for number in range(1, 200):
        if reader.poll(limits, 0.1):
            return number
    raise AssertionError("nothing was ever ready")


def test_a_batch_is_ready_when_its_first_message_may_have_waited_for_the_age(
    reader: KafkaReader, consumer: Scripted
) -> None:
    consumer.comes(0)
    # The message may have come at the beginning of the first call, so the age counts from there.
    assert _polls_until_ready(reader, FlushLimits(age_s=0.95)) == 10


def test_the_time_in_which_nobody_read_counts(reader: KafkaReader, consumer: Scripted, clock: Clock) -> None:
    consumer.comes()
    reader.poll(FlushLimits(age_s=1), 0.1)
    clock.now_s += 5  # the last batch was being stored
    consumer.comes(0)
    assert [batch.partition for batch in reader.poll(FlushLimits(age_s=1), 0.1)] == [0]


def test_when_one_partition_has_reached_its_age_all_are_stored_together(
    reader: KafkaReader, consumer: Scripted
) -> None:
    consumer.comes(1)
    consumer.comes(0, 2)
    polls = [[batch.partition for batch in reader.poll(FlushLimits(age_s=0.25), 0.1)] for _ in range(4)]
    assert polls == [[], [], [1, 0, 2], []]


def test_what_does_not_fit_into_one_batch_follows_without_a_pause(reader: KafkaReader, consumer: Scripted) -> None:
    consumer.comes(0, 1, 2, each=40)
    limits = FlushLimits(rows=100, age_s=0.05)
    polls = [[batch.partition for batch in reader.poll(limits, 0.1)] for _ in range(3)]
    assert polls == [[0, 1], [2], []]
    assert consumer.timeouts == [0.1, 0, 0.1]


def test_where_little_comes_all_partitions_wait_longer_and_what_they_hold_together_decides(
    reader: KafkaReader, consumer: Scripted
) -> None:
    limits = FlushLimits(age_s=1, quiet_rows=10, quiet_age_s=4)
    consumer.comes(0, 1, each=1)
    assert _polls_until_ready(reader, limits) == pytest.approx(40, abs=1)
    consumer.comes(0, 1, 2, each=4)
    assert _polls_until_ready(reader, limits) == pytest.approx(10, abs=1)


def test_what_was_collected_is_given_in_lots_that_fit(reader: KafkaReader, consumer: Scripted) -> None:
    consumer.comes(0, 1, 2, each=40)
    reader.poll(FlushLimits(age_s=600), 0.1)
    lots = reader.flush(FlushLimits(rows=100))
    assert [[batch.partition for batch in lot] for lot in lots] == [[0, 1], [2]]
    assert reader.flush(FlushLimits(rows=100)) == []


def test_it_is_told_when_everything_before_some_offsets_was_read(reader: KafkaReader, consumer: Scripted) -> None:
    consumer.comes(0, 1, each=5)
    reader.poll(FlushLimits(age_s=600), 0.1)
    assert reader.has_read({0: 5, 1: 5, 2: 0})
    assert not reader.has_read({0: 5, 1: 6, 2: 0})
    reader.poll(FlushLimits(age_s=600), 0.1)  # nothing came: what is missing may be a mark that is never handed out
    assert reader.has_read({0: 5, 1: 6, 2: 0})


def test_rows_make_a_batch_ready_at_any_age(reader: KafkaReader, consumer: Scripted) -> None:
    consumer.comes(2, each=50)
    (batch,) = reader.poll(FlushLimits(rows=50, age_s=600, quiet_rows=100, quiet_age_s=600), 0.1)
    assert (batch.partition, len(batch)) == (2, 50)


@pytest.mark.parametrize(("rows", "expected"), [(0, 5.0), (99, 5.0), (100, 1.5), (10_000, 1.5)])
def test_the_age_depends_on_the_rows(rows: int, expected: float) -> None:
    assert FlushLimits(age_s=1.5, quiet_rows=100, quiet_age_s=5.0).age_of(rows) == expected


def test_without_quiet_rows_the_age_is_the_age() -> None:
    assert FlushLimits(age_s=0).age_of(0) == 0
    assert FlushLimits(age_s=9, quiet_rows=100, quiet_age_s=5).age_of(1) == 9
