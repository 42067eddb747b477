"""What every log of events does."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import chain

import pytest

from headwater.core.ranges import Batch
from headwater.errors import FixSettings, Retry
from headwater.ports import EventReader, FlushLimits
from tests.behaviour.conftest import LogUnderTest

NOW = FlushLimits(age_s=0)
TRIES = 200


def _from_start(partitions: Collection[int]) -> dict[int, int]:
    return dict.fromkeys(partitions, 0)


def _send(under: LogUnderTest, count: int, key: bytes | None = None) -> None:
    with under.log.sink() as sink:
        for number in range(count):
            sink.send(under.topic, key or str(number).encode(), str(number).encode(), "file.jsonl", number + 1)
        sink.flush()


def _read(reader: EventReader, wanted: int) -> list[Batch]:
    batches: list[Batch] = []
    for _ in range(TRIES):
        batches += [*reader.poll(NOW, 0.1), *chain.from_iterable(reader.flush(NOW))]
        if sum(map(len, batches)) >= wanted:
            return batches
    raise AssertionError(f"only {sum(map(len, batches))} of {wanted} messages came")


def test_a_reader_gets_every_message_once_in_ranges_that_follow_on_each_other(event_log: LogUnderTest) -> None:
    event_log.make()
    _send(event_log, 500)
    with event_log.log.join(event_log.topic, _from_start) as reader:
        batches = _read(reader, 500)
    assert sorted(int(raw) for batch in batches for raw in batch.raw.to_pylist()) == list(range(500))
    for partition in range(3):
        position = 0
        for batch in [b for b in batches if b.partition == partition]:
            assert batch.from_offset == position
            assert batch.offsets.to_pylist() == list(range(batch.from_offset, batch.to_offset))
            position = batch.to_offset
        assert event_log.log.watermarks(event_log.topic)[partition].end == position


def test_messages_carry_their_origin_line_and_time(event_log: LogUnderTest) -> None:
    event_log.make(partitions=1)
    _send(event_log, 3)
    batch = event_log.log.read_range(event_log.topic, 0, 0, 3)
    assert batch.origins.to_pylist() == ["file.jsonl"] * 3
    assert batch.origin_lines.to_pylist() == [1, 2, 3]
    assert all(message.kafka_time_ms > 1_700_000_000_000 for message in batch.messages())


def test_equal_keys_stay_in_one_partition_in_order(event_log: LogUnderTest) -> None:
    event_log.make()
    _send(event_log, 50, key=b"one")
    with event_log.log.join(event_log.topic, _from_start) as reader:
        batches = _read(reader, 50)
    assert len({batch.partition for batch in batches}) == 1
    assert [int(raw) for batch in batches for raw in batch.raw.to_pylist()] == list(range(50))


def test_a_reader_starts_where_resume_says_whatever_was_committed(event_log: LogUnderTest) -> None:
    event_log.make(partitions=1)
    _send(event_log, 10)
    with event_log.log.join(event_log.topic, _from_start) as reader:
        _read(reader, 10)
        reader.commit({0: 10})
    with event_log.log.join(event_log.topic, lambda partitions: dict.fromkeys(partitions, 4)) as reader:
        assert [int(raw) for batch in _read(reader, 6) for raw in batch.raw.to_pylist()] == [4, 5, 6, 7, 8, 9]


def test_seek_forgets_what_was_collected_and_reads_on_from_there(event_log: LogUnderTest) -> None:
    event_log.make(partitions=1)
    _send(event_log, 10)
    with event_log.log.join(event_log.topic, _from_start) as reader:
        _read(reader, 10)
        reader.seek(0, 7)
        batches = _read(reader, 3)
    assert batches[0].from_offset == 7
    assert [int(raw) for batch in batches for raw in batch.raw.to_pylist()] == [7, 8, 9]


def test_a_range_is_read_outside_any_group(event_log: LogUnderTest) -> None:
    event_log.make(partitions=1)
    _send(event_log, 20)
    batch = event_log.log.read_range(event_log.topic, 0, 5, 12)
    assert (batch.from_offset, batch.to_offset, batch.offsets.to_pylist()) == (5, 12, list(range(5, 12)))


def test_a_range_that_reaches_past_the_end_holds_what_is_there(event_log: LogUnderTest) -> None:
    event_log.make(partitions=1)
    _send(event_log, 4)
    assert event_log.log.read_range(event_log.topic, 0, 2, 9).offsets.to_pylist() == [2, 3]
    assert len(event_log.log.read_range(event_log.topic, 0, 4, 9)) == 0


def test_a_topic_that_is_not_there_is_a_matter_of_settings(event_log: LogUnderTest) -> None:
    calls: list[Callable[[], object]] = [
        lambda: event_log.log.epoch(event_log.topic),
        lambda: event_log.log.watermarks(event_log.topic),
    ]
    for call in calls:
        with pytest.raises(FixSettings, match="has no topic"):
            call()


def test_the_epoch_of_a_topic_stays(event_log: LogUnderTest) -> None:
    event_log.make()
    assert event_log.log.epoch(event_log.topic) == event_log.log.epoch(event_log.topic)


def test_ensuring_a_topic_twice_changes_nothing_and_partitions_are_added_never_removed(event_log: LogUnderTest) -> None:
    from headwater.contracts.topics import Topic

    def topic(partitions: int) -> Topic:
        return Topic(name=event_log.topic, partitions=partitions, config={"retention.ms": "3600000"})

    actions = [event_log.topics.ensure(topic(n)).action for n in (2, 2, 4, 4)]
    assert actions == ["created", "unchanged", "changed", "unchanged"]
    with pytest.raises(FixSettings, match="partitions"):
        event_log.topics.ensure(topic(1))


def test_what_is_sent_once_is_kept_when_it_is_committed_and_only_then(event_log: LogUnderTest) -> None:
    event_log.make(partitions=1)
    with event_log.log.once("a", [event_log.topic], b"closing") as sink:
        assert not sink.was_sent
        sink.send(event_log.topic, None, b"taken back", "somewhere", 7)
        sink.flush()
    with event_log.log.once("a", [event_log.topic], b"closing") as sink:
        assert not sink.was_sent
        sink.send(event_log.topic, None, b"kept", "somewhere", 7)
        sink.commit()
    with event_log.log.once("a", [event_log.topic], b"closing") as sink:
        assert sink.was_sent
    end = event_log.log.watermarks(event_log.topic)[0].end
    found = list(event_log.log.read_range(event_log.topic, 0, 0, end).messages())
    assert [m.raw for m in found] == [b"closing", b"kept", b"closing", b"closing"]
    assert (found[1].origin, found[1].origin_line) == ("somewhere", 7)


def test_a_later_sender_of_a_name_fences_the_earlier_one(event_log: LogUnderTest) -> None:
    event_log.make(partitions=1)
    with pytest.raises(Retry, match="took over"):
        _send_and_be_overtaken(event_log)
    end = event_log.log.watermarks(event_log.topic)[0].end
    found = [m.raw for m in event_log.log.read_range(event_log.topic, 0, 0, end).messages()]
    assert found.count(b"later") == 1
    assert b"earlier" not in found


def _send_and_be_overtaken(under: LogUnderTest) -> None:
    with under.log.once("b", [under.topic], b"closing") as earlier:
        earlier.send(under.topic, None, b"earlier")
        earlier.flush()
        with under.log.once("b", [under.topic], b"closing") as later:
            assert not later.was_sent
            later.send(under.topic, None, b"later")
            later.commit()
        earlier.commit()


def test_offsets_that_only_mark_a_transaction_hold_no_messages(event_log: LogUnderTest) -> None:
    event_log.make(partitions=1)
    log, topic = event_log.log, event_log.topic
    with log.once("c", [topic], b"closing") as sink:
        sink.send(topic, None, b"one")
        sink.commit()
        end = log.watermarks(topic)[0].end
        assert log.has_messages(topic, 0, 0, end)
        assert not log.has_messages(topic, 0, 1, end)
    assert log.has_messages(topic, 0, 1, log.watermarks(topic)[0].end)
