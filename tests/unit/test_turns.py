"""Under a backlog one partition after the other is read until it has a batch; else all of them together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from headwater.adapters.kafka_messages import Consumed, consumed
from headwater.adapters.kafka_reader import KafkaReader
from headwater.core.ranges import Batch
from headwater.ports import FlushLimits

TOPIC = "browser_events"
MOST = 10
LIMITS = FlushLimits(rows=100, age_s=600)


class Member:
    """A consumer that is given its partitions at once."""

    def __init__(self) -> None:
        self.given: Callable[..., None] = lambda *_: None
        self.taken: Callable[..., None] = lambda *_: None

    def subscribe(self, _topics: Sequence[str], on_assign: Callable[..., None], **more: Any) -> None:
        self.given, self.taken = on_assign, more["on_revoke"]
        on_assign(self, [TopicPartition(TOPIC, partition) for partition in range(3)])

    def incremental_assign(self, _partitions: Sequence[TopicPartition]) -> None: ...

    def incremental_unassign(self, _partitions: Sequence[TopicPartition]) -> None: ...


class Backlog:
    """What waits in each partition; of those that are led here at most `most` messages come at a time, by turns."""

    most = MOST
    can_choose = True

    def __init__(self, *waiting: int) -> None:
        self.waiting = dict(enumerate(waiting))
        self.sent = dict.fromkeys(self.waiting, 0)
        self.led: set[int] = set()
        self.reads: list[tuple[set[int], float]] = []

    def lead_here(self, partitions: Collection[int]) -> None:
        self.led = set(partitions)

    def read(self, timeout_s: float) -> Sequence[tuple[int, Consumed]]:
        self.reads.append((self.led, timeout_s))
        runs, room = [], self.most
        for partition in sorted(self.led):
            share = min(self.waiting[partition], room, -(-self.most // len(self.led)))
            if share:
                runs.append((partition, consumed(self._take(partition, share))))
                room -= share
        while room and (rest := [p for p in self.led if self.waiting[p]]):
            runs.append((rest[0], consumed(self._take(rest[0], min(room, self.waiting[rest[0]])))))
            room -= len(runs[-1][1])
        return runs

    def _take(self, partition: int, count: int) -> list[Message]:
        first = self.sent[partition]
        self.sent[partition] += count
        self.waiting[partition] -= count
        return [
            Message(topic=TOPIC, partition=partition, offset=first + n, value=b"x", timestamp=(2, 1))
            for n in range(count)
        ]

    def close(self) -> None: ...


def _reader(backlog: Backlog, member: Member | None = None) -> KafkaReader:
    return KafkaReader(
        cast(Consumer, member or Member()), backlog, TOPIC, UUID(int=1), lambda partitions: dict.fromkeys(partitions, 0)
    )


def _drain(reader: KafkaReader, backlog: Backlog) -> list[Batch]:
    batches: list[Batch] = []
    while any(backlog.waiting.values()):
        batches += reader.poll(LIMITS, 0.2)
    return [*batches, *(batch for lot in reader.flush(LIMITS) for batch in lot)]


def test_batches_of_a_backlog_are_full_and_memory_holds_hardly_more_than_one() -> None:
    backlog = Backlog(500, 500, 500)
    reader = _reader(backlog)
    batches: list[Batch] = []
    most_held = 0
    while all(backlog.waiting.values()):
        batches += reader.poll(LIMITS, 0.2)
        most_held = max(most_held, sum(backlog.sent.values()) - sum(map(len, batches)))
    assert most_held <= 100 + 2 * MOST
    assert all(100 <= len(batch) < 100 + MOST for batch in batches[:-1])  # the last one is of a partition that is dry
    assert [batch.partition for batch in batches[:6]] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("waiting", [(500, 500, 500), (1, 700, 0), (0, 0, 333), (95, 205, 10)])
def test_every_message_comes_once_in_the_order_of_its_partition(waiting: tuple[int, int, int]) -> None:
    backlog = Backlog(*waiting)
    batches = _drain(_reader(backlog), backlog)
    for partition, count in enumerate(waiting):
        offsets = [n for batch in batches if batch.partition == partition for n in batch.offsets.to_pylist()]
        assert offsets == list(range(count))


def test_a_partition_that_has_nothing_more_keeps_nobody_waiting() -> None:
    backlog = Backlog(30, 300, 300)
    reader = _reader(backlog)
    reader.poll(LIMITS, 0.2)
    assert reader.poll(LIMITS, 0.2) == []
    assert backlog.reads[-1][0] == {0}
    assert backlog.reads[-1][1] < 0.2
    while backlog.waiting[0]:
        reader.poll(LIMITS, 0.2)
    for _ in range(3):
        reader.poll(LIMITS, 0.2)
    assert {0, 1, 2} in [led for led, _ in backlog.reads[-3:]]
    assert backlog.reads[-1][0] in ({1}, {2})
    assert not reader.caught_up


@pytest.mark.parametrize(("left", "stored"), [(24, False), (25, True), (70, True)])
def test_what_is_worth_a_batch_is_stored_when_nothing_more_comes_of_it(left: int, stored: bool) -> None:
    backlog = Backlog(left, 300, 300)
    reader = _reader(backlog)
    given: list[Batch] = []
    while not given:
        given += reader.poll(LIMITS, 0.2)
    assert ([batch.partition for batch in given] == [0]) == stored
    assert not stored or len(given[0]) == left


def test_with_little_to_read_all_are_read_together_and_it_is_said() -> None:
    backlog = Backlog(3, 3, 3)
    reader = _reader(backlog)
    reader.poll(LIMITS, 0.2)
    assert reader.caught_up
    reader.poll(LIMITS, 0.2)
    assert backlog.reads == [({0, 1, 2}, 0.2), ({0, 1, 2}, 0.2)]


def test_while_one_has_its_turn_nobody_says_that_all_was_read() -> None:
    backlog = Backlog(25, 300, 300)
    reader = _reader(backlog)
    said = []
    while any(backlog.waiting.values()):
        reader.poll(LIMITS, 0.2)
        said.append(reader.caught_up)
    assert not any(said[:-1])


def test_a_partition_that_is_taken_away_in_its_turn_gives_it_to_another() -> None:
    backlog, member = Backlog(500, 500, 500), Member()
    reader = _reader(backlog, member)
    for _ in range(3):
        reader.poll(LIMITS, 0.2)
    assert backlog.led == {0}
    member.taken(member, [TopicPartition(TOPIC, 0)])
    reader.poll(LIMITS, 0.2)
    reader.poll(LIMITS, 0.2)
    assert 0 not in backlog.led
    assert backlog.led
